use bitcoin::secp256k1::Message;
use bitcoin::{EcdsaSighashType, Psbt, ScriptBuf};

use super::*;
use crate::channel::KeysId;
use crate::ffi::foreign::{ForeignCryptoSystem, ForeignSigner, ForeignWallet};
use crate::protocol::CommitmentSecret;
use crate::signer::{self, Signer as _};
use crate::store::{self, CryptoSystem as _};
use crate::wallet::OnchainWallet as _;

/// A request that the delayed payment key of commitment 5 sign one input.
fn request() -> signer::SignRequest {
    let core = signer::SeedSigner::new(&SEED).unwrap();
    let keys_id = KeysId(KEYS_ID);
    let number = crate::protocol::CommitmentNumber::new(5).unwrap();
    let point = core.per_commitment_point(&keys_id, number).unwrap();
    let base = core.channel_keys(&keys_id).unwrap().basepoints;
    let transaction = bitcoin::Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![bitcoin::TxIn::default()],
        output: vec![],
    };
    signer::SignRequest {
        channel: terms(720).to_core().unwrap().channel(),
        psbt: Psbt::from_unsigned_tx(transaction).unwrap(),
        inputs: vec![signer::InputToSign {
            index: 0,
            key: signer::KeyDescriptor {
                keys_id,
                role: crate::protocol::KeyRole::DelayedPayment,
                tweak: signer::KeyTweak::Point(point),
                public_key: crate::protocol::derive_public_key(&base.delayed_payment, &point)
                    .unwrap(),
            },
            sighash: Message::from_digest([8; 32]),
            sighash_type: EcdsaSighashType::All,
        }],
    }
}

#[test]
fn a_sign_request_comes_back_as_it_went_out() {
    let request = request();
    assert_eq!(SignRequest::from(&request).to_core(), Ok(request));
}

#[test]
fn a_seed_signer_signs_through_the_face_as_it_does_below_it() {
    let through_the_face = ForeignSigner(seed_signer()).sign(&request()).unwrap();
    let below = signer::SeedSigner::new(&SEED).unwrap();
    assert_eq!(through_the_face, below.sign(&request()).unwrap());
}

#[test]
fn a_seed_signer_signs_with_no_key_but_the_one_described() {
    let mut wrong = SignRequest::from(&request());
    wrong.inputs[0].key.role = KeyRole::Htlc;
    let refused = seed_signer().sign(wrong).unwrap_err();
    assert!(matches!(refused, SignerError::Refused { .. }), "{refused}");
}

#[test]
fn no_secret_of_a_request_or_a_channel_is_printed() {
    let mut request = request();
    let secret = CommitmentSecret::new([0xab; 32]);
    request.inputs[0].key.tweak = signer::KeyTweak::Secret(secret);
    let secrets = seed_signer().channel_secrets(KEYS_ID.to_vec()).unwrap();
    let printed = format!(
        "{:?} {secrets:?}",
        SignRequest::from(&request).inputs[0].key.tweak
    );
    assert_eq!(printed, "Secret(..) ChannelSecrets(..)");
}

/// A signer that answers with bytes that are nothing.
struct Nonsense;

impl Signer for Nonsense {
    fn channel_keys(&self, _: Vec<u8>) -> Result<ChannelKeys, SignerError> {
        let mut keys = terms(720).local.keys;
        keys.payment_basepoint.clear();
        Ok(keys)
    }

    fn per_commitment_point(&self, _: Vec<u8>, _: u64) -> Result<Vec<u8>, SignerError> {
        Ok(vec![4; 33])
    }

    fn sign(&self, _: SignRequest) -> Result<Vec<Vec<u8>>, SignerError> {
        Ok(vec![vec![1; 64], vec![1; 71]])
    }

    fn sign_announcement(&self, _: AnnouncementRequest) -> Result<Vec<u8>, SignerError> {
        Ok(vec![0; 64])
    }
}

#[test]
fn answers_of_a_signer_that_are_none_are_refused_by_name() {
    let signer = ForeignSigner(Arc::new(Nonsense));
    let keys_id = KeysId(KEYS_ID);
    let point = signer.per_commitment_point(&keys_id, crate::protocol::CommitmentNumber::ZERO);
    let texts = [
        signer.channel_keys(&keys_id).unwrap_err().to_string(),
        point.unwrap_err().to_string(),
        signer.sign(&request()).unwrap_err().to_string(),
    ];
    assert_eq!(
        texts,
        [
            "its answer: channel_keys.payment_basepoint: 0 bytes, not 33",
            "its answer: per_commitment_point: not a point of secp256k1",
            "its answer: sign[1]: 71 bytes, not 64",
        ]
    );
}

#[test]
fn a_wallet_is_believed_about_its_scripts() {
    let wallet = ForeignWallet(Arc::new(FixedWallet(Ok(p2wpkh()))));
    let ours = ScriptBuf::from_bytes(p2wpkh());
    assert_eq!(wallet.sweep_script(), Ok(ours.clone()));
    assert_eq!(wallet.is_our_address(&ours), Ok(true));
    assert_eq!(wallet.is_our_address(&ScriptBuf::new()), Ok(false));
}

