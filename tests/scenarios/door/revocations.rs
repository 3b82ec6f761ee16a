//! Each revealed secret is checked against its point, against the tree of secrets, and against the order of BOLT 2.

use lightning_arbitrator::channel::UpdateError;
use lightning_arbitrator::protocol::Party;
use testkit::party::{Revocation, Secrets};

use crate::support::{retold, Told, World};

twins!(
    a_secret_of_another_commitment_is_refused,
    a_secret_is_due_only_when_the_next_commitment_is_signed,
    secrets_come_one_after_the_other,
    a_repeated_revocation_with_another_secret_is_refused,
    a_repeated_revocation_that_announces_another_point_is_refused,
    a_secret_that_fits_its_point_but_not_the_tree_is_refused,
    a_commitment_on_another_point_than_the_announced_is_refused,
);

fn wrong_secret(world: &World, number: u64) -> UpdateError {
    UpdateError::WrongSecret {
        channel: world.outpoint(),
        number,
    }
}

fn out_of_order(world: &World, number: u64, expected: u64) -> UpdateError {
    UpdateError::OutOfOrder {
        channel: world.outpoint(),
        party: Party::Remote,
        number,
        expected,
    }
}

fn a_secret_of_another_commitment_is_refused(mut world: World) {
    world.round();
    world.sign_for_peer();
    let due = world.channel.revocation(1);
    let others = [
        world.channel.revocation(0).secret,
        world.channel.revocation(2).secret,
        // No secret key at all.
        [0; 32],
        [0xff; 32],
    ];
    for secret in others {
        let lie = Told::Revocation(Revocation {
            secret,
            ..due.clone()
        });
        assert_eq!(world.refusal(lie), wrong_secret(&world, 1));
    }
    world.tell(Told::Revocation(due));
}

fn a_secret_is_due_only_when_the_next_commitment_is_signed(mut world: World) {
    world.round();
    let early = Told::Revocation(world.channel.revocation(1));
    assert_eq!(world.refusal(early), out_of_order(&world, 1, 1));
}

fn secrets_come_one_after_the_other(mut world: World) {
    world.round();
    world.sign_for_peer();
    for later in [2, 3] {
        let lie = Told::Revocation(world.channel.revocation(later));
        assert_eq!(world.refusal(lie), out_of_order(&world, later, 1));
    }
}

fn a_repeated_revocation_with_another_secret_is_refused(mut world: World) {
    for _ in 0..4 {
        world.round();
    }
    for revoked in 0..4 {
        let lie = Told::Revocation(Revocation {
            secret: world.channel.revocation(revoked + 1).secret,
            ..world.channel.revocation(revoked)
        });
        assert_eq!(world.refusal(lie), wrong_secret(&world, revoked));
        world.repeats(Told::Revocation(world.channel.revocation(revoked)));
    }
}

fn a_repeated_revocation_that_announces_another_point_is_refused(mut world: World) {
    world.round();
    world.round();
    let good = world.channel.revocation(1);
    let lie = Told::Revocation(Revocation {
        next_point: world.channel.revocation(0).next_point,
        ..good.clone()
    });
    let error = UpdateError::PerCommitmentPoint {
        channel: world.outpoint(),
        number: 3,
    };
    assert_eq!(world.refusal(lie.clone()), error);
    // Nor when the announced point is in use.
    world.sign_for_peer();
    assert_eq!(world.refusal(lie), error);
    world.repeats(Told::Revocation(good));
}

/// A peer that draws its secrets freely would make us keep each of them for ever (BOLT 3).
fn a_secret_that_fits_its_point_but_not_the_tree_is_refused(mut world: World) {
    let stranger = Secrets::from_seed(b"another tree");
    let theirs = world.channel.their_commitment().expect("none is pending");
    let mut theirs: lightning_arbitrator::channel::RemoteUpdate = retold(&theirs);
    theirs.per_commitment_point = stranger.per_commitment_point(1);
    world.tell(Told::Remote(theirs));
    let revocation = world.channel.peer_revokes().expect("one is pending");
    world.tell(Told::Revocation(Revocation {
        next_point: stranger.per_commitment_point(2),
        ..revocation
    }));
    let next = world.channel.their_commitment().expect("none is pending");
    let mut next: lightning_arbitrator::channel::RemoteUpdate = retold(&next);
    next.per_commitment_point = stranger.per_commitment_point(2);
    world.tell(Told::Remote(next));
    let lie = Told::Revocation(Revocation {
        number: 1,
        secret: stranger.per_commitment_secret(1),
        next_point: stranger.per_commitment_point(3),
    });
    assert_eq!(world.refusal(lie), wrong_secret(&world, 1));
}

fn a_commitment_on_another_point_than_the_announced_is_refused(mut world: World) {
    world.round();
    let good = world.channel.their_commitment().expect("none is pending");
    let mut lie: lightning_arbitrator::channel::RemoteUpdate = retold(&good);
    lie.per_commitment_point = world.channel.setup().peer.per_commitment_point(3);
    let error = UpdateError::PerCommitmentPoint {
        channel: world.outpoint(),
        number: 2,
    };
    assert_eq!(world.refusal(Told::Remote(lie.clone())), error);
    world.tell(Told::Remote(retold(&good)));
    // Nor does an alternative change the point.
    assert_eq!(world.refusal(Told::Remote(lie)), error);
}
