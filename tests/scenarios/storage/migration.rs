//! Files of older schemas: what they held is all there after they were opened.
//!
//! `tests/fixtures/schema_N.sql` is what the version of the library with schema N wrote of the [`story`], and
//! `schema_N.txt` what it said of it. After a change of the schema, a new pair is made by
//! `FIXTURES=tests/fixtures cargo test --test scenarios storage::migration`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lightning_arbitrator::store::Unsealed;
use lightning_arbitrator::Config;
use rusqlite::Connection;
use tempfile::TempDir;
use testkit::party::ChannelType;

use super::standing::standing;
use super::story::story;
use crate::support::{dump, load, Nap, World};

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
    // Whatever a fixture is sealed with, anybody can open it.
    config.crypto = Arc::new(Unsealed);
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
