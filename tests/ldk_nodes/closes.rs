//! One side goes to the chain with a commitment that it may use.

use lightning_arbitrator::court::CloseKind;

use crate::parts::FEERATE;
use crate::world::{Line, Who, World};

stories!(
    the_peers_commitment_is_claimed,
    our_commitment_is_claimed,
    the_peers_pending_commitment_is_claimed,
    commitments_of_another_feerate_are_claimed,
    what_the_arbitrator_refuses_is_never_revoked,
);

fn the_peers_commitment_is_claimed(mut world: World) {
    let payments = world.payments();
    world.parts(&payments);
    world.peer_force_closes();
    let number = world.peers_number();
    world.comes_to(CloseKind::Remote { number });
    world.tells_of(&payments);
}

fn our_commitment_is_claimed(mut world: World) {
    let payments = world.payments();
    world.parts(&payments);
    let channel = world.channel();
    world.phone.force_close(channel);
    let number = world.our_number();
    world.comes_to(CloseKind::Local { number });
    world.tells_of(&payments);
}

fn the_peers_pending_commitment_is_claimed(mut world: World) {
    let payments = world.payments();
    world.line = Line::PeerIsMute;
    let dangling = world.pays(Who::Us, 23_000);
    world.parts(&payments);
    world.peer_force_closes();
    let number = world.peers_number();
    world.comes_to(CloseKind::RemotePending { number });
    assert!(world.verdicts().contains_key(&dangling.hash()));
}

fn commitments_of_another_feerate_are_claimed(mut world: World) {
    let before = world.payments();
    world.fees_are(3 * FEERATE);
    assert_eq!(world.agreed_feerate(), 3 * FEERATE);
    world.pays(Who::Peer, 24_000);
    world.parts(&before);
    world.peer_force_closes();
    let number = world.peers_number();
    world.comes_to(CloseKind::Remote { number });
    world.tells_of(&before);
}

fn what_the_arbitrator_refuses_is_never_revoked(mut world: World) {
    let payments = world.payments();
    world.settles(&payments);
    let channel = world.channel();
    world.phone.force_close(channel);
    // LDK has not heard of it, and would revoke the commitment that is on its way to the chain.
    world.pays(Who::Peer, 25_000);
    assert_eq!(world.line, Line::Cut);
    let newest = world.our_commitments.len() as u64 - 1;
    world.comes_to(CloseKind::Local { number: newest });
}
