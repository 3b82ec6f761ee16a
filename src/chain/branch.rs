//! What may happen to our branch: it grows, it is jumped ahead after a long sleep, it is deepened towards an old block, it
//! is replaced by a better one, and it is pruned. Pure: verified headers in, a [`ChainChange`] out. A block that leaves
//! takes the facts it proved with it.

use bitcoin::Work;

use super::block::{BlockHeight, BlockRef, Depth};
use super::change::{ChainChange, Row};
use super::error::ProofError;
use super::facts::{OutputFacts, TxFacts, TxPosition};
use super::proof::WorkRules;
use super::source::PlacedHeader;
use super::view::ChainView;

/// Headers that a server gives at once. Esplora pages have 10, some servers give 15; asking for steps of 10 joins both.
pub(super) const PAGE: u32 = 10;

impl ChainView {
    /// The highest block that still has to be linked before a jump may skip anything: the last of the `final_depth`
    /// blocks that make the youngest spend or watched transaction final. `None` when everything is final.
    pub(super) fn must_link_up_to(&self, final_depth: Depth) -> Option<BlockHeight> {
        let spends = self
            .outputs()
            .filter_map(|(_, facts)| facts.spend.as_ref()?.position.as_ref());
        let transactions = self
            .transactions()
            .filter_map(|(_, facts)| facts.confirmed.as_ref());
        spends
            .chain(transactions)
            .filter(|position| self.depth(position) < final_depth)
            .map(|position| {
                position
                    .block
                    .height
                    .saturating_add(blocks_after_the_first(final_depth))
            })
            .max()
    }

    /// Where the next page must end so that headers from `height` reach up to the tip, or `final_depth` high; `None` when
    /// they do, or when `height` lies above our tip.
    pub(super) fn page_towards(
        &self,
        height: BlockHeight,
        final_depth: Depth,
    ) -> Option<BlockHeight> {
        let (tip, lowest) = (self.tip()?, self.lowest_linked()?);
        if height >= lowest {
            return None;
        }
        if self.hash_at(height).is_some() {
            let depth = self.row_depth(height);
            let top = height.saturating_add(depth.to_u32()).saturating_sub(1);
            let is_enough = depth >= final_depth;
            return (!is_enough).then(|| top.saturating_add(PAGE).min(tip.height));
        }
        if lowest.blocks_above(height) <= final_depth.to_u32() {
            return Some(lowest.saturating_sub(1));
        }
        Some(height.saturating_add(PAGE).saturating_sub(1))
    }

    /// Headers that stand on our tip, from the lowest to the highest.
    pub(super) fn extended(&self, headers: &[PlacedHeader]) -> ChainChange {
        ChainChange {
            tip: headers.last().map(PlacedHeader::block),
            headers: put(headers),
            ..Default::default()
        }
    }

    /// Headers far above our tip, which the server holds on the same branch. What lies between is not needed.
    pub(super) fn jumped(&self, headers: &[PlacedHeader]) -> ChainChange {
        self.extended(headers)
    }

    /// Headers below the tip, on the way to an old block, from the lowest to the highest.
    ///
    /// # Errors
    /// [`ProofError::Unlinked`] when they contradict the row that ends at our tip.
    pub(super) fn deepened(
        &self,
        page: &[PlacedHeader],
        rules: &WorkRules,
    ) -> Result<ChainChange, ProofError> {
        let mut change = ChainChange::default();
        let Some(lowest) = self.lowest_linked() else {
            return Ok(change);
        };
        for placed in page {
            let hash = placed.header.block_hash();
            match self.hash_at(placed.height) {
                Some(held) if held == hash => {}
                Some(_) if placed.height >= lowest => {
                    return Err(ProofError::Unlinked {
                        hash,
                        height: placed.height,
                    });
                }
                Some(_) | None => {
                    change
                        .headers
                        .insert(placed.height, Row::Put(placed.header));
                }
            }
            if placed.height.saturating_add(1) == lowest {
                if let Some(upper) = self.header_at(lowest) {
                    rules.check_link(placed, &upper)?;
                }
            }
        }
        for height in self.contradicted_row_below(page) {
            change.headers.insert(height, Row::Delete);
        }
        let replaced: Vec<BlockRef> = change
            .headers
            .keys()
            .filter_map(|height| {
                Some(BlockRef {
                    height: *height,
                    hash: self.hash_at(*height)?,
                })
            })
            .collect();
        self.withdraw(&mut change, |position| !replaced.contains(&position.block));
        Ok(change)
    }

