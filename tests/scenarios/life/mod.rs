//! The life of a channel: its stages, its summary, the ends that the app decides, and what is purged when.

mod abandoned;
mod cancelled;
mod purging;
mod stages;
mod summaries;
mod together;

use bitcoin::{Amount, OutPoint, Transaction};
use lightning_arbitrator::channel::{Refusal, UpdateError};
use lightning_arbitrator::court::{ArbitratorState, EventKind};
use lightning_arbitrator::ArbitratorError;
use rusqlite::{Connection, OpenFlags};
use testkit::party::{Channel, CooperativeClose, Which};

use crate::support::{htlc_key, local_update, retold, Told, World};

/// A cooperative close of the world's channel leaves nothing to resolve: its case ends at the final depth alone.
fn cooperative(world: &World) -> Transaction {
    let close = CooperativeClose::legacy(Amount::from_sat(1_000));
    world.channel.cooperative_close(&close).expect("no HTLCs")
}

/// The channel is closed so in the tip, and the phone knows it.
fn closes_cooperatively(world: &mut World) -> Transaction {
    let closing = cooperative(world);
    world.submit(&closing);
    world.mine(1);
    world.phone.resume();
    closing
}

/// Another tick, so many blocks later.
fn ticks_after(world: &mut World, blocks: u32) {
    world.mine(blocks);
    world.phone.resume();
}

fn state(world: &mut World, channel: OutPoint) -> ArbitratorState {
    world.phone.report(channel).state
}

/// The events of one channel.
fn told_of(world: &mut World, channel: OutPoint) -> Vec<EventKind> {
    let events = world.phone.events().into_iter().map(|it| it.event);
    let of_it = events.filter(|event| event.channel == channel);
    of_it.map(|event| event.kind).collect()
}

/// One number that the database gives.
fn ask(world: &World, sql: &str) -> i64 {
    let path = &world.phone.config.database;
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let found = db
        .expect("it is there")
        .query_row(sql, [], |row| row.get(0));
    found.expect("one number")
}

/// Nothing is left to tell of the channel: every message is refused because it has ended, and changes nothing.
#[track_caller]
fn takes_nothing_more(world: &mut World, channel: &mut Channel) {
    let outpoint = channel.funding();
    let htlc = channel.htlcs().first().map(|htlc| htlc_key(htlc.key));
    let close = CooperativeClose::legacy(Amount::from_sat(700));
    let close = channel.cooperative_close(&close);
    let terms = Told::Terms(Box::new(retold(channel)));
    let round = channel.commit_both().expect("nothing is outstanding");
    let loss = channel.data_loss(2).expect("two rounds");
    let told = [
        Some(terms),
        Some(Told::Remote(retold(&round.remote))),
        round.revocation.map(Told::Revocation),
        Some(Told::Local(local_update(outpoint, &round.local))),
        htlc.map(Told::Release),
        close.ok().map(Told::Close),
        Some(Told::data_loss(&loss)),
    ];
    let before = world.phone.tables();
    for message in told.into_iter().flatten() {
        let what = format!("{message:?}");
        let refused = world.phone.tell(outpoint, message).expect_err(&what);
        assert!(
            matches!(
                refused,
                ArbitratorError::Update(UpdateError::Closing {
                    reason: Refusal::Ended,
                    ..
                })
            ),
            "{what}: {refused}"
        );
    }
    world.phone.tables().assert_are(&before);
}

/// The peer's current commitment is on the chain, and the phone has had its chance.
fn peer_closes_behind_our_back(world: &mut World) -> Transaction {
    let close = world.channel.peer_commitment_tx(Which::Current);
    let close = close.expect("signed");
    world.submit(&close);
    ticks_after(world, 1);
    close
}
