//! Reorgs around a close that LDK made.

use lightning_arbitrator::court::CloseKind;
use testkit::chain::Orphaned;

use crate::story::expected;
use crate::world::World;

stories!(
    a_close_that_comes_back_brings_as_much,
    a_close_that_gives_way_to_a_revoked_one_is_punished,
);

fn a_close_that_comes_back_brings_as_much(mut world: World) {
    let payments = world.payments();
    world.parts(&payments);
    world.peer_force_closes();
    let number = world.peers_number();
    world.mines(1);
    let worth = world.worth();
    world.phone.wakes();
    world.mines(2);
    world.phone.wakes();
    world.reorgs(3, Orphaned::Keep);
    world.phone.wakes();
    world.mines(1);
    world.phone.wakes();
    world.ends_with(CloseKind::Remote { number }, worth);
    assert_eq!(world.verdicts(), expected(&payments));
}

fn a_close_that_gives_way_to_a_revoked_one_is_punished(mut world: World) {
    let payments = world.payments();
    let backup = world.peer.backup();
    world.settles(&payments);
    world.peer_force_closes();
    world.mines(1);
    world.phone.wakes();
    let honest = world.close();
    world.peer_cheats(&backup);
    let mut closes = world.peer_sent.values().cloned();
    let revoked = closes.find(|it| {
        let spends = it.input[0].previous_output == world.channel();
        spends && it.compute_txid() != honest.compute_txid()
    });
    drop(closes);
    let revoked = revoked.expect("LDK sends what it had");
    world.reorgs(1, Orphaned::Replace(vec![revoked]));
    let number = world.peers_number();
    let worth = world.worth();
    assert_eq!(worth, world.all_of_it());
    world.phone.wakes();
    world.ends_with(CloseKind::Breach { number }, worth);
}
