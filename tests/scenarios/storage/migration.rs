//! Files of older schemas: what they held is all there after they were opened.
//!
//! `tests/fixtures/schema_N.sql` is what the version of the library with schema N wrote of the story below, and
//! `schema_N.txt` what it said of it. After a change of the schema, a new pair is made by
//! `FIXTURES=tests/fixtures cargo test --test scenarios storage::migration`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bitcoin::{Amount, OutPoint};
use futures::executor::block_on;
use lightning_arbitrator::channel::{HtlcLife, HtlcTerms};
use lightning_arbitrator::protocol::{CommitmentNumber, Party};
use lightning_arbitrator::store::{ChannelRow, Store, Unreadable};
use lightning_arbitrator::{ChainArbitrator, Config};
use rusqlite::Connection;
use tempfile::TempDir;
use testkit::party::{Channel, ChannelType, CooperativeClose, NewHtlc, Origin, Settlement, Which};

use crate::support::{dump, htlc_key, load, number, Nap, Told, World};

/// Two who read the events: the tester, who has acknowledged one, and somebody who has acknowledged none.
const READERS: [&str; 2] = ["tester", "other"];

/// A phone with channels in every state that a schema has to carry over, switched off.
fn story() -> World {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    // A coin for each channel.
    world.mine(100);
    open_with_htlcs(&mut world);
    pending(&mut world, 1);
    closed_by_agreement(&mut world, 2);
    let mut peer_closes = funded(&mut world, 3);
    payments(&mut world, &mut peer_closes);
    let we_close = funded(&mut world, 4);
    let we_want_to = funded(&mut world, 5);
    let lost = funded(&mut world, 6);
    world.phone.resume();
    world.submit(
        &peer_closes
            .peer_commitment_tx(Which::Current)
            .expect("signed"),
    );
    world.phone.force_close(we_close.funding()).expect("signed");
    world.mine(1);
    world.phone.resume();
    world
        .phone
        .force_close(we_want_to.funding())
        .expect("signed");
    let loss = lost.data_loss(1).expect("one round");
    world
        .phone
        .data_loss_proof(lost.funding(), &loss)
        .expect("ours");
    acknowledge_one(&mut world);
    world.phone.switch_off();
    world
}

/// Live HTLCs, settled ones, one whose id was given twice, revoked states, and a cooperative close that is only held.
fn open_with_htlcs(world: &mut World) {
    let close = CooperativeClose::legacy(Amount::from_sat(500));
    let close = world.channel.cooperative_close(&close).expect("no HTLCs");
    world.tell(Told::Close(close));
    let expiry = world.chain.tip().height + 500;
    let settled = world.add(NewHtlc::incoming(25_000_000, expiry));
    world.round();
    world
        .channel
        .settle_htlc(settled.key, Settlement::Fulfil)
        .expect("live");
    world.round();
    let origin = Origin::Forwarded {
        channel: world.outpoint().to_string(),
        id: 3,
        cltv_expiry: expiry + 40,
    };
    world.add(NewHtlc::outgoing(20_000_000, expiry).from(origin));
    let incoming = world.add(NewHtlc::incoming(30_000_000, expiry + 5));
    world.round();
    world.round();
    world.tell(Told::Release(htlc_key(incoming.key)));
    // BOLT 2: a reconnection frees the id of an HTLC that only the unanswered commitment carried.
    let forgotten = world.add(NewHtlc::outgoing(5_000_000, expiry + 6));
    world.sign_for_peer();
    world
        .channel
        .forget_htlc(forgotten.key)
        .expect("unanswered");
    world.add(NewHtlc::outgoing(6_000_000, expiry + 7));
    world.sign_for_peer_again();
    world.phone.resume();
}

/// Registered and fed; nobody has broadcast its funding.
fn pending(world: &mut World, number: u64) -> Channel {
    world.unfunded_channel_numbered(number)
}

