//! Contract resolvers: each output of a close that is ours to resolve, and how far its resolution has come.
//!
//! A contract stores what the output is. Which resolver is responsible for it and how far it has come is computed from
//! the facts on every tick, so that a reorg needs no code of its own; it is stored to notice what changed.
//!
//! Resolvers are recursive. A contest becomes a claim when the clock or a preimage decides it, and the spend of an HTLC
//! through a second-level transaction leaves an output that is a contract of its own:
//!
//! ```text
//!   OutgoingContest ──expiry──► OutgoingTimeout ──┐
//!   IncomingContest ──release─► IncomingSuccess ──┴─second level of ours──► CommitSweep
//!   Breach ──second level of the cheater──► Breach
//! ```

mod anchor;
mod breach;
mod commit_sweep;
mod incoming_contest;
mod incoming_success;
mod outgoing_contest;
mod outgoing_timeout;
mod spent;

pub(super) use spent::{child, recognise};

use spent::spent;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Txid};
use serde::{Deserialize, Serialize};

use super::{Block, Spend};
use crate::channel::{ChannelTerms, Direction, HtlcKey, HtlcLife, HtlcRef};
use crate::config::Policy;
use crate::protocol::{CommitmentKeys, ContractOutput, HtlcKind, Party, PaymentHash, SpendPath};

/// Which resolver is responsible for an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContractRole {
    /// Our balance: `to_local` of our commitment, `to_remote` of the peer's, and what our second-level transactions
    /// leave.
    CommitSweep,
    /// An HTLC we offered, before its expiry: the peer may come with the preimage.
    OutgoingContest,
    /// An HTLC we offered, after its expiry: we take it back.
    OutgoingTimeout,
    /// An HTLC the peer offered that we may not claim (yet).
    IncomingContest,
    /// An HTLC the peer offered that we claim with its preimage.
    IncomingSuccess,
    /// Our anchor.
    Anchor,
    /// An output of a revoked commitment that is ours as a penalty.
    Breach,
}

/// How a contract ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// We have it.
    Claimed { txid: Txid },
    /// The peer has it, and gave the preimage for it.
    Fulfilled { txid: Txid },
    /// The peer took back what it had offered: the HTLC timed out.
    TimedOut { txid: Txid },
    /// Somebody else has it.
    SweptByAnother { txid: Txid },
}

impl Resolution {
    /// The transaction that resolved it.
    pub fn txid(&self) -> Txid {
        match self {
            Resolution::Claimed { txid }
            | Resolution::Fulfilled { txid }
            | Resolution::TimedOut { txid }
            | Resolution::SweptByAnother { txid } => *txid,
        }
    }
}

/// Why an output is left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Nobody would pay that fee for it: claiming it alone costs more than the policy's share of its value.
    FeeAboveValue { fee_sat: u64 },
    /// Its claim needs a coin of the wallet's for the fee, and there is none.
    ReserveNeeded { fee_sat: u64 },
    /// An anchor has done its duty once a commitment confirmed; alone it is worth less than its fee.
    AnchorAlone,
    /// It stands on a commitment of ours that we do not hold: without the peer's signature there is no second level.
    NoPeerSignature,
    /// An incoming HTLC that was never ours to claim, and that the peer has not taken back.
    NotOurs,
}

impl Reason {
    /// Whether both say the same, whatever the fee.
    pub(super) fn is_like(&self, other: &Reason) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// How far the resolution of a contract has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Progress {
    /// Whose it is, is not decided. `until`: the height at which it is, if nobody decides it earlier.
    Contested { until: u32 },
    /// Ours once the tip has reached this height: the next block may hold the claim.
    Maturing { claimable_at: u32 },
    /// Ours now; the claim is being made, or is broadcast and not confirmed.
    Claimable,
    /// Ours, and left for now: looked at again on every tick.
    Uneconomic { reason: Reason },
    /// It would be ours, and we have no means to claim it.
    GivenUp { reason: Reason },
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

impl Progress {
    /// How it was spent, at whatever depth.
    pub fn resolution(&self) -> Option<Resolution> {
        match self {
            Progress::Spent { resolution, .. } | Progress::Resolved { resolution } => {
                Some(*resolution)
            }
            Progress::Contested { .. }
            | Progress::Maturing { .. }
            | Progress::Claimable
            | Progress::Uneconomic { .. }
            | Progress::GivenUp { .. } => None,
        }
    }

