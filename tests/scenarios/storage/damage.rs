//! A file cut short, and a file with flipped bits: an error of its own, or nothing lost; never a panic, never a change.

use std::fs;

use bitcoin::OutPoint;
use futures::executor::block_on;
use lightning_arbitrator::store::{Store, StoreError};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config};

use super::{asleep, bytes, refusal};
use crate::support::Tables;

/// SQLite's own header at the start of the file.
const HEADER: usize = 100;

/// The size of a page in a file of ours.
const PAGE: usize = 1024;

fn intact(config: &Config) -> Vec<u8> {
    let intact = bytes(&config.database).expect("the phone has a database");
    assert_eq!(intact.len() % PAGE, 0);
    assert!(intact.len() > 10 * PAGE);
    intact
}

#[test]
fn a_file_cut_short_is_refused() {
    let world = asleep();
    let config = &world.phone.config;
    let intact = intact(config);
    let lengths = [
        0,
        1,
        15,
        16,
        HEADER - 1,
        HEADER,
        HEADER + 1,
        PAGE - 1,
        PAGE,
        PAGE + 1,
    ];
    let half = intact.len() / 2;
    for length in lengths
        .into_iter()
        .chain([half, half + 1, intact.len() - PAGE])
    {
        fs::write(&config.database, &intact[..length]).expect("writable");
        let error = refusal(config);
        assert!(
            matches!(error, StoreError::Damaged { .. }),
            "{length}: {error:?}"
        );
    }
    fs::write(&config.database, &intact).expect("writable");
    block_on(ChainArbitrator::open(config.clone())).expect("whole again");
}

#[test]
fn an_empty_file_is_a_new_one_where_no_database_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = asleep();
    let config = Config {
        database: folder.path().join("channels.sqlite"),
        ..world.phone.config.clone()
    };
    let open = || block_on(ChainArbitrator::open(config.clone())).map(|it| it.shutdown());
    fs::write(&config.database, b"").expect("writable");
    open().expect("nothing was here");
    fs::remove_file(&config.database).expect("it is there");
    open().expect("it was taken away");
    fs::write(&config.database, b"").expect("writable");
    assert!(open().is_err(), "nobody took it away");
}

#[test]
fn a_flipped_bit_in_the_header_is_refused_or_means_nothing() {
    let world = asleep();
    let config = &world.phone.config;
    let intact = intact(config);
    let tables = Tables::of(&config.database);
    let open = || Store::open(&config.database, config.network, config.crypto.clone());
    let mut refused = 0;
    for (byte, bit) in (0..HEADER).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
        let mut flipped = intact.clone();
        flipped[byte] ^= 1 << bit;
        fs::write(&config.database, &flipped).expect("writable");
        match open() {
            Ok(store) => {
                drop(store);
                Tables::of(&config.database).assert_are(&tables);
            }
            Err(error) => {
                refused += 1;
                assert!(
                    bytes(&config.database).as_ref() == Some(&flipped),
                    "{byte}.{bit}"
                );
                let is_own = match error {
                    StoreError::Damaged { .. }
                    | StoreError::NotOurs { .. }
                    | StoreError::NewerSchema { .. }
                    | StoreError::ReadOnly { .. } => true,
                    StoreError::InUse { .. }
                    | StoreError::WrongNetwork { .. }
                    | StoreError::Corrupt { .. }
                    | StoreError::Conflict { .. }
                    | StoreError::UnknownChannel { .. }
                    | StoreError::BackupExists { .. }
                    | StoreError::Cursor { .. }
                    | StoreError::Full
                    | StoreError::Io { .. }
                    | StoreError::WrongKey
                    | StoreError::Sealing { .. }
                    | StoreError::Sqlite(_) => false,
                };
                assert!(is_own, "{byte}.{bit}: {error:?}");
            }
        }
    }
    // The magic alone has 128 bits that matter.
    assert!(refused > 200, "{refused}");
}

/// Everything that can be asked without changing anything.
fn read_all(config: &Config, channel: OutPoint) -> Vec<Result<(), ArbitratorError>> {
    let opened = match block_on(ChainArbitrator::open(config.clone())) {
        Ok(opened) => opened,
        Err(error) => return vec![Err(error)],
    };
    vec![
        block_on(opened.channels()).map(drop),
        block_on(opened.position(channel)).map(drop),
        block_on(opened.channel(channel)).map(drop),
        block_on(opened.log(channel)).map(drop),
        block_on(opened.close_summary(channel)).map(drop),
    ]
}

#[test]
fn a_page_that_is_no_page_is_an_error_of_its_own() {
    let world = asleep();
    let config = &world.phone.config;
    let intact = intact(config);
    let mut noticed = 0;
    for page in 0..intact.len() / PAGE {
        let mut flipped = intact.clone();
        // The kind of a b-tree page: its first byte, after the header on the first page.
        flipped[page * PAGE + if page == 0 { HEADER } else { 0 }] ^= 0x80;
        fs::write(&config.database, &flipped).expect("writable");
        let answers = read_all(config, world.outpoint());
        let errors: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        for error in &errors {
            assert!(
                matches!(error, ArbitratorError::Store(StoreError::Damaged { .. })),
                "page {page}: {error:?}"
            );
        }
        noticed += usize::from(!errors.is_empty());
        assert!(
            bytes(&config.database) == Some(flipped),
            "page {page} was changed"
        );
    }
    // The schema, and every table that an open channel has rows in.
    assert!(noticed >= 7, "{noticed}");
}
