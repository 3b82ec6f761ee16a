//! The memory chain as a chain source, without a server between: thousands of histories need their ticks to cost little.
//! What a server can do wrong is the scenarios' subject.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bitcoin::{BlockHash, FeeRate, OutPoint, Transaction, TxMerkleNode, Txid};
use lightning_arbitrator::chain::{
    Answer, BlockHeight, BlockRef, BlockStatus, BroadcastOutcome, Budget, ChainError, ChainSource,
    MerkleProof, Outspend, Package, PackageOutcome, PlacedHeader,
};
use testkit::chain::{self, Branch, Chain, Reject};
use testkit::gateway::merkle_branch;

use crate::dice::Dice;

/// How many headers one answer has.
const PAGE: u32 = 100;

#[derive(Clone)]
pub struct Direct {
    chain: Arc<dyn Chain>,
    /// So many questions in a hundred get no answer.
    mood: Arc<Mutex<(u32, Dice)>>,
}

impl Direct {
    pub fn new(chain: Arc<dyn Chain>) -> Self {
        let mood = Arc::new(Mutex::new((0, Dice::new(0))));
        Direct { chain, mood }
    }

    /// From now on so many questions in a hundred get no answer: which, say dice of this seed.
    pub fn fails(&self, chance: u32, seed: u64) {
        *self.mood.lock().expect("nobody panics with it") = (chance, Dice::new(seed));
    }

    /// From now on all get theirs.
    pub fn serves(&self) {
        self.fails(0, 0);
    }

    /// The answer, counted.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        budget: &'a Budget,
        ask: impl FnOnce() -> T + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            budget.count_request()?;
            let (chance, dice) = &mut *self.mood.lock().expect("nobody panics with it");
            if *chance > 0 && dice.percent(*chance) {
                return Err(ChainError::Unreachable {
                    endpoint: "any".into(),
                    why: "dice".into(),
                });
            }
            Ok(ask())
        })
    }

    fn headers(&self, height: u32) -> Vec<PlacedHeader> {
        let heights = (height.saturating_sub(PAGE - 1)..=height).rev();
        heights.filter_map(|height| self.header(height)).collect()
    }

    fn header(&self, height: u32) -> Option<PlacedHeader> {
        let known = self.chain.block(self.chain.block_hash(height)?)?;
        Some(PlacedHeader {
            height: BlockHeight::new(height),
            header: known.block.header,
        })
    }

    fn proof(&self, txid: Txid) -> Option<MerkleProof> {
        let place = self.chain.transaction(txid)?.block?;
        let block = self.chain.block(place.hash)?.block;
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

fn placed(block: chain::BlockRef) -> BlockRef {
    BlockRef {
        height: BlockHeight::new(block.height),
        hash: block.hash,
    }
}

fn told(said: Result<Txid, Reject>) -> BroadcastOutcome {
    match said {
        Ok(_) => BroadcastOutcome::Accepted,
        Err(refused) => BroadcastOutcome::from_answer(400, &refused.text),
    }
}

impl ChainSource for Direct {
    fn tip_hash<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BlockHash> {
        self.answer(budget, || self.chain.tip().hash)
    }

    fn newest_headers<'a>(&'a self, budget: &'a Budget) -> Answer<'a, Vec<PlacedHeader>> {
        self.answer(budget, || self.headers(self.chain.tip().height))
    }

    fn headers_ending_at<'a>(
        &'a self,
        height: BlockHeight,
        budget: &'a Budget,
    ) -> Answer<'a, Vec<PlacedHeader>> {
        self.answer(budget, move || self.headers(height.to_u32()))
    }

    fn block_status<'a>(&'a self, block: BlockHash, budget: &'a Budget) -> Answer<'a, BlockStatus> {
        self.answer(budget, move || match self.chain.block(block) {
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
        self.answer(budget, move || match self.chain.outspend(outpoint) {
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
        self.answer(budget, move || {
            self.chain.transaction(txid).map(|known| known.transaction)
        })
    }

    fn merkle_proof<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<MerkleProof>> {
        self.answer(budget, move || self.proof(txid))
    }

    fn broadcast<'a>(
        &'a self,
        transaction: &'a Transaction,
        budget: &'a Budget,
    ) -> Answer<'a, BroadcastOutcome> {
        self.answer(budget, move || told(self.chain.submit(transaction)))
    }

    fn broadcast_package<'a>(
        &'a self,
        package: Package<'a>,
        budget: &'a Budget,
    ) -> Answer<'a, PackageOutcome> {
        self.answer(budget, move || {
            let Package { parent, child } = package;
            match self.chain.submit_package(parent, child) {
                Ok(said) => PackageOutcome {
                    parent: told(said.parent),
                    child: told(said.child),
                },
                Err(refused) => PackageOutcome {
                    parent: told(Err(refused.clone())),
                    child: told(Err(refused)),
                },
            }
        })
    }

    fn fee_estimates<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BTreeMap<u16, FeeRate>> {
        self.answer(budget, || {
            let per_vb = |rate: f64| FeeRate::from_sat_per_kwu((rate * 250.0) as u64);
            let estimates = self.chain.fee_estimates().into_iter();
            estimates
                .map(|(target, rate)| (target, per_vb(rate)))
                .collect()
        })
    }
}
