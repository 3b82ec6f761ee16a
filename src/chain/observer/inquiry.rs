//! What to ask next about one watched thing. Pure: from what is a fact, what was heard in this tick, and what is due, to
//! one question, or to the reason why there is none. One question is one request, and none is asked twice at one tip.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{BlockHash, OutPoint, Transaction, Txid};

use super::super::block::{BlockHeight, Depth};
use super::super::error::ProofError;
use super::super::facts::{Look, OutputCheck, OutputFacts, TxPosition, Urgency, Watch, WatchTx};
use super::super::source::{MerkleProof, Outspend};
use super::super::view::ChainView;
use super::Subject;

/// One watched thing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Case<'w> {
    /// An output: is it there, as expected, and who spends it.
    Output(&'w Watch),
    /// A transaction: is it confirmed.
    Transaction(&'w WatchTx),
}

impl Case<'_> {
    /// How a failure names it.
    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::Output(watch) => Subject::Output(watch.outpoint),
            Self::Transaction(watched) => Subject::Transaction(watched.txid()),
        }
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// The transaction itself.
    Transaction(Txid),
    /// Its place in a block.
    Merkle(Txid),
    /// Who spends this output.
    Outspend(OutPoint),
    /// The page of headers that ends here.
    Page(BlockHeight),
}

/// What follows for one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This must be asked.
    Ask(Question),
    /// Nothing is to be asked (any more).
    Done,
    /// The server spoke of a block above the tip that was read; that waits for the tip.
    AboveTip,
    /// What the server says does not hold.
    Refused(ProofError),
    /// The question failed in this tick, and the failure has been reported.
    Failed,
}

/// What was answered in this tick, at this tip, and is not (yet) a fact.
#[derive(Debug, Default)]
pub(super) struct Heard {
    tip: Option<BlockHash>,
    pub(super) transactions: BTreeMap<Txid, Option<Transaction>>,
    pub(super) proofs: BTreeMap<Txid, Option<MerkleProof>>,
    pub(super) outspends: BTreeMap<OutPoint, Outspend>,
    /// Questions that were asked; with no answer above, they failed.
    pub(super) asked: BTreeSet<Question>,
    /// Transactions whose proof does not hold.
    pub(super) refused: BTreeMap<Txid, ProofError>,
}

impl Heard {
    /// Forgets what was heard at another tip.
    pub(super) fn at_tip(&mut self, tip: Option<BlockHash>) {
        if self.tip != tip {
            *self = Self {
                tip,
                ..Self::default()
            };
        }
    }

    /// Headers may be asked for again: those that were given have been let go.
    pub(super) fn forget_pages(&mut self) {
        let is_page = |question: &Question| matches!(question, Question::Page(_));
        self.asked.retain(|question| !is_page(question));
    }
}

/// How far the server's answers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It holds our tip: facts can be proven.
    Facts,
    /// It does not: only mempool hints are taken.
    Hints,
}

/// All that a decision about the next question needs.
pub(super) struct Inquiry<'i> {
    pub(super) view: &'i ChainView,
    pub(super) heard: &'i Heard,
    pub(super) look: Look,
    pub(super) trust: Trust,
    pub(super) final_depth: Depth,
}

