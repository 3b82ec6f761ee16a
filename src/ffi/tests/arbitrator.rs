use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};

use super::*;

pub(super) fn config(directory: &Path) -> ArbitratorConfig {
    ArbitratorConfig {
        network: Network::Regtest,
        database_path: directory.join("channels.sqlite").display().to_string(),
        // Nothing here asks it.
        esplora_url: "http://127.0.0.1:1".into(),
        policy: None,
        wait_for_lock_ms: None,
    }
}

fn open(config: ArbitratorConfig) -> Result<Arc<ChainArbitrator>, ArbitratorError> {
    open_with(config, Unsealed::new())
}

pub(super) fn open_with(
    config: ArbitratorConfig,
    crypto_system: Arc<dyn CryptoSystem>,
) -> Result<Arc<ChainArbitrator>, ArbitratorError> {
    let wallet = Arc::new(FixedWallet(Ok(p2wpkh())));
    wait(ChainArbitrator::open(
        config,
        seed_signer(),
        wallet,
        crypto_system,
        None,
        None,
    ))
}

/// Polls a future once, as a caller does that then loses interest.
fn poll_once<T>(future: impl Future<Output = T>) -> bool {
    pin!(future)
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

fn listener() -> String {
    "test".into()
}

#[test]
fn a_channel_registers_without_any_runtime_and_a_short_delay_of_the_peer_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open(config(directory.path())).unwrap();
    wait(arbitrator.register(terms(719))).unwrap();
    let event = wait(arbitrator.next_event(listener())).unwrap();
    assert_eq!(event.channel, terms(719).funding);
    assert_eq!(event.kind, EventKind::ShortPeerDelay { delay: 719 });
    assert_eq!(wait(arbitrator.channels()).unwrap(), [terms(719).funding]);
    assert_eq!(
        wait(arbitrator.channels_with(terms(719).peer)).unwrap(),
        [terms(719).funding]
    );
}

#[test]
fn a_call_for_the_next_event_that_is_dropped_has_taken_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open(config(directory.path())).unwrap();
    assert!(!poll_once(arbitrator.next_event(listener())));
    // Served after the dropped call began to wait, and before it could be woken.
    wait(arbitrator.register(terms(719))).unwrap();
    // Had the dropped call taken the event, this would wait for ever.
    let event = wait(arbitrator.next_event(listener())).unwrap();
    assert_eq!(event.kind, EventKind::ShortPeerDelay { delay: 719 });
}

#[test]
fn an_event_is_given_once_per_open_and_again_after_it_unless_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let arbitrator = open(config.clone()).unwrap();
    wait(arbitrator.register(terms(719))).unwrap();
    let event = wait(arbitrator.next_event(listener())).unwrap();
    assert!(!poll_once(arbitrator.next_event(listener())));
    wait(arbitrator.shutdown());

    let arbitrator = open(config).unwrap();
    assert_eq!(wait(arbitrator.next_event(listener())).unwrap(), event);
    wait(arbitrator.acknowledge(listener(), event.id)).unwrap();
    assert_eq!(wait(arbitrator.pending_events(listener(), 9)), Ok(vec![]));
}

#[test]
fn a_database_is_open_once_and_free_again_after_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let first = open(config.clone()).unwrap();
    let refused = open(config.clone()).err().unwrap();
    assert!(
        matches!(refused, ArbitratorError::InUse { .. }),
        "{refused}"
    );
    wait(first.shutdown());
    open(config).unwrap();
}

#[test]
fn every_call_after_shutdown_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open(config(directory.path())).unwrap();
    wait(arbitrator.shutdown());
    wait(arbitrator.shutdown());
    assert_eq!(wait(arbitrator.channels()), Err(ArbitratorError::ShutDown));
    assert_eq!(
        wait(arbitrator.resume(None)),
        Err(ArbitratorError::ShutDown)
    );
    assert_eq!(
        wait(arbitrator.next_event(listener())),
        Err(ArbitratorError::ShutDown)
    );
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_a_file_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.esplora_url = "ftp://server".into();
    let refused = open(config).err().unwrap();
    assert!(
        refused.to_string().starts_with("config.esplora_url: "),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn of_several_updates_the_one_that_cannot_be_is_named_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open(config(directory.path())).unwrap();
    let (direction, id) = (Direction::Incoming, 0);
    let release = ChannelUpdate::Release {
        htlc: HtlcKey { direction, id },
    };
    let revocation = ChannelUpdate::Revocation {
        number: 0,
        secret: vec![1; 31],
        next_point: terms(720).peer,
    };
    let told = arbitrator.updates(terms(720).funding, vec![release, revocation]);
    let refused = wait(told).unwrap_err();
    assert_eq!(refused.to_string(), "updates[1].secret: 31 bytes, not 32");
}
