//! Balances and HTLCs add up to the capacity, exactly; checked against both sides' commitments.

use lightning_arbitrator::channel::{CommitmentUpdate, RemoteUpdate, UpdateError};
use lightning_arbitrator::protocol::ProtocolError;
use testkit::party::ChannelType;

use super::add_htlcs;
use crate::support::{local_update, retold, Told, World};

twins!(
    amounts_above_the_capacity_are_refused,
    amounts_below_the_capacity_are_refused,
    amounts_that_overflow_are_refused,
    more_htlcs_than_bolt_2_allows_are_refused,
    anchors_that_the_opener_cannot_pay_for_are_refused,
);

type Change = fn(&mut CommitmentUpdate);

/// The next commitments of both sides with these figures.
fn both_with(world: &World, change: impl Fn(&mut CommitmentUpdate)) -> [Told; 2] {
    let mut next = world.channel.clone();
    let round = next.commit_both().expect("nothing is outstanding");
    let mut local = local_update(world.outpoint(), &round.local);
    let mut remote: RemoteUpdate = retold(&round.remote);
    change(&mut local.commitment);
    change(&mut remote.commitment);
    [Told::Local(local), Told::Remote(remote)]
}

fn amounts_above_the_capacity_are_refused(mut world: World) {
    add_htlcs(&mut world);
    let capacity = world.channel.setup().capacity;
    let claimed_msat = capacity.to_sat() * 1000 + 1;
    let changes: [Change; 3] = [
        |update| update.local_msat += 1,
        |update| update.remote_msat += 1,
        |update| update.htlcs[1].amount_msat += 1,
    ];
    for lie in changes.map(|change| both_with(&world, change)) {
        for lie in lie {
            assert_eq!(
                world.refusal(lie),
                UpdateError::AboveCapacity {
                    channel: world.outpoint(),
                    claimed_msat,
                    capacity
                }
            );
        }
    }
}

fn amounts_below_the_capacity_are_refused(mut world: World) {
    add_htlcs(&mut world);
    let capacity = world.channel.setup().capacity;
    let changes: [(Change, u64); 3] = [
        (|update| update.local_msat -= 1, 1),
        (|update| update.remote_msat -= 1_000, 1_000),
        // An HTLC left out.
        (|update| update.htlcs.truncate(3), 200_000),
    ];
    for (change, missing) in changes {
        let claimed_msat = capacity.to_sat() * 1000 - missing;
        for lie in both_with(&world, change) {
            assert_eq!(
                world.refusal(lie),
                UpdateError::Unbalanced {
                    channel: world.outpoint(),
                    claimed_msat,
                    capacity
                }
            );
        }
    }
}

fn amounts_that_overflow_are_refused(mut world: World) {
    add_htlcs(&mut world);
    let changes: [Change; 3] = [
        |update| update.local_msat = u64::MAX,
        |update| update.remote_msat = u64::MAX,
        |update| update.htlcs[0].amount_msat = u64::MAX,
    ];
    for lie in changes.map(|change| both_with(&world, change)) {
        for lie in lie {
            assert_eq!(
                world.refusal(lie),
                UpdateError::AboveCapacity {
                    channel: world.outpoint(),
                    claimed_msat: u64::MAX,
                    capacity: world.channel.setup().capacity
                }
            );
        }
    }
}

fn more_htlcs_than_bolt_2_allows_are_refused(mut world: World) {
    add_htlcs(&mut world);
    let fill = |update: &mut CommitmentUpdate| {
        let first = update.htlcs[0];
        update.local_msat -= 484 * 1_000;
        update.local_msat += update
            .htlcs
            .drain(..)
            .map(|htlc| htlc.amount_msat)
            .sum::<u64>();
        update.htlcs = (100..584)
            .map(|id| {
                let mut htlc = first;
                htlc.key.id = id;
                htlc.amount_msat = 1_000;
                htlc
            })
            .collect();
    };
    for lie in both_with(&world, fill) {
        assert!(matches!(
            world.refusal(lie),
            UpdateError::Protocol {
                source: ProtocolError::TooManyHtlcs { count: 484, .. },
                ..
            }
        ));
    }
}

fn anchors_that_the_opener_cannot_pay_for_are_refused(mut world: World) {
    let empty = |update: &mut CommitmentUpdate| {
        update.remote_msat += update.local_msat;
        update.local_msat = 0;
    };
    let [_, remote] = both_with(&world, empty);
    match world.channel.setup().channel_type {
        ChannelType::AnchorsZeroFeeHtlc => assert!(matches!(
            world.refusal(remote),
            UpdateError::Protocol {
                source: ProtocolError::AboveCapacity { .. },
                ..
            }
        )),
        // BOLT 3: without anchors the opener pays what it has, and it has nothing.
        ChannelType::StaticRemotekey => world.tell(remote),
    }
}
