//! The traits that an app implements in its own language, and the adapters through which the floors below call them.
//!
//! All are synchronous. They are called on threads of the library's, never on one of the app's, with the policy's time
//! limit. A signer or wallet may call back into the library. What an implementation throws that it does not declare
//! arrives as an `Unexpected` error, like everything else it cannot do.

mod announcement;
mod crypto;
mod signer;
mod wallet;

pub(super) use announcement::{ForeignGraphView, ForeignNodeSigner};
pub(super) use crypto::ForeignCryptoSystem;
pub(super) use signer::ForeignSigner;
pub(super) use wallet::ForeignWallet;

pub use announcement::{AnnouncementRequest, GraphError, GraphView, NodeSigner};
pub use crypto::{CryptoError, CryptoSystem};
pub use signer::{InputToSign, KeyDescriptor, KeyRole, KeyTweak, SignRequest, Signer, SignerError};
pub use wallet::{Coin, CoinWitness, OnchainWallet, WalletError};
