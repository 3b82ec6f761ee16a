//! Scenarios 2 and 3: whoever closes, our balance comes home.

use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind};
use testkit::party::{ChannelType, Which};

use crate::support::{Nap, World};

fn remote_force_close_is_recognised_and_to_remote_swept(channel_type: ChannelType, nap: Nap) {
    let mut world = World::new(channel_type, nap);
    world.phone.resume();
    world.round();
    world.round();
    let close = world
        .channel
        .peer_commitment_tx(Which::Current)
        .expect("signed");
    world.submit(&close);
    world.mine(3);

    world.phone.resume();
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert_eq!(
        report.close.map(|(kind, _)| kind),
        Some(CloseKind::Remote { number: 2 })
    );
    world.mine(1);
    let sweep = world.phone.wallet.sweep.clone();
    assert!(world.balance(&sweep) > 598_000, "{}", world.balance(&sweep));

    world.mine(100);
    world.phone.resume();
    let told = world.phone.told();
    assert!(
        told.iter()
            .any(|event| matches!(event, EventKind::FundsRecovered { .. })),
        "{told:?}"
    );
    if channel_type == ChannelType::StaticRemotekey {
        assert_eq!(
            world.phone.report(channel).state,
            ArbitratorState::FullyResolved
        );
    }
}

#[test]
fn first() {
    for channel_type in ChannelType::ALL {
        for nap in [Nap::Never, Nap::BeforeEveryStep] {
            remote_force_close_is_recognised_and_to_remote_swept(channel_type, nap);
        }
    }
}
