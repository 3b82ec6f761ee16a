//! Scenario 28: several commitments signed with one number, after a reconnection. Each stays a candidate until the
//! number is revoked, whichever was signed last, and each is recognised when it confirms.

use bitcoin::Transaction;
use lightning_arbitrator::court::report::ContractReport;
use lightning_arbitrator::court::CloseKind;
use testkit::party::{NewHtlc, Side, Which};

use super::add_htlcs;
use crate::support::{htlc_key, local_update, retold, Told, World};

twins!(
    every_alternative_of_the_peers_pending_commitment_is_recognised,
    every_alternative_of_the_peers_current_commitment_is_recognised,
    every_alternative_of_a_revoked_commitment_is_a_breach_with_all_its_htlcs,
    every_alternative_of_our_commitment_is_recognised,
    an_alternative_told_again_changes_nothing,
    an_id_that_was_forgotten_is_free_for_as_long_as_it_is_not_used,
    a_release_means_the_htlc_that_our_commitment_carries,
);

/// How many alternatives [`sign_alternatives`] makes.
const ALTERNATIVES: usize = 5;

fn expiry(world: &World) -> u32 {
    world.chain.tip().height + 700
}

/// The peer's commitment 2 in five ways: another fee, one HTLC more, that HTLC's id re-used (BOLT 2: on reconnection
/// both sides forget what was not acknowledged), and without it again.
fn sign_alternatives(world: &mut World) {
    add_htlcs(world);
    world.round();
    world.sign_for_peer();
    world.channel.set_feerate(700);
    world.sign_for_peer_again();
    let height = expiry(world);
    for amount_msat in [50_000_000, 60_000_000] {
        let htlc = world.add(NewHtlc::outgoing(amount_msat, height));
        world.sign_for_peer_again();
        world.channel.forget_htlc(htlc.key).expect("the newest");
    }
    world.sign_for_peer_again();
}

/// The transaction confirms, and the phone says what it is and finds as many HTLCs as it has outputs for them.
#[track_caller]
fn is_recognised(world: &mut World, close: &Transaction, kind: CloseKind, htlcs: usize) {
    world.submit(close);
    world.mine(1);
    world.phone.resume();
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert_eq!(report.close.map(|(kind, _)| kind), Some(kind));
    let is_htlc = |contract: &&ContractReport| contract.what.starts_with("HTLC");
    let found = report.contracts.iter().filter(is_htlc).count();
    assert_eq!(found, htlcs, "{report:?}");
}

fn theirs(world: &World, number: u64, index: usize) -> (Transaction, usize) {
    let which = Which::Alternative { number, index };
    let close = world.channel.peer_commitment_tx(which).expect("signed");
    let figures = world.channel.figures(Side::Peer, which).expect("signed");
    (close, figures.htlcs.iter().flatten().count())
}

fn every_alternative_of_the_peers_pending_commitment_is_recognised(world: World) {
    for index in 0..ALTERNATIVES {
        let mut world = world.anew();
        sign_alternatives(&mut world);
        let (close, htlcs) = theirs(&world, 2, index);
        is_recognised(
            &mut world,
            &close,
            CloseKind::RemotePending { number: 2 },
            htlcs,
        );
    }
}

fn every_alternative_of_the_peers_current_commitment_is_recognised(world: World) {
    for index in 0..ALTERNATIVES {
        let mut world = world.anew();
        sign_alternatives(&mut world);
        let revocation = world.channel.peer_revokes().expect("one is pending");
        world.tell(Told::Revocation(revocation));
        let (close, htlcs) = theirs(&world, 2, index);
        is_recognised(&mut world, &close, CloseKind::Remote { number: 2 }, htlcs);
    }
}

fn every_alternative_of_a_revoked_commitment_is_a_breach_with_all_its_htlcs(world: World) {
    for index in 0..ALTERNATIVES {
        let mut world = world.anew();
        sign_alternatives(&mut world);
        let revocation = world.channel.peer_revokes().expect("one is pending");
        world.tell(Told::Revocation(revocation));
        for _ in 0..3 {
            world.round();
        }
        let (close, htlcs) = theirs(&world, 2, index);
        is_recognised(&mut world, &close, CloseKind::Breach { number: 2 }, htlcs);
    }
}

fn every_alternative_of_our_commitment_is_recognised(world: World) {
    for index in 0..3 {
        let mut world = world.anew();
        add_htlcs(&mut world);
        world.round();
        for feerate in [700, 900] {
            world.channel.set_feerate(feerate);
            let again = world.channel.our_commitment_again().expect("one is signed");
            world.tell(Told::Local(local_update(world.outpoint(), &again)));
        }
        let which = Which::Alternative { number: 1, index };
        let close = world.channel.our_commitment_tx(which).expect("signed");
        is_recognised(&mut world, &close, CloseKind::Local { number: 1 }, 3);
    }
}

fn an_alternative_told_again_changes_nothing(mut world: World) {
    world.round();
    let first = world.channel.their_commitment().expect("none is pending");
    world.tell(Told::Remote(retold(&first)));
    world.channel.set_feerate(700);
    let second = world
        .channel
        .their_commitment_again()
        .expect("one is signed");
    world.tell(Told::Remote(retold(&second)));
    for told in [&first, &second, &first] {
        world.repeats(Told::Remote(retold(told)));
    }
}

fn an_id_that_was_forgotten_is_free_for_as_long_as_it_is_not_used(mut world: World) {
    let height = expiry(&world);
    world.round();
    let forgotten = world.add(NewHtlc::outgoing(50_000_000, height));
    world.sign_for_peer();
    world
        .channel
        .forget_htlc(forgotten.key)
        .expect("the newest");
    world.sign_for_peer_again();
    let revocation = world.channel.peer_revokes().expect("one is pending");
    world.tell(Told::Revocation(revocation));
    for _ in 0..3 {
        world.round();
    }
    let other = world.add(NewHtlc::outgoing(60_000_000, height));
    assert_eq!(other.key, forgotten.key);
    world.round();
    let which = Which::Alternative {
        number: 2,
        index: 0,
    };
    let close = world.channel.peer_commitment_tx(which).expect("signed");
    is_recognised(&mut world, &close, CloseKind::Breach { number: 2 }, 1);
}

/// An id that was given to another HTLC, and back again.
fn a_release_means_the_htlc_that_our_commitment_carries(mut world: World) {
    let height = expiry(&world);
    let htlc = world.add(NewHtlc::incoming(30_000_000, height)).key;
    world.round();
    for (feerate, amount_msat) in [(700, 60_000_000), (800, 30_000_000)] {
        world.channel.forget_htlc(htlc).expect("the newest");
        world.channel.set_feerate(feerate);
        world.add(NewHtlc::incoming(amount_msat, height));
        let again = world.channel.our_commitment_again().expect("one is signed");
        world.tell(Told::Local(local_update(world.outpoint(), &again)));
    }
    let htlc = htlc_key(htlc);
    world.tell(Told::Release(htlc));
    let channel = world.outpoint();
    let store = world.phone.opened();
    let row = store.find(channel).expect("readable").expect("registered");
    let lives = store.htlcs(row, &mut Default::default()).expect("readable");
    let released: Vec<_> = lives
        .values()
        .filter(|life| life.released)
        .map(|life| (life.terms.key, life.terms.amount_msat))
        .collect();
    assert_eq!(released, [(htlc, 30_000_000)]);
}
