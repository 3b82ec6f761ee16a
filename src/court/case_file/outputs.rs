//! The outputs of a close, one by one.

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint};

use super::claim::BroadcastFile;
use super::recorded::{recorded, Recorded};
use crate::config::Policy;
use crate::court::books::Books;
use crate::court::claims::is_sweep;
use crate::court::output::{claimants, Claimant, CloseOutput, Means, OutputKind, Standing, Who};
use crate::court::waiting::{Clock, Waiting};
use crate::court::{
    ArbitratorState, Broadcast, Case, Close, CloseKind, ClosingBalance, Contract, ContractRole,
    Dossier, LogEntry, Money, Progress, Reason,
};
use crate::protocol::Party;

/// One output of a close, with all that is known and awaited of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    pub outpoint: OutPoint,
    pub value: Amount,
    /// What it is.
    pub kind: OutputKind,
    /// Which resolver is responsible; `None`: it is not ours to resolve.
    pub role: Option<ContractRole>,
    /// How far it is; `None`: it is not ours to resolve.
    pub progress: Option<Progress>,
    /// Who could spend it, and from when on, the first one first; empty once it is spent.
    pub claimants: Vec<Claimant>,
    pub waiting: Waiting,
    /// The next height at which something happens to it, if nothing else does.
    pub next_height: Option<u32>,
    pub money: Money,
    /// The newest claim of ours.
    pub claim: Option<BroadcastFile>,
}

/// Every output of the close, then those behind it.
pub(super) fn outputs(
    case: &Case,
    dossier: &Dossier,
    log: &[LogEntry],
    tip: u32,
    policy: &Policy,
) -> Vec<OutputFile> {
    let Some(close) = &case.close else {
        return Vec::new();
    };
    let desk = Desk {
        case,
        dossier,
        close,
        tip,
        clock: Clock::of(close, dossier, tip, policy),
        books: Books::of(case),
        contracts: by_outpoint(&case.contracts),
        claims: newest_claims(case),
        recorded: recorded(log),
    };
    let of_close = desk.outputs_of_close();
    let behind = desk.outputs_behind();
    of_close
        .into_iter()
        .chain(behind)
        .map(|output| desk.file(output))
        .collect()
}

/// What lies on the desk of whoever makes the file.
struct Desk<'a> {
    case: &'a Case,
    dossier: &'a Dossier,
    close: &'a Close,
    tip: u32,
    clock: Clock<'a>,
    books: Books,
    contracts: BTreeMap<OutPoint, &'a Contract>,
    claims: BTreeMap<OutPoint, &'a Broadcast>,
    recorded: BTreeMap<OutPoint, Recorded>,
}

