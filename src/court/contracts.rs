//! The contracts of a proven close: how far each is by the facts, what of that is news, and when the case has ended.

use std::collections::BTreeSet;

use bitcoin::Txid;

use super::balance::paid_out;
use super::books::close_books;
use super::resolver::{self, Contract, Progress, Reason, Resolution, View};
use super::summary::{self, Standing};
use super::watcher::CloseKind;
use super::{
    ArbitratorState, Block, Case, CloseOutput, Dossier, EventKind, Facts, LogKind, OutputKind,
    Spend, Step, Told,
};
use crate::config::Policy;
use crate::protocol::{CommitmentKeys, Party};

pub(super) fn contracts(step: &mut Step, dossier: &Dossier, facts: &Facts, policy: &Policy) {
    let Some(close) = step.case.close.clone() else {
        return;
    };
    let terms = &dossier.terms;
    // All outputs of a close stand on one commitment.
    let keys = step
        .case
        .contracts
        .first()
        .and_then(|contract| contract.keys(terms));
    learn(step, dossier, facts, keys.as_ref());
    let has_peer_signatures = dossier
        .candidates
        .iter()
        .any(|candidate| candidate.owner == Party::Local && candidate.txid == close.txid);
    let ours: BTreeSet<Txid> = step.case.broadcasts.iter().map(|held| held.txid).collect();
    for index in 0..step.case.contracts.len() {
        let Some(contract) = step.case.contracts.get(index).cloned() else {
            continue;
        };
        let life = contract
            .htlc_ref()
            .and_then(|htlc| dossier.htlcs.get(&htlc));
        let hash = contract.htlc_figures().map(|(_, hash, _)| hash);
        let spend = facts.spends.get(&contract.outpoint);
        let (role, progress) = contract.next(&View {
            tip: facts.tip,
            terms,
            keys,
            created: contract.created.unwrap_or(close.block),
            spend,
            is_held: spend.is_some_and(|spend| ours.contains(&spend.txid)),
            life,
            has_preimage: hash.is_some_and(|hash| facts.preimages.contains_key(&hash)),
            is_committed: life.is_some_and(|life| life.is_committed(&dossier.feed)),
            has_peer_signatures,
            settle_depth: policy.settle_depth(dossier.terms.funding.capacity),
            policy,
        });
        change(step, dossier, facts, index, &contract, role, progress);
    }
    descend(step, dossier, facts, keys.as_ref());
}

fn change(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    index: usize,
    before: &Contract,
    role: resolver::ContractRole,
    progress: Progress,
) {
    if (role, progress) == (before.role, before.progress) {
        return;
    }
    let outpoint = before.outpoint;
    if role != before.role {
        step.log(facts.tip, LogKind::Resolver { outpoint, role });
    }
    if progress != before.progress {
        step.log(facts.tip, LogKind::Contract { outpoint, progress });
    }
    let is_news = before.progress.settled().is_none();
    if let Some(resolution) = progress.settled().filter(|_| is_news) {
        let spend = facts.spends.get(&outpoint);
        if let Some((block, _)) = spend.and_then(|spend| spend.confirmed) {
            let event = settled_event(before, resolution, block, &step.case);
            event
                .into_iter()
                .for_each(|event| step.tell(dossier.channel(), event));
        }
    }
    if let Some(contract) = step.case.contracts.get_mut(index) {
        contract.role = role;
        contract.progress = progress;
    }
}

/// Preimages that spends of HTLC outputs reveal, at any depth: every input of every spender is looked at.
fn learn(step: &mut Step, dossier: &Dossier, facts: &Facts, keys: Option<&CommitmentKeys>) {
    for contract in &step.case.contracts {
        let hash = contract.htlc_figures().map(|(_, hash, _)| hash);
        let is_unknown = hash.is_some_and(|hash| !facts.preimages.contains_key(&hash));
        let spend = facts.spends.get(&contract.outpoint);
        let how = spend
            .filter(|_| is_unknown)
            .and_then(|spend| resolver::recognise(contract, &dossier.terms, keys?, spend));
        let Some(preimage) = how.and_then(|how| how.preimage) else {
            continue;
        };
        if !step.learned.contains(&preimage) {
            step.learned.push(preimage);
        }
    }
}

/// The outputs that second-level spends left for us: contracts of their own, for as long as that spend stands.
fn descend(step: &mut Step, dossier: &Dossier, facts: &Facts, keys: Option<&CommitmentKeys>) {
    let left: Vec<Contract> = step
        .case
        .contracts
        .iter()
        .filter_map(|parent| {
            let spend = facts.spends.get(&parent.outpoint)?;
            resolver::child(parent, &dossier.terms, keys?, spend)
        })
        .collect();
    let stands = |contract: &Contract| {
        let same = |child: &Contract| {
            child.outpoint == contract.outpoint && child.created == contract.created
        };
        contract.parent.is_none() || left.iter().any(same)
    };
    let (standing, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut step.case.contracts)
        .into_iter()
        .partition(stands);
    step.case.contracts = standing;
    for contract in gone {
        let outpoint = contract.outpoint;
        step.log(facts.tip, LogKind::ContractGone { outpoint });
    }
    for child in left {
        let is_known = |known: &Contract| known.outpoint == child.outpoint;
        if !step.case.contracts.iter().any(is_known) {
            let (outpoint, progress) = (child.outpoint, child.progress);
            let output = CloseOutput {
                outpoint,
                value_sat: child.value_sat,
                kind: OutputKind::from(&child),
            };
            step.log(facts.tip, LogKind::Output(output));
            step.log(facts.tip, LogKind::Contract { outpoint, progress });
            step.case.contracts.push(child);
        }
    }
}