#[test]
fn nothing_is_swept_to_a_script_that_no_wallet_is_paid_to() {
    let wallet = ForeignWallet(Arc::new(FixedWallet(Ok(b"bcrt1q...".to_vec()))));
    assert!(wallet.sweep_script().is_err());
}

#[test]
fn what_a_callback_throws_without_declaring_it_is_told() {
    let thrown = WalletError::from(uniffi::UnexpectedUniFFICallbackError::new("NullPointer"));
    let wallet = ForeignWallet(Arc::new(FixedWallet(Err(thrown))));
    let told = wallet.sweep_script().unwrap_err().to_string();
    assert_eq!(told, "it threw NullPointer");
}

/// A key store that seals by turning around, and cannot be used while it is locked.
struct Turning {
    is_locked: bool,
}

impl CryptoSystem for Turning {
    fn seal(&self, _: Vec<u8>, plain: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        match self.is_locked {
            true => Err(CryptoError::Refused {
                reason: "locked".into(),
            }),
            false => Ok(plain.into_iter().rev().collect()),
        }
    }

    fn unseal(&self, place: Vec<u8>, sealed: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        match place.as_slice() {
            b"row" => self.seal(place, sealed),
            _ => Err(CryptoError::WrongKey),
        }
    }
}

#[test]
fn a_key_store_seals_and_opens_or_says_why_not() {
    let turning = |is_locked| ForeignCryptoSystem(Arc::new(Turning { is_locked }));
    assert_eq!(turning(false).seal(b"row", &[1, 2, 3]), Ok(vec![3, 2, 1]));
    assert_eq!(turning(false).open(b"row", &[3, 2, 1]), Ok(vec![1, 2, 3]));
    let wrong_key = Err(store::CryptoError::WrongKey);
    assert_eq!(turning(false).open(b"another", &[3, 2, 1]), wrong_key);
    let refused = Err(store::CryptoError::Refused("locked".into()));
    assert_eq!(turning(true).open(b"row", &[3, 2, 1]), refused);
}

#[test]
fn what_a_key_store_throws_without_declaring_it_is_told_and_is_no_wrong_key() {
    let thrown = CryptoError::from(uniffi::UnexpectedUniFFICallbackError::new("NullPointer"));
    let refused = store::CryptoError::Refused("it threw NullPointer".into());
    assert_eq!(store::CryptoError::from(thrown), refused);
}

#[test]
fn a_key_seals_through_the_face_as_it_does_below_it() {
    let through_the_face = ForeignCryptoSystem(KeyCrypto::new(vec![3; 32]).unwrap());
    let sealed = through_the_face.seal(b"row", &[1, 2, 3]).unwrap();
    let below = store::KeyCrypto::new([3; 32]);
    assert_eq!(below.open(b"row", &sealed), Ok(vec![1, 2, 3]));
    assert_eq!(through_the_face.open(b"row", &sealed), Ok(vec![1, 2, 3]));
}

#[test]
fn a_key_of_another_length_is_refused_by_name() {
    for length in [0, 31, 33, 64] {
        let refused = KeyCrypto::new(vec![3; length]).unwrap_err().to_string();
        assert_eq!(refused, format!("key: {length} bytes, not 32"));
    }
}

#[test]
fn a_wallets_coins_and_witnesses_come_through_as_they_are() {
    let wallet = ForeignWallet(Arc::new(FixedWallet(Ok(p2wpkh()))));
    let coins = wallet.coins().unwrap();
    assert_eq!(coins.len(), 1);
    assert_eq!(coins[0].outpoint.vout, 1);
    assert_eq!(coins[0].output.value.to_sat(), 50_000);
    assert_eq!(coins[0].output.script_pubkey.as_bytes(), p2wpkh());
    let witnesses = wallet.sign_coins(&request().psbt, &[3]).unwrap();
    assert_eq!(witnesses.len(), 1);
    assert_eq!(witnesses[0].to_vec(), [vec![], vec![0, 0, 0, 3]]);
}

#[test]
fn a_coin_that_is_nowhere_is_the_wallets_error() {
    struct Lost;
    impl OnchainWallet for Lost {
        fn is_our_address(&self, _: Vec<u8>) -> Result<bool, WalletError> {
            Ok(false)
        }
        fn sweep_script(&self) -> Result<Vec<u8>, WalletError> {
            Ok(p2wpkh())
        }
        fn coins(&self) -> Result<Vec<Coin>, WalletError> {
            Ok(vec![Coin {
                outpoint: OutPoint {
                    txid: "nowhere".into(),
                    vout: 0,
                },
                value_sat: 1,
                script: p2wpkh(),
                witness_weight: 108,
            }])
        }
        fn hold_coins(&self, _held: Vec<OutPoint>) -> Result<(), WalletError> {
            Ok(())
        }

        fn sign_coins(&self, _: Vec<u8>, _: Vec<u32>) -> Result<Vec<CoinWitness>, WalletError> {
            Ok(vec![])
        }
    }
    let refused = ForeignWallet(Arc::new(Lost)).coins().unwrap_err();
    let said = "its answer: txid: not a txid of 64 hex digits";
    assert_eq!(refused.to_string(), said);
}
