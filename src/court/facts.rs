//! What was observed, as the court is told it.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::PublicKey;
use bitcoin::{BlockHash, OutPoint, ScriptBuf, Transaction, Txid};
use serde::{Deserialize, Serialize};

use super::PeerContact;
use crate::protocol::{CommitmentSecret, PaymentHash, Preimage};

/// A block of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Block {
    pub height: u32,
    pub hash: BlockHash,
}

/// What is known of the transaction that creates the funding output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FundingFact {
    /// Not proven to be on the best chain.
    Unconfirmed,
    Confirmed(Block),
    /// The transaction is on the chain, but the output is not what the terms say.
    WrongOutput(Block),
}

/// The transaction that spends an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    pub transaction: Transaction,
    pub txid: Txid,
    /// The proven block that holds it, and its depth (1 = the tip itself); `None` while only in a mempool.
    pub confirmed: Option<(Block, u32)>,
}

impl Spend {
    /// 0 in the mempool, 1 in the tip.
    pub fn depth(&self) -> u32 {
        self.confirmed.map_or(0, |(_, depth)| depth)
    }
}

/// What only the app's wallet, the signer or the secret store could say of a funding output's spender.
#[derive(Clone, Debug, Default)]
pub struct SpendContext {
    /// The spender's output scripts that are ours.
    pub our_scripts: BTreeSet<ScriptBuf>,
    /// Our per-commitment point at the spender's state number.
    pub our_point: Option<PublicKey>,
    /// The peer's secret for that number, if it was revealed.
    pub peer_secret: Option<CommitmentSecret>,
}

/// Whether what has been told of a channel was taken note of by those whom the end of its case waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nobody has asked that it waits.
    ToNobodyInParticular,
    /// All of them have acknowledged every event.
    Acknowledged,
    /// One of them has yet to acknowledge an event.
    Awaited,
}

/// Everything observed that concerns one channel.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The tip's height.
    pub tip: u32,
    pub funding: FundingFact,
    /// Whether another transaction has a coin of the funding.
    pub funding_coins: super::FundingCoins,
    /// The spenders of the watched outputs.
    pub spends: BTreeMap<OutPoint, Spend>,
    /// The watched outputs of which it is known, as of this tip, whether they are spent on the chain. Of one that is spent
    /// in a mempool the server has said so in this tick.
    pub looked_at: BTreeSet<OutPoint>,
    /// What was looked up about the funding output's spender.
    pub context: SpendContext,
    /// The known preimages among the hashes of the channel's HTLCs.
    pub preimages: BTreeMap<PaymentHash, Preimage>,
    /// Whether the app has reached the peer.
    pub peer: PeerContact,
    /// Whether the events of the channel were taken note of.
    pub told: Told,
}

/// What became of a broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Accepted,
    AlreadyKnown,
    /// Another transaction spends an input; what the server said of it.
    Conflict(String),
    FeeTooLow,
    Unreachable,
    Other(String),
}

impl Outcome {
    /// Whether the server now holds the transaction.
    pub fn is_held(&self) -> bool {
        match self {
            Outcome::Accepted | Outcome::AlreadyKnown => true,
            Outcome::Conflict(_)
            | Outcome::FeeTooLow
            | Outcome::Unreachable
            | Outcome::Other(_) => false,
        }
    }
}

/// One thing that moves a case forward.
#[derive(Clone, Debug)]
pub enum Input {
    Facts(Box<Facts>),
    /// The user wants the channel closed, at this tip.
    ForceClose {
        tip: u32,
    },
    /// A cooperative close is fully signed.
    ClosingSigned {
        transaction: Transaction,
        tip: u32,
    },
    /// The app says that the funding will never confirm.
    CancelFunding {
        tip: u32,
    },
    /// The funding, which is ours, may be broadcast, and again on every tick until it confirms.
    BroadcastFunding {
        tip: u32,
    },
    /// The funding can never confirm, or is waited for no longer: the channel ends.
    VoidFunding {
        why: super::Void,
        tip: u32,
    },
    /// The app gives the channel up.
    Abandon {
        tip: u32,
    },
    /// A transaction the court wanted is signed and verified.
    Signed {
        purpose: super::BroadcastPurpose,
        transaction: Transaction,
        /// The wallet's coins in it.
        coins: Vec<super::Coin>,
        tip: u32,
    },
    /// These outputs are left for now.
    NotClaimed {
        outpoints: Vec<OutPoint>,
        reason: super::Reason,
        tip: u32,
    },
    /// The app asks something of a claim: of the one that takes this output, or of the child that raises a commitment through
    /// this anchor.
    Bump {
        outpoint: OutPoint,
        bump: super::Bump,
        tip: u32,
    },
    Broadcast {
        txid: Txid,
        outcome: Outcome,
        tip: u32,
    },
    /// The peer proved that commitment `number` of ours is revoked, which we did not know (BOLT 2).
    DataLoss {
        number: u64,
        tip: u32,
    },
    /// The peer has confirmed that the state of a restored channel is the newest.
    RestoredConfirmed {
        tip: u32,
    },
}
