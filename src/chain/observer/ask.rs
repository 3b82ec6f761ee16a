//! Asking what is due: questions go out a few at a time, each answer is taken in and stored before the next is looked at,
//! and leads to the next question about the things that waited for it.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::{OutPoint, Transaction, Txid};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::super::block::{BlockRef, Depth};
use super::super::budget::Budget;
use super::super::error::{BudgetLimit, ChainError};
use super::super::facts::{Look, OutputCheck, TxPosition};
use super::super::proof::{check_merkle, check_size};
use super::super::rules::Role;
use super::super::source::{ChainSource, MerkleProof, Outspend, PlacedHeader};
use super::inquiry::{Case, Inquiry, Next, Question, Trust};
use super::{Observer, ServerStanding, SyncFailure, SyncOutcome};

/// What came back for a question.
enum Reply {
    Transaction(Txid, Option<Transaction>),
    Merkle(Txid, Option<MerkleProof>),
    Outspend(OutPoint, Outspend),
    Page(Vec<PlacedHeader>),
}

/// What remained open when nothing more could be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Open {
    /// The server spoke of blocks above the tip that was read.
    pub(super) above_tip: bool,
    /// Some questions have no usable answer.
    pub(super) unanswered: bool,
}

/// How many of the requests that are left one case may need: its spender, the proof, and a page of headers.
const REQUESTS_PER_CASE: u32 = 3;

/// The questions of one round.
#[derive(Default)]
struct Round {
    queue: VecDeque<Question>,
    waiting: BTreeMap<Question, Vec<usize>>,
    open: Open,
}

