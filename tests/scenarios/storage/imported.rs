//! Channels' own keys, imported into the database: they sign, after every restart as well, and the app keeps none.

use std::sync::Arc;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::channel::KeysId;
use lightning_arbitrator::protocol::{ChannelPublicKeys, CommitmentNumber};
use lightning_arbitrator::signer::{SignRequest, Signer, SignerError};
use lightning_arbitrator::{ArbitratorError, SeedSigner};
use rusqlite::Connection;
use testkit::party::{ChannelType, Which};

use crate::support::{keys_id, retold, Nap, World};

twins!(
    imported_keys_sign_what_the_app_has_no_keys_for,
    a_force_close_is_signed_with_imported_keys,
);

/// An app without any keys.
struct Keyless;

impl Keyless {
    fn refuse<T>() -> Result<T, SignerError> {
        Err(SignerError("no keys".into()))
    }
}

impl Signer for Keyless {
    fn channel_keys(&self, _: &KeysId) -> Result<ChannelPublicKeys, SignerError> {
        Self::refuse()
    }

    fn per_commitment_point(
        &self,
        _: &KeysId,
        _: CommitmentNumber,
    ) -> Result<PublicKey, SignerError> {
        Self::refuse()
    }

    fn sign(&self, _: &SignRequest) -> Result<Vec<Signature>, SignerError> {
        Self::refuse()
    }
}

/// The app loses the keys of its channel.
fn forget_keys(world: &mut World) {
    world.phone.set(|config| config.signer = Arc::new(Keyless));
}

fn import(world: &mut World) {
    let name = keys_id(&world.channel);
    let secrets = retold(&world.channel.setup().ours);
    block_on(world.phone.on().import_channel_keys(name, secrets)).expect("stored");
}

fn imported_keys_sign_what_the_app_has_no_keys_for(mut world: World) {
    forget_keys(&mut world);
    import(&mut world);
    world.round();
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}

fn a_force_close_is_signed_with_imported_keys(mut world: World) {
    forget_keys(&mut world);
    import(&mut world);
    world.phone.resume();
    let channel = world.outpoint();
    let status = world.phone.force_close(channel).expect("decided");
    assert_eq!(status.delayed, None);
    assert_eq!(world.chain.mempool().len(), 1);
}

/// Without this, the tests above could not fail.
#[test]
fn a_channel_whose_keys_nobody_has_cannot_be_swept() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    forget_keys(&mut world);
    world.peer_closes(Which::Current);
    let report = world
        .phone
        .resume_with(ResumeOptions::default())
        .expect("a tick");
    assert!(report.troubles.iter().any(|it| it.what.contains("no keys")));
    world.assert_not_swept();
}

#[test]
fn a_channel_can_be_registered_with_imported_keys() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep);
    let mut other = world.unregistered_channel(7);
    forget_keys(&mut world);
    let secrets = retold(&other.setup().ours);
    block_on(
        world
            .phone
            .on()
            .import_channel_keys(keys_id(&other), secrets),
    )
    .expect("stored");
    world.phone.register(&other);
    let round = other.commit_both().expect("nothing is outstanding");
    world.phone.told_round(other.funding(), &round);
}

#[test]
fn an_import_that_says_nothing_new_changes_nothing() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    import(&mut world);
    let before = world.phone.tables();
    import(&mut world);
    world.phone.tables().assert_are(&before);
}

fn stranger(name: &KeysId) -> lightning_arbitrator::signer::ChannelSecrets {
    let signer = SeedSigner::new(&[0x33; 32]).expect("32 bytes");
    signer.channel_secrets(name).expect("derived")
}

#[track_caller]
fn is_taken(world: &mut World, name: KeysId) {
    let before = world.phone.tables();
    let refused = block_on(world.phone.on().import_channel_keys(name, stranger(&name)));
    assert!(matches!(
        refused,
        Err(ArbitratorError::KeysIdTaken { keys_id }) if keys_id == name
    ));
    world.phone.tables().assert_are(&before);
}

#[test]
fn other_keys_under_an_imported_name_are_refused() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let name = KeysId([0x44; 32]);
    let first = SeedSigner::new(&[0x55; 32]).expect("32 bytes");
    let first = first.channel_secrets(&name).expect("derived");
    block_on(world.phone.on().import_channel_keys(name, first)).expect("stored");
    is_taken(&mut world, name);
}

#[test]
fn other_keys_under_the_name_of_a_registered_channel_are_refused() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let name = keys_id(&world.channel);
    is_taken(&mut world, name);
}

#[test]
fn imported_keys_that_do_not_open_are_the_trouble_of_their_channel_and_of_no_other() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    import(&mut world);
    let other = world.second_channel();
    world.phone.resume();
    world.phone.switch_off();
    let db = Connection::open(&world.phone.config.database).expect("it is free");
    db.execute_batch("UPDATE imported_keys SET sealed = zeroblob(200)")
        .expect("good SQL");
    drop(db);
    world.submit(&other.peer_commitment_tx(Which::Current).expect("signed"));
    world.peer_closes(Which::Current);
    let report = world
        .phone
        .resume_with(ResumeOptions::default())
        .expect("a tick");
    let [trouble] = report.troubles.as_slice() else {
        panic!("one trouble: {report:?}");
    };
    assert_eq!(trouble.channel, Some(world.outpoint()));
    assert!(trouble.what.contains("imported_keys"), "{trouble:?}");
    assert_eq!(world.chain.mempool().len(), 1, "the other one's sweep");
}
