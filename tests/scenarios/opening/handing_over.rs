//! Messages to the peer among several subscribers: handed over once, by whoever has the connection.

use futures::executor::block_on;
use lightning_arbitrator::court::ArbitratorState;
use lightning_arbitrator::store::{Delivery, StoredEvent};

use super::ready::zero_conf;
use super::*;

twins!(
    a_message_that_one_subscriber_has_handed_over_waits_for_no_other,
    news_waits_for_each_subscriber,
    the_end_of_a_case_waits_for_no_message,
);

const BOOKS: &str = "books";

impl World {
    /// Somebody keeps books.
    fn keeps_books(&mut self) {
        let subscribed = self
            .phone
            .on()
            .subscribe(BOOKS.into(), Delivery::Synchronous);
        block_on(subscribed).expect("writable");
    }

    /// What waits for it: messages to peers, and news.
    fn for_the_books(&mut self) -> (Vec<StoredEvent>, Vec<StoredEvent>) {
        let pending = self.phone.on().pending_events(BOOKS.into(), usize::MAX);
        let pending = block_on(pending).expect("readable").into_iter();
        pending.partition(|it| it.event.is_message())
    }

    fn books(&mut self, event: &StoredEvent) {
        let booked = self.phone.on().acknowledge(BOOKS.into(), event.id.clone());
        block_on(booked).expect("writable");
    }
}

/// Its `channel_ready` waits to be handed over.
fn ready(world: &mut World) -> Channel {
    world.keeps_books();
    let channel = opens(world, private());
    confirms(world, DEEP);
    assert_eq!(world.for_the_books().0.len(), 1);
    channel
}

fn a_message_that_one_subscriber_has_handed_over_waits_for_no_other(mut world: World) {
    let channel = ready(&mut world);
    only(&mut world, &channel);
    assert!(world.phone.opening(channel.funding()).is_ready_told);
    assert_eq!(world.for_the_books().0, vec![]);
}

fn news_waits_for_each_subscriber(mut world: World) {
    ready(&mut world);
    let (_, news) = world.for_the_books();
    assert_ne!(news, vec![]);
    for event in &news {
        world.phone.acknowledge(&event.id);
    }
    assert_eq!(world.for_the_books().1, news);
}

fn the_end_of_a_case_waits_for_no_message(mut world: World) {
    world.keeps_books();
    let channel = opens(&mut world, zero_conf());
    world.phone.resume();
    world.chain.evict(channel.funding().txid);
    let cancelled = world.phone.cancel_funding(channel.funding());
    cancelled.expect("it is pending");
    world.phone.resume();
    ticks_after(&mut world, 100);
    let state = |world: &mut World| world.phone.report(channel.funding()).state;
    assert_eq!(state(&mut world), ArbitratorState::Default);
    let (messages, news) = world.for_the_books();
    assert_eq!(messages.len(), 1);
    for event in news {
        world.books(&event);
    }
    ticks_after(&mut world, 1);
    assert_eq!(state(&mut world), ArbitratorState::FullyResolved);
    assert_eq!(world.for_the_books().0, messages);
}
