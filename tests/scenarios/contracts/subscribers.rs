//! Who wants to have heard of everything before a case ends: synchronous subscribers.

use futures::executor::block_on;
use lightning_arbitrator::court::{ArbitratorState, EventKind};
use lightning_arbitrator::store::{Delivery, StoredEvent};
use testkit::party::Which;

use crate::support::World;

twins!(
    the_end_waits_for_a_synchronous_subscriber_and_nothing_else_does,
    every_event_of_the_channel_has_to_be_acknowledged,
    what_the_last_step_tells_is_waited_for_as_well,
    other_channels_are_not_waited_for,
    an_asynchronous_subscriber_holds_up_nothing,
    a_subscriber_may_change_its_mind,
    a_channel_that_is_given_up_waits_for_nobody,
    a_cancelled_funding_waits_as_well,
);

const LEDGER: &str = "ledger";

impl World {
    fn subscribes(&mut self, delivery: Delivery) {
        block_on(self.phone.on().subscribe(LEDGER.into(), delivery)).expect("writable");
    }

    fn owed(&mut self) -> Vec<StoredEvent> {
        let on = self.phone.on();
        block_on(on.pending_events(LEDGER.into(), usize::MAX)).expect("readable")
    }

    fn acknowledges(&mut self, event: &StoredEvent) {
        let on = self.phone.on();
        block_on(on.acknowledge(LEDGER.into(), event.id.clone())).expect("writable");
    }

    fn acknowledges_all(&mut self) {
        for event in self.owed() {
            self.acknowledges(&event);
        }
    }

    fn state(&mut self) -> ArbitratorState {
        let channel = self.outpoint();
        self.phone.report(channel).state
    }

    /// A breach, punished and buried so deep that nothing can come of it.
    fn punished(&mut self) {
        self.revoked_with_htlcs();
        let breach = self.cheated();
        // No claim and no broadcast has waited.
        self.assert_taken(&breach);
        self.mine(1);
        self.phone.resume();
        self.mine(100);
        self.phone.resume();
    }
}

fn the_end_waits_for_a_synchronous_subscriber_and_nothing_else_does(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    world.punished();
    for _ in 0..3 {
        world.mine(10);
        world.phone.resume();
        assert_eq!(world.state(), ArbitratorState::WaitingFullResolution);
    }
    // None of its working data is purged.
    let channel = world.outpoint();
    assert_ne!(world.phone.report(channel).contracts, vec![]);
    world.acknowledges_all();
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
    let purged = world.phone.report(channel).contracts;
    assert_eq!(purged, vec![]);
}

fn every_event_of_the_channel_has_to_be_acknowledged(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    world.punished();
    let mut owed = world.owed();
    assert!(owed.len() > 3, "{owed:?}");
    let is_breach =
        |event: &StoredEvent| matches!(event.event.kind, EventKind::BreachDetected { .. });
    let at = owed.iter().position(is_breach).expect("it was told");
    let last = owed.remove(at);
    for event in &owed {
        world.acknowledges(event);
    }
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::WaitingFullResolution);
    world.acknowledges(&last);
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
    // Of the end itself it is told as well.
    let [end] = &world.owed()[..] else {
        panic!("one event");
    };
    assert!(matches!(end.event.kind, EventKind::FullyResolved { .. }));
}

fn what_the_last_step_tells_is_waited_for_as_well(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.acknowledges_all();
    // Settled and buried while the device slept: one tick finds both.
    world.mine(101);
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::WaitingFullResolution);
    let owed = world.owed();
    let recovered =
        |event: &StoredEvent| matches!(event.event.kind, EventKind::FundsRecovered { .. });
    assert!(owed.iter().any(recovered), "{owed:?}");
    world.acknowledges_all();
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
}

fn other_channels_are_not_waited_for(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    let other = world.second_channel();
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(101);
    world.phone.resume();
    for event in world.owed() {
        if event.event.channel != other.funding() {
            world.acknowledges(&event);
        }
    }
    assert_ne!(world.owed(), vec![]);
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
}

fn an_asynchronous_subscriber_holds_up_nothing(mut world: World) {
    world.subscribes(Delivery::Asynchronous);
    world.punished();
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
    assert_ne!(world.owed(), vec![]);
}

fn a_subscriber_may_change_its_mind(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    world.punished();
    assert_eq!(world.state(), ArbitratorState::WaitingFullResolution);
    world.subscribes(Delivery::Asynchronous);
    world.phone.resume();
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
}

fn a_channel_that_is_given_up_waits_for_nobody(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    world.peer_closes(Which::Current);
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.abandon(channel);
    assert_eq!(world.state(), ArbitratorState::FullyResolved);
}

fn a_cancelled_funding_waits_as_well(mut world: World) {
    world.subscribes(Delivery::Synchronous);
    let other = world.unfunded_channel();
    world
        .phone
        .cancel_funding(other.funding())
        .expect("it is not there");
    world.phone.resume();
    world.mine(100);
    world.phone.resume();
    let state = |world: &mut World| world.phone.report(other.funding()).state;
    assert_eq!(state(&mut world), ArbitratorState::Default);
    world.acknowledges_all();
    world.phone.resume();
    assert_eq!(state(&mut world), ArbitratorState::FullyResolved);
}
