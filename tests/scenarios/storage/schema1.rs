//! Files of schema 1, in which the app's key store sealed every revocation secret itself.

use std::sync::Arc;

use lightning_arbitrator::store::{CryptoSystem, KeyCrypto, StoreError, Unsealed};
use rusqlite::Connection;
use testkit::party::{ChannelType, Side};

use super::refusal;
use super::secrets::{assert_none_on_disk, is_on_disk, KEY};
use crate::support::{Nap, Told, World};

/// The slots that hold the secrets of the commitments 0 to 4: slot, and the number whose secret it has.
const SLOTS: [(u8, u64); 3] = [(0, 4), (1, 1), (2, 3)];

/// The peer's secret of one of its commitments.
fn secret(world: &World, number: u64) -> [u8; 32] {
    world
        .channel
        .setup()
        .secrets(Side::Peer)
        .per_commitment_secret(number)
}

/// A phone that is off, and whose database an earlier version has written.
fn updated(crypto: Arc<dyn CryptoSystem>) -> World {
    let mut world = World::sealed(ChannelType::StaticRemotekey, Nap::Never, crypto.clone());
    for _ in 0..5 {
        world.round();
    }
    world.phone.switch_off();
    let path = &world.phone.config.database;
    std::fs::remove_file(path).expect("it is there");
    let db = Connection::open(path).expect("the directory is ours");
    db.execute_batch(include_str!("../../../src/store/migrations/0001_first.sql"))
        .expect("good SQL");
    db.execute_batch(include_str!("schema1.sql"))
        .expect("good SQL");
    for (slot, number) in SLOTS {
        let plain = secret(&world, number);
        let place = format!("revocation_secret/1/{slot}");
        let sealed = crypto.seal(place.as_bytes(), &plain).expect("it seals");
        let index = (1u64 << 48) - 1 - number;
        db.execute(
            "INSERT INTO revocation_secret VALUES (1, ?1, ?2, ?3)",
            (slot, index as i64, sealed),
        )
        .expect("good SQL");
    }
    db.execute_batch("PRAGMA application_id = 1279357538; PRAGMA user_version = 1;")
        .expect("good SQL");
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .expect("a pragma");
    world
}

/// Nothing is lost: the next secret must generate all that came before it.
#[track_caller]
fn assert_goes_on(world: &mut World) {
    world.repeats(Told::Revocation(world.channel.revocation(4)));
    world.round();
    world.round();
}

#[test]
fn sealed_secrets_are_sealed_anew_under_a_data_key() {
    let mut world = updated(Arc::new(KeyCrypto::new(KEY)));
    world.phone.on();
    assert_goes_on(&mut world);
    world.phone.switch_off();
    assert_goes_on(&mut world);
}

#[test]
fn unsealed_secrets_are_sealed_and_their_traces_gone() {
    let mut world = updated(Arc::new(Unsealed));
    let secrets = SLOTS.map(|(_, number)| secret(&world, number).to_vec());
    // One that was replaced, in space that is free since.
    let path = world.phone.config.database.clone();
    let db = Connection::open(path).expect("it is free");
    db.execute_batch(
        "PRAGMA secure_delete = OFF;
         INSERT INTO event (id, body) VALUES ('x', (SELECT hex(zeroblob(3000)) || 'a trace')); DELETE FROM event;",
    )
    .expect("good SQL");
    drop(db);
    for traces in [b"a trace".as_slice(), &secrets[0], &secrets[1], &secrets[2]] {
        assert!(is_on_disk(&world, traces));
    }
    world.phone.on();
    assert_none_on_disk(&world, &secrets);
    assert_none_on_disk(&world, &[b"a trace".to_vec()]);
    assert_goes_on(&mut world);
}

#[test]
fn a_wrong_key_is_refused_and_nothing_is_touched() {
    let mut world = updated(Arc::new(KeyCrypto::new(KEY)));
    let mut config = world.phone.config.clone();
    config.crypto = Arc::new(KeyCrypto::new([0; 32]));
    assert!(matches!(refusal(&config), StoreError::WrongKey));
    config.crypto = Arc::new(Unsealed);
    assert!(matches!(refusal(&config), StoreError::WrongKey));
    world.phone.on();
    assert_goes_on(&mut world);
}

#[test]
fn a_secret_that_does_not_open_is_the_trouble_of_its_channel_only() {
    let mut world = updated(Arc::new(KeyCrypto::new(KEY)));
    let db = Connection::open(&world.phone.config.database).expect("it is free");
    db.execute_batch("UPDATE revocation_secret SET secret = zeroblob(72) WHERE slot = 1")
        .expect("good SQL");
    drop(db);
    let channel = world.outpoint();
    let repeat = Told::Revocation(world.channel.revocation(4));
    let refused = world
        .phone
        .tell(channel, repeat)
        .expect_err("a slot is lost");
    assert!(
        refused.to_string().contains("channel 1, slot 1"),
        "{refused}"
    );
    let other = world.second_channel();
    let position = world.phone.position(other.funding());
    assert!(position.takes_commitments());
}
