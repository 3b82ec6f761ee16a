//! The chain watcher: recognises who closed the channel, and which outputs of the close are ours to resolve.
//!
//! The order of the questions is that of the rules: exact txids first, then the state number that BOLT 3 hides
//! in locktime and sequence, our own keys before the peer's secrets, and what is left is reported as unknown.

mod found;

use std::collections::BTreeSet;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};
use serde::{Deserialize, Serialize};

use self::found::{matches, Carried, Found};
use super::resolver::{Contract, ContractRole, Progress};
use super::{CloseOutput, CourtError, Dossier, OutputKind, SpendContext};
use crate::channel::ChannelTerms;
use crate::protocol::{is_cooperative_close, CommitmentNumber, ContractOutput, Party};

/// How a channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseKind {
    Cooperative,
    /// A commitment of ours that we hold.
    Local {
        number: u64,
    },
    /// A commitment of ours that we do not hold (any more): an older state, or one made by another device.
    LocalOther {
        number: u64,
    },
    /// The peer's current commitment.
    Remote {
        number: u64,
    },
    /// The peer's next commitment, signed by us while the current one is not revoked.
    RemotePending {
        number: u64,
    },
    /// A revoked commitment of the peer.
    Breach {
        number: u64,
    },
    /// A commitment of the peer beyond all we know: we lost data.
    RemoteFuture {
        number: u64,
    },
    Unknown,
}

/// A recognised close: what kind, and its outputs that are ours to resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognition {
    pub kind: CloseKind,
    pub contracts: Vec<Contract>,
    /// Paid to our own scripts, without anything left to do.
    pub paid_to_us_sat: u64,
    /// Every output of the close, ours or not, in order.
    pub outputs: Vec<CloseOutput>,
}

/// The state number in a possible commitment transaction of the channel (BOLT 3).
pub fn state_number(terms: &ChannelTerms, transaction: &Transaction) -> Option<CommitmentNumber> {
    crate::protocol::state_number(transaction, terms.obscuring_factor())
}

/// Recognises the spender of the funding output.
///
/// # Errors
/// When the stored terms give no keys.
pub fn recognise(
    dossier: &Dossier,
    transaction: &Transaction,
    context: &SpendContext,
) -> Result<Recognition, CourtError> {
    let txid = transaction.compute_txid();
    let close = Closer {
        dossier,
        transaction,
        txid,
        context,
    };
    close
        .by_txid()
        .or_else(|| close.by_number())
        .unwrap_or_else(|| close.unknown())
}

struct Closer<'a> {
    dossier: &'a Dossier,
    transaction: &'a Transaction,
    txid: Txid,
    context: &'a SpendContext,
}

type Answer = Option<Result<Recognition, CourtError>>;

