//! What the court finds, in a person's words. The wording is stable: people search for it, and copy it into questions.

mod log;

use std::fmt::{Display, Formatter, Result};

use super::output::{Claimant, Means, OutputKind, Who};
use super::{
    Advice, ArbitratorState, BroadcastPurpose, Bump, CloseKind, CloseReason, ContractRole,
    FundingState, Money, Outcome, Progress, Reason, Resolution, Verdict,
};
use crate::protocol::{ContractOutput, HtlcKind, Party};

impl Display for ArbitratorState {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            ArbitratorState::Default => "Default",
            ArbitratorState::BroadcastCommit => "BroadcastCommit",
            ArbitratorState::CommitmentBroadcasted => "CommitmentBroadcasted",
            ArbitratorState::ContractClosed => "ContractClosed",
            ArbitratorState::WaitingFullResolution => "WaitingFullResolution",
            ArbitratorState::FullyResolved => "FullyResolved",
        })
    }
}

impl Display for FundingState {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            FundingState::Pending => write!(f, "the funding is not on the chain"),
            FundingState::Open(block) => write!(
                f,
                "the funding is in block {} at height {}",
                block.hash, block.height
            ),
            FundingState::Mismatch(block) => write!(
                f,
                "block {} at height {} holds the funding, without the output of the terms",
                block.hash, block.height
            ),
        }
    }
}

impl Display for CloseKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            CloseKind::Cooperative => write!(f, "a cooperative close"),
            CloseKind::Local { number } => write!(f, "our commitment {number}"),
            CloseKind::LocalOther { number } => {
                write!(f, "our commitment {number}, which we do not hold")
            }
            CloseKind::Remote { number } => write!(f, "the peer's commitment {number}"),
            CloseKind::RemotePending { number } => {
                write!(
                    f,
                    "the peer's commitment {number}, the one before not revoked"
                )
            }
            CloseKind::Breach { number } => write!(f, "the peer's revoked commitment {number}"),
            CloseKind::RemoteFuture { number } => {
                write!(f, "the peer's commitment {number}, beyond all that we know")
            }
            CloseKind::Unknown => write!(f, "a transaction that fits nothing we know"),
        }
    }
}

impl Display for CloseReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            CloseReason::IncomingExpires { htlc } => {
                write!(f, "HTLC {} is ours to claim and expires soon", htlc.key)
            }
            CloseReason::OutgoingExpired { htlc } => {
                write!(f, "HTLC {} has expired and was not given back", htlc.key)
            }
            CloseReason::DustAtRisk { amount_msat } => {
                write!(
                    f,
                    "{amount_msat} msat in HTLCs without an output are overdue"
                )
            }
        }
    }
}

impl Display for OutputKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (owner, output, htlc) = match self {
            OutputKind::OurWallet => return write!(f, "paid to our wallet"),
            OutputKind::PeersWallet => return write!(f, "paid to the peer's wallet"),
            OutputKind::Unrecognised => return write!(f, "fits nothing we know"),
            OutputKind::Contract {
                owner,
                output,
                htlc,
            } => (owner, output, htlc),
        };
        match (output, owner) {
            (ContractOutput::ToLocal, Party::Local) => write!(f, "to_local, our balance"),
            (ContractOutput::ToLocal, Party::Remote) => write!(f, "to_local, the peer's balance"),
            (ContractOutput::ToRemote, Party::Local) => write!(f, "to_remote, the peer's balance"),
            (ContractOutput::ToRemote, Party::Remote) => write!(f, "to_remote, our balance"),
            (ContractOutput::OwnerAnchor, Party::Local)
            | (ContractOutput::CounterpartyAnchor, Party::Remote) => write!(f, "our anchor"),
            (ContractOutput::OwnerAnchor, Party::Remote)
            | (ContractOutput::CounterpartyAnchor, Party::Local) => {
                write!(f, "the peer's anchor")
            }
            (ContractOutput::SecondLevel, _) => match htlc {
                Some(key) => write!(f, "second level of HTLC {key}"),
                None => write!(f, "second level of an HTLC"),
            },
            (
                ContractOutput::Htlc {
                    kind, cltv_expiry, ..
                },
                _,
            ) => match htlc {
                Some(key) => write!(f, "HTLC {key}, expiry {cltv_expiry}"),
                None => match (kind, owner) {
                    (HtlcKind::Offered, Party::Local) | (HtlcKind::Received, Party::Remote) => {
                        write!(f, "HTLC outgoing, expiry {cltv_expiry}")
                    }
                    (HtlcKind::Received, Party::Local) | (HtlcKind::Offered, Party::Remote) => {
                        write!(f, "HTLC incoming, expiry {cltv_expiry}")
                    }
                },
            },
        }
    }
}

