//! The chain cursor, checked: headers that link, a tip among them, and facts that fit both.

use std::collections::BTreeMap;

use bitcoin::block::Header;

use super::Findings;
use crate::chain::{BlockRef, ChainView, Row, TxPosition};
use crate::store::Store;

impl Store {
    /// The chain cursor: headers that link, a tip among them, and facts that fit them.
    pub(super) fn check_cursor(&self, findings: &mut Findings) {
        let Some(rows) = findings.sift("chain_tip", self.load_cursor()) else {
            return;
        };
        for error in self.take_unreadable_facts().reasons() {
            findings.unreadable("chain_tip", error);
        }
        let headers: BTreeMap<u32, Header> = rows
            .headers
            .iter()
            .filter_map(|(height, row)| match row {
                Row::Put(header) => Some((height.to_u32(), *header)),
                Row::Delete => None,
            })
            .collect();
        for (height, header) in &headers {
            let before = height.checked_sub(1).and_then(|it| headers.get(&it));
            if before.is_some_and(|before| before.block_hash() != header.prev_blockhash) {
                let what = format!("height {height} does not build on the one before");
                findings.add("chain_header", Some("header"), what);
            }
        }
        let is_there = |block: BlockRef| {
            headers
                .get(&block.height.to_u32())
                .is_none_or(|header| header.block_hash() == block.hash)
        };
        // The tip's own header is always held.
        let has_header =
            |tip: BlockRef| headers.contains_key(&tip.height.to_u32()) && is_there(tip);
        if !rows.tip.is_none_or(has_header) {
            findings.add("chain_tip", Some("hash"), "not the header at its height");
        }
        let view = ChainView::from_rows(&rows);
        let fits = |position: Option<TxPosition>| position.is_none_or(|it| is_there(it.block));
        for (outpoint, facts) in view.outputs() {
            let spend_fits = facts.spend.as_ref().is_none_or(|spend| {
                let input = usize::try_from(spend.vin)
                    .ok()
                    .and_then(|vin| spend.tx.input.get(vin));
                spend.tx.compute_txid() == spend.txid
                    && input.is_some_and(|input| input.previous_output == *outpoint)
                    && fits(spend.position)
            });
            if !spend_fits || !fits(facts.confirmed) {
                let what = format!("what is said of {outpoint} contradicts itself");
                findings.add("chain_output", Some("facts"), what);
            }
        }
        for (txid, facts) in view.transactions() {
            if !fits(facts.confirmed) {
                let what = format!("what is said of {txid} contradicts the headers");
                findings.add("chain_transaction", Some("facts"), what);
            }
        }
    }
}
