//! Why the testkit will not play along.

use super::commitments::Which;
use super::htlc::HtlcKey;
use super::setup::Side;

/// A story that a test or a request tells and that cannot be: nothing has changed when it comes back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyError {
    /// The setup contradicts itself.
    #[error("setup: {0}")]
    Setup(&'static str),
    /// A side pays more than it has outside HTLCs.
    #[error("{payer:?} would pay {needed_msat} msat and has {has_msat} msat")]
    Unaffordable {
        /// Who pays.
        payer: Side,
        /// What is asked.
        needed_msat: u64,
        /// What is there.
        has_msat: u64,
    },
    /// No such HTLC is live in that commitment or state.
    #[error("no HTLC {0:?} there")]
    UnknownHtlc(HtlcKey),
    /// BOLT 2: no cooperative close while an HTLC is live.
    #[error("HTLC {0:?} is live")]
    HtlcLive(HtlcKey),
    /// The HTLC is below the dust limit of that commitment, so no transaction can spend it.
    #[error("HTLC {0:?} has no output there")]
    Trimmed(HtlcKey),
    /// BOLT 2: the next commitment is not signed before the previous one is revoked.
    #[error("the peer has not revoked commitment {number} yet")]
    RevocationOutstanding {
        /// The commitment to be revoked first.
        number: u64,
    },
    /// The peer has nothing to revoke: it was given no newer commitment.
    #[error("the peer's commitment {number} is its newest and stays valid")]
    NothingToRevoke {
        /// That commitment.
        number: u64,
    },
    /// That commitment was never signed.
    #[error("{owner:?} has no such commitment: {which:?}")]
    NoSuchCommitment {
        /// Whose commitment.
        owner: Side,
        /// What was asked for.
        which: Which,
    },
    /// The output that should be spent is not there, or too small for the fee.
    #[error("{0}")]
    NothingToSpend(&'static str),
}
