//! What a tick costs: requests, and rounds of requests, counted by the gateway. A tick looks at the tip only; nothing is
//! unconfirmed, and there is no live HTLC.

use testkit::gateway::Paths;
use testkit::party::{ChannelType, CooperativeClose};

use crate::support::{Nap, World};

/// Requests beside one per channel that a new tip may cost.
const OVERHEAD: usize = 4;

/// A phone that knows all its channels to be open, and a gateway that begins to count.
fn open_channels(count: u64) -> World {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    // A coin for each channel.
    world.mine(100);
    for number in 1..count {
        let channel = world.unfunded_channel_numbered(number);
        world.submit(channel.funding_tx());
    }
    world.mine(6);
    world.phone.resume();
    world.gateway().reset();
    world
}

/// What one tick costs, after a restart.
fn cost(world: &mut World) -> usize {
    world.phone.switch_off();
    world.gateway().reset();
    let report = world.phone.resume();
    let counted = world.gateway().count();
    assert_eq!(u32::try_from(counted), Ok(report.requests));
    counted
}

fn an_unchanged_tip_costs_one_request(count: u64) {
    let mut world = open_channels(count);
    world.phone.resume();
    assert_eq!(world.gateway().paths(), ["GET /blocks/tip/hash"]);
    assert_eq!(cost(&mut world), 1, "after a restart");
}

fn a_new_tip_costs_a_request_per_channel_and_four(count: u64) {
    let mut world = open_channels(count);
    for slept in [1, 2, 10, 11, 150, 3_000] {
        world.mine(slept);
        let paid = cost(&mut world);
        let bound = usize::try_from(count).expect("small") + OVERHEAD;
        assert!(paid <= bound, "{slept} blocks: {paid} requests");
    }
}

fn channels_are_asked_about_eight_at_a_time(count: u64) {
    let mut world = open_channels(count);
    world.mine(1);
    let total = usize::try_from(count).expect("small");
    let outspends = Paths::Containing("/outspend/".to_owned());
    world.gateway().hold_groups(outspends, total);
    world.phone.resume();
    assert!(world.gateway().groups() <= total.div_ceil(8) + OVERHEAD);
}

macro_rules! counts {
    ($($name:ident = $count:expr),* $(,)?) => {$(
        mod $name {
            #[test]
            fn an_unchanged_tip_costs_one_request() {
                super::an_unchanged_tip_costs_one_request($count);
            }

            #[test]
            fn a_new_tip_costs_a_request_per_channel_and_four() {
                super::a_new_tip_costs_a_request_per_channel_and_four($count);
            }

            #[test]
            fn channels_are_asked_about_eight_at_a_time() {
                super::channels_are_asked_about_eight_at_a_time($count);
            }
        }
    )*};
}

counts!(
    one_channel = 1,
    twenty_channels = 20,
    a_hundred_channels = 100
);

#[test]
fn thousands_of_blocks_cost_a_phone_without_channels_four_requests_at_most() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let server = world.server.clone();
    let mut empty = crate::support::Phone::new(server, Nap::Never);
    empty.resume();
    world.mine(5_000);
    std::mem::swap(&mut world.phone, &mut empty);
    assert!(cost(&mut world) <= OVERHEAD);
    assert_eq!(cost(&mut world), 1);
}

#[test]
fn a_channel_that_is_fully_resolved_costs_nothing_any_more() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    world.phone.resume();
    let close = CooperativeClose::legacy(bitcoin::Amount::from_sat(1_000));
    let close = world.channel.cooperative_close(&close).expect("no HTLCs");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.resolve();
    world.mine(5_000);
    assert!(cost(&mut world) <= OVERHEAD);
    assert_eq!(cost(&mut world), 1);
}
