//! Scenario 24, secrets: nothing secret can be read on the disk, and it opens only where it was put and under its key.

use std::fs;
use std::sync::Arc;

use bitcoin::hashes::{sha256, Hash};
use futures::executor::block_on;
use lightning_arbitrator::channel::KeysId;
use lightning_arbitrator::protocol::{PaymentHash, Preimage};
use lightning_arbitrator::signer::ChannelSecrets;
use lightning_arbitrator::store::{
    CryptoError, CryptoSystem, KeyCrypto, Store, StoreError, Unsealed,
};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, SeedSigner};
use rusqlite::Connection;
use testkit::party::{ChannelType, Side};

use super::{beside, refusal};
use crate::support::{KeyStore, Nap, Told, World};

/// The app's key.
pub const KEY: [u8; 32] = [0xa7; 32];

pub const PREIMAGE: [u8; 32] = [0x5e; 32];

/// The name of the keys that a phone has imported.
pub const IMPORTED: KeysId = KeysId([0x1d; 32]);

pub fn imported_keys() -> ChannelSecrets {
    let signer = SeedSigner::new(&[9; 32]).expect("32 bytes");
    signer.channel_secrets(&IMPORTED).expect("derived")
}

/// A phone that is on, with secrets of every kind: several revocations, a preimage and imported keys.
pub fn with_secrets(crypto: Arc<dyn CryptoSystem>) -> World {
    let mut world = World::sealed(ChannelType::StaticRemotekey, Nap::Never, crypto);
    for _ in 0..5 {
        world.round();
    }
    let on = world.phone.on();
    block_on(on.learn_preimage(Preimage::new(PREIMAGE))).expect("stored");
    block_on(on.import_channel_keys(IMPORTED, imported_keys())).expect("stored");
    world
}

/// The secrets of such a phone's channel and app, and those of the other side that it must never see.
pub fn secrets(world: &World) -> Vec<Vec<u8>> {
    let setup = world.channel.setup();
    let revealed = [Side::Us, Side::Peer].into_iter().flat_map(|side| {
        let secrets = setup.secrets(side);
        (0..8).map(|number| secrets.per_commitment_secret(number))
    });
    let keys = imported_keys();
    let imported = [
        keys.funding,
        keys.revocation_base,
        keys.payment,
        keys.delayed_payment_base,
        keys.htlc_base,
    ];
    revealed
        .chain(imported.map(|key| key.secret_bytes()))
        .chain([keys.commitment_seed, PREIMAGE, KEY])
        .map(Vec::from)
        .collect()
}

/// Whether bytes stand in the database or a file beside it.
pub fn is_on_disk(world: &World, bytes: &[u8]) -> bool {
    let directory = world.phone.config.database.parent().expect("a file");
    let files = fs::read_dir(directory).expect("the directory is ours");
    files
        .map(|file| fs::read(file.expect("an entry").path()).expect("readable"))
        .any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

#[track_caller]
pub fn assert_none_on_disk(world: &World, secrets: &[Vec<u8>]) {
    for (index, secret) in secrets.iter().enumerate() {
        assert!(!is_on_disk(world, secret), "secret {index} is readable");
    }
}

#[test]
fn no_secret_is_readable_on_the_disk_whether_the_database_is_open_or_closed() {
    let key_store = KeyStore::new(KEY);
    let mut world = with_secrets(key_store.clone());
    let mut secrets = secrets(&world);
    secrets.extend(key_store.data_keys());
    assert_none_on_disk(&world, &secrets);
    world.phone.switch_off();
    assert_none_on_disk(&world, &secrets);
    // The search finds what is there.
    for sealed in key_store.sealed() {
        assert!(is_on_disk(&world, &sealed));
    }
}

#[test]
fn without_sealing_the_data_key_is_readable_and_nothing_else() {
    let world = with_secrets(Arc::new(Unsealed));
    assert_none_on_disk(&world, &secrets(&world));
    let db = Connection::open(&world.phone.config.database).expect("it is free to read");
    let key: Vec<u8> = db
        .query_row("SELECT sealed FROM data_key", [], |row| row.get(0))
        .expect("one row");
    assert_eq!(key.len(), 32);
    assert!(is_on_disk(&world, &key));
}

#[test]
fn a_wrong_key_is_refused_and_nothing_is_touched() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    world.phone.switch_off();
    let mut config = world.phone.config.clone();
    for wrong in [[0xa8; 32], [0; 32]] {
        config.crypto = Arc::new(KeyCrypto::new(wrong));
        assert!(matches!(refusal(&config), StoreError::WrongKey));
    }
    config.crypto = Arc::new(Unsealed);
    assert!(matches!(refusal(&config), StoreError::WrongKey));
    world.repeats(Told::Revocation(world.channel.revocation(4)));
}

