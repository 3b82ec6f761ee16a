//! One side goes to the chain with a commitment that it may use.

use lightning_arbitrator::court::{CloseKind, Verdict};

use crate::deeds::Payment;
use crate::parts::FEERATE;
use crate::story::expected;
use crate::world::{Line, Who, World};

stories!(
    the_peers_commitment_is_claimed,
    our_commitment_is_claimed,
    the_peers_pending_commitment_is_claimed,
    commitments_of_another_feerate_are_claimed,
    what_the_arbitrator_refuses_is_never_revoked,
    what_is_said_again_after_a_reconnection_is_known,
    payments_of_one_amount_are_told_apart,
);

fn the_peers_commitment_is_claimed(mut world: World) {
    let payments = world.payments();
    world.parts(&payments);
    world.peer_force_closes();
    let number = world.peers_number();
    world.comes_to(CloseKind::Remote { number });
    assert_eq!(world.verdicts(), expected(&payments));
}

fn our_commitment_is_claimed(mut world: World) {
    let payments = world.payments();
    world.parts(&payments);
    let channel = world.channel();
    world.phone.force_close(channel);
    let number = world.our_number();
    world.comes_to(CloseKind::Local { number });
    assert_eq!(world.verdicts(), expected(&payments));
}

fn the_peers_pending_commitment_is_claimed(mut world: World) {
    let payments = world.payments();
    world.line = Line::PeerIsMute;
    let late = world.pays(Who::Us, 23_000);
    world.parts(&payments);
    world.peer_force_closes();
    let number = world.peers_number();
    world.comes_to(CloseKind::RemotePending { number });
    let mut verdicts = expected(&payments);
    verdicts.insert(late.hash(), Verdict::Failed);
    assert_eq!(world.verdicts(), verdicts);
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
    assert_eq!(world.verdicts(), expected(&before));
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

fn what_is_said_again_after_a_reconnection_is_known(mut world: World) {
    let payments = world.payments();
    let mut later = Vec::new();
    for (line, from) in [
        (Line::Cut, Who::Us),
        (Line::PeerIsMute, Who::Us),
        (Line::Cut, Who::Peer),
        (Line::PeerIsMute, Who::Peer),
    ] {
        world.line = line;
        later.push(world.pays(from, 27_000));
        world.reconnects();
    }
    world.parts(&payments);
    world.peer_force_closes();
    let number = world.peers_number();
    world.comes_to(CloseKind::Remote { number });
    let mut verdicts = expected(&payments);
    let ours = later.iter().filter(|it| it.from == Who::Us);
    verdicts.extend(ours.map(|it| (it.hash(), Verdict::Failed)));
    assert_eq!(world.verdicts(), verdicts);
}

fn payments_of_one_amount_are_told_apart(mut world: World) {
    let mut payments = Vec::new();
    for from in [Who::Us, Who::Peer, Who::Us, Who::Peer, Who::Us, Who::Peer] {
        payments.push(world.pays(from, 20_000));
        payments.push(world.pays(from, 20_000));
    }
    world.line = Line::Cut;
    let taken: Vec<Payment> = payments.iter().step_by(2).copied().collect();
    for payment in &taken {
        world.takes(payment);
    }
    world.talk();
    let channel = world.channel();
    world.phone.force_close(channel);
    let number = world.our_number();
    world.comes_to(CloseKind::Local { number });
    let ours = payments.iter().filter(|it| it.from == Who::Us);
    let is_taken = |payment: &Payment| taken.iter().any(|it| it.hash() == payment.hash());
    let expected = ours.map(|payment| match is_taken(payment) {
        true => (payment.hash(), Verdict::Fulfilled),
        false => (payment.hash(), Verdict::Failed),
    });
    assert_eq!(world.verdicts(), expected.collect());
}
