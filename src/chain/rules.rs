//! What may change a fact about an output or a transaction. Pure: what a server said, or what was proven, in; a
//! [`ChainChange`] out. An empty change means that nothing new was learnt.
//!
//! | learnt | changes |
//! |---|---|
//! | a transaction's bytes | whether the outputs watched in it are the expected ones; a mempool hint |
//! | a transaction's place, proven | it is confirmed, for every output it creates or spends |
//! | "unspent" | drops a mempool hint; counts once the tip is read again unchanged; never touches a proven spend |

use bitcoin::{OutPoint, Transaction, Txid};

use super::block::BlockRef;
use super::change::{ChainChange, Row};
use super::facts::{OutputCheck, OutputFacts, Spend, TxFacts, TxPosition, Watch};
use super::proof::spending_input;
use super::view::ChainView;

impl ChainView {
    /// The transaction that creates a watched output has been seen, confirmed or not.
    pub(super) fn creator_seen(&self, watch: &Watch, creator: &Transaction) -> ChainChange {
        let found = usize::try_from(watch.outpoint.vout)
            .ok()
            .and_then(|vout| creator.output.get(vout));
        let check = match found {
            Some(output) if watch.expected.is_met_by(output) => OutputCheck::AsExpected,
            Some(_) | None => OutputCheck::Wrong(found.cloned()),
        };
        self.edit_output(watch.outpoint, |facts| facts.output = check)
    }

    /// A transaction's place on our branch is proven.
    pub(super) fn proven(&self, txid: Txid, position: TxPosition, roles: &[Role]) -> ChainChange {
        let mut change = ChainChange::default();
        for role in roles {
            let one = match role {
                Role::Creates(outpoint) => {
                    self.edit_output(*outpoint, |facts| facts.confirmed = Some(position))
                }
                Role::Spends(outpoint) => self.edit_output(*outpoint, |facts| {
                    let spend = facts.spend.iter_mut().find(|spend| spend.txid == txid);
                    spend
                        .into_iter()
                        .for_each(|spend| spend.position = Some(position));
                }),
                Role::Watched => {
                    self.edit_transaction(txid, |facts| facts.confirmed = Some(position))
                }
            };
            // One transaction may both create an output we watch and spend another, never the same one.
            change.outputs.extend(one.outputs);
            change.transactions.extend(one.transactions);
        }
        change
    }

    /// A transaction that spends a watched output has been seen; its place is not proven (yet).
    pub(super) fn spender_seen(&self, outpoint: OutPoint, spender: &Transaction) -> ChainChange {
        let (txid, Some(vin)) = (spender.compute_txid(), spending_input(spender, &outpoint)) else {
            return ChainChange::default();
        };
        self.edit_output(outpoint, |facts| match &facts.spend {
            // A proven spend beats any claim, and a hint of the same transaction says nothing new.
            Some(held) if held.position.is_some() || held.txid == txid => {}
            Some(_) | None => {
                facts.spend = Some(Spend {
                    txid,
                    vin,
                    tx: spender.clone(),
                    position: None,
                });
            }
        })
    }

    /// The server said "unspent" while its tip was ours.
    pub(super) fn unspent_said(&self, outpoint: OutPoint, tip: BlockRef) -> ChainChange {
        self.edit_output(outpoint, |facts| {
            // A mempool forgets; a proven fact is withdrawn by a better branch only.
            facts.spend = facts.spend.take().filter(|spend| spend.position.is_some());
            let counts_already = facts.unspent_at == Some(tip);
            if facts.confirmed.is_some() && facts.spend.is_none() && !counts_already {
                facts.unspent_said = Some(tip);
            }
        })
    }

    /// The server said "unspent", but it does not hold our tip: only a hint can be dropped.
    pub(super) fn hint_denied(&self, outpoint: OutPoint) -> ChainChange {
        self.edit_output(outpoint, |facts| {
            facts.spend = facts.spend.take().filter(|spend| spend.position.is_some());
        })
    }

    /// The tip was read again and is still the one at which servers said "unspent": now it counts.
    pub(super) fn unspent_counts(&self, tip: BlockRef) -> ChainChange {
        let mut change = ChainChange::default();
        for (outpoint, facts) in self
            .outputs()
            .filter(|(_, facts)| facts.unspent_said == Some(tip))
        {
            let may_count = facts.confirmed.is_some() && facts.spend.is_none();
            let one = self.edit_output(*outpoint, |facts| {
                facts.unspent_said = None;
                facts.unspent_at = if may_count {
                    Some(tip)
                } else {
                    facts.unspent_at
                };
            });
            change.outputs.extend(one.outputs);
        }
        change
    }

    /// Whether something was said at our tip that counts only when the tip is read again.
    pub(super) fn waits_for_tip(&self) -> bool {
        let tip = self.tip();
        tip.is_some() && self.outputs().any(|(_, facts)| facts.unspent_said == tip)
    }

    /// Nobody asks for these any more.
    pub(super) fn forgotten(&self, outputs: &[OutPoint], transactions: &[Txid]) -> ChainChange {
        let outputs = outputs
            .iter()
            .filter(|outpoint| self.output(outpoint).is_some());
        let transactions = transactions
            .iter()
            .filter(|txid| self.transaction(txid).is_some());
        ChainChange {
            outputs: outputs.map(|outpoint| (*outpoint, Row::Delete)).collect(),
            transactions: transactions.map(|txid| (*txid, Row::Delete)).collect(),
            ..Default::default()
        }
    }

    /// Where a transaction stands, if that was proven for any of its roles.
    pub(super) fn position_of(&self, txid: &Txid) -> Option<TxPosition> {
        let watched = self.transaction(txid).and_then(|facts| facts.confirmed);
        watched.or_else(|| {
            self.outputs().find_map(|(outpoint, facts)| {
                let spends = facts.spend.as_ref().filter(|spend| spend.txid == *txid);
                let creates = facts.confirmed.filter(|_| outpoint.txid == *txid);
                creates.or_else(|| spends.and_then(|spend| spend.position))
            })
        })
    }

    fn edit_output(&self, outpoint: OutPoint, edit: impl FnOnce(&mut OutputFacts)) -> ChainChange {
        let held = self.output(&outpoint);
        let mut facts = held.cloned().unwrap_or_default();
        edit(&mut facts);
        let mut change = ChainChange::default();
        if held != Some(&facts) {
            change.outputs.insert(outpoint, Row::Put(facts));
        }
        change
    }

    fn edit_transaction(&self, txid: Txid, edit: impl FnOnce(&mut TxFacts)) -> ChainChange {
        let held = self.transaction(&txid);
        let mut facts = held.copied().unwrap_or_default();
        edit(&mut facts);
        let mut change = ChainChange::default();
        if held != Some(&facts) {
            change.transactions.insert(txid, Row::Put(facts));
        }
        change
    }
}

/// Why a transaction matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It creates this watched output.
    Creates(OutPoint),
    /// It spends this watched output.
    Spends(OutPoint),
    /// It is watched itself.
    Watched,
}
