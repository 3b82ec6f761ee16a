//! Rules §10: a row that cannot be decoded is reported, and stops nothing but what needs it.

use std::collections::BTreeSet;
use std::fs;

use bitcoin::{Amount, OutPoint};
use lightning_arbitrator::arbitrator::ResumeReport;
use lightning_arbitrator::court::{CloseKind, EventKind};
use rusqlite::types::Value;
use rusqlite::Connection;
use testkit::party::{Channel, ChannelType, CooperativeClose, NewHtlc, Which};

use crate::support::{Nap, Told, World};

/// A column of a table.
type Column = (String, String);

/// A phone switched off, with a channel whose rows will be damaged, and a second one that the peer has closed meanwhile.
struct Pair {
    world: World,
    other: Channel,
    intact: Vec<u8>,
}

impl Pair {
    fn new(prepare: impl FnOnce(&mut World)) -> Self {
        let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
        let close = CooperativeClose::legacy(Amount::from_sat(500));
        let close = world.channel.cooperative_close(&close).expect("no HTLCs");
        let expiry = world.chain.tip().height + 500;
        world.add(NewHtlc::outgoing(20_000_000, expiry));
        world.add(NewHtlc::incoming(30_000_000, expiry));
        world.round();
        world.round();
        // The order is no engine's: all tables are to have rows.
        world.tell(Told::Close(close));
        let other = world.second_channel();
        world.phone.resume();
        prepare(&mut world);
        world.phone.switch_off();
        world.submit(&other.peer_commitment_tx(Which::Current).expect("signed"));
        world.mine(1);
        let intact = fs::read(&world.phone.config.database).expect("the phone has a database");
        Pair {
            world,
            other,
            intact,
        }
    }

    /// An SQL statement is run on the intact database, and the phone wakes up.
    fn wake_after(&mut self, sql: &str, value: &Value) -> ResumeReport {
        self.world.phone.switch_off();
        let path = self.world.phone.config.database.clone();
        fs::write(&path, &self.intact).expect("writable");
        let db = Connection::open(&path).expect("it is free");
        db.execute(sql, [value])
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        drop(db);
        let woken = self.world.phone.resume_with(Default::default());
        woken.unwrap_or_else(|error| panic!("{sql} with {value:?} stopped everything: {error}"))
    }

    /// The second channel's close is proven, whatever is wrong with the first.
    #[track_caller]
    fn assert_other_goes_on(&mut self, sql: &str) {
        let report = self.world.phone.report(self.other.funding());
        let kind = report.close.map(|(kind, _)| kind);
        assert_eq!(kind, Some(CloseKind::Remote { number: 0 }), "{sql}");
    }
}

/// Every column of the tables that hold rows of a channel, but the one that says of which, and those that SQLite itself
/// keeps to integers.
fn columns(pair: &Pair) -> Vec<Column> {
    let db = Connection::open(&pair.world.phone.config.database).expect("it is free");
    let mut statement = db
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND (t.name = 'channel' OR EXISTS
                (SELECT 1 FROM pragma_table_info(t.name) AS k WHERE k.name = 'channel'))
             AND c.name NOT IN ('id', 'channel')
             AND (t.name, c.name) <> ('arbitrator_log', 'ordinal')",
        )
        .expect("good SQL");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("no parameters")
        .collect::<Result<_, _>>()
        .expect("texts")
}

/// What no column of ours can hold.
fn garbage() -> [Value; 3] {
    [
        Value::Blob(vec![0xff]),
        Value::Text("{".into()),
        Value::Integer(-1),
    ]
}

/// The columns that a tick was troubled by, and names the channel. The other channel goes on after each.
fn troubling_columns(pair: &mut Pair) -> BTreeSet<Column> {
    let mut troubling = BTreeSet::new();
    let damaged = pair.world.outpoint();
    for (table, column) in columns(pair) {
        let key = if table == "channel" { "id" } else { "channel" };
        let sql = format!("UPDATE OR IGNORE \"{table}\" SET \"{column}\" = ?1 WHERE \"{key}\" = 1");
        for value in garbage() {
            let report = pair.wake_after(&sql, &value);
            pair.assert_other_goes_on(&sql);
            let names = |channel: Option<OutPoint>| {
                // Which channel it is cannot be said when its outpoint is what is damaged.
                channel == Some(damaged)
                    || (table == "funding" && channel != Some(pair.other.funding()))
            };
            if report.troubles.iter().any(|trouble| names(trouble.channel)) {
                troubling.insert((table.clone(), column.clone()));
                break;
            }
        }
    }
    troubling
}

