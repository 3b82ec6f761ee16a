//! Where the money goes: the seam to the app's on-chain wallet.

use std::sync::Arc;

use bitcoin::{OutPoint, Psbt, Script, ScriptBuf, Witness};

pub use crate::court::Coin;
use crate::reserve::SeedWallet;

/// Whose coins pay the fees of transactions that have none of their own, and where sweeps go.
#[derive(Clone)]
pub enum Wallet {
    /// The app's own on-chain wallet.
    App(Arc<dyn OnchainWallet>),
    /// The one that the library brings along.
    Embedded(SeedWallet),
}

impl From<Arc<dyn OnchainWallet>> for Wallet {
    fn from(wallet: Arc<dyn OnchainWallet>) -> Self {
        Wallet::App(wallet)
    }
}

impl<T: OnchainWallet + 'static> From<Arc<T>> for Wallet {
    fn from(wallet: Arc<T>) -> Self {
        Wallet::App(wallet)
    }
}

impl From<SeedWallet> for Wallet {
    fn from(wallet: SeedWallet) -> Self {
        Wallet::Embedded(wallet)
    }
}

/// Why the wallet could not answer; a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WalletError(pub String);

/// The app's on-chain wallet.
pub trait OnchainWallet: Send + Sync {
    /// Whether the wallet can spend what is paid to `script`.
    ///
    /// # Errors
    /// When the wallet cannot say.
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError>;

    /// A fresh script for the sweeps of one channel. It is asked for once per channel and kept.
    ///
    /// # Errors
    /// When the wallet has none.
    fn sweep_script(&self) -> Result<ScriptBuf, WalletError>;

    /// Confirmed coins that may pay fees: second-level transactions of channels with anchors have none of their own, and a
    /// commitment whose fee is too low is raised by a child. Those only that no reorg takes back: six blocks deep. What is
    /// left of a coin comes back as change, which takes as long; so two coins serve better than one: one raises the
    /// commitment, the other claims its HTLCs. A wallet without coins to spare gives none; those transactions wait then.
    /// Which of them transactions of ours already spend, the library knows, and tells with
    /// [`hold_coins`](Self::hold_coins).
    ///
    /// # Errors
    /// When the wallet cannot say.
    fn coins(&self) -> Result<Vec<Coin>, WalletError> {
        Ok(Vec::new())
    }

    /// Says which of its coins transactions of ours spend that can still confirm: all of them, each time. The wallet spends none
    /// of these for anything else; every other one is free, also one that was held before. To be replaced, not added up:
    /// there is nothing that the wallet must keep across a restart, because it is told at the start of each tick, before a
    /// transaction with another coin goes out, and after one came free. It may name coins that are spent by now, and free
    /// one that a reorg makes it hold again. No claim waits for a wallet that fails to take it; one that spends such a coin
    /// all the same makes the library take another.
    ///
    /// # Errors
    /// When the wallet cannot take it; it is told again with the next tick.
    fn hold_coins(&self, held: &[OutPoint]) -> Result<(), WalletError> {
        let _ = held;
        Ok(())
    }

    /// The witnesses of these inputs of `psbt`, in their order: coins of [`coins`](Self::coins), signed with
    /// `SIGHASH_ALL`.
    ///
    /// # Errors
    /// When the wallet cannot sign one of them.
    fn sign_coins(&self, psbt: &Psbt, inputs: &[usize]) -> Result<Vec<Witness>, WalletError> {
        let _ = psbt;
        Err(WalletError(format!(
            "no coins, so none of {inputs:?} can be signed"
        )))
    }
}