#[test]
fn a_wrong_key_leaves_the_log_of_a_killed_process_as_it_was() {
    let world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    let mut config = world.phone.config.clone();
    // As it would be found if the process died now.
    config.database.set_file_name("killed.sqlite");
    for file in ["", "-wal"] {
        let from = beside(&world.phone.config.database, file);
        fs::copy(from, beside(&config.database, file)).expect("both are there");
    }
    assert!(fs::metadata(beside(&config.database, "-wal")).is_ok_and(|log| log.len() > 0));
    config.crypto = Arc::new(KeyCrypto::new([0; 32]));
    assert!(matches!(refusal(&config), StoreError::WrongKey));
    config.crypto = world.phone.config.crypto.clone();
    let opened = block_on(ChainArbitrator::open(config)).expect("the right key");
    let position = block_on(opened.position(world.outpoint())).expect("it is all there");
    assert_eq!(position.feed.remote_revoked.map(|it| it.get()), Some(4));
}

/// A cipher that notices nothing: with a wrong key it gives wrong bytes.
struct Mask(u8);

impl CryptoSystem for Mask {
    fn seal(&self, _: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(plain.iter().map(|byte| byte ^ self.0).collect())
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.seal(place, sealed)
    }
}

#[test]
fn a_wrong_key_is_noticed_even_if_the_app_does_not_notice_it() {
    let mut world = with_secrets(Arc::new(Mask(1)));
    world.phone.switch_off();
    let mut config = world.phone.config.clone();
    config.crypto = Arc::new(Mask(2));
    assert!(matches!(refusal(&config), StoreError::WrongKey));
    world.phone.on();
}

/// A key store that cannot be used now.
struct Locked;

impl CryptoSystem for Locked {
    fn seal(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::Refused("locked".into()))
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.seal(place, sealed)
    }
}

#[test]
fn a_locked_key_store_is_no_wrong_key() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    world.phone.switch_off();
    let mut config = world.phone.config.clone();
    config.crypto = Arc::new(Locked);
    assert!(matches!(
        refusal(&config),
        StoreError::Sealing { table: "data_key", reason, .. } if reason == "locked"
    ));
    world.phone.on();
}

#[test]
fn no_database_is_made_without_a_key_store_that_seals() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    world.phone.switch_off();
    let mut config = world.phone.config.clone();
    config.database.set_file_name("new.sqlite");
    config.crypto = Arc::new(Locked);
    let refused = Store::open(&config.database, config.network, config.crypto.clone());
    assert!(matches!(refused, Err(StoreError::Sealing { .. })));
    assert!(fs::read(&config.database).unwrap_or_default().is_empty());
}

/// Runs SQL on the database of a phone that is off.
fn damage(world: &mut World, sql: &str) {
    world.phone.switch_off();
    let db = Connection::open(&world.phone.config.database).expect("it is free");
    db.execute_batch(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[test]
fn a_revocation_secret_moved_to_another_row_does_not_open() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    let moved = "UPDATE revocation_secret SET secret =
        (SELECT other.secret FROM revocation_secret AS other WHERE other.slot = 1) WHERE slot = 0";
    damage(&mut world, moved);
    let before = world.phone.tables();
    let (channel, repeat) = (world.outpoint(), world.channel.revocation(4));
    let refused = world.phone.tell(channel, Told::Revocation(repeat));
    assert!(matches!(
        refused,
        Err(ArbitratorError::Store(StoreError::Sealing { table: "revocation_secret", row, .. }))
            if row.starts_with("channel 1, slot 0")
    ));
    world.phone.tables().assert_are(&before);
}

#[test]
fn a_preimage_moved_to_another_row_does_not_open() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    let moved = "UPDATE preimage SET payment_hash = zeroblob(32)";
    damage(&mut world, moved);
    let opened = world.phone.opened().preimage(&PaymentHash([0; 32]));
    assert!(matches!(
        opened,
        Err(StoreError::Sealing { table: "preimage", row, .. }) if row == "00".repeat(32)
    ));
}

#[test]
fn imported_keys_moved_to_another_row_do_not_open() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    damage(
        &mut world,
        "UPDATE imported_keys SET keys_id = zeroblob(32)",
    );
    let store = world.phone.opened();
    let [(name, opened)] = store.imported().expect("readable").try_into().expect("one");
    assert_eq!(name, KeysId([0; 32]));
    assert!(matches!(
        opened,
        Err(StoreError::Sealing { table: "imported_keys", row, .. }) if row == "00".repeat(32)
    ));
}

#[test]
fn a_preimage_is_found_by_its_hash_after_a_restart_and_a_repeat_changes_nothing() {
    let mut world = with_secrets(Arc::new(KeyCrypto::new(KEY)));
    let before = world.phone.tables();
    let again = world.phone.on().learn_preimage(Preimage::new(PREIMAGE));
    block_on(again).expect("known");
    world.phone.tables().assert_are(&before);
    let store = world.phone.opened();
    let hash = |bytes: &[u8]| PaymentHash(sha256::Hash::hash(bytes).to_byte_array());
    let found = store.preimage(&hash(&PREIMAGE)).expect("it opens");
    assert_eq!(found, Some(Preimage::new(PREIMAGE)));
    assert_eq!(store.preimage(&hash(b"another")).expect("no row"), None);
}
