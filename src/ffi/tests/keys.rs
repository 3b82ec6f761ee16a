use std::sync::{mpsc, Mutex};

use super::arbitrator::{config, open_with};
use super::*;

fn key(byte: u8) -> Arc<KeyCrypto> {
    KeyCrypto::new(vec![byte; 32]).unwrap()
}

#[test]
fn a_database_opens_with_its_key_and_after_a_change_with_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let reopen = |crypto: Arc<KeyCrypto>| {
        let opened = open_with(config.clone(), crypto)?;
        wait(opened.shutdown());
        Ok::<(), ArbitratorError>(())
    };
    reopen(key(1)).unwrap();
    assert_eq!(reopen(key(2)), Err(ArbitratorError::WrongKey));
    let arbitrator = open_with(config.clone(), key(1)).unwrap();
    wait(arbitrator.change_key(key(2))).unwrap();
    wait(arbitrator.shutdown());
    assert_eq!(reopen(key(1)), Err(ArbitratorError::WrongKey));
    reopen(key(2)).unwrap();
}

#[test]
fn a_preimage_has_32_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open_with(config(directory.path()), key(1)).unwrap();
    wait(arbitrator.learn_preimage(vec![7; 32])).unwrap();
    let refused = wait(arbitrator.learn_preimage(vec![7; 31])).unwrap_err();
    assert_eq!(refused.to_string(), "preimage: 31 bytes, not 32");
}

#[test]
fn a_preimage_is_given_to_who_asks_with_its_hash() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open_with(config(directory.path()), key(1)).unwrap();
    let hash = crate::protocol::Preimage::new([7; 32]).hash().0.to_vec();
    assert_eq!(wait(arbitrator.preimage(hash.clone())), Ok(None));
    wait(arbitrator.learn_preimage(vec![7; 32])).unwrap();
    assert_eq!(wait(arbitrator.preimage(hash)), Ok(Some(vec![7; 32])));
    let refused = wait(arbitrator.preimage(vec![7; 33])).unwrap_err();
    assert_eq!(refused.to_string(), "payment_hash: 33 bytes, not 32");
}

#[test]
fn imported_keys_are_taken_once_and_others_under_their_name_refused() {
    let directory = tempfile::tempdir().unwrap();
    let arbitrator = open_with(config(directory.path()), key(1)).unwrap();
    let import = |name: u8, of: u8| {
        let keys = seed_signer().channel_secrets(vec![of; 32]).unwrap();
        wait(arbitrator.import_channel_keys(vec![name; 32], keys))
    };
    import(5, 6).unwrap();
    import(5, 6).unwrap();
    let keys_id = "05".repeat(32);
    assert_eq!(import(5, 7), Err(ArbitratorError::KeysIdTaken { keys_id }));
    let mut short = seed_signer().channel_secrets(vec![6; 32]).unwrap();
    short.payment.pop();
    let refused = wait(arbitrator.import_channel_keys(vec![8; 32], short)).unwrap_err();
    assert_eq!(refused.to_string(), "secrets.payment: 31 bytes, not 32");
}

/// A key store that answers when the other end of the channel is dropped.
struct Slow(Mutex<mpsc::Receiver<()>>);

impl CryptoSystem for Slow {
    fn seal(&self, _: Vec<u8>, plain: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        let _ = self.0.lock().unwrap().recv();
        Ok(plain)
    }

    fn unseal(&self, place: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        self.seal(place, sealed)
    }
}

#[test]
fn a_key_store_that_does_not_answer_is_given_up_and_the_database_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let mut impatient = config.clone();
    impatient.policy = Some(Policy {
        callback_limit_ms: 1,
        ..default_policy()
    });
    let (_held, never) = mpsc::channel();
    let refused = open_with(impatient, Arc::new(Slow(Mutex::new(never)))).err();
    assert_eq!(
        refused,
        Some(ArbitratorError::CallbackTimedOut {
            callback: "CryptoSystem".into(),
            // Sealing, and opening what was sealed.
            limit_ms: 2,
        })
    );
    open_with(config, key(1)).unwrap();
}
