//! The app asks a claim, or the child of a commitment, for more: at once, durably, and within what is claimed.

use bitcoin::{Amount, FeeRate, OutPoint, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::BumpStatus;
use lightning_arbitrator::court::{Bump, CourtError, LogKind, Outcome};
use lightning_arbitrator::{ArbitratorError, Policy};
use testkit::gateway::{Fault, Scope};
use testkit::party::Htlc;

use super::{with_anchors, On, HTLC_SAT};
use crate::support::World;

twins!(
    a_claim_is_replaced_at_once_by_one_that_pays_what_was_asked,
    a_feerate_may_take_more_than_the_share_and_never_all,
    what_was_not_worth_its_fee_is_claimed_when_it_is_asked_for,
    a_deadline_is_kept_like_one_of_the_chains,
    the_wish_outlives_a_restart_and_a_reorg,
    a_wish_for_less_changes_nothing_that_is_out,
    what_cannot_be_asked_for_is_refused_by_name,
    an_answer_that_is_lost_leaves_the_wish_to_the_next_tick,
);

with_anchors!(
    a_child_is_replaced_at_once,
    a_commitment_without_haste_gets_a_child_when_it_is_asked_for,
    a_second_level_is_raised_with_its_coin,
);

mod as_signed {
    use crate::support::{Nap, World};
    use testkit::party::ChannelType;

    #[test]
    fn what_the_peer_signed_cannot_be_replaced() {
        for nap in [Nap::Never, Nap::BeforeEveryStep] {
            let world = World::new(ChannelType::StaticRemotekey, nap);
            super::what_the_peer_signed_cannot_be_replaced(world);
        }
    }
}

/// So many sat/vB.
fn feerate(sat_per_vb: u64) -> Bump {
    Bump::Feerate(FeeRate::from_sat_per_vb(sat_per_vb).expect("a sane feerate"))
}

impl World {
    fn try_bump(&mut self, output: OutPoint, bump: Bump) -> Result<BumpStatus, CourtError> {
        let channel = self.outpoint();
        match block_on(self.phone.on().bump(channel, output, bump)) {
            Ok(status) => Ok(status),
            Err(ArbitratorError::Court(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn bump(&mut self, output: OutPoint, bump: Bump) -> BumpStatus {
        self.try_bump(output, bump).expect("it can be asked for")
    }

    /// The one that waits in the mempool and spends this output.
    #[track_caller]
    fn spender_of(&self, output: OutPoint) -> Transaction {
        let spend = self.chain.outspend(output).expect("spent");
        self.known(spend.txid)
    }

    /// What a transaction pays, in sat per 1,000 weight units.
    fn rate(&self, transaction: &Transaction) -> u64 {
        self.paid_by(transaction) * 1_000 / transaction.weight().to_wu()
    }

    /// It pays this many sat/vB, and no more than its signatures are shorter than they may be.
    #[track_caller]
    fn assert_pays(&self, transaction: &Transaction, sat_per_vb: u64) {
        let (rate, asked) = (self.rate(transaction), sat_per_vb * 250);
        assert!(
            (asked..asked + asked / 50).contains(&rate),
            "{rate} for {asked}"
        );
    }

    fn is_bumped(&mut self) -> usize {
        let channel = self.outpoint();
        let file = block_on(self.phone.on().case_file(channel)).expect("registered");
        let is_bump = |kind: &LogKind| matches!(kind, LogKind::Bumped { .. });
        file.timeline.iter().filter(|it| is_bump(&it.kind)).count()
    }
}

/// A payment of ours on the peer's commitment, expired and claimed at 2 sat/vB.
fn claimed(world: &mut World) -> (Htlc, OutPoint) {
    world.fees_are(2.0);
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Theirs);
    world.wakes_at(sent.cltv_expiry);
    let output = world.output_of(&sent, On::Theirs);
    world.assert_pays(&world.spender_of(output), 2);
    (sent, output)
}

pub fn a_claim_is_replaced_at_once_by_one_that_pays_what_was_asked(mut world: World) {
    let (_, output) = claimed(&mut world);
    let status = world.bump(output, feerate(20));
    let second = world.spender_of(output);
    assert_eq!(status.txid, Some(second.compute_txid()));
    assert_eq!(
        (status.outcome, status.delayed),
        (Some(Outcome::Accepted), None)
    );
    world.assert_pays(&second, 20);
    // It stays, and is no less when the market is.
    world.chain.mine_empty(1);
    world.phone.resume();
    assert_eq!(world.spender_of(output), second);
    // The market overtakes it only where somebody else can have the output.
    world.mine(1);
    world.comes_to_an_end();
    assert_eq!(world.is_bumped(), 1);
}

fn a_feerate_may_take_more_than_the_share_and_never_all(mut world: World) {
    let (_, output) = claimed(&mut world);
    world.bump(output, feerate(100));
    let paid = world.paid_by(&world.spender_of(output));
    assert!(paid > HTLC_SAT / 2, "{paid}");
    let refused = world.try_bump(output, feerate(200));
    let Err(CourtError::AboveValue { fee, value, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(value.to_sat(), HTLC_SAT);
    assert!(fee > value, "{fee}");
    assert_eq!(world.is_bumped(), 1, "what is refused is not kept");
    world.mine(1);
    world.comes_to_an_end();
}

fn what_was_not_worth_its_fee_is_claimed_when_it_is_asked_for(mut world: World) {
    world.fees_are(100.0);
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Theirs);
    world.wakes_at(sent.cltv_expiry);
    assert_eq!(world.claim_in_mempool(&sent, On::Theirs), None);
    let output = world.output_of(&sent, On::Theirs);
    let status = world.bump(output, feerate(100));
    assert_eq!(status.outcome, Some(Outcome::Accepted));
    world.assert_pays(&world.spender_of(output), 100);
}

fn a_deadline_is_kept_like_one_of_the_chains(mut world: World) {
    let (_, output) = claimed(&mut world);
    let estimates = [(1, 50.0), (10, 8.0), (1_008, 2.0)];
    world.chain.set_fee_estimates(estimates.into());
    let tip = world.chain.tip().height;
    // Half of twenty blocks are left for its bid, and a tenth is added to the estimate.
    world.bump(output, Bump::Deadline(tip + 20));
    let first = world.spender_of(output);
    assert!(
        (2_200..2_250).contains(&world.rate(&first)),
        "{}",
        world.rate(&first)
    );
    // Unconfirmed, it climbs to its share, and not above it.
    for _ in 0..20 {
        world.chain.mine_empty(1);
        world.phone.resume();
    }
    let share = HTLC_SAT * u64::from(Policy::default().budget_percent) / 100;
    let paid = world.paid_by(&world.spender_of(output));
    assert!(paid > share * 9 / 10 && paid <= share, "{paid} of {share}");
}

fn the_wish_outlives_a_restart_and_a_reorg(mut world: World) {
    let (_, output) = claimed(&mut world);
    world.bump(output, feerate(20));
    world.mine(1);
    world.phone.resume();
    world.phone.switch_off();
    world.reorg(1, testkit::chain::Orphaned::Drop);
    world.phone.resume();
    let again = world.spender_of(output);
    assert!(world.rate(&again) >= 20 * 250, "{}", world.rate(&again));
    world.mine(1);
    world.comes_to_an_end();
}

fn a_wish_for_less_changes_nothing_that_is_out(mut world: World) {
    let (_, output) = claimed(&mut world);
    let before = world.spender_of(output);
    let status = world.bump(output, feerate(1));
    assert_eq!(status.txid, Some(before.compute_txid()));
    assert_eq!(world.spender_of(output), before);
}

fn what_cannot_be_asked_for_is_refused_by_name(mut world: World) {
    let (_, output) = claimed(&mut world);
    let tip = world.chain.tip().height;
    let refused = |world: &mut World, output, bump| {
        world
            .try_bump(output, bump)
            .expect_err("it cannot be asked for")
    };
    let other = OutPoint { vout: 77, ..output };
    let unknown = refused(&mut world, other, feerate(20));
    assert!(matches!(unknown, CourtError::UnknownClaim { outpoint, .. } if outpoint == other));
    let cap = refused(&mut world, output, feerate(1_001));
    assert!(matches!(cap, CourtError::AboveCap { outpoint, .. } if outpoint == output));
    let late = refused(&mut world, output, Bump::Deadline(tip));
    assert!(matches!(late, CourtError::DeadlinePassed { height, .. } if height == tip));
    assert_eq!(world.is_bumped(), 0);
}

fn an_answer_that_is_lost_leaves_the_wish_to_the_next_tick(mut world: World) {
    let (_, output) = claimed(&mut world);
    let broadcasts = Scope::containing("/tx");
    world.gateway().order(broadcasts, Fault::HangUp);
    let status = world.bump(output, feerate(20));
    assert_eq!(status.outcome, Some(Outcome::Unreachable));
    world.gateway().behave();
    world.phone.resume();
    let claim = world.spender_of(output);
    assert_eq!(status.txid, Some(claim.compute_txid()));
    world.assert_pays(&claim, 20);
}

/// Our commitment waits without a child: nothing on it makes haste.
fn waits(world: &mut World) -> Transaction {
    world.fees_are(2.0);
    world.with_reserve();
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    world.phone.resume();
    let [commitment] = world.chain.mempool()[..] else {
        panic!("the commitment alone");
    };
    world.known(commitment)
}

/// The feerate of the two that wait, together.
fn rate_of_both(world: &World) -> u64 {
    let all: Vec<Transaction> = world
        .chain
        .mempool()
        .into_iter()
        .map(|it| world.known(it))
        .collect();
    assert_eq!(all.len(), 2, "a commitment and its child");
    let fees: u64 = all.iter().map(|it| world.paid_by(it)).sum();
    let weight: u64 = all.iter().map(|it| it.weight().to_wu()).sum();
    fees * 1_000 / weight
}

pub fn a_commitment_without_haste_gets_a_child_when_it_is_asked_for(mut world: World) {
    waits(&mut world);
    let channel = world.outpoint();
    let status = world.bump(channel, feerate(20));
    assert_eq!(status.outcome, Some(Outcome::Accepted));
    assert!(rate_of_both(&world) >= 5_000, "{}", rate_of_both(&world));
    world.mine(1);
    world.comes_to_an_end();
}

pub fn a_child_is_replaced_at_once(mut world: World) {
    waits(&mut world);
    let channel = world.outpoint();
    let first = world.bump(channel, feerate(10)).txid.expect("a child");
    let anchor = world.known(first).input[0].previous_output;
    let second = world.bump(anchor, feerate(30)).txid.expect("a child");
    assert_ne!(first, second);
    assert!(rate_of_both(&world) >= 7_500, "{}", rate_of_both(&world));
    world.mine(1);
    world.comes_to_an_end();
}

fn a_second_level_is_raised_with_its_coin(mut world: World) {
    world.fees_are(2.0);
    world
        .phone
        .wallet
        .pay_in(&world.chain, Amount::from_sat(100_000));
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    world.wakes_at(sent.cltv_expiry);
    let output = world.output_of(&sent, On::Ours);
    let before = world.spender_of(output);
    world.bump(output, feerate(40));
    let after = world.spender_of(output);
    assert_eq!(
        before.input[1],
        bitcoin::TxIn {
            witness: before.input[1].witness.clone(),
            ..after.input[1].clone()
        }
    );
    world.assert_pays(&after, 40);
}

fn what_the_peer_signed_cannot_be_replaced(mut world: World) {
    world.fees_are(2.0);
    let sent = world.pays(HTLC_SAT);
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    let refused = world.try_bump(channel, feerate(20));
    assert!(
        matches!(refused, Err(CourtError::NotReplaceable { .. })),
        "{refused:?}"
    );
    world.mine(1);
    world.wakes_at(sent.cltv_expiry);
    let output = world.output_of(&sent, On::Ours);
    let refused = world.try_bump(output, feerate(20));
    assert!(
        matches!(refused, Err(CourtError::NotReplaceable { .. })),
        "{refused:?}"
    );
}