    /// How it was spent, if that is deep enough for irreversible off-chain acts.
    pub fn settled(&self) -> Option<Resolution> {
        match self {
            Progress::Spent { settled: false, .. } => None,
            Progress::Spent { .. }
            | Progress::Resolved { .. }
            | Progress::Contested { .. }
            | Progress::Maturing { .. }
            | Progress::Claimable
            | Progress::Uneconomic { .. }
            | Progress::GivenUp { .. } => self.resolution(),
        }
    }
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
    /// Which of the HTLCs that have had this key; `None`: one that is past, which nobody upstream waits for.
    #[serde(default)]
    pub version: Option<u32>,
    /// The commitment's HTLC output whose second-level spend left this one.
    #[serde(default)]
    pub parent: Option<OutPoint>,
    /// The block of that spend; `None`: the output stands on the commitment itself.
    #[serde(default)]
    pub created: Option<Block>,
    pub role: ContractRole,
    pub progress: Progress,
}

impl Contract {
    /// The row of its HTLC, unless that is past.
    pub fn htlc_ref(&self) -> Option<HtlcRef> {
        Some(HtlcRef {
            key: self.htlc?,
            version: self.version?,
        })
    }

    /// For an HTLC output: which way it goes as we see it, its hash and its expiry.
    pub fn htlc_figures(&self) -> Option<(Direction, PaymentHash, u32)> {
        match self.output {
            ContractOutput::Htlc {
                kind,
                payment_hash,
                cltv_expiry,
            } => {
                let direction = match (self.owner, kind) {
                    (Party::Local, HtlcKind::Offered) | (Party::Remote, HtlcKind::Received) => {
                        Direction::Outgoing
                    }
                    (Party::Local, HtlcKind::Received) | (Party::Remote, HtlcKind::Offered) => {
                        Direction::Incoming
                    }
                };
                Some((direction, payment_hash, cltv_expiry))
            }
            ContractOutput::ToLocal
            | ContractOutput::ToRemote
            | ContractOutput::OwnerAnchor
            | ContractOutput::CounterpartyAnchor
            | ContractOutput::SecondLevel => None,
        }
    }

    /// The height up to which a case waits for an output that is left where it is: fees may fall, and the peer come.
    pub(super) fn patience_ends(&self, close: Block, policy: &Policy) -> u32 {
        let created = self.created.unwrap_or(close).height;
        let expiry = self.htlc_figures().map_or(0, |(_, _, expiry)| expiry);
        created.max(expiry).saturating_add(policy.end_patience)
    }

    /// In which way we spend it.
    pub fn path(&self) -> SpendPath {
        let is_breach = self.role == ContractRole::Breach;
        match (self.output, self.owner) {
            (ContractOutput::ToLocal, Party::Local) => SpendPath::ToLocalDelayed,
            (ContractOutput::ToLocal, Party::Remote) => SpendPath::ToLocalRevoked,
            (ContractOutput::ToRemote, Party::Local | Party::Remote) => SpendPath::ToRemote,
            (ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor, _) => {
                SpendPath::AnchorOwner
            }
            (ContractOutput::SecondLevel, Party::Local) => SpendPath::SecondLevelDelayed,
            (ContractOutput::SecondLevel, Party::Remote) => SpendPath::SecondLevelRevoked,
            (ContractOutput::Htlc { .. }, Party::Remote) if is_breach => SpendPath::HtlcRevoked,
            (ContractOutput::Htlc { kind, .. }, owner) => match (owner, kind) {
                (Party::Local, HtlcKind::Offered) => SpendPath::HtlcTimeoutSecondLevel,
                (Party::Local, HtlcKind::Received) => SpendPath::HtlcSuccessSecondLevel,
                (Party::Remote, HtlcKind::Offered) => SpendPath::HtlcSuccessDirect,
                (Party::Remote, HtlcKind::Received) => SpendPath::HtlcTimeoutDirect,
            },
        }
    }
}

/// What a resolver looks at.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub tip: u32,
    pub terms: &'a ChannelTerms,
    /// Those of the commitment; `None`: crafted points, from which none can be derived.
    pub keys: Option<CommitmentKeys>,
    /// The block of the transaction that made the output.
    pub created: Block,
    pub spend: Option<&'a Spend>,
    /// Whether the spender is a transaction of ours, signed here.
    pub is_held: bool,
    /// The row of its HTLC, unless that is past.
    pub life: Option<&'a HtlcLife>,
    /// Whether the HTLC's preimage is known.
    pub has_preimage: bool,
    /// Whether the peer can no longer take the HTLC back off-chain.
    pub is_committed: bool,
    /// Whether we hold the peer's signatures of the second level, where the commitment is ours.
    pub has_peer_signatures: bool,
    pub settle_depth: u32,
    pub policy: &'a Policy,
}

