//! What is known of a channel without looking at the chain: its terms, the candidate commitments of both
//! sides, the HTLCs over their lives, and the summary that remains when it is closed.
//!
//! Everything here is pure. Updates of the channel engine are judged at the [`door`]; what
//! passes is stored by `store`, what does not is refused with an error that names the field.

pub mod audit;
pub mod commitments;
pub mod door;
mod figures;
pub mod htlc;
pub mod ledger;
pub mod lifecycle;
pub mod reestablish;
pub mod summary;
pub mod terms;
pub mod update;

pub use commitments::{
    AcceptedCommitment, AcceptedRevocation, Candidate, CommitmentUpdate, Feed, FundingSignatures,
    LocalUpdate, OnFile, Position, RemoteUpdate,
};
pub use htlc::{Direction, HtlcKey, HtlcLife, HtlcOrigin, HtlcRef, HtlcTerms, Interval};
pub use ledger::{Ledger, PastHtlc, Totals, UsedIds};
pub use lifecycle::{Lifecycle, Refusal};
pub use reestablish::{Past, Shown};
pub use summary::{CloseSummary, Reestablish, SummaryKind};
pub use terms::{ChannelTerms, Funding, KeysId, PartyTerms};
pub use update::ChannelUpdate;

use bitcoin::{Amount, OutPoint};

use crate::protocol::{Party, ProtocolError, ShortChannelId};

/// Why something the channel engine said was refused. Nothing on disk has changed when one of these is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// The terms contradict themselves or BOLT 2.
    #[error("channel {channel}: terms refused: {field}: {reason}")]
    Terms {
        channel: OutPoint,
        field: &'static str,
        reason: String,
    },
    /// The channel is registered already, with other terms.
    #[error("channel {channel}: registered already, with another {field}")]
    TermsDiffer {
        channel: OutPoint,
        field: &'static str,
    },
    /// BOLT 2 lets only the next number, or the present one once more, be signed.
    #[error(
        "channel {channel}: {party:?} commitment {number} is out of order: {expected} is the next"
    )]
    OutOfOrder {
        channel: OutPoint,
        party: Party,
        number: u64,
        expected: u64,
    },
    /// That number is revoked: it can get no further alternative.
    #[error("channel {channel}: {party:?} commitment {number} is revoked already")]
    AlreadyRevoked {
        channel: OutPoint,
        party: Party,
        number: u64,
    },
    /// Balances and HTLCs claim more than the channel holds.
    #[error("channel {channel}: {claimed_msat} msat claimed of {capacity}")]
    AboveCapacity {
        channel: OutPoint,
        claimed_msat: u64,
        capacity: Amount,
    },
    /// Balances and HTLCs leave part of the channel to nobody.
    #[error("channel {channel}: only {claimed_msat} msat accounted for of {capacity}")]
    Unbalanced {
        channel: OutPoint,
        claimed_msat: u64,
        capacity: Amount,
    },
    /// One HTLC is impossible by itself, or contradicts what was said of it before.
    #[error("channel {channel}: HTLC {htlc}: {field} refused: {reason}")]
    Htlc {
        channel: OutPoint,
        htlc: HtlcKey,
        field: &'static str,
        reason: &'static str,
    },
    /// No signatures were given for a funding of the channel, or for one it does not have.
    #[error("channel {channel}: signatures for funding {funding}: {reason}")]
    FundingSignatures {
        channel: OutPoint,
        funding: OutPoint,
        reason: &'static str,
    },
    /// The peer's signature over our commitment does not verify.
    #[error("channel {channel}: the peer's signature of commitment {number} does not verify")]
    CommitmentSignature { channel: OutPoint, number: u64 },
    /// There must be one HTLC signature per untrimmed HTLC (BOLT 2: `num_htlcs`).
    #[error("channel {channel}: {given} HTLC signatures for {expected} untrimmed HTLCs")]
    HtlcSignatureCount {
        channel: OutPoint,
        given: usize,
        expected: usize,
    },
    /// The peer's signature over one second-level transaction does not verify.
    #[error("channel {channel}: the peer's signature of HTLC {htlc} (signature {index}) does not verify")]
    HtlcSignature {
        channel: OutPoint,
        index: usize,
        htlc: HtlcKey,
    },
    /// A commitment for the peer was built on another per-commitment point than the peer announced.
    #[error("channel {channel}: the per-commitment point of remote commitment {number} is not the announced one")]
    PerCommitmentPoint { channel: OutPoint, number: u64 },
    /// The revealed secret does not belong to its point, or contradicts the secrets held (BOLT 3).
    #[error("channel {channel}: the secret of commitment {number} does not match")]
    WrongSecret { channel: OutPoint, number: u64 },
    /// A short channel id or alias names another channel already.
    #[error("channel {channel}: {id} is the name of channel {taken_by}")]
    ShortChannelIdTaken {
        channel: OutPoint,
        id: ShortChannelId,
        taken_by: OutPoint,
    },
    /// No HTLC with that key was ever on a commitment of the channel.
    #[error("channel {channel}: unknown HTLC {htlc}")]
    UnknownHtlc { channel: OutPoint, htlc: HtlcKey },
    /// The channel is closing, has ended, or waits to be confirmed after it was restored from a backup: it takes no more
    /// commitments, and once it has ended nothing at all.
    #[error("channel {channel}: refused: {reason}")]
    Closing { channel: OutPoint, reason: Refusal },
    /// The peer expects a commitment beyond those that the store knows of, and proves nothing. BOLT 2: the channel fails.
    #[error("channel {channel}: the peer's next_commitment_number is {peers}, ours would be {ours} at most")]
    BehindPeer {
        channel: OutPoint,
        ours: u64,
        peers: u64,
    },
    /// The transaction given as a cooperative close is none of this channel.
    #[error("channel {channel}: not a cooperative close: {reason}")]
    ClosingTransaction {
        channel: OutPoint,
        reason: &'static str,
    },
    /// The peer's `channel_reestablish` holds another secret than ours of the commitment that it names. BOLT 2: the channel
    /// fails.
    #[error("channel {channel}: channel_reestablish holds another secret than ours of commitment {number}")]
    ReestablishSecret { channel: OutPoint, number: u64 },
    /// A figure cannot be used in a Lightning transaction.
    #[error("channel {channel}: {source}")]
    Protocol {
        channel: OutPoint,
        source: ProtocolError,
    },
}

impl UpdateError {
    pub(crate) fn protocol(channel: OutPoint) -> impl Fn(ProtocolError) -> Self {
        move |source| UpdateError::Protocol { channel, source }
    }
}
