//! Where the money goes: the seam to the app's on-chain wallet.

use bitcoin::{Script, ScriptBuf};

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
}
