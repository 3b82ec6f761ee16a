//! The app's on-chain wallet.

use std::sync::Arc;

use bitcoin::{Amount, Psbt, Script, ScriptBuf, TxOut, Weight, Witness};

use crate::ffi::input::Invalid;
use crate::ffi::OutPoint;
use crate::wallet;

/// Why the wallet could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum WalletError {
    /// The wallet says no.
    #[error("{reason}")]
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// The implementation threw something that it does not declare.
    #[error("it threw {reason}")]
    Unexpected {
        /// What it threw.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for WalletError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        WalletError::Unexpected {
            reason: error.reason,
        }
    }
}

impl From<WalletError> for wallet::WalletError {
    fn from(error: WalletError) -> Self {
        wallet::WalletError(error.to_string())
    }
}

impl From<Invalid> for wallet::WalletError {
    fn from(invalid: Invalid) -> Self {
        wallet::WalletError(format!("its answer: {invalid}"))
    }
}

/// A confirmed coin of the wallet's that may pay fees.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Coin {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it is worth.
    pub value_sat: u64,
    /// What it is paid to (an output script, raw).
    pub script: Vec<u8>,
    /// What spending it adds in witness weight, at most: 108 for P2WPKH, 66 for a key path of taproot.
    pub witness_weight: u64,
}

impl Coin {
    fn to_core(&self) -> Result<wallet::Coin, Invalid> {
        Ok(wallet::Coin {
            outpoint: self.outpoint.to_core()?,
            output: TxOut {
                value: Amount::from_sat(self.value_sat),
                script_pubkey: ScriptBuf::from_bytes(self.script.clone()),
            },
            witness_weight: Weight::from_wu(self.witness_weight),
        })
    }
}

/// What spends a coin.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CoinWitness {
    /// The elements of its input's witness, bottom of the stack first.
    pub elements: Vec<Vec<u8>>,
}

/// The app's on-chain wallet: says which scripts are its own, where sweeps go, and which coins may pay fees.
#[uniffi::export(rust, foreign)]
pub trait OnchainWallet: Send + Sync {
    /// Whether the wallet can spend what is paid to `script` (an output script, raw).
    fn is_our_address(&self, script: Vec<u8>) -> Result<bool, WalletError>;

    /// A fresh output script for the sweeps of one channel. It is asked for once per channel and kept.
    fn sweep_script(&self) -> Result<Vec<u8>, WalletError>;

    /// Confirmed coins that may pay fees: in channels with anchors the transactions that take HTLCs off our commitment have
    /// none of their own, and a commitment whose fee is too low is raised by a child. Those only that no reorg takes back:
    /// six blocks deep. What is left of a coin comes back as change, which takes as long; so two coins serve better than
    /// one: one raises the commitment, the other claims its HTLCs. A wallet without coins to spare gives none; those
    /// transactions wait then, and `EventKind.ReserveNeeded` tells. Which of the coins are already in use, the library
    /// knows, and tells with `hold_coins`.
    fn coins(&self) -> Result<Vec<Coin>, WalletError>;

    /// Says which of its coins transactions of ours spend that can still confirm: all of them, each time. The wallet spends
    /// none of these for anything else; every other one is free, also one that was held before. To be replaced, not added up:
    /// there is nothing that the wallet must keep across a restart, because it is told at the start of each tick, before a
    /// transaction with another coin goes out, and after one came free. It may name coins that are spent by now, and free one
    /// that a reorg makes it hold again. A wallet that lends no coins has nothing to do here.
    fn hold_coins(&self, held: Vec<OutPoint>) -> Result<(), WalletError>;

    /// Signs inputs of `psbt` that spend such coins, all of the transaction (`SIGHASH_ALL`). Gives their witnesses, in the
    /// order of `inputs`; what the other inputs spend is not the wallet's.
    fn sign_coins(&self, psbt: Vec<u8>, inputs: Vec<u32>) -> Result<Vec<CoinWitness>, WalletError>;
}

/// The app's wallet, as the arbitrator calls it.
pub(in crate::ffi) struct ForeignWallet(pub(in crate::ffi) Arc<dyn OnchainWallet>);

impl wallet::OnchainWallet for ForeignWallet {
    fn is_our_address(&self, script: &Script) -> Result<bool, wallet::WalletError> {
        Ok(self.0.is_our_address(script.to_bytes())?)
    }

    fn sweep_script(&self) -> Result<ScriptBuf, wallet::WalletError> {
        let script = ScriptBuf::from_bytes(self.0.sweep_script()?);
        // A sweep to a script that nobody can spend from would lose the money; every wallet's script has a known form.
        if script.is_witness_program() || script.is_p2pkh() || script.is_p2sh() {
            Ok(script)
        } else {
            Err(wallet::WalletError(
                "the sweep script is none that a wallet is paid to".into(),
            ))
        }
    }

    fn coins(&self) -> Result<Vec<wallet::Coin>, wallet::WalletError> {
        let coins = self.0.coins()?;
        Ok(coins.iter().map(Coin::to_core).collect::<Result<_, _>>()?)
    }

    fn hold_coins(&self, held: &[bitcoin::OutPoint]) -> Result<(), wallet::WalletError> {
        let held = held.iter().copied().map(OutPoint::from);
        Ok(self.0.hold_coins(held.collect())?)
    }

    fn sign_coins(
        &self,
        psbt: &Psbt,
        inputs: &[usize],
    ) -> Result<Vec<Witness>, wallet::WalletError> {
        let asked = inputs.iter().filter_map(|input| u32::try_from(*input).ok());
        let witnesses = self.0.sign_coins(psbt.serialize(), asked.collect())?;
        let witnesses = witnesses.iter();
        Ok(witnesses
            .map(|witness| Witness::from_slice(&witness.elements))
            .collect())
    }
}
