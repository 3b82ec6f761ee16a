//! Until when the device may sleep: asked for without a network, and told by every tick.

use bitcoin::OutPoint;
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{SleepBudget, WakeUp};
use lightning_arbitrator::court::DeadlineReason;
use lightning_arbitrator::Policy;
use testkit::gateway::{Fault, Scope};
use testkit::party::{NewHtlc, Origin, Which};

use crate::support::{htlc_key, Told, World};

twins!(
    without_a_channel_there_is_no_deadline,
    before_the_first_look_the_device_looks_at_once,
    an_open_channel_may_sleep_for_most_of_the_peers_delay,
    a_server_that_says_nothing_of_a_channel_moves_no_deadline,
    what_is_told_needs_no_network,
    an_incoming_htlc_that_is_ours_wakes_the_device_before_its_margin,
    a_forwarded_htlc_wakes_the_device_at_its_expiry_and_before_that_upstream,
    a_breach_wakes_the_device_while_justice_is_not_settled,
    a_claim_that_nobody_else_can_make_does_not_wake_the_device_in_a_hurry,
    what_is_irrevocably_resolved_wakes_nobody,
    the_first_of_all_channels_counts,
);

impl World {
    /// What is told without asking anybody. The last tick has told the same.
    fn budget(&mut self) -> SleepBudget {
        block_on(self.phone.on().sleep_budget()).expect("readable")
    }

    /// After a tick: the first wake-up of all.
    #[track_caller]
    fn wake_up(&mut self) -> Option<WakeUp> {
        let told = self.phone.resume().sleep;
        assert_eq!(self.budget(), told);
        told.overall()
    }

    /// After a tick: the deadline as so many blocks from the tip, and its reason.
    #[track_caller]
    fn deadline(&mut self) -> (u32, DeadlineReason) {
        let wake_up = self.wake_up().expect("there is one");
        let tip = self.chain.tip().height;
        let margin = Policy::default().wake_margin;
        let hours_before = (wake_up.deadline.height - margin).max(tip + 1);
        assert_eq!(wake_up.wake_by.height, hours_before);
        (wake_up.deadline.height - tip, wake_up.reason)
    }
}

/// Of the peer's delay of 720 blocks a day is kept for justice.
const OPEN: u32 = 720 - 144;

fn without_a_channel_there_is_no_deadline(world: World) {
    let mut alone = crate::support::Phone::new(world.server.clone(), 1, world.phone.nap());
    let report = alone.resume();
    assert_eq!(report.sleep, SleepBudget::default());
    let budget = block_on(alone.on().sleep_budget()).expect("readable");
    assert_eq!((budget.overall(), budget.channels), (None, vec![]));
}

fn before_the_first_look_the_device_looks_at_once(mut world: World) {
    let wake_up = world.budget().overall().expect("a channel");
    assert_eq!(wake_up.reason, DeadlineReason::NeverLooked);
    assert_eq!(wake_up.wake_by.estimated_time, 0);
}

fn an_open_channel_may_sleep_for_most_of_the_peers_delay(mut world: World) {
    assert_eq!(world.deadline(), (OPEN, DeadlineReason::Breach));
    world.mine(100);
    assert_eq!(world.deadline(), (OPEN, DeadlineReason::Breach));
    // Ten minutes a block, from the time that the tip's header says.
    let tip = world.chain.tip();
    let header = world.chain.block(tip.hash).expect("the tip").block.header;
    let wake_up = world.wake_up().expect("a channel");
    let ahead = u64::from(wake_up.deadline.height - tip.height);
    let estimated = u64::from(header.time) + ahead * 600;
    assert_eq!(wake_up.deadline.estimated_time, estimated);
    let margin = u64::from(Policy::default().wake_margin);
    assert_eq!(wake_up.wake_by.estimated_time, estimated - margin * 600);
}