/// Open, with a few states.
fn funded(world: &mut World, number: u64) -> Channel {
    let mut channel = pending(world, number);
    world.submit(channel.funding_tx());
    world.mine(1);
    for _ in 0..3 {
        let round = channel.commit_both().expect("nothing is outstanding");
        world.phone.told_round(channel.funding(), &round);
    }
    channel
}

/// One each way, live.
fn payments(world: &mut World, channel: &mut Channel) {
    let expiry = world.chain.tip().height + 500;
    let payments = [
        NewHtlc::outgoing(20_000_000, expiry),
        NewHtlc::incoming(30_000_000, expiry),
    ];
    for payment in payments {
        channel.add_htlc(payment).expect("affordable");
    }
    let round = channel.commit_both().expect("nothing is outstanding");
    world.phone.told_round(channel.funding(), &round);
}

fn closed_by_agreement(world: &mut World, number: u64) {
    let channel = funded(world, number);
    world.phone.resume();
    let close = CooperativeClose::legacy(Amount::from_sat(1_000));
    let close = channel.cooperative_close(&close).expect("no HTLCs");
    let told = Told::Close(close.clone());
    world
        .phone
        .tell(channel.funding(), told)
        .expect("a good close");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.phone.resume();
}

fn acknowledge_one(world: &mut World) {
    let on = world.phone.on();
    for reader in READERS {
        block_on(on.pending_events(reader.into(), 1)).expect("the outbox");
    }
    let first = block_on(on.pending_events(READERS[0].into(), 1)).expect("the outbox");
    block_on(on.acknowledge(READERS[0].into(), first[0].id.clone())).expect("an event");
}

/// What the library says of everything in a database, in words that outlive its types.
fn standing(config: &Config) -> String {
    let opened = block_on(ChainArbitrator::open(config.clone())).expect("the file opens");
    let mut text = String::new();
    for channel in block_on(opened.channels()).expect("readable") {
        tell_channel(&opened, channel, &mut text);
    }
    for reader in READERS {
        let waiting = block_on(opened.pending_events(reader.into(), usize::MAX));
        for event in waiting.expect("the outbox") {
            writeln!(text, "event for {reader}: {}", event.id).expect("memory");
        }
    }
    drop(opened);
    tell_past(config, &mut text);
    text
}

/// What every commitment of the past carried, and which secrets are known.
fn tell_past(config: &Config, text: &mut String) {
    let store = Store::open(&config.database, config.network, config.crypto.clone());
    let store = store.expect("the file opens");
    for (row, channel) in store.channels().expect("readable").channels {
        let feed = store.feed(row).expect("readable");
        let secrets = store.secrets(row).expect("they open");
        for owner in [Party::Local, Party::Remote] {
            let newest = match owner {
                Party::Local => feed.local,
                Party::Remote => feed.remote,
            };
            for at in 0..=newest.map_or(0, CommitmentNumber::get) {
                let carried = carried(&store, row, owner, at);
                let is_revoked = secrets.get(number(at)).is_some();
                writeln!(text, "{channel} {owner:?} {at}: secret {is_revoked}").expect("memory");
                text.push_str(&carried.concat());
            }
        }
    }
}

/// The HTLCs that a commitment may have carried, a line each.
fn carried(store: &Store, row: ChannelRow, owner: Party, at: u64) -> Vec<String> {
    let mut unreadable = Unreadable::default();
    let lives = store.htlcs(row, &mut unreadable).expect("readable");
    let past = store.past_htlcs_at(row, owner, at, &mut unreadable);
    assert!(unreadable.reasons().is_empty(), "{unreadable:?}");
    let is_carried = |life: &&HtlcLife| match owner {
        Party::Local => life.local.holds(at),
        Party::Remote => life.remote.holds(at),
    };
    let lives = lives.values().filter(is_carried);
    let past = past.expect("readable").into_iter();
    let mut lines: Vec<String> = lives
        .map(|life| line_of(&life.terms, life.released))
        .chain(past.map(|past| line_of(&past.terms, past.released)))
        .collect();
    lines.sort();
    lines
}