impl Observer<'_> {
    /// Asks all that is due.
    pub(super) async fn ask(
        &mut self,
        cases: &[Case<'_>],
        look: Look,
        outcome: &mut SyncOutcome,
    ) -> Result<Open, ChainError> {
        let trust = match outcome.server {
            ServerStanding::Current => Trust::Facts,
            ServerStanding::Behind { .. } | ServerStanding::Unknown => Trust::Hints,
        };
        self.heard.at_tip(self.tip_read);
        let mut round = Round::default();
        for (index, case) in cases.iter().enumerate() {
            self.advance(index, case, (look, trust), cases, &mut round, outcome)?;
        }
        let (source, budget) = (self.source, self.budget);
        let width = self.width();
        let mut in_flight = FuturesUnordered::new();
        let mut limit_reached = None;
        loop {
            while in_flight.len() < width && limit_reached.is_none() {
                let Some(question) = round.queue.pop_front() else {
                    break;
                };
                self.heard.asked.insert(question);
                in_flight.push(put(source, budget, question));
            }
            let Some((question, reply)) = in_flight.next().await else {
                break;
            };
            let learnt = match reply {
                Ok(reply) => self.learn(reply, trust, cases, outcome),
                Err(error) => Err(error),
            };
            match learnt {
                Ok(()) => {}
                // What is under way has been counted; it may still teach something.
                Err(error @ ChainError::BudgetExhausted(BudgetLimit::Requests)) => {
                    limit_reached = Some(error);
                    continue;
                }
                Err(error) if error.ends_the_tick() => return Err(error),
                Err(error) => {
                    let first = round.waiting.get(&question).and_then(|cases| cases.first());
                    if let Some(case) = first.and_then(|index| cases.get(*index)) {
                        outcome.failures.push(SyncFailure {
                            subject: case.subject(),
                            error,
                        });
                    }
                }
            }
            for index in round.waiting.remove(&question).unwrap_or_default() {
                if let Some(case) = cases.get(index) {
                    self.advance(index, case, (look, trust), cases, &mut round, outcome)?;
                }
            }
        }
        match limit_reached {
            Some(error) => Err(error),
            None => Ok(round.open),
        }
    }

    /// Few requests are better spent on finishing some cases than on beginning all of them.
    fn width(&self) -> usize {
        let affordable = self
            .budget
            .requests_left()
            .map_or(u32::MAX, |left| left / REQUESTS_PER_CASE);
        let affordable = usize::try_from(affordable).unwrap_or(usize::MAX);
        self.policy.parallelism.min(affordable).max(1)
    }

    /// Proves what can be proven for one case, and finds its next question.
    fn advance(
        &mut self,
        index: usize,
        case: &Case<'_>,
        (look, trust): (Look, Trust),
        cases: &[Case<'_>],
        round: &mut Round,
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
        self.derive(case, outcome)?;
        if trust == Trust::Facts {
            for txid in self.unproven(case) {
                self.settle(txid, cases, outcome)?;
            }
        }
        let final_depth = self.policy.final_depth;
        let inquiry = Inquiry {
            view: &self.view,
            heard: &self.heard,
            look,
            trust,
            final_depth,
        };
        match inquiry.next(case) {
            Next::Ask(question) => {
                let waiting = round.waiting.entry(question).or_default();
                if waiting.is_empty() {
                    // What was begun is finished before something else is begun.
                    match question {
                        Question::Outspend(_) => round.queue.push_back(question),
                        Question::Transaction(_) | Question::Merkle(_) | Question::Page(_) => {
                            round.queue.push_front(question);
                        }
                    }
                }
                waiting.push(index);
            }
            Next::Done => {}
            Next::AboveTip => round.open.above_tip = true,
            Next::Failed => round.open.unanswered = true,
            Next::Refused(error) => {
                round.open.unanswered = true;
                let error = ChainError::Proof(error);
                outcome.failures.push(SyncFailure {
                    subject: case.subject(),
                    error,
                });
            }
        }
        Ok(())
    }

    /// What is known of a case without asking: the transaction that creates the output spends another one we watch.
    fn derive(&mut self, case: &Case<'_>, outcome: &mut SyncOutcome) -> Result<(), ChainError> {
        let Case::Output(watch) = case else {
            return Ok(());
        };
        let facts = self.view.output(&watch.outpoint);
        if facts.is_some_and(|facts| facts.confirmed.is_some()) {
            return Ok(());
        }
        let txid = watch.outpoint.txid;
        let heard = self.heard.transactions.get(&txid).and_then(Option::as_ref);
        if let Some(creator) = heard.or_else(|| self.view.held_transaction(&txid)) {
            let change = self.view.creator_seen(watch, creator);
            self.keep(change, outcome)?;
        }
        if let Some(position) = self.view.position_of(&txid) {
            let change = self
                .view
                .proven(txid, position, &[Role::Creates(watch.outpoint)]);
            self.keep(change, outcome)?;
        }
        Ok(())
    }

    fn learn(
        &mut self,
        reply: Reply,
        trust: Trust,
        cases: &[Case<'_>],
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
        match reply {
            Reply::Transaction(txid, transaction) => {
                if let Some(transaction) = &transaction {
                    self.learn_transaction(txid, transaction, cases, outcome)?;
                }
                self.heard.transactions.insert(txid, transaction);
            }
            Reply::Merkle(txid, proof) => {
                self.heard.proofs.insert(txid, proof);
            }
            Reply::Outspend(outpoint, said) => {
                let change = match (said, trust, self.view.tip()) {
                    (Outspend::Unspent, Trust::Facts, Some(tip)) => {
                        self.view.unspent_said(outpoint, tip)
                    }
                    (Outspend::Unspent, Trust::Hints, _) => self.view.hint_denied(outpoint),
                    (Outspend::Unspent, Trust::Facts, None) | (Outspend::Spent { .. }, _, _) => {
                        Default::default()
                    }
                };
                self.keep(change, outcome)?;
                self.heard.outspends.insert(outpoint, said);
            }
            Reply::Page(page) => self.learn_page(page, outcome)?,
        }
        Ok(())
    }

    /// A transaction tells what it creates and what it spends.
    fn learn_transaction(
        &mut self,
        txid: Txid,
        transaction: &Transaction,
        cases: &[Case<'_>],
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
        // Checked where its bytes are at hand: what is known of an output later implies that its creator passed.
        check_size(txid, transaction.base_size())?;
        for case in cases {
            let Case::Output(watch) = case else { continue };
            if watch.outpoint.txid == txid {
                self.keep(self.view.creator_seen(watch, transaction), outcome)?;
            }
            let claimed = self.heard.outspends.get(&watch.outpoint);
            if matches!(claimed, Some(Outspend::Spent { txid: spender, .. }) if *spender == txid) {
                self.keep(self.view.spender_seen(watch.outpoint, transaction), outcome)?;
            }
        }
        Ok(())
    }

    /// Headers on the way to an old block.
    fn learn_page(
        &mut self,
        page: Vec<PlacedHeader>,
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
        let rules = self.work_rules();
        let page = rules.check_branch(page)?;
        let change = self.view.deepened(&page, &rules)?;
        self.keep(change, outcome)
    }

    /// Transactions whose place this case waits for.
    fn unproven(&self, case: &Case<'_>) -> Vec<Txid> {
        match case {
            Case::Transaction(watched) => vec![watched.txid()],
            Case::Output(watch) => {
                let claimed =
                    self.heard
                        .outspends
                        .get(&watch.outpoint)
                        .and_then(|said| match said {
                            Outspend::Spent {
                                txid,
                                block: Some(_),
                            } => Some(*txid),
                            Outspend::Spent { block: None, .. } | Outspend::Unspent => None,
                        });
                claimed.into_iter().chain([watch.outpoint.txid]).collect()
            }
        }
    }

    /// Turns a merkle proof into a fact as soon as the headers that it needs are linked.
    fn settle(
        &mut self,
        txid: Txid,
        cases: &[Case<'_>],
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
        let Some(Some(proof)) = self.heard.proofs.get(&txid) else {
            return Ok(());
        };
        let is_above = self.view.tip().is_none_or(|tip| proof.height > tip.height);
        let is_unlinked = self
            .view
            .page_towards(proof.height, self.policy.final_depth)
            .is_some();
        let (false, false, Some(block)) =
            (is_above, is_unlinked, self.view.header_at(proof.height))
        else {
            return Ok(());
        };
        match check_merkle(txid, proof, &block) {
            Ok(()) => {
                let position = TxPosition {
                    block: BlockRef {
                        height: block.height,
                        hash: block.header.block_hash(),
                    },
                    index: proof.position,
                    proven_depth: Depth::UNCONFIRMED,
                };
                let change = self.view.proven(txid, position, &self.roles(txid, cases));
                self.keep(change, outcome)
            }
            Err(error) => {
                self.heard.refused.insert(txid, error);
                Ok(())
            }
        }
    }

    /// What a proven transaction means for us. In each of these roles its size has been checked.
    fn roles(&self, txid: Txid, cases: &[Case<'_>]) -> Vec<Role> {
        let creates = self.view.outputs().filter(|(outpoint, facts)| {
            outpoint.txid == txid && facts.output == OutputCheck::AsExpected
        });
        let spends = self
            .view
            .outputs()
            .filter(|(_, facts)| facts.spend.as_ref().is_some_and(|spend| spend.txid == txid));
        let watched = cases
            .iter()
            .any(|case| matches!(case, Case::Transaction(watched) if watched.txid() == txid));
        creates
            .map(|(outpoint, _)| Role::Creates(*outpoint))
            .chain(spends.map(|(outpoint, _)| Role::Spends(*outpoint)))
            .chain(watched.then_some(Role::Watched))
            .collect()
    }
}

/// Sends one question.
fn put<'a>(
    source: &'a dyn ChainSource,
    budget: &'a Budget,
    question: Question,
) -> LocalBoxFuture<'a, (Question, Result<Reply, ChainError>)> {
    async move {
        let reply = match question {
            Question::Transaction(txid) => source
                .transaction(txid, budget)
                .await
                .map(|tx| Reply::Transaction(txid, tx)),
            Question::Merkle(txid) => source
                .merkle_proof(txid, budget)
                .await
                .map(|proof| Reply::Merkle(txid, proof)),
            Question::Outspend(outpoint) => source
                .outspend(outpoint, budget)
                .await
                .map(|said| Reply::Outspend(outpoint, said)),
            Question::Page(end) => source.headers_ending_at(end, budget).await.map(Reply::Page),
        };
        (question, reply)
    }
    .boxed_local()
}
