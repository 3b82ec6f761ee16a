//! What an output of a close is, who could spend it, what it waits for, and what it comes to.

use crate::court;
use crate::ffi::{Direction, HtlcKey, Party};
use crate::protocol::{self, ContractOutput, HtlcKind};

/// What an output of a close is, or of a second-level transaction behind it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OutputKind {
    /// It pays a script of our wallet's: nothing is left to do.
    OurWallet,
    /// It pays the script that the peer fixed for cooperative closes.
    PeersWallet,
    /// The balance of the commitment's owner, delayed.
    ToLocal {
        /// Whose commitment it is.
        owner: Party,
    },
    /// The balance of the other side.
    ToRemote {
        /// Whose commitment it is.
        owner: Party,
    },
    /// An anchor.
    Anchor {
        /// Whose anchor it is.
        of: Party,
    },
    /// An HTLC.
    Htlc {
        /// Whose commitment it is.
        owner: Party,
        /// Which way its money goes, as we see it.
        direction: Direction,
        /// What it is locked to, 32 bytes.
        payment_hash: Vec<u8>,
        /// The height from which on who offered it may take it back.
        cltv_expiry: u32,
        /// Its name within the channel, if it is known.
        key: Option<HtlcKey>,
    },
    /// What an HTLC-timeout or HTLC-success transaction left of an HTLC, delayed.
    SecondLevel {
        /// Whose commitment it is.
        owner: Party,
        /// The HTLC, if it is known.
        key: Option<HtlcKey>,
    },
    /// It fits nothing that we know.
    Unrecognised,
}

impl From<court::OutputKind> for OutputKind {
    fn from(kind: court::OutputKind) -> Self {
        let (owner, output, htlc) = match kind {
            court::OutputKind::OurWallet => return OutputKind::OurWallet,
            court::OutputKind::PeersWallet => return OutputKind::PeersWallet,
            court::OutputKind::Unrecognised => return OutputKind::Unrecognised,
            court::OutputKind::Contract {
                owner,
                output,
                htlc,
            } => (owner, output, htlc),
        };
        let key = htlc.map(HtlcKey::from);
        match output {
            ContractOutput::ToLocal => OutputKind::ToLocal {
                owner: owner.into(),
            },
            ContractOutput::ToRemote => OutputKind::ToRemote {
                owner: owner.into(),
            },
            ContractOutput::OwnerAnchor => OutputKind::Anchor { of: owner.into() },
            ContractOutput::CounterpartyAnchor => OutputKind::Anchor {
                of: owner.other().into(),
            },
            ContractOutput::SecondLevel => OutputKind::SecondLevel {
                owner: owner.into(),
                key,
            },
            ContractOutput::Htlc {
                kind,
                payment_hash,
                cltv_expiry,
            } => OutputKind::Htlc {
                owner: owner.into(),
                direction: direction(owner, kind),
                payment_hash: payment_hash.0.to_vec(),
                cltv_expiry,
                key,
            },
        }
    }
}

fn direction(owner: protocol::Party, kind: HtlcKind) -> Direction {
    match (owner, kind) {
        (protocol::Party::Local, HtlcKind::Offered)
        | (protocol::Party::Remote, HtlcKind::Received) => Direction::Outgoing,
        (protocol::Party::Local, HtlcKind::Received)
        | (protocol::Party::Remote, HtlcKind::Offered) => Direction::Incoming,
    }
}

/// Who could spend an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Who {
    /// We.
    Us,
    /// The peer.
    Peer,
    /// Whoever comes first.
    Anyone,
}

impl From<court::Who> for Who {
    fn from(who: court::Who) -> Self {
        match who {
            court::Who::Us => Who::Us,
            court::Who::Peer => Who::Peer,
            court::Who::Anyone => Who::Anyone,
        }
    }
}

/// What it takes to spend an output, beside time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Means {
    /// Nothing else.
    Plain,
    /// The preimage of the HTLC.
    Preimage,
    /// That the HTLC has expired.
    Expiry,
    /// That the commitment is revoked.
    Revocation,
}