    /// An older row that ends right below a page which does not stand on it: it was left by a branch that is gone.
    fn contradicted_row_below(&self, page: &[PlacedHeader]) -> Vec<BlockHeight> {
        let Some(first) = page
            .first()
            .filter(|first| first.height > BlockHeight::default())
        else {
            return Vec::new();
        };
        let top = first.height.saturating_sub(1);
        match self.hash_at(top) {
            Some(hash) if hash != first.header.prev_blockhash => {
                let below = self
                    .header_heights()
                    .rev()
                    .skip_while(|height| *height > top);
                let unbroken = below
                    .zip(0..)
                    .take_while(|(height, n)| *height == top.saturating_sub(*n));
                unbroken.map(|(height, _)| height).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// A branch with more work takes the place of ours above `fork`.
    pub(super) fn reorganised(&self, fork: BlockRef, branch: &[PlacedHeader]) -> ChainChange {
        let mut change = self.extended(branch);
        for height in self.header_heights().filter(|height| *height > fork.height) {
            change.headers.entry(height).or_insert(Row::Delete);
        }
        self.withdraw(&mut change, |position| position.block.height <= fork.height);
        self.for_each_output(&mut change, |facts| {
            // Not spent up to a block that left: so neither at the fork below it.
            facts.unspent_at =
                facts
                    .unspent_at
                    .map(|at| if at.height > fork.height { fork } else { at });
            facts.unspent_at = facts.unspent_at.filter(|_| facts.confirmed.is_some());
            facts.unspent_said = facts.unspent_said.filter(|at| at.height <= fork.height);
        });
        change
    }

    /// A branch with more work forks off below everything that we hold. Only final facts remain; the rest is proven
    /// again.
    pub(super) fn restarted(&self, branch: &[PlacedHeader], final_depth: Depth) -> ChainChange {
        let mut change = self.extended(branch);
        for height in self.header_heights() {
            change.headers.entry(height).or_insert(Row::Delete);
        }
        self.freeze(&mut change, |_| true);
        self.withdraw(&mut change, |position| self.depth(position) >= final_depth);
        self.for_each_output(&mut change, |facts| {
            facts.unspent_at = None;
            facts.unspent_said = None;
        });
        change
    }

    /// Lets go of headers that no fact needs any more: rows that do not reach the tip, and what lies more than
    /// `final_depth` deep below it. The depth they proved is kept with the facts.
    pub(super) fn pruned(&self, final_depth: Depth) -> ChainChange {
        let mut change = ChainChange::default();
        let (Some(tip), Some(lowest)) = (self.tip(), self.lowest_linked()) else {
            return change;
        };
        let needed = tip
            .height
            .saturating_sub(blocks_after_the_first(final_depth))
            .max(lowest);
        for height in self.header_heights().take_while(|height| *height < needed) {
            change.headers.insert(height, Row::Delete);
        }
        self.freeze(&mut change, |position| position.block.height < needed);
        change
    }

    /// The work of our own branch from this height on.
    pub(super) fn work_from(&self, first: BlockHeight) -> Work {
        let headers = self.header_heights().filter(|height| *height >= first);
        sum_of_work(headers.filter_map(|height| self.header_at(height)))
    }

    /// Takes back every position that does not stay. A spend becomes what it was before: a hint.
    fn withdraw(&self, change: &mut ChainChange, stays: impl Fn(&TxPosition) -> bool) {
        self.for_each_output(change, |facts| {
            facts.confirmed = facts.confirmed.filter(&stays);
            if let Some(spend) = &mut facts.spend {
                spend.position = spend.position.filter(&stays);
            }
        });
        self.for_each_transaction(change, |facts| {
            facts.confirmed = facts.confirmed.filter(&stays)
        });
    }

    /// Writes the depth that headers prove into the facts whose headers are about to go.
    fn freeze(&self, change: &mut ChainChange, goes: impl Fn(&TxPosition) -> bool) {
        let freeze = |position: &mut TxPosition| {
            if goes(position) {
                position.proven_depth = self.depth(position);
            }
        };
        self.for_each_output(change, |facts| {
            facts.confirmed.iter_mut().for_each(freeze);
            facts
                .spend
                .iter_mut()
                .filter_map(|spend| spend.position.as_mut())
                .for_each(freeze);
        });
        self.for_each_transaction(change, |facts| facts.confirmed.iter_mut().for_each(freeze));
    }

    fn for_each_output(&self, change: &mut ChainChange, edit: impl Fn(&mut OutputFacts)) {
        for (outpoint, held) in self.outputs() {
            let before = match change.outputs.get(outpoint) {
                Some(Row::Put(facts)) => facts.clone(),
                Some(Row::Delete) => continue,
                None => held.clone(),
            };
            let mut facts = before.clone();
            edit(&mut facts);
            if facts != before {
                change.outputs.insert(*outpoint, Row::Put(facts));
            }
        }
    }

    fn for_each_transaction(&self, change: &mut ChainChange, edit: impl Fn(&mut TxFacts)) {
        for (txid, held) in self.transactions() {
            let before = match change.transactions.get(txid) {
                Some(Row::Put(facts)) => *facts,
                Some(Row::Delete) => continue,
                None => *held,
            };
            let mut facts = before;
            edit(&mut facts);
            if facts != before {
                change.transactions.insert(*txid, Row::Put(facts));
            }
        }
    }
}

/// The work of some headers together. Each has met its own target, so the sum stays far from its 256 bits.
pub(super) fn sum_of_work(headers: impl Iterator<Item = PlacedHeader>) -> Work {
    headers.fold(Work::from_le_bytes([0; 32]), |sum, placed| {
        sum + placed.header.work()
    })
}

fn put(
    headers: &[PlacedHeader],
) -> std::collections::BTreeMap<BlockHeight, Row<bitcoin::block::Header>> {
    headers
        .iter()
        .map(|placed| (placed.height, Row::Put(placed.header)))
        .collect()
}

fn blocks_after_the_first(depth: Depth) -> u32 {
    depth.to_u32().saturating_sub(1)
}
