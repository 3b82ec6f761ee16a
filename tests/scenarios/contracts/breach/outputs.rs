//! Which outputs there are, and which of them are taken together.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction};
use lightning_arbitrator::court::EventKind;
use testkit::party::{NewHtlc, Side};

use super::{inputs, worth_having, NUMBER, REVOKED};
use crate::support::World;

twins!(
    balances_alone_are_taken_in_one_transaction,
    htlcs_are_taken_in_a_transaction_of_their_own,
    an_old_state_whose_htlcs_are_long_past,
    the_newest_revoked_state_while_the_next_is_pending,
    two_htlcs_with_one_script,
    a_breach_found_on_the_last_block_of_the_delay,
);

/// Everything is taken, by so many transactions, and the case ends.
fn is_punished(world: &mut World, breach: &Transaction, transactions: usize) {
    let justice = world.waiting();
    assert_eq!(justice.len(), transactions);
    world.assert_taken(breach);
    world.mine(1);
    world.assert_taken(breach);
    let txid = breach.compute_txid();
    let number = NUMBER;
    world.assert_told(&EventKind::BreachDetected { txid, number });
    world.resolve();
}

fn balances_alone_are_taken_in_one_transaction(mut world: World) {
    world.round();
    world.round();
    let breach = world.cheated();
    is_punished(&mut world, &breach, 1);
}

pub fn htlcs_are_taken_in_a_transaction_of_their_own(mut world: World) {
    let htlcs = world.revoked_with_htlcs();
    let breach = world.cheated();
    // What the cheater can spend, and so pin, holds up nothing else.
    let output_of = |htlc: &testkit::party::Htlc| {
        let found = world.channel.htlc_output(Side::Peer, REVOKED, htlc.key);
        found.expect("not dust").0
    };
    let pinnable: BTreeSet<OutPoint> = htlcs.iter().map(output_of).collect();
    let all: BTreeSet<OutPoint> = worth_having(&breach).into_iter().collect();
    let balances: BTreeSet<OutPoint> = all.difference(&pinnable).copied().collect();
    let mut claimed: Vec<_> = world.waiting().iter().map(inputs).collect();
    claimed.sort_by_key(|outputs| *outputs == pinnable);
    assert_eq!(claimed, [balances, pinnable]);
    is_punished(&mut world, &breach, 2);
}

pub fn an_old_state_whose_htlcs_are_long_past(mut world: World) {
    world.revoked_long_ago();
    let breach = world.cheated();
    assert_eq!(worth_having(&breach).len(), 4);
    is_punished(&mut world, &breach, 2);
}

fn the_newest_revoked_state_while_the_next_is_pending(mut world: World) {
    world.revoked_with_htlcs();
    world.sign_for_peer();
    let breach = world.cheated();
    is_punished(&mut world, &breach, 2);
}

pub fn two_htlcs_with_one_script(mut world: World) {
    let expiry = world.height() + 5_000;
    let first = NewHtlc::incoming(20_000_000, expiry);
    let preimage = first.preimage;
    world.add(first);
    world.add(NewHtlc::incoming(20_000_000, expiry).with_preimage(preimage));
    world.add(NewHtlc::incoming(21_000_000, expiry).with_preimage(preimage));
    world.round();
    world.round();
    let breach = world.cheated();
    assert_eq!(worth_having(&breach).len(), 5);
    is_punished(&mut world, &breach, 2);
}

pub fn a_breach_found_on_the_last_block_of_the_delay(mut world: World) {
    world.revoked_with_htlcs();
    world.phone.resume();
    let breach = world.peer_closes(REVOKED);
    let delay = u32::from(world.channel.setup().peer_delay);
    // The next block is the first that may hold the cheater's own sweep.
    world.mine(delay - 1);
    world.phone.resume();
    // What can be taken at any moment does not wait for anything else: each output alone.
    assert_eq!(world.waiting().len(), worth_having(&breach).len());
    world.mine(1);
    world.assert_taken(&breach);
    world.resolve();
}
