//! A change of key: all or nothing, and nothing of the old one is left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use lightning_arbitrator::channel::CloseSummary;
use lightning_arbitrator::error::CalloutError;
use lightning_arbitrator::protocol::Preimage;
use lightning_arbitrator::store::{CryptoSystem, KeyCrypto, StoreError};
use lightning_arbitrator::ArbitratorError;
use rusqlite::{Connection, OpenFlags};
use testkit::party::Which;

use super::refusal;
use super::secrets::{
    assert_none_on_disk, imported_keys, is_on_disk, secrets, with_secrets, IMPORTED, KEY, PREIMAGE,
};
use crate::support::{About, KeyStore, Mood, Moody, Told, World};

const NEW_KEY: [u8; 32] = [0xb8; 32];

fn phone() -> World {
    with_secrets(Arc::new(KeyCrypto::new(KEY)))
}

fn change(world: &mut World, new: Arc<dyn CryptoSystem>) -> Result<(), ArbitratorError> {
    block_on(world.phone.on().change_key(new))
}

/// Everything that the phone's database holds sealed, as it stands in the file.
fn sealed(world: &World) -> Vec<Vec<u8>> {
    let db = &world.phone.config.database;
    let db =
        Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it is there");
    let mut statement = db
        .prepare(
            "SELECT sealed FROM data_key UNION ALL SELECT proof FROM data_key
             UNION ALL SELECT secret FROM revocation_secret
             UNION ALL SELECT sealed FROM preimage UNION ALL SELECT sealed FROM imported_keys",
        )
        .expect("good SQL");
    let rows = statement.query_map([], |row| row.get(0));
    let sealed: Vec<Vec<u8>> = rows
        .expect("no parameters")
        .map(|row| row.expect("a blob"))
        .collect();
    // The key and its proof, three slots of the revocation secrets, a preimage, imported keys.
    assert_eq!(sealed.len(), 7);
    sealed
}

/// Every secret is there, and opens.
#[track_caller]
fn assert_all_there(world: &mut World) {
    world.repeats(Told::Revocation(world.channel.revocation(4)));
    // The next secret must generate all that came before it.
    world.round();
    let store = world.phone.opened();
    let preimage = Preimage::new(PREIMAGE);
    assert_eq!(
        store.preimage(&preimage.hash()).expect("it opens"),
        Some(preimage)
    );
    let [(name, keys)] = store.imported().expect("readable").try_into().expect("one");
    assert_eq!(name, IMPORTED);
    let funding = keys.expect("they open").funding;
    assert_eq!(funding, imported_keys().funding);
}

/// The change was refused: nothing is different, and the old key is the right one.
#[track_caller]
fn refused(world: &mut World, new: Arc<dyn CryptoSystem>) -> ArbitratorError {
    let before = world.phone.tables();
    let error = change(world, new).expect_err("it cannot be done");
    world.phone.tables().assert_are(&before);
    world.phone.switch_off();
    world.phone.on();
    error
}

#[test]
fn afterwards_the_database_opens_with_the_new_key_only() {
    let mut world = phone();
    let new = Arc::new(KeyCrypto::new(NEW_KEY));
    change(&mut world, new.clone()).expect("changed");
    // While it is open, as after it was opened again.
    world.repeats(Told::Revocation(world.channel.revocation(4)));
    world.phone.switch_off();
    assert!(matches!(refusal(&world.phone.config), StoreError::WrongKey));
    world.phone.config.crypto = new;
    assert_all_there(&mut world);
}

#[test]
fn nothing_that_the_old_key_sealed_is_left_on_the_disk_nor_any_secret() {
    let old_store = KeyStore::new(KEY);
    let mut world = with_secrets(old_store.clone());
    let before = sealed(&world);
    for blob in &before {
        assert!(is_on_disk(&world, blob));
    }
    let new_store = KeyStore::new(NEW_KEY);
    change(&mut world, new_store.clone()).expect("changed");
    let mut secrets = secrets(&world);
    secrets.extend(old_store.data_keys());
    secrets.extend(new_store.data_keys());
    secrets.push(NEW_KEY.to_vec());
    assert_none_on_disk(&world, &before);
    assert_none_on_disk(&world, &secrets);
    world.phone.switch_off();
    assert_none_on_disk(&world, &before);
    assert_none_on_disk(&world, &secrets);
}

