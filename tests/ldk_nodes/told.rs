//! What the arbitrator is told of a channel: one message of the recorder's.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Transaction, Txid};
use lightning_arbitrator::channel::{ChannelTerms, HtlcKey, LocalUpdate, RemoteUpdate};
use lightning_arbitrator::protocol::{CommitmentNumber, CommitmentSecret, Preimage};

/// One call of the arbitrator.
#[derive(Clone, Debug)]
pub enum Told {
    /// `register`.
    Terms(Box<ChannelTerms>),
    /// `local_commitment`, and the txid that LDK has for it.
    Local(LocalUpdate, Txid),
    /// `remote_commitment`, and the txid that LDK has for it.
    Remote(RemoteUpdate, Txid),
    /// `revocation`.
    Revocation(CommitmentNumber, CommitmentSecret, PublicKey),
    /// `release`.
    Release(HtlcKey),
    /// `learn_preimage`.
    Preimage(Preimage),
    /// `peer_message`.
    Heard(Vec<u8>),
    /// `closing_signed`.
    Close(Transaction),
}
