//! Scenario 5, the peer's part: its commitment that a mempool forgets goes out again with our child, beside ours and for as
//! long as the peer has not revoked it.

use lightning_arbitrator::chain::Look;
use lightning_arbitrator::court::{ArbitratorState, BroadcastPurpose, Outcome};
use lightning_arbitrator::Policy;
use testkit::gateway::{Fault, Flavour, Lie, Scope, Told};
use testkit::party::{Htlc, Which};

use super::{Family, HTLC_SAT, MARKET};
use crate::contracts::{with_anchors, On};
use crate::support::World;

with_anchors!(
    theirs_goes_out_again_with_its_child,
    without_a_child_theirs_goes_out_again_and_gets_one_when_it_is_refused,
    a_server_without_packages_takes_both_once_the_minimum_falls,
    theirs_never_silences_ours,
    where_the_server_refuses_theirs_ours_is_raised_in_the_same_tick,
    what_the_peer_revoked_since_is_not_ours_to_repeat,
    when_another_close_is_proven_theirs_is_offered_no_more,
    what_nobody_signed_is_not_kept,
    a_state_of_theirs_beyond_all_we_know_goes_out_again,
);

/// More than the 2 sat/vB that a commitment pays, in sat per 1,000 virtual bytes.
const FULL: u64 = 5_000;

/// Theirs waits with our child. While the phone sleeps its mempool gets full and forgets both.
fn forgotten(world: &mut World) -> (Htlc, Family) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.peer_broadcasts();
    let family = world.family();
    world.chain.evict(family.commitment.compute_txid());
    assert!(world.chain.mempool().is_empty());
    world.chain.set_min_fee(FULL);
    world.chain.mine_empty(2);
    (received, family)
}

/// What the server last said of the commitment of one side that is held.
fn said_of(world: &mut World, purpose: BroadcastPurpose) -> Option<Outcome> {
    let channel = world.outpoint();
    let file = futures::executor::block_on(world.phone.on().case_file(channel));
    let mut broadcasts = file.expect("readable").broadcasts.into_iter();
    let held = broadcasts.find(|held| held.purpose == purpose);
    held.expect("it is held").outcome
}

/// Whether a commitment of the peer's is held.
fn holds_theirs(world: &mut World) -> bool {
    let channel = world.outpoint();
    let file = futures::executor::block_on(world.phone.on().case_file(channel));
    let broadcasts = file.expect("readable").broadcasts;
    let is_theirs = |purpose| purpose == BroadcastPurpose::PeerCommitment;
    broadcasts.iter().any(|held| is_theirs(held.purpose))
}

fn deadline_of_ours(received: &Htlc) -> u32 {
    received.cltv_expiry - Policy::default().fulfil_margin
}

pub fn theirs_goes_out_again_with_its_child(mut world: World) {
    world.gateway().set_flavour(Flavour::Blockstream);
    let (received, before) = forgotten(&mut world);
    world.phone.resume();
    let after = world.family();
    assert_eq!(after.commitment, before.commitment);
    world.assert_market(&after, MARKET);
    // Ours is not due.
    let report = world.phone.report(world.outpoint());
    assert_eq!(report.state, ArbitratorState::Default);
    world.wakes_after(1);
    assert!(world.claim_in_mempool(&received, On::Theirs).is_some());
    world.comes_to_an_end();
}

fn without_a_child_theirs_goes_out_again_and_gets_one_when_it_is_refused(mut world: World) {
    world.gateway().set_flavour(Flavour::Blockstream);
    // Its own fee is enough.
    world.fees_are(1.0);
    world.is_owed(HTLC_SAT);
    let theirs = world.peer_broadcasts();
    world.assert_alone();
    world.chain.evict(theirs.compute_txid());
    world.phone.resume();
    world.assert_alone();
    world.chain.evict(theirs.compute_txid());
    world.chain.set_min_fee(FULL);
    world.fees_are(10.0);
    world.chain.mine_empty(1);
    world.phone.resume();
    assert_eq!(world.family().commitment, theirs);
}

fn a_server_without_packages_takes_both_once_the_minimum_falls(mut world: World) {
    let (_, before) = forgotten(&mut world);
    world.phone.resume();
    assert!(world.chain.mempool().is_empty());
    let said = said_of(&mut world, BroadcastPurpose::PeerCommitment);
    assert_eq!(said, Some(Outcome::FeeTooLow));
    world.chain.set_min_fee(1_000);
    world.phone.resume();
    let after = world.family();
    assert_eq!(after.commitment, before.commitment);
    world.assert_market(&after, MARKET);
}

