//! Backups: made while the database is in use, and opened on a device that cannot know what happened since.

use std::fs;
use std::path::PathBuf;

use futures::executor::block_on;
use lightning_arbitrator::arbitrator::Received;
use lightning_arbitrator::channel::{Refusal, UpdateError};
use lightning_arbitrator::court::{ArbitratorState, CloseKind, CourtError, EventKind};
use lightning_arbitrator::store::StoreError;
use lightning_arbitrator::ArbitratorError;
use rusqlite::Connection;
use testkit::gateway::{Fault, Scope};
use testkit::party::{Opened, Stands, Which};

use super::{asleep, bytes, refusal};
use crate::support::{Tables, World};

twins!(
    a_restored_channel_takes_no_commitment_and_broadcasts_nothing,
    a_restored_channel_that_the_peer_confirms_goes_on,
    a_peer_that_is_ahead_confirms_nothing,
    a_commitment_that_the_backup_would_broadcast_is_held_back,
    a_close_by_the_peer_is_resolved_as_ever,
    a_breach_is_recognised_as_ever,
    a_proof_of_data_loss_counts_as_ever,
    a_channel_that_is_fully_resolved_is_not_restored,
);

/// Makes a backup of a phone that is on.
fn back_up(world: &mut World) -> PathBuf {
    let path = world.phone.config.database.with_file_name("backup.sqlite");
    block_on(world.phone.on().backup(&path)).expect("the directory is ours");
    path
}

/// Makes a backup, lets the phone get lost, and opens the backup on another one.
fn restored(mut world: World) -> World {
    let path = back_up(&mut world);
    world.phone.set(|config| config.database = path);
    world
}

/// The peer says that it stands there.
fn hears(world: &mut World, peer: &Stands) -> Result<Received, ArbitratorError> {
    let message = world.channel.peer_reestablish_with(Opened::V1, peer);
    world.phone.hears(&world.channel, message)
}

/// The peer says what it knows, and no more than the store does.
#[track_caller]
fn confirms(world: &mut World) {
    let peer = world.channel.peer_stands();
    let heard = hears(world, &peer).expect("it is the newest");
    assert_eq!(heard, Received::Taken);
}

#[track_caller]
fn assert_held_back(world: &mut World) {
    let channel = world.outpoint();
    assert!(world.phone.report(channel).restored);
    assert_eq!(
        world.phone.position(channel).refusal,
        Some(Refusal::Restored)
    );
    assert!(matches!(
        world.phone.force_close(channel),
        Err(ArbitratorError::Court(CourtError::Restored { .. }))
    ));
    world.mine(10);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), []);
    assert_eq!(world.phone.report(channel).close, None);
}

fn a_restored_channel_takes_no_commitment_and_broadcasts_nothing(mut world: World) {
    world.phone.resume();
    let mut world = restored(world);
    assert_held_back(&mut world);
    let theirs = world.channel.their_commitment().expect("none outstanding");
    let channel = world.outpoint();
    assert!(matches!(
        world.phone.tell_remote(channel, &theirs),
        Err(ArbitratorError::Update(UpdateError::Closing {
            reason: Refusal::Restored,
            ..
        }))
    ));
    let told = world.phone.told();
    let is_restored = |it: &&EventKind| matches!(it, EventKind::Restored { .. });
    assert_eq!(told.iter().filter(is_restored).count(), 1);
}

fn a_restored_channel_that_the_peer_confirms_goes_on(mut world: World) {
    world.round();
    world.phone.resume();
    let mut world = restored(world);
    confirms(&mut world);
    let before = world.phone.tables();
    confirms(&mut world);
    world.phone.tables().assert_are(&before);
    world.round();
    let channel = world.outpoint();
    assert!(!world.phone.report(channel).restored);
    let closing = world.phone.force_close(channel).expect("a commitment");
    assert_eq!(closing.state, ArbitratorState::CommitmentBroadcasted);
    assert_eq!(world.chain.mempool(), [closing.broadcasts[0].0]);
}

fn a_peer_that_is_ahead_confirms_nothing(mut world: World) {
    world.round();
    world.phone.resume();
    let mut world = restored(world);
    assert_held_back(&mut world);
    let before = world.phone.tables();
    let ours = world.channel.peer_stands();
    let ahead = Stands {
        next_commitment_number: ours.next_commitment_number + 1,
        ..ours
    };
    let refused = hears(&mut world, &ahead).expect_err("it is ahead");
    assert!(
        matches!(
            refused,
            ArbitratorError::Update(UpdateError::BehindPeer { .. })
        ),
        "{refused}"
    );
    // That more of ours is revoked it has to prove.
    let boasts = Stands {
        next_revocation_number: ours.next_revocation_number + 1,
        ..ours
    };
    let refused = hears(&mut world, &boasts).expect_err("it is a lie");
    assert!(
        matches!(
            refused,
            ArbitratorError::Update(UpdateError::ReestablishSecret { .. })
        ),
        "{refused}"
    );
    world.phone.tables().assert_are(&before);
    let channel = world.outpoint();
    assert!(world.phone.report(channel).restored);
}

