//! However large the database is, a page costs what a page costs: every query goes by an index, in its order.

use std::sync::Arc;

use bitcoin::Network;
use rusqlite::Connection;

use super::super::{Store, StoreError, Unsealed};
use super::{balances, channels, closed, history, htlcs, standing};

struct Opened {
    store: Store,
    _directory: tempfile::TempDir,
}

fn opened() -> Opened {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("channels.sqlite");
    let store = Store::open(&path, Network::Regtest, Arc::new(Unsealed)).expect("a new file");
    Opened {
        store,
        _directory: directory,
    }
}

/// What SQLite means to do, one line per table.
fn plan(opened: &Opened, sql: &str) -> Vec<String> {
    let queries = opened.store.queries().expect("readable");
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let mut statement = queries.store.connection.prepare(&sql).expect("good SQL");
    // Parameters that are left out are NULL: the plan is made without looking at them.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("a plan") {
        steps.push(row.get("detail").expect("a text"));
    }
    steps
}

#[track_caller]
fn goes_by_indexes(opened: &Opened, sql: &str) {
    let plan = plan(opened, sql);
    assert!(!plan.is_empty());
    for step in &plan {
        let by_index = step.starts_with("SEARCH ") && step.contains(" USING ");
        assert!(by_index, "{step}\nin the plan of\n{sql}\n{plan:#?}");
    }
}

#[test]
fn every_page_is_found_by_an_index_in_its_order() {
    let opened = opened();
    for sql in [
        channels::ALL,
        channels::OF_PEER,
        channels::IN_LIFE,
        channels::OF_PEER_IN_LIFE,
        closed::NEWEST_FIRST,
        history::OF_ALL,
        history::OF_ONE,
        &htlcs::live(),
        htlcs::PAST_OF_CLASS,
    ] {
        goes_by_indexes(&opened, sql);
    }
}

#[test]
fn what_is_read_of_each_channel_is_found_by_an_index() {
    let opened = opened();
    for sql in [
        standing::NEWEST,
        standing::PENDING,
        balances::IN_LIFE,
        "SELECT id, is_alias FROM short_channel_id WHERE channel = ?1",
        "SELECT channel FROM short_channel_id WHERE id = ?1",
    ] {
        goes_by_indexes(&opened, sql);
    }
}

/// Without this, the tests above could not fail.
#[test]
fn a_scan_and_a_sort_would_be_noticed() {
    let opened = opened();
    for sql in [
        "SELECT detail FROM court_case WHERE state = 1",
        "SELECT detail FROM close_summary WHERE peer = x'02' ORDER BY detail",
    ] {
        let noticed = plan(&opened, sql);
        let is_bad = |step: &String| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
        assert!(noticed.iter().any(is_bad), "{noticed:?}");
    }
}

#[test]
fn questions_cannot_write() {
    let opened = opened();
    let queries = opened.store.queries().expect("readable");
    let refused = queries.store.subscribe("nobody");
    assert!(
        matches!(refused, Err(StoreError::ReadOnly { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_answer_is_of_one_moment_and_the_next_one_of_a_later() {
    let opened = opened();
    let queries = opened.store.queries().expect("readable");
    let subscribers = |queries: &super::Queries| -> i64 {
        let count = "SELECT count(*) FROM subscriber";
        let connection = &queries.store.connection;
        connection
            .query_row(count, [], |row| row.get(0))
            .expect("readable")
    };
    let (before, during) = queries
        .at_one_moment(|queries| {
            let before = subscribers(queries);
            opened.store.subscribe("somebody")?;
            Ok::<_, StoreError>((before, subscribers(queries)))
        })
        .expect("a writer is in nobody's way");
    assert_eq!((before, during), (0, 0));
    assert_eq!(subscribers(&queries), 1);
}

#[test]
fn the_log_beside_the_database_goes_when_the_reader_closes_before_the_writer() {
    let opened = opened();
    let mut beside = opened.store.path().as_os_str().to_owned();
    beside.push("-wal");
    let queries = opened.store.queries().expect("readable");
    opened.store.subscribe("somebody").expect("writable");
    assert!(std::path::Path::new(&beside).exists());
    drop(queries);
    drop(opened.store);
    assert!(!std::path::Path::new(&beside).exists());
}

/// A schema just before the one of the queries, as far as they change it.
fn older() -> Connection {
    let db = Connection::open_in_memory().expect("memory");
    for step in [
        include_str!("../migrations/0001_first.sql"),
        include_str!("../migrations/0004_life.sql"),
    ] {
        db.execute_batch(step).expect("good SQL");
    }
    db.pragma_update(None, "foreign_keys", false)
        .expect("no transaction is open");
    db
}

fn migrate(db: &Connection) {
    let step = include_str!("../migrations/0006_queries.sql");
    db.execute_batch(step).expect("good SQL");
}

#[test]
fn an_older_log_comes_in_the_order_of_heights_and_each_channel_keeps_its_own() {
    let db = older();
    // A reorg took channel 1 from height 12 back to 11.
    for (channel, ordinal, height) in [(1, 0, 10), (1, 1, 12), (1, 2, 11), (2, 0, 11), (2, 1, 13)] {
        db.execute(
            "INSERT INTO arbitrator_log (channel, ordinal, height, entry) VALUES (?1, ?2, ?3, '')",
            [channel, ordinal, height],
        )
        .expect("good SQL");
    }
    migrate(&db);
    let mut statement = db
        .prepare("SELECT channel, height FROM arbitrator_log ORDER BY ordinal")
        .expect("good SQL");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Result<Vec<(i64, i64)>, _> = rows.expect("no parameters").collect();
    assert_eq!(
        rows.expect("integers"),
        [(1, 10), (2, 11), (1, 12), (1, 11), (2, 13)]
    );
}

#[test]
fn older_summaries_get_their_height_and_one_that_cannot_be_read_stops_nothing() {
    let db = older();
    for (vout, detail) in [(0, "{\"close_height\":7}"), (1, "{"), (2, "{}")] {
        db.execute(
            "INSERT INTO close_summary (txid, vout, peer, is_final, detail)
             VALUES (x'00', ?1, x'02', 1, ?2)",
            (vout, detail),
        )
        .expect("good SQL");
    }
    migrate(&db);
    let mut statement = db
        .prepare("SELECT listed_at FROM close_summary ORDER BY vout")
        .expect("good SQL");
    let heights = statement.query_map([], |row| row.get(0));
    let heights: Result<Vec<i64>, _> = heights.expect("no parameters").collect();
    assert_eq!(heights.expect("integers"), [7, 0, 0]);
}