/// What a resolver says of an output that nobody has spent: who is responsible from now on, and how far it is.
type Next = (ContractRole, Progress);

impl Contract {
    /// The keys of the commitment it stands on.
    pub(super) fn keys(&self, terms: &ChannelTerms) -> Option<CommitmentKeys> {
        terms
            .commitment_keys(self.owner, &self.per_commitment_point)
            .ok()
    }

    /// Who is responsible for the contract, and how far it is, by the facts.
    pub(super) fn next(&self, view: &View<'_>) -> Next {
        if let Some(progress) = spent(self, view) {
            return (self.role, progress);
        }
        let mut next = (self.role.begin(self), self.progress);
        // A contest that is decided becomes another resolver, which answers in the same step.
        for _ in 0..2 {
            next = match next.0 {
                ContractRole::CommitSweep => commit_sweep::next(self, view),
                ContractRole::OutgoingContest => outgoing_contest::next(self, view),
                ContractRole::OutgoingTimeout => outgoing_timeout::next(self, view),
                ContractRole::IncomingContest => incoming_contest::next(self, view),
                ContractRole::IncomingSuccess => incoming_success::next(self, view),
                ContractRole::Anchor => anchor::next(),
                ContractRole::Breach => breach::next(),
            };
        }
        // BOLT 3: the second level of our own commitment needs the peer's signature.
        let needs_peer = self.owner == Party::Local && self.htlc_figures().is_some();
        if needs_peer && !view.has_peer_signatures {
            let reason = Reason::NoPeerSignature;
            return (next.0, Progress::GivenUp { reason });
        }
        // Declared uneconomic stays so until the fees are looked at again.
        match (self.progress, next.1) {
            (Progress::Uneconomic { .. }, Progress::Claimable) => (next.0, self.progress),
            (_, _) => next,
        }
    }
}

impl ContractRole {
    /// The resolver to ask first: after a reorg a contest may have to begin again.
    fn begin(self, contract: &Contract) -> Self {
        match self {
            ContractRole::CommitSweep | ContractRole::Anchor | ContractRole::Breach => self,
            ContractRole::OutgoingContest
            | ContractRole::OutgoingTimeout
            | ContractRole::IncomingContest
            | ContractRole::IncomingSuccess => match contract.htlc_figures() {
                Some((Direction::Outgoing, ..)) => ContractRole::OutgoingContest,
                Some((Direction::Incoming, ..)) | None => ContractRole::IncomingContest,
            },
        }
    }
}

/// The tip from which on the *next* block may hold a spend with a relative locktime of `delay` blocks of an
/// output confirmed at `height` (BIP 68).
pub(super) fn claimable_at(height: u32, delay: u16) -> u32 {
    height.saturating_add(u32::from(delay).max(1)) - 1
}

/// Claimable once the tip has reached this height.
fn from(height: u32, tip: u32) -> Progress {
    if tip >= height {
        Progress::Claimable
    } else {
        Progress::Maturing {
            claimable_at: height,
        }
    }
}

#[cfg(test)]
mod tests;