fn a_commitment_that_the_backup_would_broadcast_is_held_back(mut world: World) {
    world.phone.resume();
    let refuses = Fault::Status {
        code: 503,
        body: "later".into(),
    };
    world.gateway().order(Scope::all(), refuses);
    let channel = world.outpoint();
    let closing = world.phone.force_close(channel).expect("durable");
    let mut world = restored(world);
    world.gateway().behave();
    assert_held_back(&mut world);
    confirms(&mut world);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), [closing.broadcasts[0].0]);
}

fn a_close_by_the_peer_is_resolved_as_ever(mut world: World) {
    world.round();
    world.phone.resume();
    let mut world = restored(world);
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

fn a_breach_is_recognised_as_ever(mut world: World) {
    world.round();
    world.phone.resume();
    let mut world = restored(world);
    let breach = world.peer_closes(Which::Number(0));
    world.phone.resume();
    let channel = world.outpoint();
    let (kind, txid) = world.phone.report(channel).close.expect("proven");
    assert_eq!(kind, CloseKind::Breach { number: 0 });
    assert_eq!(txid, breach.compute_txid());
}

fn a_proof_of_data_loss_counts_as_ever(mut world: World) {
    world.round();
    let mut world = restored(world);
    let loss = world.channel.data_loss(2).expect("two rounds");
    let channel = world.outpoint();
    world.phone.hears_of_loss(&loss);
    assert!(matches!(
        world.phone.force_close(channel),
        Err(ArbitratorError::Court(CourtError::DataLoss { .. }))
    ));
    // A peer that says now that all is well does not undo what it has proven.
    let peer = world.channel.peer_stands();
    let heard = hears(&mut world, &peer).expect("it is no lie");
    assert_eq!(heard, Received::DataLost);
    assert!(world.phone.report(channel).restored);
}

fn a_channel_that_is_fully_resolved_is_not_restored(mut world: World) {
    world.phone.resume();
    let fee = testkit::party::CooperativeClose::legacy(bitcoin::Amount::from_sat(1_000));
    let close = world.channel.cooperative_close(&fee).expect("no HTLCs");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.resolve();
    let mut world = restored(world);
    let channel = world.outpoint();
    assert!(!world.phone.report(channel).restored);
}

#[test]
fn a_backup_holds_what_the_database_held_and_a_mark() {
    let mut world = asleep();
    let path = back_up(&mut world);
    let copy = Connection::open(&path).expect("it is there");
    let marks = copy.execute("DELETE FROM meta WHERE key = 'backup'", []);
    assert_eq!(marks.expect("a table of ours"), 1);
    drop(copy);
    Tables::of(&path).assert_are(&world.phone.tables());
}

#[test]
fn a_backup_overwrites_nothing() {
    let mut world = asleep();
    let path = back_up(&mut world);
    let before = bytes(&path);
    let refused = block_on(world.phone.on().backup(&path));
    assert!(matches!(
        refused,
        Err(ArbitratorError::Store(StoreError::BackupExists { path: named })) if named == path.display().to_string()
    ));
    assert!(bytes(&path) == before);
    // Least of all the database itself.
    let database = world.phone.config.database.clone();
    let refused = block_on(world.phone.on().backup(&database));
    assert!(matches!(
        refused,
        Err(ArbitratorError::Store(StoreError::BackupExists { .. }))
    ));
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing_behind() {
    let mut world = asleep();
    let path = world.phone.config.database.with_file_name("nowhere/backup");
    let refused = block_on(world.phone.on().backup(&path));
    assert!(matches!(
        refused,
        Err(ArbitratorError::Store(StoreError::ReadOnly { .. }))
    ));
    world.phone.switch_off();
    let directory = world.phone.config.database.parent().expect("a file");
    let files = fs::read_dir(directory).expect("ours").count();
    // The database and its lock.
    assert_eq!(files, 2);
}

#[test]
fn a_killed_attempt_does_not_stand_in_the_way() {
    let mut world = asleep();
    let partial = world
        .phone
        .config
        .database
        .with_file_name("backup.sqlite-partial");
    fs::write(&partial, "half a backup").expect("the directory is ours");
    back_up(&mut world);
    assert_eq!(bytes(&partial), None);
}

#[test]
fn a_backup_among_the_logs_of_another_database_is_refused() {
    let mut world = asleep();
    let path = back_up(&mut world);
    world.phone.switch_off();
    let config = world.phone.config.clone();
    fs::copy(&path, &config.database).expect("the directory is ours");
    let log = config.database.with_file_name("phone.sqlite-wal");
    fs::write(&log, [7; 5_000]).expect("the directory is ours");
    assert!(matches!(refusal(&config), StoreError::Damaged { .. }));
    fs::remove_file(&log).expect("ours");
    let channel = world.outpoint();
    assert!(world.phone.report(channel).restored);
}

#[test]
fn a_backup_of_a_backup_is_one_of_its_own() {
    let world = restored(asleep());
    let mut world = world;
    confirms(&mut world);
    let path = world.phone.config.database.with_file_name("second.sqlite");
    block_on(world.phone.on().backup(&path)).expect("the directory is ours");
    world.phone.set(|config| config.database = path);
    let told = world.phone.told();
    let is_restored = |it: &&EventKind| matches!(it, EventKind::Restored { .. });
    assert_eq!(told.iter().filter(is_restored).count(), 2, "{told:?}");
    assert_held_back(&mut world);
}