fn settled_event(
    contract: &Contract,
    resolution: Resolution,
    block: Block,
    case: &Case,
) -> Option<EventKind> {
    let (outpoint, value_sat) = (contract.outpoint, contract.value_sat);
    let block = block.hash;
    match resolution {
        // Through the second level the money is not here yet, but under its delay: its output tells.
        Resolution::Claimed { .. }
            if contract.owner == Party::Local && contract.htlc_figures().is_some() =>
        {
            None
        }
        // Its child has raised the commitment: it brings nothing, and its cost is in the books.
        Resolution::Claimed { .. } if contract.role == resolver::ContractRole::Anchor => None,
        // What one transaction brought is told once, with the first of its outputs.
        Resolution::Claimed { .. } if is_told(case, resolution) => None,
        Resolution::Claimed { txid } => Some(EventKind::FundsRecovered {
            txid,
            value_sat: case
                .broadcasts
                .iter()
                .find(|ours| ours.txid == txid)
                .map_or(value_sat, |ours| paid_out(&ours.transaction).to_sat()),
            block,
        }),
        // What becomes of them is told where it matters: upstream.
        Resolution::Fulfilled { .. } | Resolution::TimedOut { .. } => None,
        Resolution::SweptByAnother { txid: _ } => Some(EventKind::SweptByAnother {
            outpoint,
            value_sat,
            block,
        }),
    }
}

/// Whether another contract has settled in the same way.
fn is_told(case: &Case, resolution: Resolution) -> bool {
    let mut settled = case.contracts.iter().filter_map(|it| it.progress.settled());
    settled.any(|told| told == resolution)
}

pub(super) fn resolution(step: &mut Step, dossier: &Dossier, facts: &Facts, policy: &Policy) {
    let Some(mut close) = step.case.close.clone() else {
        return;
    };
    if step.case.state == ArbitratorState::ContractClosed {
        step.enter(facts.tip, ArbitratorState::WaitingFullResolution);
    }
    let depth = facts.spends.get(&dossier.channel()).map_or(0, Spend::depth);
    let channel = dossier.channel();
    if depth >= policy.settle_depth(dossier.terms.funding.capacity) && !close.settled {
        close.settled = true;
        if close.paid_to_us_sat > 0 {
            step.tell(
                channel,
                EventKind::FundsRecovered {
                    txid: close.txid,
                    value_sat: close.paid_to_us_sat,
                    block: close.block.hash,
                },
            );
        }
        step.case.close = Some(close.clone());
    }
    let all_resolved = step
        .case
        .contracts
        .iter()
        .all(|contract| is_over(contract, close.block, facts.tip, policy));
    let all_told = dossier.htlcs.values().all(|life| {
        life.terms.key.direction == crate::channel::Direction::Incoming
            || step.case.verdict(life.htlc_ref()).is_some()
    });
    // An unknown spend has no end: what it means for us is for people to find out.
    let can_end = !matches!(close.kind, CloseKind::Unknown) && is_heard(step, facts);
    if depth >= policy.final_depth && all_resolved && all_told && can_end {
        let txid = Some(close.txid);
        step.tell(channel, EventKind::FullyResolved { txid });
        close_books(step, facts.tip);
        step.enter(facts.tip, ArbitratorState::FullyResolved);
        summary::of_close(step, dossier, Standing::Final);
    } else if !step.log.is_empty() {
        summary::of_close(step, dossier, Standing::Provisional);
    }
}

/// Whether nobody has to hear of anything before the case may end. What this very step tells nobody has heard yet.
pub(super) fn is_heard(step: &Step, facts: &Facts) -> bool {
    match facts.told {
        Told::ToNobodyInParticular => true,
        Told::Acknowledged => step.events.is_empty(),
        Told::Awaited => false,
    }
}

/// Whether nothing can come of it any more: spent irrevocably, or left where it is with a reason, for good.
fn is_over(contract: &Contract, close: Block, tip: u32, policy: &Policy) -> bool {
    match contract.progress {
        Progress::Resolved { .. } | Progress::GivenUp { .. } => true,
        Progress::Uneconomic { reason } => match reason {
            Reason::AnchorAlone | Reason::NoPeerSignature | Reason::NotOurs => true,
            // Fees fall, and coins come.
            Reason::FeeAboveValue { .. } | Reason::ReserveNeeded { .. } => {
                tip >= contract.patience_ends(close, policy)
            }
        },
        Progress::Contested { .. }
        | Progress::Maturing { .. }
        | Progress::Claimable
        | Progress::Spent { .. } => false,
    }
}
