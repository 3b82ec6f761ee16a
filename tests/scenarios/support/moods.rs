//! A signer, a wallet and a key store with moods: good ones over the phone's own, and bad ones to order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey, SECP256K1};
use bitcoin::{OutPoint, Psbt, Script, ScriptBuf, Witness};
use lightning_arbitrator::channel::KeysId;
use lightning_arbitrator::protocol::{ChannelPublicKeys, CommitmentNumber};
use lightning_arbitrator::signer::{SignRequest, Signer, SignerError};
use lightning_arbitrator::store::{CryptoError, CryptoSystem};
use lightning_arbitrator::wallet::{Coin, OnchainWallet, WalletError};

use super::number;

/// How the app answers when the library calls it.
#[derive(Clone, Default)]
pub enum Mood {
    #[default]
    Good,
    /// With the error it declares.
    Fails,
    Panics,
    /// Well, but not before the test lets go of this.
    Waits(Arc<Mutex<()>>),
    /// With a signature of another key, another point, a script that is no address, or sealed bytes that do not open.
    Errs,
    /// Well, but it does this first.
    CallsBack(Arc<dyn Fn() + Send + Sync>),
}

/// What the app is moody about; to everything else it answers well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Signing for this channel.
    Signing(OutPoint),
    Points,
    SweepScripts,
    Addresses,
    Coins,
    HeldCoins,
    Sealing,
}

/// The phone's own signer, wallet or key store, with moods.
pub struct Moody<T: ?Sized> {
    good: Arc<T>,
    about: About,
    mood: Mutex<(Mood, u32)>,
}

impl<T: ?Sized> Moody<T> {
    pub fn new(good: Arc<T>, about: About) -> Arc<Self> {
        Arc::new(Moody {
            good,
            about,
            mood: Mutex::default(),
        })
    }

    /// From now on.
    pub fn becomes(&self, mood: Mood) {
        self.becomes_for(u32::MAX, mood);
    }

    /// For the next so many calls.
    pub fn becomes_for(&self, calls: u32, mood: Mood) {
        *self.mood() = (mood, calls);
    }

    fn mood(&self) -> MutexGuard<'_, (Mood, u32)> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts by the mood; `true` if the answer is to be wrong.
    fn act<E>(&self, about: About, refuse: impl FnOnce(String) -> E) -> Result<bool, E> {
        if about != self.about {
            return Ok(false);
        }
        let mood = {
            let mut mood = self.mood();
            let (now, left) = &mut *mood;
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => *now = Mood::Good,
            }
            now.clone()
        };
        match mood {
            Mood::Good => {}
            Mood::Fails => return Err(refuse("not in the mood".into())),
            Mood::Panics => panic!("a panic that the test ordered"),
            Mood::Waits(until) => drop(until.lock()),
            Mood::Errs => return Ok(true),
            Mood::CallsBack(deed) => deed(),
        }
        Ok(false)
    }
}

impl Signer for Moody<dyn Signer> {
    fn channel_keys(&self, keys_id: &KeysId) -> Result<ChannelPublicKeys, SignerError> {
        self.good.channel_keys(keys_id)
    }

    fn per_commitment_point(
        &self,
        keys_id: &KeysId,
        asked: CommitmentNumber,
    ) -> Result<PublicKey, SignerError> {
        let asked = match self.act(About::Points, SignerError)? {
            true => number(asked.get() + 1),
            false => asked,
        };
        self.good.per_commitment_point(keys_id, asked)
    }

    fn sign(&self, request: &SignRequest) -> Result<Vec<Signature>, SignerError> {
        if !self.act(About::Signing(request.channel), SignerError)? {
            return self.good.sign(request);
        }
        let stranger = SecretKey::from_slice(&[9; 32]).expect("a key");
        let wrong = |digest: &Message| SECP256K1.sign_ecdsa(digest, &stranger);
        Ok(request.inputs.iter().map(|it| wrong(&it.sighash)).collect())
    }
}

impl OnchainWallet for Moody<dyn OnchainWallet> {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        match self.act(About::Addresses, WalletError)? {
            true => Ok(false),
            false => self.good.is_our_address(script),
        }
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        match self.act(About::SweepScripts, WalletError)? {
            true => Ok(ScriptBuf::new_op_return([7; 32])),
            false => self.good.sweep_script(),
        }
    }

    fn coins(&self) -> Result<Vec<Coin>, WalletError> {
        match self.act(About::Coins, WalletError)? {
            true => Ok(Vec::new()),
            false => self.good.coins(),
        }
    }

    fn hold_coins(&self, held: &[OutPoint]) -> Result<(), WalletError> {
        match self.act(About::HeldCoins, WalletError)? {
            true => Ok(()),
            false => self.good.hold_coins(held),
        }
    }

    fn sign_coins(&self, psbt: &Psbt, inputs: &[usize]) -> Result<Vec<Witness>, WalletError> {
        self.good.sign_coins(psbt, inputs)
    }
}

impl CryptoSystem for Moody<dyn CryptoSystem> {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match self.act(About::Sealing, CryptoError::Refused)? {
            true => self.good.seal(b"elsewhere", plain),
            false => self.good.seal(place, plain),
        }
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.good.open(place, sealed)
    }
}