#[test]
fn the_data_key_changes_as_well() {
    let mut world = phone();
    let key_store = KeyStore::new(NEW_KEY);
    for _ in 0..3 {
        change(&mut world, key_store.clone()).expect("changed");
    }
    let mut keys = key_store.data_keys();
    assert_eq!(keys.len(), 3);
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[test]
fn traces_that_a_reader_kept_in_the_log_are_gone_after_the_next_opening() {
    let mut world = phone();
    let before = sealed(&world);
    let reader = Connection::open(&world.phone.config.database).expect("it is free to read");
    reader
        .execute_batch("BEGIN; SELECT * FROM data_key")
        .expect("a read transaction");
    change(&mut world, Arc::new(KeyCrypto::new(NEW_KEY))).expect("a reader is in nobody's way");
    assert!(is_on_disk(&world, &before[0]), "or this test shows nothing");
    drop(reader);
    world.phone.switch_off();
    world.phone.config.crypto = Arc::new(KeyCrypto::new(NEW_KEY));
    world.phone.on();
    assert_none_on_disk(&world, &before);
}

#[test]
fn a_row_that_does_not_open_is_named_and_nothing_changes() {
    for (table, column, name) in [
        ("revocation_secret", "secret", "channel 1, slot 0"),
        ("preimage", "sealed", ""),
        ("imported_keys", "sealed", "1d1d"),
    ] {
        let mut world = phone();
        world.phone.switch_off();
        let db = Connection::open(&world.phone.config.database).expect("it is free");
        let damage = format!("UPDATE {table} SET {column} = zeroblob(72)");
        db.execute_batch(&damage).expect("good SQL");
        drop(db);
        let error = refused(&mut world, Arc::new(KeyCrypto::new(NEW_KEY)));
        let ArbitratorError::Store(StoreError::Sealing {
            table: told, row, ..
        }) = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(told, table);
        assert!(row.starts_with(name), "{row}");
    }
}

/// A new key store that behaves like this when it is to seal.
fn moody(mood: Mood) -> Arc<dyn CryptoSystem> {
    let good: Arc<dyn CryptoSystem> = Arc::new(KeyCrypto::new(NEW_KEY));
    let moody = Moody::new(good, About::Sealing);
    moody.becomes(mood);
    moody
}

#[test]
fn nothing_changes_if_the_new_key_store_refuses() {
    let error = refused(&mut phone(), moody(Mood::Fails));
    assert_eq!(
        error.to_string(),
        "sealed data of data_key, key: not in the mood"
    );
}

#[test]
fn nothing_changes_if_the_new_key_store_cannot_open_what_it_sealed() {
    let error = refused(&mut phone(), moody(Mood::Errs));
    let sealing = StoreError::Sealing {
        table: "data_key",
        row: "key".into(),
        reason: "not sealed under this key".into(),
    };
    assert_eq!(error.to_string(), sealing.to_string());
}

#[test]
fn nothing_changes_if_the_new_key_store_panics() {
    let error = refused(&mut phone(), moody(Mood::Panics));
    assert_eq!(error.to_string(), "CryptoSystem: it panicked");
}

#[test]
fn nothing_changes_if_the_new_key_store_does_not_come_back() {
    let mut world = phone();
    world
        .phone
        .set(|config| config.policy.callback_limit = Duration::from_secs(1));
    let gate = Arc::new(Mutex::new(()));
    let waiting = gate.lock().expect("nobody has it");
    let error = refused(&mut world, moody(Mood::Waits(gate.clone())));
    assert!(matches!(
        error,
        ArbitratorError::Callback {
            callback: "CryptoSystem",
            source: CalloutError::TimedOut { .. }
        }
    ));
    drop(waiting);
}

#[test]
fn the_library_goes_on_while_the_new_key_store_takes_its_time_and_nothing_of_it_is_lost() {
    let mut world = phone();
    let learnt = Preimage::new([0x77; 32]);
    let (library, preimage) = (world.phone.shared(), learnt.clone());
    let meanwhile = Mood::CallsBack(Arc::new(move || {
        block_on(library.learn_preimage(preimage.clone())).expect("stored");
    }));
    change(&mut world, moody(meanwhile)).expect("changed");
    world.phone.config.crypto = Arc::new(KeyCrypto::new(NEW_KEY));
    let known = world.phone.opened().preimage(&learnt.hash());
    assert_eq!(known.expect("it opens"), Some(learnt));
    assert_all_there(&mut world);
}

#[test]
fn sealing_can_be_taken_up_later() {
    let mut world = with_secrets(Arc::new(lightning_arbitrator::store::Unsealed));
    let data_key = sealed(&world).swap_remove(0);
    let new = Arc::new(KeyCrypto::new(KEY));
    change(&mut world, new.clone()).expect("changed");
    assert!(!is_on_disk(&world, &data_key));
    world.phone.config.crypto = new;
    world.phone.switch_off();
    assert_all_there(&mut world);
}

#[test]
fn the_last_secret_beside_a_close_summary_is_sealed_anew_as_well() {
    let mut world = phone();
    world.peer_closes(Which::Current);
    world.phone.resume();
    let channel = world.outpoint();
    let summary = world.phone.summary(channel).expect("it is closed");
    let new = Arc::new(KeyCrypto::new(NEW_KEY));
    change(&mut world, new.clone()).expect("changed");
    world.phone.switch_off();
    world.phone.config.crypto = new;
    let secret = |of: &CloseSummary| {
        let fields = of.reestablish.clone().expect("a peer may come back");
        fields.your_last_per_commitment_secret.expect("revoked")
    };
    let opened = world.phone.summary(channel).expect("it opens");
    assert_eq!(secret(&opened), secret(&summary));
}
