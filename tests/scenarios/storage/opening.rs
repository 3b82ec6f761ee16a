//! Whose file it is, and who has it open. Another process, and permissions, are judged in `tests/second_process.rs`.

use std::fs;

use bitcoin::Network;
use futures::executor::block_on;
use lightning_arbitrator::store::StoreError;
use lightning_arbitrator::ChainArbitrator;
use rusqlite::Connection;

use super::{asleep, bytes, refusal};

#[test]
fn a_database_is_open_once_at_a_time() {
    let mut world = asleep();
    let config = world.phone.config.clone();
    world.phone.on();
    assert!(matches!(
        refusal(&config),
        StoreError::InUse { path } if path == config.database.display().to_string()
    ));
    world.phone.switch_off();
    world.phone.on();
}

#[test]
fn a_database_that_was_shut_down_can_be_opened_again() {
    let world = asleep();
    let config = world.phone.config.clone();
    let first = block_on(ChainArbitrator::open(config.clone())).expect("it is free");
    first.shutdown();
    let second = block_on(ChainArbitrator::open(config)).expect("it is free again");
    assert_eq!(
        block_on(second.channels()).expect("readable"),
        [world.outpoint()]
    );
}

#[test]
fn a_database_belongs_to_one_network() {
    let world = asleep();
    let mut config = world.phone.config.clone();
    config.network = Network::Signet;
    assert!(matches!(
        refusal(&config),
        StoreError::WrongNetwork { found, asked } if found == "regtest" && asked == "signet"
    ));
}

#[test]
fn a_newer_schema_is_refused() {
    let mut world = asleep();
    let config = world.phone.config.clone();
    let db = Connection::open(&config.database).expect("it is free");
    let newest: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("a number");
    db.pragma_update(None, "user_version", 99)
        .expect("writable");
    drop(db);
    assert!(matches!(
        refusal(&config),
        StoreError::NewerSchema { found: 99, known } if known < 99
    ));
    let db = Connection::open(&config.database).expect("it is free");
    db.pragma_update(None, "user_version", newest)
        .expect("writable");
    drop(db);
    world.phone.on();
}

#[test]
fn a_database_of_something_else_is_refused() {
    let world = asleep();
    let mut config = world.phone.config.clone();
    config.database.set_file_name("notes.sqlite");
    let db = Connection::open(&config.database).expect("the directory is ours");
    db.execute_batch("CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('milk');")
        .expect("good SQL");
    drop(db);
    assert!(matches!(refusal(&config), StoreError::NotOurs { .. }));
    // Neither was it made a database with a write-ahead log.
    config.database.set_file_name("notes.sqlite-wal");
    assert_eq!(bytes(&config.database), None);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let world = asleep();
    let mut config = world.phone.config.clone();
    config.database.set_file_name("notes.txt");
    fs::write(
        &config.database,
        "milk, bread, and a long list of other things\n".repeat(100),
    )
    .expect("the directory is ours");
    assert!(matches!(refusal(&config), StoreError::NotOurs { .. }));
}

#[test]
fn a_directory_in_place_of_the_file_is_refused() {
    let world = asleep();
    let mut config = world.phone.config.clone();
    config.database.set_file_name("directory");
    fs::create_dir(&config.database).expect("the directory is ours");
    assert!(matches!(refusal(&config), StoreError::ReadOnly { .. }));
}

#[test]
fn a_directory_that_is_not_there_is_refused() {
    let world = asleep();
    let mut config = world.phone.config.clone();
    config.database.set_file_name("nowhere/phone.sqlite");
    assert!(matches!(refusal(&config), StoreError::Io { .. }));
}

#[test]
fn an_empty_file_becomes_a_database() {
    let world = asleep();
    let mut config = world.phone.config.clone();
    config.database.set_file_name("new.sqlite");
    fs::write(&config.database, "").expect("the directory is ours");
    let opened = block_on(ChainArbitrator::open(config)).expect("nobody's yet");
    assert_eq!(block_on(opened.channels()).expect("readable"), []);
}
