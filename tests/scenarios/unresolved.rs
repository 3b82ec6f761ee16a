//! What this version cannot resolve yet is never passed over: it is in the report, and the app is told.

use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind, Progress};
use testkit::party::{ChannelType, NewHtlc, Which};

use crate::support::World;

twins!(
    htlcs_on_the_peers_commitment,
    htlcs_on_our_commitment,
    a_breach,
    a_breach_seen_in_the_mempool,
);

fn with_htlcs(world: &mut World) {
    let expiry = world.chain.tip().height + 500;
    world.add(NewHtlc::outgoing(20_000_000, expiry));
    world.add(NewHtlc::incoming(30_000_000, expiry + 10));
    // Dust: it has no output, and so is no contract.
    world.add(NewHtlc::outgoing(200_000, expiry));
    world.round();
    world.phone.resume();
}

/// Every contract without a resolver is reported as such, by the report and by an event.
fn unresolved(world: &mut World, expected: usize) {
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    let open: Vec<_> = report
        .contracts
        .iter()
        .filter(|contract| contract.progress == Progress::Unresolved)
        .collect();
    assert_eq!(open.len(), expected, "{report:?}");
    let told = world.phone.told();
    for contract in open {
        assert!(contract.status.contains("not resolved yet"));
        assert!(
            told.iter().any(|event| matches!(
                event,
                EventKind::NotResolvedYet { outpoint, value_sat, .. }
                    if *outpoint == contract.outpoint && *value_sat == contract.value_sat
            )),
            "{told:?}"
        );
    }
    world.mine(150);
    world.phone.resume();
    world.mine(1);
    world.mine(200);
    world.phone.resume();
    assert_eq!(
        world.phone.report(channel).state,
        ArbitratorState::WaitingFullResolution,
        "missing resolutions never mean resolved"
    );
}

fn anchors(world: &World) -> usize {
    match world.channel.setup().channel_type {
        ChannelType::StaticRemotekey => 0,
        ChannelType::AnchorsZeroFeeHtlc => 1,
    }
}

pub fn htlcs_on_the_peers_commitment(mut world: World) {
    with_htlcs(&mut world);
    world.peer_closes(Which::Current);
    world.phone.resume();
    let expected = 2 + anchors(&world);
    unresolved(&mut world, expected);
    world.assert_swept();
}

pub fn htlcs_on_our_commitment(mut world: World) {
    with_htlcs(&mut world);
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    world.mine(1);
    world.phone.resume();
    let expected = 2 + anchors(&world);
    unresolved(&mut world, expected);
    world.assert_swept();
}

pub fn a_breach(mut world: World) {
    with_htlcs(&mut world);
    world.round();
    let breach = world.peer_closes(Which::Number(1));
    world.phone.resume();
    let channel = world.outpoint();
    assert_eq!(
        world.phone.report(channel).close.map(|(kind, _)| kind),
        Some(CloseKind::Breach { number: 1 })
    );
    assert!(world.phone.told().contains(&EventKind::BreachDetected {
        txid: breach.compute_txid(),
        number: 1
    }));
    // The peer's balance and both HTLCs; `to_remote` is swept as ever.
    let expected = 3 + anchors(&world);
    unresolved(&mut world, expected);
    world.assert_swept();
}

fn a_breach_seen_in_the_mempool(mut world: World) {
    world.round();
    world.phone.resume();
    let breach = world
        .channel
        .peer_commitment_tx(Which::Number(0))
        .expect("signed");
    world.submit(&breach);
    world
        .phone
        .looks(lightning_arbitrator::chain::Look::Mempool);
    assert!(world.phone.told().contains(&EventKind::CloseSeen {
        txid: breach.compute_txid(),
        kind: CloseKind::Breach { number: 0 }
    }));
    let channel = world.outpoint();
    assert_eq!(
        world.phone.report(channel).state,
        ArbitratorState::Default,
        "an unconfirmed close changes nothing"
    );
}
