//! Scenario 8: every close kind, a reorg of every telling depth, and whatever comes after it.

use bitcoin::{Amount, Transaction};
use lightning_arbitrator::court::{ArbitratorState, EventKind};
use testkit::chain::Orphaned;
use testkit::party::{ChannelType, CooperativeClose, Which};

use crate::support::{Nap, World};

/// How a channel is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Cooperative,
    Local,
    Remote,
    RemotePending,
    Future,
}

const KINDS: [Kind; 5] = [
    Kind::Cooperative,
    Kind::Local,
    Kind::Remote,
    Kind::RemotePending,
    Kind::Future,
];

/// What the chain holds after the reorg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    SameAgain,
    AnotherClose,
    Nothing,
}

const AFTERS: [After; 3] = [After::SameAgain, After::AnotherClose, After::Nothing];

fn close(world: &mut World, kind: Kind) -> Transaction {
    match kind {
        Kind::Cooperative => world
            .channel
            .cooperative_close(&CooperativeClose::legacy(Amount::from_sat(1_000))),
        Kind::Local => world.channel.our_commitment_tx(Which::Current),
        Kind::Remote => world.channel.peer_commitment_tx(Which::Current),
        Kind::RemotePending => {
            if world.channel.peer_commitment_tx(Which::Pending).is_err() {
                world.sign_for_peer();
            }
            world.channel.peer_commitment_tx(Which::Pending)
        }
        Kind::Future => {
            return world.channel.data_loss(2).expect("two rounds").transaction;
        }
    }
    .expect("signed")
}

fn another_than(kind: Kind) -> Kind {
    match kind {
        Kind::Cooperative | Kind::RemotePending | Kind::Local => Kind::Remote,
        Kind::Remote => Kind::Local,
        Kind::Future => Kind::Cooperative,
    }
}

/// A close of this kind, `depth` blocks deep when a reorg takes it away, and what comes then.
pub fn story(mut world: World, kind: Kind, depth: u32, after: After) {
    let channel_type = world.channel.setup().channel_type;
    let case = format!("{channel_type:?} {kind:?} depth {depth} {after:?}");
    world.round();
    world.mine(120);
    world.phone.resume();
    let channel = world.outpoint();
    let first = close(&mut world, kind);
    world.submit(&first);
    world.mine(1);
    world.phone.resume();
    assert!(world.phone.report(channel).close.is_some(), "{case}");
    world.mine(depth - 1);
    world.phone.resume();

    let second = match after {
        After::SameAgain => first.clone(),
        After::AnotherClose => close(&mut world, another_than(kind)),
        After::Nothing => {
            world.reorg(depth, Orphaned::Drop);
            world.phone.resume();
            stays_away(&mut world, kind, &first, &case);
            return;
        }
    };
    world.reorg(depth, Orphaned::Replace(vec![second.clone()]));
    world.phone.resume();
    let report = world.phone.report(channel);
    assert_eq!(
        report.close.map(|(_, txid)| txid),
        Some(second.compute_txid()),
        "{case}"
    );
    world.mine(200);
    world.phone.resume();
    world.mine(1);
    world.resolve();
    if after == After::AnotherClose {
        assert!(
            world.phone.told().iter().any(
                |event| matches!(event, EventKind::CloseReorged { txid, .. } if *txid == first.compute_txid())
            ),
            "{case}"
        );
    }
}

/// The close is gone, and nobody brings it back but us.
fn stays_away(world: &mut World, kind: Kind, first: &Transaction, case: &str) {
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    assert_eq!(report.close, None, "{case}");
    assert!(!report.state.is_closed(), "{case}");
    assert_eq!(
        world.chain.mempool(),
        vec![first.compute_txid()],
        "{case}: an orphaned close that was no breach is broadcast again"
    );
    // The latch outlives the reorg: there are no more updates.
    let refused = world.channel.their_commitment();
    if let Ok(update) = refused {
        assert!(world.phone.tell_remote(channel, &update).is_err(), "{case}");
    }
    world.chain.mine_empty(6);
    world.phone.resume();
    let state = world.phone.report(channel).state;
    if kind == Kind::Future {
        // Data was lost: nothing of ours goes out, however long we wait.
        assert_eq!(state, ArbitratorState::Default, "{case}");
    } else {
        assert_eq!(state, ArbitratorState::CommitmentBroadcasted, "{case}");
    }
    world.mine(1);
    world.phone.resume();
    assert!(world.phone.report(channel).close.is_some(), "{case}");
}

fn every_kind_and_aftermath(channel_type: ChannelType, depth: u32, nap: Nap) {
    for kind in KINDS {
        for after in AFTERS {
            story(World::new(channel_type, nap), kind, depth, after);
        }
    }
}

macro_rules! depths {
    ($($name:ident = $depth:expr),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[test]
            fn static_remotekey() {
                every_kind_and_aftermath(ChannelType::StaticRemotekey, $depth, Nap::Never);
            }

            #[test]
            fn static_remotekey_restarted() {
                every_kind_and_aftermath(ChannelType::StaticRemotekey, $depth, Nap::BeforeEveryStep);
            }

            #[test]
            fn anchors() {
                every_kind_and_aftermath(ChannelType::AnchorsZeroFeeHtlc, $depth, Nap::Never);
            }

            #[test]
            fn anchors_restarted() {
                every_kind_and_aftermath(ChannelType::AnchorsZeroFeeHtlc, $depth, Nap::BeforeEveryStep);
            }
        }
    )*};
}

depths!(depth_1 = 1, depth_5 = 5, depth_6 = 6, depth_99 = 99);

twins!(
    a_reorg_of_the_funding_is_noticed_and_healed,
    a_reorg_takes_the_sweep_and_it_is_made_again,
);

pub fn a_reorg_of_the_funding_is_noticed_and_healed(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    let funding = world.channel.funding_tx().clone();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert!(world
        .phone
        .told()
        .iter()
        .any(|event| matches!(event, EventKind::FundingReorged { .. })));
    world.submit(&funding);
    world.mine(1);
    world.phone.resume();
    assert!(matches!(
        world.phone.report(channel).funding,
        lightning_arbitrator::court::FundingState::Open(_)
    ));
}

pub fn a_reorg_takes_the_sweep_and_it_is_made_again(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
    world.phone.resume();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
    world.resolve();
}
