//! From what `chain` knows to what the court is told: the facts that concern one case.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Txid};

use crate::chain::{
    BlockRef, ChainView, Depth, Expected, OutputCheck, ServerStanding, Subject, SyncOutcome,
    Urgency, Watch,
};
use crate::court::{
    contested_coins, due_broadcasts, ArbitratorState, Block, Case, Contract, Dossier, DoubleSpend,
    Facts, FundingCoins, FundingFact, FundingState, PeerContact, Progress, Spend, SpendContext,
    Told,
};
use crate::opening::Place;
use crate::protocol::{PaymentHash, Preimage};

/// Whether a case has to be looked at with these facts: an open channel at rest has not.
pub(super) fn concerns(case: &Case, channel: OutPoint, view: &ChainView) -> bool {
    match case.state {
        ArbitratorState::FullyResolved => return false,
        ArbitratorState::Default => {}
        ArbitratorState::BroadcastCommit
        | ArbitratorState::CommitmentBroadcasted
        | ArbitratorState::ContractClosed
        | ArbitratorState::WaitingFullResolution => return true,
    }
    let has_spend = view
        .output(&channel)
        .is_some_and(|facts| facts.spend.is_some());
    has_spend
        || case.orphan.is_some()
        || case.cancelled.is_some()
        || case.unconfirmed.is_some()
        // A commitment of the peer's that a mempool forgot may need a child; a coin of a funding may be spent by another.
        || due_broadcasts(case).next().is_some()
        || !is_same_funding(case.funding, funding_fact(channel, view))
}

/// Whether the case stands on facts that are not held any more. The chain withdraws what facts say, never the row: a
/// row that is gone could not be read. It says nothing, least of all that there was a reorg, until it is asked for again.
pub(super) fn has_lost_facts(case: &Case, channel: OutPoint, view: &ChainView) -> bool {
    let is_lost = |outpoint: &OutPoint| view.output(outpoint).is_none();
    let is_spent = |contract: &&Contract| match contract.progress {
        Progress::Spent { .. } | Progress::Resolved { .. } => true,
        Progress::Contested { .. }
        | Progress::Maturing { .. }
        | Progress::Claimable
        | Progress::Uneconomic { .. }
        | Progress::GivenUp { .. } => false,
    };
    let mut spent = case.contracts.iter().filter(is_spent);
    (case.funding != FundingState::Pending && is_lost(&channel))
        || spent.any(|contract| is_lost(&contract.outpoint))
}

fn is_same_funding(state: FundingState, fact: FundingFact) -> bool {
    match (state, fact) {
        (FundingState::Pending, FundingFact::Unconfirmed) => true,
        (FundingState::Open(known), FundingFact::Confirmed(seen))
        | (FundingState::Mismatch(known), FundingFact::WrongOutput(seen)) => known == seen,
        (
            FundingState::Pending | FundingState::Open(_) | FundingState::Mismatch(_),
            FundingFact::Unconfirmed | FundingFact::Confirmed(_) | FundingFact::WrongOutput(_),
        ) => false,
    }
}

/// The outputs of a close that are ours to resolve, and those that second-level spends of them left.
pub(super) fn contract_watches(case: &Case, view: &ChainView) -> Vec<Watch> {
    let Some(close) = &case.close else {
        return Vec::new();
    };
    case.contracts
        .iter()
        .filter_map(|contract| {
            let vout = usize::try_from(contract.outpoint.vout).ok()?;
            let made_by = match contract.parent {
                None => &close.transaction,
                Some(parent) => &view.output(&parent)?.spend.as_ref()?.tx,
            };
            Some(Watch {
                outpoint: contract.outpoint,
                expected: Expected::Exactly(made_by.output.get(vout)?.clone()),
                urgency: Urgency::AtTip,
                counted_to: Depth::UNCONFIRMED,
            })
        })
        .collect()
}

/// The coins of a funding of ours that another transaction may have.
pub(super) fn coin_watches(case: &Case) -> impl Iterator<Item = Watch> {
    contested_coins(case).into_iter().map(|outpoint| Watch {
        outpoint,
        expected: Expected::Anything,
        urgency: Urgency::AtTip,
        counted_to: Depth::UNCONFIRMED,
    })
}

/// Whether another transaction has one of them: the first that took one. An attempt of ours at the same funding is none:
/// the opening ends the others when it is there for good.
fn funding_coins(
    case: &Case,
    channel: OutPoint,
    view: &ChainView,
    attempts: &BTreeSet<Txid>,
) -> FundingCoins {
    let coins = contested_coins(case);
    let mut is_unknown = coins.is_empty() && case.funding == FundingState::Pending;
    let mut taken = Vec::new();
    for coin in coins {
        let Some(facts) = view.output(&coin) else {
            is_unknown = true;
            continue;
        };
        let spend = facts.spend.as_ref();
        let other = spend.filter(|it| it.txid != channel.txid && !attempts.contains(&it.txid));
        if let Some((by, position)) = other.and_then(|it| Some((it.txid, it.position?))) {
            let block = block_of(position.block);
            let depth = view.depth(&position).to_u32();
            taken.push((DoubleSpend { coin, by, block }, depth));
        }
    }
    let first = taken
        .into_iter()
        .min_by_key(|(it, _)| (it.block.height, it.coin));
    match first {
        Some((double_spend, depth)) => FundingCoins::Spent(double_spend, depth),
        None if is_unknown => FundingCoins::Unknown,
        None => FundingCoins::Free,
    }
}

