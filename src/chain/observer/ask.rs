//! Asking what is due: questions go out a few at a time, each answer is taken in and stored before the next is looked at,
//! and leads to the next question about the things that waited for it.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::{OutPoint, Transaction, Txid};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::super::budget::Budget;
use super::super::error::{BudgetLimit, ChainError};
use super::super::facts::Look;
use super::super::source::{ChainSource, MerkleProof, Outspend, PlacedHeader};
use super::inquiry::{Case, Inquiry, Next, Question, Trust};
use super::{Observer, ServerStanding, SyncFailure, SyncOutcome};

/// What came back for a question.
pub(super) enum Reply {
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
                in_flight.push(put(source, budget, question));
            }
            let Some((question, reply)) = in_flight.next().await else {
                break;
            };
            // Only now: while it is under way, whoever needs the same answer waits for this one.
            self.heard.asked.insert(question);
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
