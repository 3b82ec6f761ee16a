//! Contract resolvers: each output of a close that is ours to resolve, and how far its resolution has come.
//!
//! A contract stores what the output is. How far it has come is computed from the facts on every tick, so that a
//! reorg needs no code of its own; it is stored only to notice what changed.

mod commit_sweep;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::{Block, Spend};
use crate::channel::HtlcKey;
use crate::config::Policy;
use crate::protocol::{ContractOutput, Party};

/// Which resolver is responsible for an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContractRole {
    /// Our balance: `to_local` of our commitment, `to_remote` of the peer's.
    CommitSweep,
    /// An HTLC output.
    Htlc,
    /// Our anchor.
    Anchor,
    /// An output of a revoked commitment that is ours as a penalty.
    Breach,
}

impl ContractRole {
    /// Whether this version knows how to resolve it.
    pub fn has_resolver(self) -> bool {
        match self {
            ContractRole::CommitSweep => true,
            ContractRole::Htlc | ContractRole::Anchor | ContractRole::Breach => false,
        }
    }
}

/// How a contract ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// We have it.
    Claimed { txid: Txid },
    /// Somebody else has it.
    SweptByAnother { txid: Txid },
}

/// How far the resolution of a contract has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Progress {
    /// Open, with no resolver in this version.
    Unresolved,
    /// Ours once the tip has reached this height: the next block may hold the claim.
    Maturing { claimable_at: u32 },
    /// Ours now; the claim is being made, or is broadcast and not confirmed.
    Claimable,
    /// Spent in a proven block.
    Spent {
        resolution: Resolution,
        block: Block,
        /// Deep enough to be reported.
        settled: bool,
    },
    /// Spent at the depth that counts as irrevocable (BOLT 5: 100 blocks).
    Resolved { resolution: Resolution },
}

/// One output of a close that is ours to resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    pub outpoint: OutPoint,
    pub value_sat: u64,
    /// Whose commitment it stands on.
    pub owner: Party,
    /// The point that commitment is built on.
    pub per_commitment_point: PublicKey,
    pub output: ContractOutput,
    pub htlc: Option<HtlcKey>,
    pub role: ContractRole,
    pub progress: Progress,
}

/// What a resolver looks at.
pub(super) struct View<'a> {
    pub tip: u32,
    /// The block of the closing transaction.
    pub close: Block,
    pub spend: Option<&'a Spend>,
    /// The `to_self_delay` of the commitment's owner.
    pub to_self_delay: u16,
    /// The input sequence that spends `to_remote` in the channel's format.
    pub to_remote_delay: u16,
    /// Whether a transaction is one of ours.
    pub is_ours: &'a dyn Fn(&Txid) -> bool,
    pub settle_depth: u32,
    pub policy: &'a Policy,
}

impl Contract {
    /// How far the contract is, by the facts.
    pub(super) fn progress_by(&self, view: &View<'_>) -> Progress {
        if let Some(spent) = spent(view) {
            return spent;
        }
        match self.role {
            ContractRole::CommitSweep => commit_sweep::progress(self, view),
            ContractRole::Htlc | ContractRole::Anchor | ContractRole::Breach => {
                Progress::Unresolved
            }
        }
    }
}

/// A proven spend ends every contract, whoever made it.
fn spent(view: &View<'_>) -> Option<Progress> {
    let spend = view.spend?;
    let (block, depth) = spend.confirmed?;
    let resolution = if (view.is_ours)(&spend.txid) {
        Resolution::Claimed { txid: spend.txid }
    } else {
        Resolution::SweptByAnother { txid: spend.txid }
    };
    // BOLT 5: an output is irrevocably resolved once the resolving transaction is 100 blocks deep.
    Some(if depth >= view.policy.final_depth {
        Progress::Resolved { resolution }
    } else {
        Progress::Spent {
            resolution,
            block,
            settled: depth >= view.settle_depth,
        }
    })
}