impl From<court::Means> for Means {
    fn from(means: court::Means) -> Self {
        match means {
            court::Means::Plain => Means::Plain,
            court::Means::Preimage => Means::Preimage,
            court::Means::Expiry => Means::Expiry,
            court::Means::Revocation => Means::Revocation,
        }
    }
}

/// One way in which an output could be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Claimant {
    /// By whom.
    pub who: Who,
    /// With what.
    pub means: Means,
    /// The tip from which on the next block may hold the spend.
    pub from_height: u32,
}

impl From<court::Claimant> for Claimant {
    fn from(claimant: court::Claimant) -> Self {
        Claimant {
            who: claimant.who.into(),
            means: claimant.means.into(),
            from_height: claimant.from,
        }
    }
}

/// What is being waited for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Waiting {
    /// Nothing will happen any more, or nothing that concerns us.
    Nothing,
    /// The tip to reach a height.
    Height {
        /// That height.
        height: u32,
    },
    /// The peer to come with the preimage.
    PeersPreimage {
        /// The height at which we take the HTLC back.
        until: u32,
    },
    /// The app to release the HTLC, and to tell its preimage.
    Release {
        /// The height at which the peer can take it back.
        until: u32,
    },
    /// The peer to take its HTLC back.
    PeersTimeout {
        /// The height at which we stop watching.
        until: u32,
    },
    /// Our claim to be made and signed.
    Claim,
    /// Our claim to confirm.
    Confirmation {
        /// The claim.
        txid: String,
    },
    /// A coin of the wallet's for the fee.
    Reserve {
        /// That fee.
        fee_sat: u64,
        /// The height at which the case may end without.
        until: u32,
    },
    /// Lower fees.
    LowerFees {
        /// The height at which it is priced again, if no tick comes before.
        again: u32,
        /// The height at which the case may end without.
        until: u32,
    },
    /// The spend to be buried.
    Burial {
        /// The tip at which it counts as settled; nothing once it does.
        settled_at: Option<u32>,
        /// The tip at which it is irrevocable.
        final_at: u32,
    },
}

impl From<court::Waiting> for Waiting {
    fn from(waiting: court::Waiting) -> Self {
        use court::Waiting as Core;
        match waiting {
            Core::Nothing => Waiting::Nothing,
            Core::Height { height } => Waiting::Height { height },
            Core::PeersPreimage { until } => Waiting::PeersPreimage { until },
            Core::Release { until } => Waiting::Release { until },
            Core::PeersTimeout { until } => Waiting::PeersTimeout { until },
            Core::Claim => Waiting::Claim,
            Core::Confirmation { txid } => Waiting::Confirmation {
                txid: txid.to_string(),
            },
            Core::Reserve { fee_sat, until } => Waiting::Reserve { fee_sat, until },
            Core::LowerFees { again, until } => Waiting::LowerFees { again, until },
            Core::Burial {
                settled_at,
                final_at,
            } => Waiting::Burial {
                settled_at,
                final_at,
            },
        }
    }
}

/// What an output comes to for us. One that is not ours comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OutputMoney {
    /// Ours if all goes well, and not settled; in a case that has ended: left where it is.
    pub in_limbo_sat: u64,
    /// Ours, settled, less the fees.
    pub recovered_sat: u64,
    /// It was ours, and somebody else has spent it.
    pub lost_sat: u64,
    /// Paid out of it for claiming it.
    pub fees_sat: u64,
    /// Paid for the same out of the wallet's coins.
    pub wallet_fees_sat: u64,
}

impl From<court::Money> for OutputMoney {
    fn from(money: court::Money) -> Self {
        OutputMoney {
            in_limbo_sat: money.in_limbo_sat,
            recovered_sat: money.recovered_sat,
            lost_sat: money.lost_sat,
            fees_sat: money.fees_sat,
            wallet_fees_sat: money.wallet_fees_sat,
        }
    }
}
