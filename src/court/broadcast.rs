//! Transactions of ours that belong on the chain, and the wallet's coins in them.

use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid, Weight};
use serde::{Deserialize, Serialize};

use super::Outcome;

/// What a transaction of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BroadcastPurpose {
    /// The funding transaction, if ours.
    Funding,
    /// Our own commitment.
    Commitment,
    /// A fully signed cooperative close.
    Cooperative,
    /// A close that was confirmed once, whoever made it.
    OrphanedClose,
    /// A commitment of the peer's, not known to be revoked, that was in a block or a mempool once.
    PeerCommitment,
    /// The sweep of one output of the close.
    Sweep(OutPoint),
    /// The child that raises the fee of an unconfirmed commitment through this anchor of ours.
    Cpfp(OutPoint),
}

impl BroadcastPurpose {
    /// Whether it is a commitment, of either side: only one of them can confirm, and a child may raise it.
    pub fn is_commitment(self) -> bool {
        match self {
            BroadcastPurpose::Commitment | BroadcastPurpose::PeerCommitment => true,
            BroadcastPurpose::Funding
            | BroadcastPurpose::Cooperative
            | BroadcastPurpose::OrphanedClose
            | BroadcastPurpose::Sweep(_)
            | BroadcastPurpose::Cpfp(_) => false,
        }
    }
}

/// A coin of the wallet's that pays a fee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    pub outpoint: OutPoint,
    pub output: TxOut,
    /// What spending it adds in witness weight, at most.
    pub witness_weight: Weight,
}

impl Coin {
    /// The witness weight of a P2WPKH coin, at most: a count and two lengths, a signature of 72 bytes and a key of 33.
    pub const P2WPKH_WITNESS: Weight = Weight::from_wu(3 + 72 + 33);
}

/// A signed transaction that is broadcast on every tick until its inputs are known to be spent on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcast {
    pub txid: Txid,
    pub purpose: BroadcastPurpose,
    pub transaction: Transaction,
    /// The tip when it was signed.
    pub since: u32,
    pub outcome: Option<Outcome>,
    /// The wallet's coins in it: what they are worth tells its fee, and whatever replaces it may spend them again.
    pub coins: Vec<Coin>,
}

impl Broadcast {
    /// What the wallet's coins in it hold.
    pub(super) fn coin_values(&self) -> impl Iterator<Item = Amount> + '_ {
        self.coins.iter().map(|coin| coin.output.value)
    }

    /// The anchor that it spends to raise a commitment.
    pub fn anchor(&self) -> Option<OutPoint> {
        match self.purpose {
            BroadcastPurpose::Cpfp(anchor) => Some(anchor),
            BroadcastPurpose::Funding
            | BroadcastPurpose::Commitment
            | BroadcastPurpose::Cooperative
            | BroadcastPurpose::OrphanedClose
            | BroadcastPurpose::PeerCommitment
            | BroadcastPurpose::Sweep(_) => None,
        }
    }
}
