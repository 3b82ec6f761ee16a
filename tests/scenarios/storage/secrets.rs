//! What is secret is sealed before it reaches the disk, and opens only where it was put and under its key.

use std::fs;
use std::sync::Arc;

use bitcoin::hashes::{sha256, Hash, HashEngine};
use lightning_arbitrator::store::{CryptoSystem, StoreError};
use lightning_arbitrator::ArbitratorError;
use rusqlite::Connection;
use testkit::party::{ChannelType, Side};

use crate::support::{Nap, Phone, Told, World};

/// A cipher for tests: a key stream of hashes, and a tag over key, place and text.
struct Sealed(u8);

impl Sealed {
    fn hash(&self, place: &[u8], text: &[u8]) -> [u8; 32] {
        let mut engine = sha256::Hash::engine();
        engine.input(&[self.0]);
        engine.input(place);
        engine.input(text);
        sha256::Hash::from_engine(engine).to_byte_array()
    }

    fn mix(&self, text: &[u8]) -> Vec<u8> {
        let stream = (0u8..).flat_map(|block| self.hash(b"stream", &[block]));
        text.iter()
            .zip(stream)
            .map(|(byte, key)| byte ^ key)
            .collect()
    }
}

impl CryptoSystem for Sealed {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let tag = self.hash(place, plain);
        Ok([self.mix(plain), tag.to_vec()].concat())
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        let (text, tag) = sealed.split_last_chunk::<32>().ok_or("too short")?;
        let plain = self.mix(text);
        if self.hash(place, &plain) == *tag {
            Ok(plain)
        } else {
            Err("the tag does not match".into())
        }
    }
}

/// Several revocations and a proof of data loss told to a phone that stays on, so that the log beside the database is
/// there as well.
fn with_secrets(seal: impl FnOnce(&mut Phone)) -> World {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    world.phone.switch_off();
    seal(&mut world.phone);
    for _ in 0..5 {
        world.round();
    }
    let loss = world.channel.data_loss(1).expect("one round");
    world.tell(Told::DataLoss(loss.proof_number, loss.proof_secret));
    world
}

/// How many of both sides' secrets can be read in the database and the files beside it.
fn readable(world: &World) -> usize {
    let directory = world.phone.config.database.parent().expect("a file");
    let files: Vec<Vec<u8>> = fs::read_dir(directory)
        .expect("the directory is ours")
        .map(|file| fs::read(file.expect("an entry").path()).expect("readable"))
        .collect();
    assert!(files.len() >= 3, "database, log and lock");
    let setup = world.channel.setup();
    let secrets = [Side::Us, Side::Peer].into_iter().flat_map(|side| {
        let secrets = setup.secrets(side);
        (0..8).map(|number| secrets.per_commitment_secret(number))
    });
    let holds = |secret: &[u8; 32]| {
        files
            .iter()
            .any(|file| file.windows(32).any(|bytes| bytes == secret))
    };
    secrets.filter(holds).count()
}

#[test]
fn sealed_secrets_are_readable_nowhere_on_the_disk() {
    let world = with_secrets(|phone| phone.config.crypto = Arc::new(Sealed(1)));
    assert_eq!(readable(&world), 0);
}

/// Without this, the test above could not fail.
#[test]
fn unsealed_secrets_would_be_found() {
    let world = with_secrets(|_| {});
    assert!(readable(&world) >= 3);
}

#[track_caller]
fn cannot_unseal(world: &mut World) {
    let before = world.phone.tables();
    let channel = world.outpoint();
    let repeat = Told::Revocation(world.channel.revocation(4));
    let refused = world.phone.tell(channel, repeat);
    assert!(matches!(
        refused,
        Err(ArbitratorError::Store(StoreError::Sealing {
            table: "revocation_secret",
            ..
        }))
    ));
    world.phone.tables().assert_are(&before);
}

#[test]
fn secrets_open_under_no_other_key_and_stay_for_the_right_one() {
    let mut world = with_secrets(|phone| phone.config.crypto = Arc::new(Sealed(1)));
    world.phone.switch_off();
    world.phone.config.crypto = Arc::new(Sealed(2));
    cannot_unseal(&mut world);
    world.phone.switch_off();
    world.phone.config.crypto = Arc::new(Sealed(1));
    world.repeats(Told::Revocation(world.channel.revocation(4)));
}

#[test]
fn a_sealed_secret_moved_to_another_row_does_not_open() {
    let mut world = with_secrets(|phone| phone.config.crypto = Arc::new(Sealed(1)));
    world.phone.switch_off();
    let db = Connection::open(&world.phone.config.database).expect("it is free");
    let moved = db.execute(
        "UPDATE revocation_secret SET secret =
            (SELECT other.secret FROM revocation_secret AS other WHERE other.slot = 1)
         WHERE slot = 0",
        [],
    );
    assert_eq!(moved, Ok(1));
    drop(db);
    cannot_unseal(&mut world);
}