fn a_server_that_says_nothing_of_a_channel_moves_no_deadline(mut world: World) {
    world.phone.resume();
    let before = world.budget();
    world.mine(50);
    let silent = Fault::Status {
        code: 503,
        body: "later".into(),
    };
    world
        .gateway()
        .order(Scope::containing("/outspend/"), silent);
    let report = world.phone.resume_with(Default::default()).expect("a tick");
    assert!(!report.complete);
    let height = |budget: &SleepBudget| budget.overall().expect("a channel").deadline.height;
    assert_eq!(height(&report.sleep), height(&before));
}

fn what_is_told_needs_no_network(mut world: World) {
    let told = world.phone.resume().sleep;
    world.gateway().order(Scope::all(), Fault::HangUp);
    world.gateway().reset();
    assert_eq!(world.budget(), told);
    assert_eq!(world.gateway().count(), 0);
}

fn an_incoming_htlc_that_is_ours_wakes_the_device_before_its_margin(mut world: World) {
    let expiry = world.chain.tip().height + 200;
    let htlc = world.offers(NewHtlc::incoming(30_000_000, expiry));
    assert_eq!(world.deadline(), (OPEN, DeadlineReason::Breach));
    world.tell(Told::Release(htlc_key(htlc.key)));
    let (blocks, reason) = world.deadline();
    assert_eq!(blocks, 200 - 36);
    let DeadlineReason::IncomingHtlc(why) = reason else {
        panic!("{reason:?}");
    };
    assert_eq!(why.key, htlc_key(htlc.key));
}

fn a_forwarded_htlc_wakes_the_device_at_its_expiry_and_before_that_upstream(mut world: World) {
    let tip = world.chain.tip().height;
    let forwarded = |cltv_expiry| Origin::Forwarded {
        channel: OutPoint::null().to_string(),
        id: 7,
        cltv_expiry,
    };
    world.offers(NewHtlc::outgoing(30_000_000, tip + 300).from(forwarded(tip + 400)));
    let (blocks, reason) = world.deadline();
    assert_eq!(blocks, 301);
    assert!(matches!(reason, DeadlineReason::OutgoingHtlc(_)));
    world.offers(NewHtlc::outgoing(31_000_000, tip + 300).from(forwarded(tip + 250)));
    let (blocks, reason) = world.deadline();
    assert_eq!(blocks, 247);
    assert!(matches!(reason, DeadlineReason::UpstreamHtlc(_)));
}

fn a_breach_wakes_the_device_while_justice_is_not_settled(mut world: World) {
    world.round();
    world.round();
    world.peer_closes(Which::Number(1));
    let (blocks, reason) = world.deadline();
    assert_eq!(blocks, OPEN);
    assert!(matches!(reason, DeadlineReason::Claim(_)));
    world.chain.mine_empty(3);
    let (blocks, _) = world.deadline();
    assert_eq!(blocks, OPEN - 3, "it is the cheater's delay that runs");
    world.mine(2);
    let (blocks, _) = world.deadline();
    assert_eq!(blocks, OPEN - 5, "a reorg may take it back");
    world.mine(1);
    // What is left is that another close may take this one's place.
    assert_eq!(world.deadline(), (OPEN, DeadlineReason::Breach));
}

fn a_claim_that_nobody_else_can_make_does_not_wake_the_device_in_a_hurry(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.chain.mine_empty(120);
    let week = u32::from(Policy::default().patient_target);
    assert_eq!(world.deadline(), (week, DeadlineReason::Unfinished));
}

fn what_is_irrevocably_resolved_wakes_nobody(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.resolve();
    assert_eq!(world.wake_up(), None);
}

fn the_first_of_all_channels_counts(mut world: World) {
    let second = world.second_channel();
    let expiry = world.chain.tip().height + 100;
    let htlc = world.offers(NewHtlc::incoming(30_000_000, expiry));
    world.tell(Told::Release(htlc_key(htlc.key)));
    let wake_up = world.wake_up().expect("two channels");
    assert_eq!(wake_up.channel, world.outpoint());
    let channels: Vec<OutPoint> = world
        .budget()
        .channels
        .iter()
        .map(|it| it.channel)
        .collect();
    assert_eq!(channels, [world.outpoint(), second.funding()]);
}
