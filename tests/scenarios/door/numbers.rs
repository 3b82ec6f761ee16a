//! Commitment numbers follow one another, and the peer has one pending commitment at most (BOLT 2).

use lightning_arbitrator::channel::{LocalUpdate, RemoteUpdate, UpdateError};
use lightning_arbitrator::protocol::Party;

use crate::support::{local_update, number, retold, Told, World};

twins!(
    our_commitments_come_one_after_the_other,
    the_peers_commitments_come_one_after_the_other,
    the_first_number_is_zero,
    the_peer_has_one_pending_commitment_at_most,
    a_revoked_number_gets_no_alternative,
);

fn out_of_order(world: &World, party: Party, number: u64, expected: u64) -> UpdateError {
    UpdateError::OutOfOrder {
        channel: world.outpoint(),
        party,
        number,
        expected,
    }
}

/// Our next commitment as it will be after `rounds` more exchanges.
fn ours_after(world: &World, rounds: u64) -> LocalUpdate {
    let mut ahead = world.channel.clone();
    for _ in 0..rounds {
        ahead.commit_both().expect("nothing is outstanding");
    }
    local_update(world.outpoint(), &ahead.our_commitment())
}

/// The peer's next commitment under another number, on the point that belongs to that number.
fn theirs_numbered(world: &World, at: u64) -> RemoteUpdate {
    let mut ahead = world.channel.clone();
    let update = ahead.their_commitment_again().expect("one is signed");
    let mut update: RemoteUpdate = retold(&update);
    update.commitment.number = number(at);
    update.per_commitment_point = world.channel.setup().peer.per_commitment_point(at);
    update
}

fn our_commitments_come_one_after_the_other(mut world: World) {
    let first = ours_after(&world, 0);
    world.round();
    world.round();
    let skipping = Told::Local(ours_after(&world, 1));
    let error = out_of_order(&world, Party::Local, 4, 3);
    assert_eq!(world.refusal(skipping), error);
    // Good once, and still well signed.
    let error = out_of_order(&world, Party::Local, 1, 3);
    assert_eq!(world.refusal(Told::Local(first)), error);
    world.round();
}

fn the_peers_commitments_come_one_after_the_other(mut world: World) {
    world.round();
    let skipping = Told::Remote(theirs_numbered(&world, 3));
    let error = out_of_order(&world, Party::Remote, 3, 2);
    assert_eq!(world.refusal(skipping), error);
    world.sign_for_peer();
    // The current one is valid still, but BOLT 2 signs only the newest again.
    world.channel.set_feerate(600);
    let current = Told::Remote(theirs_numbered(&world, 1));
    let error = out_of_order(&world, Party::Remote, 1, 2);
    assert_eq!(world.refusal(current), error);
}

fn the_first_number_is_zero(mut world: World) {
    world.channel = world.unregistered_channel(1);
    world.phone.register(&world.channel);
    let mut ahead = world.channel.clone();
    ahead.commit_both().expect("nothing is outstanding");
    let round = ahead.commit_both().expect("nothing is outstanding");
    let error = out_of_order(&world, Party::Local, 1, 0);
    let ours = local_update(world.outpoint(), &round.local);
    assert_eq!(world.refusal(Told::Local(ours)), error);
    let error = out_of_order(&world, Party::Remote, 1, 0);
    let theirs = Told::Remote(retold(&round.remote));
    assert_eq!(world.refusal(theirs), error);
    world.round();
}

fn the_peer_has_one_pending_commitment_at_most(mut world: World) {
    world.round();
    world.sign_for_peer();
    let second = Told::Remote(theirs_numbered(&world, 3));
    let error = out_of_order(&world, Party::Remote, 3, 2);
    assert_eq!(world.refusal(second), error);
}

fn a_revoked_number_gets_no_alternative(mut world: World) {
    world.round();
    world.round();
    for at in [0, 1] {
        let lie = Told::Remote(theirs_numbered(&world, at));
        assert_eq!(
            world.refusal(lie),
            UpdateError::AlreadyRevoked {
                channel: world.outpoint(),
                party: Party::Remote,
                number: at
            }
        );
    }
}