fn line_of(it: &HtlcTerms, released: bool) -> String {
    format!(
        "  {}: {} msat until {}, hash {:?}, from {:?}, released {released}\n",
        it.key, it.amount_msat, it.cltv_expiry, it.payment_hash, it.origin,
    )
}

fn tell_channel(opened: &ChainArbitrator, channel: OutPoint, text: &mut String) {
    let position = block_on(opened.position(channel)).expect("registered");
    let report = block_on(opened.channel(channel)).expect("readable");
    let feed = position.feed;
    let mut line = |words: String| writeln!(text, "{words}").expect("memory");
    line(format!(
        "channel {channel}: {:?}, {:?}",
        report.state, report.funding
    ));
    let at = |number: Option<CommitmentNumber>| number.map(CommitmentNumber::get);
    line(format!(
        "  at {:?} {:?} revoked {:?} next point {:?} takes commitments {}",
        at(feed.local),
        at(feed.remote),
        at(feed.remote_revoked),
        feed.remote_next_point.map(|point| point.to_string()),
        position.takes_commitments
    ));
    line(format!(
        "  close {:?} data loss {} next {:?}",
        report.close, report.data_loss, report.next_height
    ));
    for it in report.contracts {
        line(format!(
            "  output {} of {}: {}, {}",
            it.outpoint, it.value_sat, it.what, it.status
        ));
    }
    if let Some(it) = block_on(opened.close_summary(channel)).expect("readable") {
        line(format!(
            "  summary {:?} by {:?} at {}: settled {} locked {} final {}",
            it.kind,
            it.closing_txid,
            it.close_height,
            it.settled_balance,
            it.time_locked_balance,
            it.is_final
        ));
    }
    let log = block_on(opened.log(channel)).expect("readable");
    line(format!(
        "  log {:?}",
        log.iter().map(|it| it.height).collect::<Vec<_>>()
    ));
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn schema(database: &Path) -> i64 {
    let db = Connection::open(database).expect("it is free");
    db.pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("every file has it")
}

/// The story's phone, with another file: that of a fixture.
fn with_file(world: &World, sql: &str) -> (TempDir, Config) {
    let directory = TempDir::new().expect("a temporary directory");
    let mut config = world.phone.config.clone();
    config.database = directory.path().join("old.sqlite");
    load(sql, &config.database);
    (directory, config)
}

/// Line by line: what differs is a line, not a wall of text.
#[track_caller]
fn assert_same(now: &str, before: &str, path: &Path) {
    for (now, before) in now.lines().zip(before.lines()) {
        assert_eq!(now, before, "{}", path.display());
    }
    assert_eq!(now.lines().count(), before.lines().count());
}

#[test]
fn a_dump_of_today_is_a_database_of_today() {
    let world = story();
    let sql = dump(&world.phone.config.database);
    let said = standing(&world.phone.config);
    let (_directory, config) = with_file(&world, &sql);
    assert_eq!(standing(&config), said);
    if let Ok(directory) = std::env::var("FIXTURES") {
        let name = |kind: &str| format!("schema_{}.{kind}", schema(&world.phone.config.database));
        let directory = Path::new(&directory);
        fs::write(directory.join(name("sql")), sql).expect("writable");
        fs::write(directory.join(name("txt")), said).expect("writable");
    }
}

#[test]
fn a_file_of_every_older_schema_holds_what_it_held() {
    let world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    let mut migrated = 0;
    for entry in fs::read_dir(fixtures()).expect("it is in the repository") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|it| it == "sql") {
            let sql = fs::read_to_string(&path).expect("a text");
            let said = fs::read_to_string(path.with_extension("txt")).expect("a text");
            let (_directory, config) = with_file(&world, &sql);
            assert_same(&standing(&config), &said, &path);
            migrated += 1;
        }
    }
    assert!(migrated > 0);
}
