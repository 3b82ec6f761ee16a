//! The peer's LDK goes back to what it had on disk once, and uses it: a revoked commitment, and what it knows to claim of it.

use lightning_arbitrator::court::{CloseKind, Verdict};

use crate::deeds::Payment;
use crate::node::Backup;
use crate::world::{Who, World};

stories!(
    a_revoked_commitment_is_punished_at_once,
    a_revoked_commitment_is_punished_at_its_second_level,
    expired_htlcs_of_a_revoked_commitment_are_taken_too,
    payments_that_are_under_way_fail_when_the_peer_cheats,
);

/// The peer revokes a state with payments each way, of which it can take one by its preimage.
fn revoked(world: &mut World) -> Backup {
    let payments = world.payments();
    world.takes(&payments.out_taken);
    let backup = world.peer.backup();
    world.talk();
    world.settles(&payments);
    backup
}

/// The revoked commitment confirms. What it is worth to us, which is all of it, and what it is.
fn cheated(world: &mut World, with: &Backup) -> (u64, CloseKind) {
    world.peer_cheats(with);
    let number = world.peers_number();
    world.mines(1);
    assert_eq!(world.worth(), world.all_of_it());
    (world.worth(), CloseKind::Breach { number })
}

fn a_revoked_commitment_is_punished_at_once(mut world: World) {
    let backup = revoked(&mut world);
    let (worth, breach) = cheated(&mut world, &backup);
    world.phone.wakes();
    world.ends_with(breach, worth);
}

fn a_revoked_commitment_is_punished_at_its_second_level(mut world: World) {
    let backup = revoked(&mut world);
    let (worth, breach) = cheated(&mut world, &backup);
    world.mines(10);
    world.phone.wakes();
    let outcome = world.ends_with(breach, worth);
    assert!(outcome.peers > 0, "{outcome:?}");
}

fn expired_htlcs_of_a_revoked_commitment_are_taken_too(mut world: World) {
    let backup = revoked(&mut world);
    world.mines(100);
    world.phone.wakes();
    let (worth, breach) = cheated(&mut world, &backup);
    world.mines(10);
    world.phone.wakes();
    let outcome = world.ends_with(breach, worth);
    // Those that it takes back, besides the one that it has the preimage of.
    assert!(outcome.peers > 1, "{outcome:?}");
}

fn payments_that_are_under_way_fail_when_the_peer_cheats(mut world: World) {
    let payments = world.payments();
    let backup = world.peer.backup();
    let later = world.pays(Who::Us, 26_000);
    let (worth, breach) = cheated(&mut world, &backup);
    world.phone.wakes();
    world.ends_with(breach, worth);
    let failed = |payment: &Payment| (payment.hash(), Verdict::Failed);
    let ours = [
        &payments.out_taken,
        &payments.out_expires,
        &payments.out_dust,
        &later,
    ];
    assert_eq!(world.verdicts(), ours.map(failed).into());
}
