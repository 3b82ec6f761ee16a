//! How many waits a tick costs on a slow network: a server that answers nothing until eight requests, or all that remain,
//! wait for it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use bitcoin::{BlockHash, FeeRate, Network, OutPoint, Transaction, Txid};
use futures::FutureExt;

use super::fake::FakeChain;
use super::world::{block_on, World};
use crate::chain::*;

/// Holds back answers about spends until enough of them are asked for.
struct InGroups<'c> {
    chain: &'c FakeChain,
    state: Mutex<Groups>,
}

#[derive(Default)]
struct Groups {
    remaining: usize,
    waiting: Vec<Waker>,
    answered: usize,
}

impl InGroups<'_> {
    /// Waits for the group; the last of a group answers it.
    async fn join_group(&self) {
        let mut group = None;
        poll_fn(|context| {
            let mut state = self.state.lock().unwrap();
            match group {
                Some(group) if group < state.answered => return Poll::Ready(()),
                Some(_) => return Poll::Pending,
                None => group = Some(state.answered),
            }
            state.waiting.push(context.waker().clone());
            if state.waiting.len() < state.remaining.min(8) {
                return Poll::Pending;
            }
            state.remaining -= state.waiting.len();
            state.answered += 1;
            state.waiting.drain(..).for_each(Waker::wake);
            Poll::Ready(())
        })
        .await;
    }
}

impl ChainSource for InGroups<'_> {
    fn tip_hash<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BlockHash> {
        self.chain.tip_hash(budget)
    }

    fn newest_headers<'a>(&'a self, budget: &'a Budget) -> Answer<'a, Vec<PlacedHeader>> {
        self.chain.newest_headers(budget)
    }

    fn headers_ending_at<'a>(
        &'a self,
        height: BlockHeight,
        budget: &'a Budget,
    ) -> Answer<'a, Vec<PlacedHeader>> {
        self.chain.headers_ending_at(height, budget)
    }

    fn block_status<'a>(&'a self, block: BlockHash, budget: &'a Budget) -> Answer<'a, BlockStatus> {
        self.chain.block_status(block, budget)
    }

    fn outspend<'a>(&'a self, outpoint: OutPoint, budget: &'a Budget) -> Answer<'a, Outspend> {
        async move {
            self.join_group().await;
            self.chain.outspend(outpoint, budget).await
        }
        .boxed_local()
    }

    fn transaction<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<Transaction>> {
        self.chain.transaction(txid, budget)
    }

    fn merkle_proof<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<MerkleProof>> {
        self.chain.merkle_proof(txid, budget)
    }

    fn broadcast<'a>(
        &'a self,
        transaction: &'a Transaction,
        budget: &'a Budget,
    ) -> Answer<'a, BroadcastOutcome> {
        self.chain.broadcast(transaction, budget)
    }

    fn fee_estimates<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BTreeMap<u16, FeeRate>> {
        self.chain.fee_estimates(budget)
    }
}

#[test]
fn outputs_are_asked_about_eight_at_a_time() {
    for count in [1, 8, 9, 30] {
        let (world, outputs) = World::with_outputs(count);
        world.chain.mine(1);
        let groups = Groups {
            remaining: outputs.len(),
            ..Groups::default()
        };
        let source = InGroups {
            chain: &world.chain,
            state: Mutex::new(groups),
        };
        let (budget, policy) = (Budget::unlimited(), ChainPolicy::default());
        let mut observer =
            Observer::new(Network::Regtest, &source, &world.store, &budget, &policy).unwrap();
        assert!(
            block_on(observer.sync(&outputs, &[], Look::Tip))
                .unwrap()
                .complete
        );
        assert_eq!(
            source.state.lock().unwrap().answered,
            outputs.len().div_ceil(8)
        );
        let others = world.chain.take_requests().len() - outputs.len();
        assert!(others <= 4, "{others} requests besides");
    }
}