impl Desk<'_> {
    fn outputs_of_close(&self) -> Vec<CloseOutput> {
        let outputs = (0u32..).zip(&self.close.transaction.output);
        outputs
            .map(|(vout, output)| {
                let outpoint = OutPoint::new(self.close.txid, vout);
                self.known(&outpoint).unwrap_or(CloseOutput {
                    outpoint,
                    value_sat: output.value.to_sat(),
                    kind: OutputKind::Unrecognised,
                })
            })
            .collect()
    }

    /// What second-level transactions left: contracts of their own while the case goes on, in the log afterwards.
    fn outputs_behind(&self) -> Vec<CloseOutput> {
        let outpoints = match self.case.state {
            ArbitratorState::FullyResolved => self.recorded.keys().collect::<Vec<_>>(),
            ArbitratorState::Default
            | ArbitratorState::BroadcastCommit
            | ArbitratorState::CommitmentBroadcasted
            | ArbitratorState::ContractClosed
            | ArbitratorState::WaitingFullResolution => self.contracts.keys().collect(),
        };
        outpoints
            .into_iter()
            .filter(|outpoint| outpoint.txid != self.close.txid)
            .filter_map(|outpoint| self.known(outpoint))
            .collect()
    }

    fn known(&self, outpoint: &OutPoint) -> Option<CloseOutput> {
        match self.contracts.get(outpoint) {
            Some(contract) => Some(CloseOutput {
                outpoint: contract.outpoint,
                value_sat: contract.value_sat,
                kind: OutputKind::from(*contract),
            }),
            None => self.recorded.get(outpoint).map(|recorded| recorded.output),
        }
    }

    fn file(&self, output: CloseOutput) -> OutputFile {
        let CloseOutput {
            outpoint,
            value_sat,
            kind,
        } = output;
        let contract = self.contracts.get(&outpoint).copied();
        let recorded = || self.recorded.get(&outpoint)?.progress;
        let progress = contract.map(|contract| contract.progress).or_else(recorded);
        let claim = self.claims.get(&outpoint).copied();
        let claimants = self.claimants(&kind, contract, progress);
        let waiting = self.waiting(&kind, contract, claim);
        OutputFile {
            outpoint,
            value: Amount::from_sat(value_sat),
            kind,
            role: contract.map(|contract| contract.role),
            progress,
            claimants,
            waiting,
            next_height: waiting.next_height(self.tip),
            money: self.money(&output, contract),
            claim: claim.map(|held| BroadcastFile::of(held, self.case, self.dossier)),
        }
    }

    fn claimants(
        &self,
        kind: &OutputKind,
        contract: Option<&Contract>,
        progress: Option<Progress>,
    ) -> Vec<Claimant> {
        let is_spent = progress.is_some_and(|progress| progress.resolution().is_some());
        let created = contract.and_then(|contract| contract.created);
        let height = created.unwrap_or(self.close.block).height;
        let at_once = |who| {
            vec![Claimant {
                from: height,
                who,
                means: Means::Plain,
            }]
        };
        match kind {
            OutputKind::OurWallet => at_once(Who::Us),
            OutputKind::PeersWallet => at_once(Who::Peer),
            OutputKind::Unrecognised => Vec::new(),
            OutputKind::Contract { .. } if is_spent => Vec::new(),
            OutputKind::Contract { owner, output, .. } => {
                let standing = self.standing(*owner);
                let mut all = claimants(&self.dossier.terms, *owner, output, height, standing);
                if without_us(progress) {
                    all.retain(|claimant| claimant.who != Who::Us);
                }
                all
            }
        }
    }

    /// Whether the other side can punish the commitment that confirmed.
    fn standing(&self, owner: Party) -> Standing {
        let is_revoked = match (owner, self.close.kind) {
            (Party::Remote, CloseKind::Breach { .. }) => true,
            // An older state of ours: we have revoked it, and the peer has its secret.
            (Party::Local, CloseKind::LocalOther { number }) => {
                let newest = self.dossier.feed.local;
                newest.is_some_and(|newest| number < newest.get())
            }
            (
                Party::Local | Party::Remote,
                CloseKind::Cooperative
                | CloseKind::Local { .. }
                | CloseKind::LocalOther { .. }
                | CloseKind::Remote { .. }
                | CloseKind::RemotePending { .. }
                | CloseKind::Breach { .. }
                | CloseKind::RemoteFuture { .. }
                | CloseKind::Unknown,
            ) => false,
        };
        if is_revoked {
            Standing::Revoked
        } else {
            Standing::Valid
        }
    }

    fn waiting(
        &self,
        kind: &OutputKind,
        contract: Option<&Contract>,
        claim: Option<&Broadcast>,
    ) -> Waiting {
        let close = self.close;
        match (contract, kind) {
            (Some(contract), _) => self.clock.waiting(contract, claim.map(|held| held.txid)),
            (None, OutputKind::OurWallet) if self.case.state != ArbitratorState::FullyResolved => {
                self.clock.burial(close.block.height, close.settled)
            }
            (
                None,
                OutputKind::OurWallet
                | OutputKind::PeersWallet
                | OutputKind::Contract { .. }
                | OutputKind::Unrecognised,
            ) => Waiting::Nothing,
        }
    }

    fn money(&self, output: &CloseOutput, contract: Option<&Contract>) -> Money {
        match (contract, output.kind) {
            (Some(contract), _) => self.books.money(contract),
            (None, OutputKind::OurWallet) => {
                let share = ClosingBalance {
                    settled: Amount::from_sat(output.value_sat),
                    ..ClosingBalance::default()
                };
                Money::of(&share, self.close.settled)
            }
            (None, OutputKind::Contract { .. }) => {
                let recorded = self.recorded.get(&output.outpoint);
                recorded.map_or(Money::default(), |recorded| recorded.money)
            }
            (None, OutputKind::PeersWallet | OutputKind::Unrecognised) => Money::default(),
        }
    }
}

/// Whether we could not spend the output, whatever the scripts say.
fn without_us(progress: Option<Progress>) -> bool {
    match progress {
        Some(Progress::GivenUp {
            reason: Reason::NoPeerSignature,
        }) => true,
        Some(
            Progress::Contested { .. }
            | Progress::Maturing { .. }
            | Progress::Claimable
            | Progress::Uneconomic { .. }
            | Progress::GivenUp { .. }
            | Progress::Spent { .. }
            | Progress::Resolved { .. },
        )
        | None => false,
    }
}

/// The newest claim of each output.
fn newest_claims(case: &Case) -> BTreeMap<OutPoint, &Broadcast> {
    let mut newest = BTreeMap::new();
    let is_claim = |held: &&Broadcast| is_sweep(held) || held.anchor().is_some();
    for held in case.broadcasts.iter().filter(is_claim) {
        for input in &held.transaction.input {
            newest.insert(input.previous_output, held);
        }
    }
    newest
}

fn by_outpoint(contracts: &[Contract]) -> BTreeMap<OutPoint, &Contract> {
    let contracts = contracts.iter();
    contracts
        .map(|contract| (contract.outpoint, contract))
        .collect()
}
