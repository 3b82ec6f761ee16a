//! The app's on-chain wallet.

use std::sync::Arc;

use bitcoin::{Script, ScriptBuf};

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

/// The app's on-chain wallet: says which scripts are its own, and where sweeps go.
#[uniffi::export(rust, foreign)]
pub trait OnchainWallet: Send + Sync {
    /// Whether the wallet can spend what is paid to `script` (an output script, raw).
    fn is_our_address(&self, script: Vec<u8>) -> Result<bool, WalletError>;

    /// A fresh output script for the sweeps of one channel. It is asked for once per channel and kept.
    fn sweep_script(&self) -> Result<Vec<u8>, WalletError>;
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
}
