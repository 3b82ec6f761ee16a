//! The reserve wallet as the library asks any wallet: which scripts are its own, where sweeps go, and its signatures.

use std::sync::atomic::{AtomicU32, Ordering};

use bitcoin::secp256k1::{Message, SECP256K1};
use bitcoin::sighash::SighashCache;
use bitcoin::{ecdsa, EcdsaSighashType, Psbt, Script, ScriptBuf, Witness};

use super::SeedWallet;
use crate::wallet::{OnchainWallet, WalletError};

/// An open reserve wallet.
pub(crate) struct ReserveWallet {
    keys: SeedWallet,
    /// How many scripts of the row have been given out.
    revealed: AtomicU32,
    gap_limit: u32,
}

impl ReserveWallet {
    pub(crate) fn new(keys: SeedWallet, revealed: u32, gap_limit: u32) -> Self {
        ReserveWallet {
            keys,
            revealed: AtomicU32::new(revealed),
            gap_limit,
        }
    }

    pub(crate) fn keys(&self) -> &SeedWallet {
        &self.keys
    }

    /// How many scripts have been given out; to be kept before one of them is shown to anybody.
    pub(crate) fn revealed(&self) -> u32 {
        self.revealed.load(Ordering::Acquire)
    }

    /// Scripts up to this many are known to have been given out.
    pub(crate) fn has_revealed(&self, count: u32) {
        self.revealed.fetch_max(count, Ordering::AcqRel);
    }

    /// A script that was never given out, and its place.
    pub(crate) fn next_script(&self) -> Result<(u32, ScriptBuf), WalletError> {
        let index = self.revealed.fetch_add(1, Ordering::AcqRel);
        Ok((index, self.keys.script(index)?))
    }

    /// The place of a script among those that were given out, or would be next.
    fn place(&self, script: &Script) -> Result<Option<u32>, WalletError> {
        if !script.is_p2wpkh() {
            return Ok(None);
        }
        for index in 0..self.revealed().saturating_add(self.gap_limit) {
            if self.keys.script(index)?.as_script() == script {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn witness(&self, psbt: &Psbt, input: usize) -> Result<Witness, WalletError> {
        let refuse = |reason: &dyn ToString| {
            let reason = reason.to_string();
            WalletError(format!("input {input}: {reason}"))
        };
        let spent = psbt
            .inputs
            .get(input)
            .and_then(|it| it.witness_utxo.as_ref());
        let spent = spent.ok_or_else(|| refuse(&"it does not say what it spends"))?;
        let script = &spent.script_pubkey;
        let place = self.place(script)?;
        let key = self
            .keys
            .key(place.ok_or_else(|| refuse(&"no script of this wallet's"))?)?;
        let sighash_type = EcdsaSighashType::All;
        let sighash = SighashCache::new(&psbt.unsigned_tx)
            .p2wpkh_signature_hash(input, script, spent.value, sighash_type)
            .map_err(|error| refuse(&error))?;
        let signature = ecdsa::Signature {
            signature: SECP256K1.sign_ecdsa(&Message::from(sighash), &key.inner),
            sighash_type,
        };
        Ok(Witness::p2wpkh(
            &signature,
            &key.inner.public_key(SECP256K1),
        ))
    }
}

impl OnchainWallet for ReserveWallet {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        Ok(self.place(script)?.is_some())
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        self.next_script().map(|(_, script)| script)
    }

    fn sign_coins(&self, psbt: &Psbt, inputs: &[usize]) -> Result<Vec<Witness>, WalletError> {
        inputs
            .iter()
            .map(|input| self.witness(psbt, *input))
            .collect()
    }
}
