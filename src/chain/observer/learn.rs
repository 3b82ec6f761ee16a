//! What an answer teaches: facts where it can be proven, else something heard that a later question builds on.

use bitcoin::{Transaction, Txid};

use super::super::block::{BlockRef, Depth};
use super::super::error::ChainError;
use super::super::facts::{OutputCheck, TxPosition};
use super::super::proof::{check_merkle, check_size};
use super::super::rules::Role;
use super::super::source::{Outspend, PlacedHeader};
use super::ask::Reply;
use super::inquiry::{Case, Trust};
use super::{Observer, SyncOutcome};

impl Observer<'_> {
    /// What is known of a case without asking: the transaction that creates the output spends another one we watch.
    pub(super) fn derive(
        &mut self,
        case: &Case<'_>,
        outcome: &mut SyncOutcome,
    ) -> Result<(), ChainError> {
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

    pub(super) fn learn(
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
                // The spender may have been looked at for its own outputs before.
                let spender = match &said {
                    Outspend::Spent { txid, .. } => self.heard.transactions.get(txid),
                    Outspend::Unspent => None,
                };
                if let Some(Some(spender)) = spender {
                    let change = self.view.spender_seen(outpoint, spender);
                    self.keep(change, outcome)?;
                }
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
    pub(super) fn unproven(&self, case: &Case<'_>) -> Vec<Txid> {
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
    pub(super) fn settle(
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
