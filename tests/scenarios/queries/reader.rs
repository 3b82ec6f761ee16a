//! Who asks waits for nobody: neither for a tick that waits for its server, nor for a write that waits for the disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures::executor::block_on;
use lightning_arbitrator::channel::Lifecycle;
use lightning_arbitrator::store::queries::{ChannelFilter, PageRequest};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator};
use rusqlite::Connection;
use testkit::party::{ChannelType, NewHtlc, Settlement};

use super::{list, overview};
use crate::slow_server::while_a_tick_waits_for;
use crate::support::{htlc_key, number, retold, Nap, World, QUESTIONS};

fn world() -> World {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    world.phone.resume();
    world
}

/// Every question that holds no secret.
async fn ask_everything(on: &ChainArbitrator) -> Result<(), ArbitratorError> {
    let page = || PageRequest::first(10);
    for channel in on.channels().await? {
        on.channel(channel).await?;
        on.log(channel).await?;
        on.channel_totals(channel).await?;
        on.htlc_history(channel, page()).await?;
        on.history(Some(channel), page()).await?;
    }
    on.list_channels(ChannelFilter::default(), page()).await?;
    on.closed_channels(page()).await?;
    on.history(None, page()).await?;
    on.balances().await?;
    on.totals().await?;
    Ok(())
}

#[test]
fn questions_are_answered_while_a_tick_waits_for_its_server() {
    for question in QUESTIONS {
        let mut world = world();
        world.peer_closes(testkit::party::Which::Current);
        let gateway = world.gateway();
        let tick = while_a_tick_waits_for(question, &gateway, world.phone.on(), |on| {
            block_on(ask_everything(on)).expect("readable");
            assert!(gateway.held() > 0, "{question}: the tick waits still");
            gateway.behave();
        });
        assert!(tick.expect("a tick").complete, "{question}");
        let closing = ChannelFilter {
            lifecycle: Some(Lifecycle::Closing),
            peer: None,
        };
        assert_eq!(list(world.phone.on(), closing).len(), 1);
    }
}

#[test]
fn questions_are_answered_while_a_write_waits_for_the_disk() {
    let mut world = world();
    let next = world.unregistered_channel(7);
    let database = world.phone.config.database.clone();
    let on = world.phone.on();
    let other = Connection::open(database).expect("another connection");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes");
    thread::scope(|scope| {
        let writes = scope.spawn(|| block_on(on.register(retold(&next))));
        block_on(ask_everything(on)).expect("readable");
        assert!(!writes.is_finished(), "the other one holds the write lock");
        other.execute_batch("ROLLBACK").expect("it was begun");
        writes.join().expect("no panic").expect("good terms");
    });
    assert_eq!(block_on(on.channels()).expect("readable").len(), 2);
}

#[test]
fn an_answer_holds_what_was_acknowledged_before_the_question() {
    let mut world = world();
    for _ in 0..20 {
        let round = world.round();
        let known = overview(&mut world).feed;
        assert_eq!(known.local, Some(number(round.local.number)));
        assert_eq!(known.remote, Some(number(round.remote.number)));
    }
}

#[test]
fn who_asks_while_another_writes_sees_whole_states_in_their_order() {
    let mut world = world();
    let on = world.phone.shared();
    let writing = AtomicBool::new(true);
    let answers = thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut answers = Vec::new();
            while writing.load(Ordering::Acquire) {
                answers.extend(list(&on, ChannelFilter::default()));
            }
            answers
        });
        let expiry = world.chain.tip().height + 500;
        for amount in 1..=15 {
            let htlc = world.add(NewHtlc::outgoing(amount * 1_000_000, expiry));
            world.round();
            let settled = world.channel.settle_htlc(htlc.key, Settlement::Fulfil);
            settled.unwrap_or_else(|_| panic!("{} is there", htlc_key(htlc.key)));
            world.round();
        }
        writing.store(false, Ordering::Release);
        asks.join().expect("no panic")
    });
    assert!(!answers.is_empty());
    assert!(answers.is_sorted_by_key(|it| (it.feed.remote, it.feed.local)));
    for answer in answers {
        let it = answer.standing.expect("open");
        let msat = it.local_msat + it.remote_msat + it.outgoing.msat + it.incoming.msat;
        assert_eq!(msat, answer.capacity.to_sat() * 1000, "{answer:?}");
    }
}

#[test]
fn a_question_after_shutdown_says_so() {
    let mut world = world();
    let on = world.phone.on();
    on.shutdown();
    let refused = block_on(on.balances());
    assert!(matches!(refused, Err(ArbitratorError::ShutDown)));
}

#[test]
fn after_shutdown_the_database_is_one_file_again() {
    let mut world = world();
    block_on(ask_everything(world.phone.on())).expect("readable");
    let mut beside = world.phone.config.database.clone().into_os_string();
    beside.push("-wal");
    let beside = std::path::Path::new(&beside);
    assert!(beside.exists());
    world.phone.switch_off();
    assert!(!beside.exists());
}