impl Closer<'_> {
    /// 1. A transaction that we have made or signed.
    fn by_txid(&self) -> Answer {
        if self
            .dossier
            .cooperative
            .iter()
            .any(|known| known.compute_txid() == self.txid)
        {
            return Some(Ok(self.cooperative()));
        }
        let candidate = self
            .dossier
            .candidates
            .iter()
            .find(|candidate| candidate.txid == self.txid)?;
        let number = candidate.number.get();
        let kind = match candidate.owner {
            Party::Local => CloseKind::Local { number },
            Party::Remote if self.is_pending(candidate.number) => {
                CloseKind::RemotePending { number }
            }
            Party::Remote => CloseKind::Remote { number },
        };
        let htlcs: Vec<Carried<'_>> = candidate
            .htlcs
            .iter()
            .filter_map(|htlc| self.dossier.htlcs.get(htlc))
            .map(Carried::live)
            .collect();
        Some(self.commitment(
            kind,
            candidate.owner,
            &candidate.per_commitment_point,
            &htlcs,
        ))
    }

    /// Whether `number` of the peer was signed on top of one that is not revoked yet.
    fn is_pending(&self, number: CommitmentNumber) -> bool {
        let current = self
            .dossier
            .feed
            .remote_revoked
            .map_or(0, |revoked| revoked.get() + 1);
        number.get() > current
    }

    /// 2.–4. What the state number, our keys and the peer's secrets say.
    fn by_number(&self) -> Answer {
        let terms = &self.dossier.terms;
        let Some(number) = state_number(terms, self.transaction) else {
            return self
                .pays_only_shutdown_scripts()
                .then(|| Ok(self.cooperative()));
        };
        let n = number.get();
        if let Some(point) = &self.context.our_point {
            let htlcs = self.htlcs_at(Party::Local, n);
            match matches(
                &self.dossier.terms,
                self.transaction,
                Party::Local,
                point,
                &htlcs,
            ) {
                Err(error) => return Some(Err(error)),
                // BOLT 5: our own commitment, whichever state, gives us `to_local` after its delay.
                Ok(matched) if matched.iter().any(Found::tells_the_owner) => {
                    let kind = CloseKind::LocalOther { number: n };
                    return Some(self.commitment(kind, Party::Local, point, &htlcs));
                }
                Ok(_) => {}
            }
        }
        if let Some(secret) = &self.context.peer_secret {
            let point = secret.point().ok()?;
            let htlcs = self.htlcs_at(Party::Remote, n);
            let kind = CloseKind::Breach { number: n };
            return Some(self.commitment(kind, Party::Remote, &point, &htlcs));
        }
        let newest = self.dossier.feed.remote.map_or(0, CommitmentNumber::get);
        if n > newest {
            let kind = CloseKind::RemoteFuture { number: n };
            return Some(self.commitment(kind, Party::Remote, &self.any_remote_point(), &[]));
        }
        None
    }

    /// 5. Nothing we know; what pays us all the same is claimed.
    fn unknown(&self) -> Result<Recognition, CourtError> {
        self.commitment(
            CloseKind::Unknown,
            Party::Remote,
            &self.any_remote_point(),
            &[],
        )
    }

    /// `to_remote` and the anchors depend on no per-commitment point: any will do to find them.
    fn any_remote_point(&self) -> PublicKey {
        self.dossier.terms.remote.first_per_commitment_point
    }

    fn cooperative(&self) -> Recognition {
        Recognition {
            kind: CloseKind::Cooperative,
            contracts: Vec::new(),
            paid_to_us_sat: self.paid_to_our_scripts(),
            outputs: self.outputs(|_| None),
        }
    }

    fn commitment(
        &self,
        kind: CloseKind,
        owner: Party,
        point: &PublicKey,
        htlcs: &[Carried<'_>],
    ) -> Result<Recognition, CourtError> {
        let found = matches(&self.dossier.terms, self.transaction, owner, point, htlcs)?;
        let outputs = self.outputs(|vout| {
            let found = found.iter().find(|found| found.vout == vout)?;
            Some(OutputKind::Contract {
                owner,
                output: found.output,
                htlc: found.htlc,
            })
        });
        let contracts = found
            .into_iter()
            .filter_map(|found| {
                Some(Contract {
                    outpoint: OutPoint::new(self.txid, found.vout),
                    value_sat: found.value_sat,
                    owner,
                    per_commitment_point: *point,
                    output: found.output,
                    htlc: found.htlc,
                    version: found.version,
                    parent: None,
                    created: None,
                    role: role(kind, owner, &found.output)?,
                    progress: Progress::Claimable,
                })
            })
            .collect();
        Ok(Recognition {
            kind,
            contracts,
            paid_to_us_sat: self.paid_to_our_scripts(),
            outputs,
        })
    }

    fn htlcs_at(&self, owner: Party, number: u64) -> Vec<Carried<'_>> {
        let lives = self.dossier.htlcs.values();
        let lives = lives.filter(|life| life.interval(owner).holds(number));
        let past = self.dossier.past.iter();
        let past = past.filter(|past| past.interval(owner).holds(number));
        lives
            .map(Carried::live)
            .chain(past.map(Carried::past))
            .collect()
    }

    /// What each output is: of the commitment, if `of_commitment` knows it, else by whose wallet it pays.
    fn outputs(&self, of_commitment: impl Fn(u32) -> Option<OutputKind>) -> Vec<CloseOutput> {
        let ours = self.our_scripts();
        let peers = self.dossier.terms.remote.shutdown_script.as_ref();
        let by_wallet = |script: &ScriptBuf| {
            if ours.contains(script) {
                OutputKind::OurWallet
            } else if peers == Some(script) {
                OutputKind::PeersWallet
            } else {
                OutputKind::Unrecognised
            }
        };
        (0u32..)
            .zip(&self.transaction.output)
            .map(|(vout, output)| CloseOutput {
                outpoint: OutPoint::new(self.txid, vout),
                value_sat: output.value.to_sat(),
                kind: of_commitment(vout).unwrap_or_else(|| by_wallet(&output.script_pubkey)),
            })
            .collect()
    }

    fn our_scripts(&self) -> BTreeSet<&ScriptBuf> {
        let fixed = self.dossier.terms.local.shutdown_script.iter();
        fixed.chain(&self.context.our_scripts).collect()
    }

    fn pays_only_shutdown_scripts(&self) -> bool {
        let allowed: Vec<&ScriptBuf> = self
            .dossier
            .terms
            .shutdown_scripts()
            .chain(&self.context.our_scripts)
            .collect();
        is_cooperative_close(self.transaction, self.dossier.channel(), |script| {
            allowed.iter().any(|known| known.as_script() == script)
        })
    }

    fn paid_to_our_scripts(&self) -> u64 {
        let ours = self.our_scripts();
        self.transaction
            .output
            .iter()
            .filter(|output| ours.contains(&output.script_pubkey))
            .map(|output| output.value.to_sat())
            .sum()
    }
}

/// What an output of a commitment means to us; `None`: it is the peer's alone.
fn role(kind: CloseKind, owner: Party, output: &ContractOutput) -> Option<ContractRole> {
    let is_breach = matches!(kind, CloseKind::Breach { .. });
    match (owner, output) {
        (Party::Local, ContractOutput::ToLocal) | (Party::Remote, ContractOutput::ToRemote) => {
            Some(ContractRole::CommitSweep)
        }
        (Party::Local, ContractOutput::OwnerAnchor)
        | (Party::Remote, ContractOutput::CounterpartyAnchor) => Some(ContractRole::Anchor),
        (Party::Remote, ContractOutput::ToLocal) if is_breach => Some(ContractRole::Breach),
        (_, ContractOutput::Htlc { .. }) if is_breach => Some(ContractRole::Breach),
        // Which of the four it is follows from its direction, the clock and what is known.
        (_, ContractOutput::Htlc { .. }) => Some(ContractRole::IncomingContest),
        (Party::Local, ContractOutput::ToRemote | ContractOutput::CounterpartyAnchor)
        | (Party::Remote, ContractOutput::ToLocal | ContractOutput::OwnerAnchor)
        | (_, ContractOutput::SecondLevel) => None,
    }
}

/// Whether both funding keys signed the transaction's spend of the funding output. What is only in a mempool
/// is believed no further than this.
pub fn is_signed_by_both(terms: &ChannelTerms, transaction: &Transaction) -> bool {
    let funding = terms.funding_output();
    (0..transaction.input.len()).any(|input| funding.is_spent_by(transaction, input))
}
