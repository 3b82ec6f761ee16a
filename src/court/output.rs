//! What an output of a close is, and who could spend it, from which height on.

use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

use super::resolver::claimable_at;
use super::Contract;
use crate::channel::{ChannelTerms, HtlcKey};
use crate::protocol::{ContractOutput, Party, SpendPath, SpendTemplate, Spender};

/// What an output is: of the closing transaction, or of a second-level transaction behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutputKind {
    /// It pays a script of our wallet's: nothing is left to do.
    OurWallet,
    /// It pays the script that the peer fixed for cooperative closes.
    PeersWallet,
    /// It belongs to a commitment.
    Contract {
        /// Whose commitment it is.
        owner: Party,
        output: ContractOutput,
        /// The HTLC that it carries, or, on the second level, carried.
        htlc: Option<HtlcKey>,
    },
    /// It fits nothing that we know.
    Unrecognised,
}

impl From<&Contract> for OutputKind {
    fn from(contract: &Contract) -> Self {
        OutputKind::Contract {
            owner: contract.owner,
            output: contract.output,
            htlc: contract.htlc,
        }
    }
}

/// One output of a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CloseOutput {
    pub outpoint: OutPoint,
    pub value_sat: u64,
    pub kind: OutputKind,
}

/// Who could spend an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    Us,
    Peer,
    /// Whoever comes first.
    Anyone,
}

/// What it takes to spend an output, beside time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Means {
    /// Nothing else.
    Plain,
    /// The preimage of the HTLC.
    Preimage,
    /// That the HTLC has expired.
    Expiry,
    /// That the commitment is revoked: the penalty of a breach.
    Revocation,
}

/// One way in which an output could be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claimant {
    /// The tip from which on the next block may hold the spend.
    pub from: u32,
    pub who: Who,
    pub means: Means,
}

/// Whether the secret that punishes a commitment is known to whom it would serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Valid,
    Revoked,
}

/// Everybody who could spend an output of a commitment of `owner` that confirmed at `height`, the first one first. The
/// templates of the channel's format say it, so a new channel type needs nothing here.
pub(super) fn claimants(
    terms: &ChannelTerms,
    owner: Party,
    output: &ContractOutput,
    height: u32,
    standing: Standing,
) -> Vec<Claimant> {
    let party = terms.party(owner);
    // Who may spend, and when, is the same at every point.
    let Ok(keys) = terms.commitment_keys(owner, &party.first_per_commitment_point) else {
        return Vec::new();
    };
    let format = terms.channel_type.format();
    let mut claimants: Vec<Claimant> = format
        .spends(output, &keys, party.to_self_delay)
        .iter()
        .map(|template| Claimant {
            from: possible_from(template, height),
            who: who(owner, template.spender),
            means: means(template.path),
        })
        .filter(|claimant| standing == Standing::Revoked || claimant.means != Means::Revocation)
        .collect();
    claimants.sort();
    claimants
}

/// BIP 68 and BIP 65: the tip from which on the next block may hold such a spend of an output that confirmed at `height`.
fn possible_from(template: &SpendTemplate, height: u32) -> u32 {
    let delay = match template.sequence.to_relative_lock_time() {
        Some(bitcoin::relative::LockTime::Blocks(blocks)) => blocks.value(),
        Some(bitcoin::relative::LockTime::Time(_)) | None => 0,
    };
    claimable_at(height, delay).max(template.lock_time.to_consensus_u32())
}

fn who(owner: Party, spender: Spender) -> Who {
    match (owner, spender) {
        (Party::Local, Spender::Owner) | (Party::Remote, Spender::Counterparty) => Who::Us,
        (Party::Local, Spender::Counterparty) | (Party::Remote, Spender::Owner) => Who::Peer,
        (Party::Local | Party::Remote, Spender::Anyone) => Who::Anyone,
    }
}

fn means(path: SpendPath) -> Means {
    match path {
        SpendPath::ToLocalDelayed
        | SpendPath::ToRemote
        | SpendPath::AnchorOwner
        | SpendPath::AnchorAnyone
        | SpendPath::SecondLevelDelayed => Means::Plain,
        SpendPath::HtlcSuccessSecondLevel | SpendPath::HtlcSuccessDirect => Means::Preimage,
        SpendPath::HtlcTimeoutSecondLevel | SpendPath::HtlcTimeoutDirect => Means::Expiry,
        SpendPath::ToLocalRevoked | SpendPath::HtlcRevoked | SpendPath::SecondLevelRevoked => {
            Means::Revocation
        }
    }
}
