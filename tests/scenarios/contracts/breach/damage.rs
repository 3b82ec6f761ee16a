//! One bad thing never stops the rest: rows that cannot be read, and a secret that arrives late.

use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::court::{CloseKind, EventKind};
use rusqlite::Connection;
use testkit::party::{Side, Which};

use super::{worth_having, NUMBER, REVOKED};
use crate::support::World;

twins!(
    a_damaged_row_of_a_past_htlc_costs_that_output_alone,
    a_damaged_row_of_a_live_htlc_costs_that_output_alone,
    a_damaged_slot_of_the_secrets_that_is_not_needed_costs_nothing,
    without_the_secret_our_own_balance_is_claimed_all_the_same,
    a_secret_that_arrives_after_the_close_makes_it_a_breach,
);

impl World {
    /// Damages rows of the database, which must be there.
    fn damage(&mut self, sql: &str) {
        self.phone.switch_off();
        let db = Connection::open(&self.phone.config.database).expect("the file is there");
        let changed = db.execute(sql, []).expect("good SQL");
        assert!(changed > 0, "{sql}");
    }

    /// A tick that may meet troubles.
    fn resume_in_trouble(&mut self) -> ResumeReport {
        let report = self.phone.resume_with(ResumeOptions::default());
        report.expect("a tick")
    }

    /// How many outputs of a commitment are claimed by us.
    fn claimed(&self, commitment: &bitcoin::Transaction) -> usize {
        let outputs = worth_having(commitment).into_iter();
        let spenders = outputs.filter_map(|outpoint| self.spender(outpoint));
        spenders.filter(|spender| self.is_ours(spender)).count()
    }
}

/// The breach is punished but for one output, and the trouble is told.
fn all_but_one_is_taken(mut world: World) {
    let breach = world.peer_closes(REVOKED);
    let report = world.resume_in_trouble();
    assert!(!report.troubles.is_empty());
    assert_eq!(world.claimed(&breach), worth_having(&breach).len() - 1);
    let (txid, number) = (breach.compute_txid(), NUMBER);
    world.assert_told(&EventKind::BreachDetected { txid, number });
}

fn a_damaged_row_of_a_past_htlc_costs_that_output_alone(mut world: World) {
    world.revoked_long_ago();
    // The greatest of them is no dust.
    world.damage(
        "UPDATE past_htlc SET figures = x'00' WHERE figures =
            (SELECT figures FROM past_htlc ORDER BY length(figures) DESC LIMIT 1)",
    );
    all_but_one_is_taken(world);
}

fn a_damaged_row_of_a_live_htlc_costs_that_output_alone(mut world: World) {
    world.revoked_with_htlcs();
    world.damage("UPDATE htlc SET payment_hash = x'00' WHERE direction = 0");
    all_but_one_is_taken(world);
}

fn a_damaged_slot_of_the_secrets_that_is_not_needed_costs_nothing(mut world: World) {
    world.revoked_long_ago();
    // Commitment 1 has an even index: slot 0 holds other secrets.
    world.damage("UPDATE revocation_secret SET secret = x'00' WHERE slot = 0");
    let breach = world.peer_closes(REVOKED);
    world.phone.resume();
    world.assert_taken(&breach);
    // It is not even opened by the tick. Whoever looks at everything finds it.
    let report = block_on(world.phone.on().integrity_check()).expect("readable");
    let tables = report.findings.iter().map(|it| it.table.as_str());
    assert_eq!(tables.collect::<Vec<_>>(), ["revocation_secret"]);
}

fn without_the_secret_our_own_balance_is_claimed_all_the_same(mut world: World) {
    world.revoked_with_htlcs();
    world.damage("UPDATE revocation_secret SET secret = x'00'");
    let breach = world.peer_closes(REVOKED);
    world.resume_in_trouble();
    let (ours, _) = world
        .channel
        .to_remote(Side::Peer, REVOKED)
        .expect("signed")
        .expect("an output");
    let spender = world.spender(ours).expect("claimed");
    assert!(world.is_ours(&spender));
    let txid = breach.compute_txid();
    world.assert_told(&EventKind::FundsAtRisk { txid });
}

fn a_secret_that_arrives_after_the_close_makes_it_a_breach(mut world: World) {
    world.revoked_with_htlcs();
    world.sign_for_peer();
    let close = world.peer_closes(Which::Current);
    world.phone.resume();
    let channel = world.outpoint();
    let (kind, txid) = world.phone.report(channel).close.expect("proven");
    assert_eq!(kind, CloseKind::Remote { number: 2 });
    let late = world.channel.peer_revokes().expect("one is pending");
    world
        .phone
        .tell_revocation(channel, &late)
        .expect("taken in any state");
    world.phone.resume();
    let (kind, _) = world.phone.report(channel).close.expect("proven");
    assert_eq!(kind, CloseKind::Breach { number: 2 });
    world.assert_told(&EventKind::BreachDetected { txid, number: 2 });
    world.assert_taken(&close);
    world.mine(1);
    world.resolve();
}
