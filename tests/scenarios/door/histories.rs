//! Scenarios 28 and 29 over random histories: honest ones keep the store right at any moment, lies change nothing.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use testkit::party::{ChannelType, Direction, Settlement};

use super::lies::Lie;
use super::story::{Deed, Story};
use crate::support::{Nap, World};

/// Every run tells the same histories. Another seed tells others, and must do as well.
const SEED: u64 = 2_026;

/// Histories per channel type and test.
const HISTORIES: u32 = 24;

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Outgoing), Just(Direction::Incoming)]
}

fn settlement() -> impl Strategy<Value = Settlement> {
    prop_oneof![Just(Settlement::Fulfil), Just(Settlement::Fail)]
}

/// Dust on both sides, on one side, on none; few enough values that equal HTLCs meet.
fn sat() -> impl Strategy<Value = u64> {
    prop_oneof![Just(200), Just(800), 5_000u64..5_003, Just(20_000)]
}

fn honest() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (direction(), sat()).prop_map(|(direction, sat)| Deed::Offer { direction, sat }),
        2 => (any::<usize>(), settlement()).prop_map(|(pick, how)| Deed::Settle { pick, how }),
        1 => direction().prop_map(|direction| Deed::Forget { direction }),
        1 => (500u32..2_000).prop_map(Deed::Feerate),
        4 => Just(Deed::SignForPeer),
        2 => Just(Deed::SignForPeerAgain),
        4 => Just(Deed::PeerRevokes),
        3 => Just(Deed::SignForUs),
        1 => Just(Deed::SignForUsAgain),
        2 => any::<usize>().prop_map(|pick| Deed::Resend { pick }),
        1 => any::<usize>().prop_map(|pick| Deed::Release { pick }),
        1 => Just(Deed::Restart),
        2 => (1usize..8).prop_map(|count| Deed::TellTogether { count }),
    ]
}

fn with_lies() -> impl Strategy<Value = Deed> {
    prop_oneof![
        1 => honest(),
        2 => prop::sample::select(Lie::ALL.to_vec()).prop_map(Deed::Lie),
    ]
}

/// Tells histories of such deeds, each to a phone of its own.
fn tell(
    deeds: impl Strategy<Value = Deed>,
    channel_type: ChannelType,
    judge: fn(&mut Story, usize),
) {
    println!("seed {SEED}");
    let config = ProptestConfig {
        cases: HISTORIES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    let histories = (prop::collection::vec(deeds, 10..40), any::<usize>());
    let told = TestRunner::new(config).run(&histories, |(deeds, pick)| {
        let mut story = Story::begin(World::new(channel_type, Nap::Never));
        for deed in &deeds {
            story.goes_on(deed);
            if matches!(deed, Deed::Restart) {
                story.is_stored();
            }
        }
        story.tell_held();
        judge(&mut story, pick);
        Ok(())
    });
    told.unwrap_or_else(|failure| panic!("seed {SEED}: {failure}"));
}

macro_rules! on_both_channel_types {
    ($($name:ident($deeds:expr, $judge:expr);)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn static_remotekey() {
                tell($deeds, ChannelType::StaticRemotekey, $judge);
            }

            #[test]
            fn anchors() {
                tell($deeds, ChannelType::AnchorsZeroFeeHtlc, $judge);
            }
        }
    )*};
}

on_both_channel_types! {
    every_commitment_of_a_history_is_recognised_as_what_it_is(honest(), |story, _| story.is_stored());
    whichever_commitment_of_a_history_confirms_is_recognised(honest(), Story::ends);
    lies_in_a_history_change_nothing(with_lies(), |story, _| story.is_stored());
}
