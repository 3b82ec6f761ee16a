//! What the channel engine of an app would hand to its library.

use bitcoin::Transaction;
use secp256k1::ecdsa::Signature;
use secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use super::hex;
use super::htlc::Htlc;

/// A commitment that the peer signed for us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalUpdate {
    /// Its number; 0 is the first.
    pub number: u64,
    /// Satoshi per 1000 weight units.
    pub feerate_per_kw: u32,
    /// What we have outside HTLCs, before fees.
    pub to_us_msat: u64,
    /// What the peer has outside HTLCs, before fees.
    pub to_peer_msat: u64,
    /// Every live HTLC, dust included.
    pub htlcs: Vec<Htlc>,
    /// The peer's signature over our commitment.
    #[serde(with = "hex::signature")]
    pub signature: Signature,
    /// The peer's signatures over our second-level transactions, in the order of their outputs.
    #[serde(with = "hex::signatures")]
    pub htlc_signatures: Vec<Signature>,
}

/// A commitment that we sign for the peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteUpdate {
    /// Its number; 0 is the first.
    pub number: u64,
    /// The peer's point for it.
    pub per_commitment_point: PublicKey,
    /// Satoshi per 1000 weight units.
    pub feerate_per_kw: u32,
    /// What we have outside HTLCs, before fees.
    pub to_us_msat: u64,
    /// What the peer has outside HTLCs, before fees.
    pub to_peer_msat: u64,
    /// Every live HTLC, dust included.
    pub htlcs: Vec<Htlc>,
    /// Our signature over the peer's commitment, with which our engine answers; the library need not see it.
    #[serde(with = "hex::signature")]
    pub signature: Signature,
    /// Our signatures over the peer's second-level transactions, in the order of their outputs.
    #[serde(with = "hex::signatures")]
    pub htlc_signatures: Vec<Signature>,
}

/// The peer gives up one of its commitments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The commitment given up.
    pub number: u64,
    /// Its per-commitment secret.
    #[serde(with = "hex::bytes32")]
    pub secret: [u8; 32],
    /// The point of commitment `number + 2`, as `revoke_and_ack` carries it (that of `number + 1` is already known).
    pub next_point: PublicKey,
}

impl std::fmt::Debug for Revocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocation")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// One whole exchange, in the order in which the library must hear of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// We sign for the peer.
    pub remote: RemoteUpdate,
    /// The peer revokes what it had; `None` in the very first round.
    pub revocation: Option<Revocation>,
    /// The peer signs for us.
    pub local: LocalUpdate,
}

/// The peer is ahead of what our library was told.
#[derive(Clone, Serialize, Deserialize)]
pub struct DataLoss {
    /// The peer's newest commitment, ready for the chain.
    #[serde(with = "hex::transaction")]
    pub transaction: Transaction,
    /// Its number.
    pub number: u64,
    /// The peer's node id.
    pub peer: PublicKey,
    /// Its `channel_reestablish`, with our secret of the newest commitment of ours that it saw revoked: only having been given it
    /// explains that the peer knows it.
    #[serde(with = "hex::bytes")]
    pub reestablish: Vec<u8>,
}
