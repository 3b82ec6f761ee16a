//! The memory chain as a chain source, without a server between: thousands of histories need their ticks to cost little.
//! What a server can do wrong is the scenarios' subject.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::{BlockHash, FeeRate, OutPoint, Transaction, TxMerkleNode, Txid};
use lightning_arbitrator::chain::{
    Answer, BlockHeight, BlockRef, BlockStatus, BroadcastOutcome, Budget, ChainError, ChainSource,
    MerkleProof, Outspend, PlacedHeader,
};
use testkit::chain::{self, Branch, Chain};
use testkit::gateway::merkle_branch;

/// How many headers one answer has.
const PAGE: u32 = 100;

pub struct Direct(pub Arc<dyn Chain>);

impl Direct {
    fn headers(&self, height: u32) -> Vec<PlacedHeader> {
        let heights = (height.saturating_sub(PAGE - 1)..=height).rev();
        heights.filter_map(|height| self.header(height)).collect()
    }

    fn header(&self, height: u32) -> Option<PlacedHeader> {
        let known = self.0.block(self.0.block_hash(height)?)?;
        Some(PlacedHeader {
            height: BlockHeight::new(height),
            header: known.block.header,
        })
    }

    fn proof(&self, txid: Txid) -> Option<MerkleProof> {
        let place = self.0.transaction(txid)?.block?;
        let block = self.0.block(place.hash)?.block;
        let position = block
            .txdata
            .iter()
            .position(|held| held.compute_txid() == txid)?;
        Some(MerkleProof {
            height: BlockHeight::new(place.height),
            position: u32::try_from(position).ok()?,
            path: merkle_branch(&block, position)
                .into_iter()
                .map(|txid| TxMerkleNode::from_raw_hash(txid.to_raw_hash()))
                .collect(),
        })
    }
}

/// The answer, counted.
fn answer<'a, T: Send + 'a>(
    budget: &'a Budget,
    ask: impl FnOnce() -> T + Send + 'a,
) -> Answer<'a, T> {
    Box::pin(async move {
        budget.count_request()?;
        Ok::<_, ChainError>(ask())
    })
}

fn placed(block: chain::BlockRef) -> BlockRef {
    BlockRef {
        height: BlockHeight::new(block.height),
        hash: block.hash,
    }
}

impl ChainSource for Direct {
    fn tip_hash<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BlockHash> {
        answer(budget, || self.0.tip().hash)
    }

    fn newest_headers<'a>(&'a self, budget: &'a Budget) -> Answer<'a, Vec<PlacedHeader>> {
        answer(budget, || self.headers(self.0.tip().height))
    }

    fn headers_ending_at<'a>(
        &'a self,
        height: BlockHeight,
        budget: &'a Budget,
    ) -> Answer<'a, Vec<PlacedHeader>> {
        answer(budget, move || self.headers(height.to_u32()))
    }

    fn block_status<'a>(&'a self, block: BlockHash, budget: &'a Budget) -> Answer<'a, BlockStatus> {
        answer(budget, move || match self.0.block(block) {
            None => BlockStatus::Unknown,
            Some(known) => match known.branch {
                Branch::Best => BlockStatus::Best {
                    height: BlockHeight::new(known.height),
                },
                Branch::Stale => BlockStatus::Stale,
            },
        })
    }

    fn outspend<'a>(&'a self, outpoint: OutPoint, budget: &'a Budget) -> Answer<'a, Outspend> {
        answer(budget, move || match self.0.outspend(outpoint) {
            None => Outspend::Unspent,
            Some(spend) => Outspend::Spent {
                txid: spend.txid,
                block: spend.block.map(placed),
            },
        })
    }

    fn transaction<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<Transaction>> {
        answer(budget, move || {
            self.0.transaction(txid).map(|known| known.transaction)
        })
    }

    fn merkle_proof<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<MerkleProof>> {
        answer(budget, move || self.proof(txid))
    }

    fn broadcast<'a>(
        &'a self,
        transaction: &'a Transaction,
        budget: &'a Budget,
    ) -> Answer<'a, BroadcastOutcome> {
        answer(budget, move || match self.0.submit(transaction) {
            Ok(_) => BroadcastOutcome::Accepted,
            Err(refused) => BroadcastOutcome::from_answer(400, &refused.text),
        })
    }

    fn fee_estimates<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BTreeMap<u16, FeeRate>> {
        answer(budget, || {
            let per_vb = |rate: f64| FeeRate::from_sat_per_kwu((rate * 250.0) as u64);
            let estimates = self.0.fee_estimates().into_iter();
            estimates
                .map(|(target, rate)| (target, per_vb(rate)))
                .collect()
        })
    }
}