/// Columns that a tick needs in no case, or in which every value means something.
fn is_quiet((table, column): &Column) -> bool {
    match table.as_str() {
        // Read when a secret is revealed or needed, a revoked commitment is broadcast, or somebody asks.
        "revocation_secret" | "past_htlc" | "arbitrator_log" | "short_channel_id" => true,
        // Any bytes are a script.
        "sweep_script" => column == "script",
        "party" => column == "shutdown_script" || column == "party",
        "broadcast" => column == "ordinal" || column == "row_check",
        "commitment" => column == "funding",
        "funding" => column == "ordinal" || column == "script_pubkey",
        // The ledger is read when the engine tells of a commitment.
        "feed" => ["_msat", "_ids", "_check"]
            .iter()
            .any(|it| column.ends_with(it)),
        // Looked at by the integrity check alone.
        "channel" => column == "terms_check",
        "htlc" => column == "released" || column == "row_check",
        "court_case" => ["updates_refused", "lifecycle", "to_purge"].contains(&column.as_str()),
        "contract" => column != "detail",
        "cooperative_close" => column == "txid",
        _ => false,
    }
}

#[track_caller]
fn every_telling_column_is_reported(pair: &mut Pair, tables_without_rows: &[&str]) {
    let expected: BTreeSet<Column> = columns(pair)
        .into_iter()
        .filter(|column| !is_quiet(column) && !tables_without_rows.contains(&column.0.as_str()))
        .collect();
    let troubling = troubling_columns(pair);
    let unnoticed: Vec<_> = expected.difference(&troubling).collect();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[test]
fn a_bad_row_of_an_open_channel_is_reported_and_stops_no_other() {
    let mut pair = Pair::new(|_| {});
    every_telling_column_is_reported(
        &mut pair,
        &["contract", "broadcast", "sweep_script", "opening"],
    );
}

#[test]
fn a_bad_row_of_a_closed_channel_is_reported_and_stops_no_other() {
    let mut pair = Pair::new(|world| {
        world.peer_closes(Which::Current);
        world.phone.resume();
        world.mine(1);
        world.phone.resume();
    });
    every_telling_column_is_reported(&mut pair, &["opening"]);
}

#[test]
fn a_bad_row_of_the_chain_cursor_is_reported_and_asked_for_again() {
    let mut pair = Pair::new(|world| {
        world.peer_closes(Which::Current);
        world.phone.resume();
    });
    for (table, column) in [
        ("chain_output", "facts"),
        ("chain_output", "txid"),
        ("chain_output", "vout"),
        ("chain_header", "header"),
        ("chain_tip", "hash"),
    ] {
        let sql = format!("UPDATE OR IGNORE {table} SET {column} = ?1");
        for value in garbage() {
            let report = pair.wake_after(&sql, &value);
            pair.assert_other_goes_on(&sql);
            let mut reasons = report.troubles.iter().map(|trouble| &trouble.what);
            assert!(
                reasons.any(|what| what.contains(column)),
                "{sql} {value:?}: {report:?}"
            );
            // What was forgotten was not undone.
            let told = pair.world.phone.told();
            let is_undone = |event: &EventKind| matches!(event, EventKind::CloseReorged { .. });
            assert!(!told.iter().any(is_undone), "{sql} {value:?}");
            let report = pair.world.phone.report(pair.world.outpoint());
            assert!(report.close.is_some());
        }
    }
}

#[test]
fn an_event_that_cannot_be_read_holds_up_no_other() {
    let mut pair = Pair::new(|_| {});
    let sql = "UPDATE event SET body = ?1 WHERE ordinal = (SELECT min(ordinal) FROM event)";
    pair.world.phone.on();
    pair.wake_after(sql, &Value::Text("{".into()));
    let told = pair.world.phone.told();
    assert!(told
        .iter()
        .any(|event| matches!(event, EventKind::ChannelClosed { .. })));
}