fn block_of(block: BlockRef) -> Block {
    Block {
        height: block.height.to_u32(),
        hash: block.hash,
    }
}

fn funding_fact(channel: OutPoint, view: &ChainView) -> FundingFact {
    let Some(facts) = view.output(&channel) else {
        return FundingFact::Unconfirmed;
    };
    match (&facts.output, facts.confirmed) {
        (_, None) => FundingFact::Unconfirmed,
        (OutputCheck::Wrong(_), Some(position)) => {
            FundingFact::WrongOutput(block_of(position.block))
        }
        (OutputCheck::NotSeen | OutputCheck::AsExpected, Some(position)) => {
            FundingFact::Confirmed(block_of(position.block))
        }
    }
}

/// Where the funding stands, if it is there and pays what the terms say.
pub(super) fn funding_place(channel: OutPoint, view: &ChainView) -> Option<Place> {
    match funding_fact(channel, view) {
        FundingFact::Unconfirmed | FundingFact::WrongOutput(_) => None,
        FundingFact::Confirmed(block) => {
            let position = view.output(&channel)?.confirmed?;
            Some(Place {
                block,
                position: position.index,
                depth: view.depth(&position).to_u32(),
            })
        }
    }
}

/// What the server left unsaid in this tick.
pub(super) enum Unsaid {
    Everything,
    Only(BTreeSet<OutPoint>),
}

impl Unsaid {
    pub(super) fn of(outcome: &SyncOutcome) -> Self {
        match (outcome.server, &outcome.stopped) {
            (ServerStanding::Current, None) => {
                let failed = outcome.failures.iter().filter_map(|it| match it.subject {
                    Subject::Output(outpoint) => Some(outpoint),
                    Subject::Transaction(_) => None,
                });
                Unsaid::Only(failed.collect())
            }
            (
                ServerStanding::Current | ServerStanding::Behind { .. } | ServerStanding::Unknown,
                _,
            ) => Unsaid::Everything,
        }
    }

    fn is_of(&self, outpoint: &OutPoint) -> bool {
        match self {
            Unsaid::Everything => true,
            Unsaid::Only(outpoints) => outpoints.contains(outpoint),
        }
    }
}

/// Whether it is known, as of this tip, if an output is spent on the chain.
fn is_looked_at(outpoint: &OutPoint, view: &ChainView, tip: BlockRef, unsaid: &Unsaid) -> bool {
    view.output(outpoint).is_some_and(|facts| {
        facts.unspent_at == Some(tip)
            || facts.spend.as_ref().is_some_and(|spend| {
                // A hint from a mempool is kept from tick to tick.
                spend.position.is_some() || !unsaid.is_of(outpoint)
            })
    })
}

/// What no chain says: looked up in the store, at the signer's and the wallet's, and told by the app.
pub(super) struct Known {
    pub(super) context: SpendContext,
    pub(super) preimages: BTreeMap<PaymentHash, Preimage>,
    pub(super) peer: PeerContact,
    pub(super) told: Told,
    /// The other attempts at the same funding.
    pub(super) attempts: BTreeSet<Txid>,
}

/// What was observed that concerns one channel.
pub(super) fn facts(
    case: &Case,
    dossier: &Dossier,
    view: &ChainView,
    tip: BlockRef,
    looked_up: Known,
    unsaid: &Unsaid,
) -> Facts {
    let channel = dossier.channel();
    let outpoints = || std::iter::once(channel).chain(case.contracts.iter().map(|it| it.outpoint));
    let looked_at = outpoints().filter(|outpoint| is_looked_at(outpoint, view, tip, unsaid));
    let spends = outpoints()
        .filter_map(|outpoint| {
            let spend = view.output(&outpoint)?.spend.clone()?;
            let confirmed = spend
                .position
                .map(|position| (block_of(position.block), view.depth(&position).to_u32()));
            Some((
                outpoint,
                Spend {
                    txid: spend.txid,
                    transaction: spend.tx,
                    confirmed,
                },
            ))
        })
        .collect();
    Facts {
        tip: tip.height.to_u32(),
        funding: funding_fact(channel, view),
        funding_coins: funding_coins(case, channel, view, &looked_up.attempts),
        spends,
        looked_at: looked_at.collect::<BTreeSet<_>>(),
        context: looked_up.context,
        preimages: looked_up.preimages,
        peer: looked_up.peer,
        told: looked_up.told,
    }
}