impl Inquiry<'_> {
    /// The next step for one case.
    pub(super) fn next(&self, case: &Case<'_>) -> Next {
        match (case, self.trust) {
            (Case::Output(watch), Trust::Facts) => self.next_for_output(watch),
            (Case::Output(watch), Trust::Hints) => self.next_for_hint(watch),
            (Case::Transaction(watched), Trust::Facts) => self.next_for_transaction(watched.txid()),
            (Case::Transaction(_), Trust::Hints) => Next::Done,
        }
    }

    fn next_for_output(&self, watch: &Watch) -> Next {
        let unknown = OutputFacts::default();
        let facts = self.view.output(&watch.outpoint).unwrap_or(&unknown);
        match facts.output {
            OutputCheck::NotSeen => return self.look_up(watch.outpoint.txid),
            OutputCheck::Wrong(_) => return Next::Done,
            OutputCheck::AsExpected => {}
        }
        let Some(position) = &facts.confirmed else {
            return self.place(watch.outpoint.txid);
        };
        if facts
            .spend
            .as_ref()
            .is_some_and(|spend| spend.position.is_some())
        {
            return Next::Done;
        }
        match self.heard.outspends.get(&watch.outpoint) {
            None if self.is_due(watch, facts) => self.ask(Question::Outspend(watch.outpoint)),
            None | Some(Outspend::Unspent) => self.count(watch, position),
            Some(Outspend::Spent { txid, block }) => {
                match (self.spender(watch, facts, *txid), block) {
                    (Next::Done, Some(block)) => match self.headers_for(block.height) {
                        Next::Done => self.claimed_place(*txid),
                        missing => missing,
                    },
                    (Next::Done, None) => Next::Done,
                    (missing, _) => missing,
                }
            }
        }
    }

    /// The headers that say how deep an output is: a jump after a long sleep has left them out.
    fn count(&self, watch: &Watch, position: &TxPosition) -> Next {
        if self.view.depth(position) >= watch.counted_to {
            return Next::Done;
        }
        let page = self
            .view
            .page_towards(position.block.height, watch.counted_to);
        page.map_or(Next::Done, |end| self.ask(Question::Page(end)))
    }

    /// From a server that does not hold our tip only an unconfirmed spender is of interest.
    fn next_for_hint(&self, watch: &Watch) -> Next {
        let Some(facts) = self.view.output(&watch.outpoint) else {
            return Next::Done;
        };
        let is_proven = facts
            .spend
            .as_ref()
            .is_some_and(|spend| spend.position.is_some());
        if facts.confirmed.is_none() || facts.output != OutputCheck::AsExpected || is_proven {
            return Next::Done;
        }
        match self.heard.outspends.get(&watch.outpoint) {
            None if self.wants_hints(watch, facts) => self.ask(Question::Outspend(watch.outpoint)),
            Some(Outspend::Spent { txid, block: None }) => self.spender(watch, facts, *txid),
            None | Some(Outspend::Unspent | Outspend::Spent { .. }) => Next::Done,
        }
    }

    fn next_for_transaction(&self, txid: Txid) -> Next {
        match self
            .view
            .transaction(&txid)
            .and_then(|facts| facts.confirmed)
        {
            Some(_) => Next::Done,
            None => self.place(txid),
        }
    }

    /// An answer at a tip holds until the tip moves, unless the mempool matters.
    fn is_due(&self, watch: &Watch, facts: &OutputFacts) -> bool {
        let tip = self.view.tip();
        let answered_at_tip = facts.unspent_at == tip || facts.unspent_said == tip;
        !answered_at_tip || self.wants_hints(watch, facts)
    }

    fn wants_hints(&self, watch: &Watch, facts: &OutputFacts) -> bool {
        let look_deeper = match (watch.urgency, self.look) {
            (Urgency::AtTip, Look::Tip) => false,
            (Urgency::Always, Look::Tip | Look::Mempool) | (Urgency::AtTip, Look::Mempool) => true,
        };
        look_deeper || facts.spend.is_some()
    }

    /// The transaction itself, which may not exist.
    fn look_up(&self, txid: Txid) -> Next {
        match self.heard.transactions.get(&txid) {
            None => self.ask(Question::Transaction(txid)),
            Some(_) => Next::Done,
        }
    }

    /// The claimed spender must be there, and spend.
    fn spender(&self, watch: &Watch, facts: &OutputFacts, txid: Txid) -> Next {
        if facts.spend.as_ref().is_some_and(|spend| spend.txid == txid) {
            return Next::Done;
        }
        match self.heard.transactions.get(&txid) {
            None => self.ask(Question::Transaction(txid)),
            Some(None) => Next::Refused(ProofError::NothingToShow {
                txid,
                missing: "transaction",
            }),
            Some(Some(_)) => Next::Refused(ProofError::DoesNotSpend {
                txid,
                outpoint: watch.outpoint,
            }),
        }
    }

    /// The place of a transaction that is claimed to be confirmed.
    fn claimed_place(&self, txid: Txid) -> Next {
        match self.heard.proofs.get(&txid) {
            Some(None) => Next::Refused(ProofError::NothingToShow {
                txid,
                missing: "merkle proof",
            }),
            None | Some(Some(_)) => self.place(txid),
        }
    }

    /// The place of a transaction that may or may not be confirmed.
    fn place(&self, txid: Txid) -> Next {
        if let Some(refused) = self.heard.refused.get(&txid) {
            return Next::Refused(refused.clone());
        }
        match self.heard.proofs.get(&txid) {
            None => self.ask(Question::Merkle(txid)),
            Some(None) => Next::Done,
            Some(Some(proof)) => self.headers_for(proof.height),
        }
    }

    /// The headers that link a block to our tip.
    fn headers_for(&self, height: BlockHeight) -> Next {
        if self.view.tip().is_none_or(|tip| height > tip.height) {
            return Next::AboveTip;
        }
        match self.view.page_towards(height, self.final_depth) {
            Some(end) => self.ask(Question::Page(end)),
            None => Next::Done,
        }
    }

    fn ask(&self, question: Question) -> Next {
        if self.heard.asked.contains(&question) {
            return Next::Failed;
        }
        Next::Ask(question)
    }
}