fn theirs_never_silences_ours(mut world: World) {
    world.gateway().set_flavour(Flavour::Blockstream);
    let (received, before) = forgotten(&mut world);
    let blocks = deadline_of_ours(&received) - world.chain.tip().height;
    world.chain.mine_empty(blocks);
    world.phone.resume();
    // The one that was there first is raised; ours is offered beside it, and refused for it.
    assert_eq!(world.family().commitment, before.commitment);
    let said = said_of(&mut world, BroadcastPurpose::Commitment);
    assert!(said.as_ref().is_some_and(Outcome::is_refused), "{said:?}");
    world.chain.mine(1);
    world.comes_to_an_end();
}

pub fn where_the_server_refuses_theirs_ours_is_raised_in_the_same_tick(mut world: World) {
    let (received, theirs) = forgotten(&mut world);
    // Ours pays 8 sat/vB, by an update of its fee that is not theirs yet.
    world.channel.set_feerate(2_000);
    let update = world.channel.our_commitment();
    let channel = world.outpoint();
    world.phone.tell_local(channel, &update).expect("good");
    let blocks = deadline_of_ours(&received) - world.chain.tip().height;
    world.chain.mine_empty(blocks);
    world.phone.resume();
    let ours = world.family();
    assert_ne!(ours.commitment, theirs.commitment);
    let coin = |family: &Family| family.child.input[1].previous_output;
    assert_eq!(coin(&ours), coin(&theirs));
    world.assert_market(&ours, MARKET);
}

pub fn what_the_peer_revoked_since_is_not_ours_to_repeat(mut world: World) {
    let (received, theirs) = forgotten(&mut world);
    world.chain.set_min_fee(1_000);
    assert!(holds_theirs(&mut world));
    world.round();
    world.phone.resume();
    assert!(world.chain.mempool().is_empty());
    assert!(!holds_theirs(&mut world));
    // At its deadline ours is raised with the same coin.
    world.wakes_in_time_for(&received);
    let ours = world.family();
    assert_ne!(ours.commitment, theirs.commitment);
    let coin = |family: &Family| family.child.input[1].previous_output;
    assert_eq!(coin(&ours), coin(&theirs));
    world.assert_market(&ours, MARKET);
}

fn when_another_close_is_proven_theirs_is_offered_no_more(mut world: World) {
    forgotten(&mut world);
    world.chain.set_min_fee(1_000);
    world.sign_for_peer();
    let pending = world.channel.peer_commitment_tx(Which::Pending);
    let pending = pending.expect("signed");
    world.chain.mine_txs(&[pending]).expect("valid");
    let before = said_of(&mut world, BroadcastPurpose::PeerCommitment);
    assert!(before.as_ref().is_some_and(Outcome::is_held), "{before:?}");
    world.phone.resume();
    let after = said_of(&mut world, BroadcastPurpose::PeerCommitment);
    assert_eq!(after, before, "a server would call it a conflict");
    world.comes_to_an_end();
}

fn what_nobody_signed_is_not_kept(mut world: World) {
    world.phone.resume();
    let theirs = world.channel.peer_commitment_tx(Which::Current);
    let theirs = theirs.expect("signed");
    let mut transaction = theirs.clone();
    transaction.input[0].witness.clear();
    let told = Told::Unconfirmed;
    let lie = Fault::Lie(Lie::InventSpend { transaction, told });
    world.gateway().order(Scope::all(), lie);
    world.phone.looks(Look::Mempool);
    assert!(!holds_theirs(&mut world));
    world.gateway().behave();
    world.phone.looks(Look::Mempool);
    // The same with its signatures.
    world.submit(&theirs);
    world.phone.looks(Look::Mempool);
    assert!(holds_theirs(&mut world));
}

fn a_state_of_theirs_beyond_all_we_know_goes_out_again(mut world: World) {
    let loss = world.channel.data_loss(1).expect("a later state");
    world.submit(&loss.transaction);
    world.phone.resume();
    let txid = loss.transaction.compute_txid();
    world.chain.evict(txid);
    world.chain.mine_empty(1);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), [txid]);
    world.mine(1);
    world.phone.resume();
    assert!(world.phone.report(world.outpoint()).data_loss);
    world.comes_to_an_end();
}