impl Display for Claimant {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let who = match self.who {
            Who::Us => "us",
            Who::Peer => "the peer",
            Who::Anyone => "anyone",
        };
        let how = match self.means {
            Means::Plain | Means::Expiry => "",
            Means::Preimage => " with the preimage",
            Means::Revocation => " with the revocation key",
        };
        write!(f, "{who}{how} from height {}", self.from)
    }
}

impl Display for ContractRole {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            ContractRole::CommitSweep => "commitment sweep",
            ContractRole::OutgoingContest => "outgoing contest",
            ContractRole::OutgoingTimeout => "outgoing timeout",
            ContractRole::IncomingContest => "incoming contest",
            ContractRole::IncomingSuccess => "incoming success",
            ContractRole::Anchor => "anchor",
            ContractRole::Breach => "breach",
        })
    }
}

impl Display for Progress {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Progress::Contested { until } => {
                write!(f, "contested, decided at height {until} at the latest")
            }
            Progress::Maturing { claimable_at } => {
                write!(f, "ours from height {claimable_at} on")
            }
            Progress::Claimable => write!(f, "ours, the claim is not confirmed"),
            Progress::Uneconomic { reason } => write!(f, "left for now: {reason}"),
            Progress::GivenUp { reason } => write!(f, "given up: {reason}"),
            Progress::Spent {
                resolution,
                block,
                settled: true,
            } => write!(f, "{resolution} at height {}, settled", block.height),
            Progress::Spent {
                resolution,
                block,
                settled: false,
            } => write!(
                f,
                "{resolution} at height {}, not settled yet",
                block.height
            ),
            Progress::Resolved { resolution } => write!(f, "{resolution}, irrevocably"),
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Reason::FeeAboveValue { fee_sat } => write!(f, "the claim would cost {fee_sat} sat"),
            Reason::ReserveNeeded { fee_sat } => {
                write!(
                    f,
                    "it needs a coin of the wallet's for a fee of {fee_sat} sat"
                )
            }
            Reason::AnchorAlone => write!(f, "an anchor alone is worth less than its fee"),
            Reason::NoPeerSignature => write!(f, "the peer's signature for it is not held"),
            Reason::NotOurs => write!(f, "it was never ours, and the peer leaves it"),
        }
    }
}

impl Display for Resolution {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Resolution::Claimed { txid } => write!(f, "claimed by {txid}"),
            Resolution::Fulfilled { txid } => {
                write!(f, "taken by the peer with the preimage, {txid}")
            }
            Resolution::TimedOut { txid } => write!(f, "taken back by the peer, {txid}"),
            Resolution::SweptByAnother { txid } => write!(f, "swept by another, {txid}"),
        }
    }
}

impl Display for Money {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Money {
            in_limbo_sat,
            recovered_sat,
            lost_sat,
            fees_sat,
            wallet_fees_sat,
        } = self;
        write!(
            f,
            "{recovered_sat} sat recovered, {in_limbo_sat} in limbo, {lost_sat} lost, {fees_sat} of fees"
        )?;
        if *wallet_fees_sat > 0 {
            write!(f, ", {wallet_fees_sat} more by coins of the wallet")?;
        }
        Ok(())
    }
}

impl Display for BroadcastPurpose {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            BroadcastPurpose::Funding => write!(f, "the funding"),
            BroadcastPurpose::Commitment => write!(f, "our commitment"),
            BroadcastPurpose::Cooperative => write!(f, "the cooperative close"),
            BroadcastPurpose::OrphanedClose => write!(f, "a close that was confirmed once"),
            BroadcastPurpose::PeerCommitment => write!(f, "the peer's commitment"),
            BroadcastPurpose::Sweep(outpoint) => write!(f, "the claim of {outpoint}"),
            BroadcastPurpose::Cpfp(anchor) => {
                write!(f, "the child that pays for a commitment, through {anchor}")
            }
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Outcome::Accepted => write!(f, "accepted"),
            Outcome::AlreadyKnown => write!(f, "already known"),
            Outcome::Conflict(text) => write!(f, "conflicts with {text}"),
            Outcome::FeeTooLow => write!(f, "fee too low"),
            Outcome::Unreachable => write!(f, "unreachable"),
            Outcome::Other(text) => f.write_str(text),
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Verdict::Fulfilled => "fulfilled",
            Verdict::Failed => "failed",
        })
    }
}

impl Display for Bump {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Bump::Feerate(feerate) => {
                write!(f, "to pay {} sat/kwu", feerate.to_sat_per_kwu())
            }
            Bump::Deadline(height) => write!(f, "to be confirmed by height {height}"),
        }
    }
}

impl Display for Advice {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Advice::Fail => "fail it",
            Advice::Settle => "settle it",
        })
    }
}
