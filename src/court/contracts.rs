//! The contracts of a proven close: how far each is by the facts, what of that is news, and when the case has ended.

use bitcoin::{OutPoint, Txid};

use super::balance::paid_out;
use super::resolver::{Progress, Resolution, View};
use super::summary::{self, Standing};
use super::watcher::CloseKind;
use super::{ArbitratorState, Block, Case, Dossier, EventKind, Facts, LogKind, Spend, Step};
use crate::config::Policy;
use crate::protocol::{ContractOutput, Party, SpendPath};

pub(super) fn contracts(step: &mut Step, dossier: &Dossier, facts: &Facts, policy: &Policy) {
    let Some(close) = step.case.close.clone() else {
        return;
    };
    let channel = dossier.channel();
    let ours: Vec<Txid> = step.case.broadcasts.iter().map(|ours| ours.txid).collect();
    let to_remote_delay = to_remote_delay(dossier);
    for index in 0..step.case.contracts.len() {
        let contract = &step.case.contracts[index];
        let (outpoint, value_sat, before) =
            (contract.outpoint, contract.value_sat, contract.progress);
        let progress = contract.progress_by(&View {
            tip: facts.tip,
            close: close.block,
            spend: facts.spends.get(&outpoint),
            to_self_delay: dossier.terms.party(contract.owner).to_self_delay,
            to_remote_delay,
            is_ours: &|txid| ours.contains(txid),
            settle_depth: policy.settle_depth(dossier.terms.funding.capacity),
            policy,
        });
        if progress == before {
            continue;
        }
        step.case.contracts[index].progress = progress;
        step.log(facts.tip, LogKind::Contract { outpoint, progress });
        if is_settled(&progress) && !is_settled(&before) {
            if let Some((resolution, block)) = settled_in(&progress, facts, outpoint) {
                step.tell(
                    channel,
                    settled_event(outpoint, value_sat, resolution, block, &step.case),
                );
            }
        }
    }
}

fn is_settled(progress: &Progress) -> bool {
    match progress {
        Progress::Spent { settled, .. } => *settled,
        Progress::Resolved { .. } => true,
        Progress::Unresolved | Progress::Maturing { .. } | Progress::Claimable => false,
    }
}

fn settled_in(
    progress: &Progress,
    facts: &Facts,
    outpoint: OutPoint,
) -> Option<(Resolution, Block)> {
    let (block, _) = facts.spends.get(&outpoint)?.confirmed?;
    match progress {
        Progress::Spent { resolution, .. } | Progress::Resolved { resolution } => {
            Some((*resolution, block))
        }
        Progress::Unresolved | Progress::Maturing { .. } | Progress::Claimable => None,
    }
}

fn settled_event(
    outpoint: OutPoint,
    value_sat: u64,
    resolution: Resolution,
    block: Block,
    case: &Case,
) -> EventKind {
    let block = block.hash;
    match resolution {
        Resolution::Claimed { txid } => EventKind::FundsRecovered {
            txid,
            value_sat: case
                .broadcasts
                .iter()
                .find(|ours| ours.txid == txid)
                .map_or(value_sat, |ours| paid_out(&ours.transaction).to_sat()),
            block,
        },
        Resolution::SweptByAnother { txid: _ } => EventKind::SweptByAnother {
            outpoint,
            value_sat,
            block,
        },
    }
}

/// Blocks that `to_remote` makes us wait in the channel's format.
fn to_remote_delay(dossier: &Dossier) -> u16 {
    let terms = &dossier.terms;
    let Ok(keys) = terms.commitment_keys(Party::Remote, &terms.remote.first_per_commitment_point)
    else {
        return 0;
    };
    terms
        .channel_type
        .format()
        .spend(
            &ContractOutput::ToRemote,
            SpendPath::ToRemote,
            &keys,
            terms.remote.to_self_delay,
        )
        .and_then(|template| template.sequence.to_relative_lock_time())
        .map_or(0, |lock| match lock {
            bitcoin::relative::LockTime::Blocks(blocks) => blocks.value(),
            bitcoin::relative::LockTime::Time(_) => 0,
        })
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
        .all(|contract| matches!(contract.progress, Progress::Resolved { .. }));
    // An unknown spend has no end: what it means for us is for people to find out.
    let can_end = !matches!(close.kind, CloseKind::Unknown);
    if depth >= policy.final_depth && all_resolved && can_end {
        let txid = Some(close.txid);
        step.tell(channel, EventKind::FullyResolved { txid });
        step.enter(facts.tip, ArbitratorState::FullyResolved);
        summary::of_close(step, dossier, Standing::Final);
    } else if !step.log.is_empty() {
        summary::of_close(step, dossier, Standing::Provisional);
    }
}
