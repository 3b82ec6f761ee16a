//! A device and its server: each tick is a new [`Observer`] over a cursor loaded from the store, so that every test
//! restarts between ticks.

use bitcoin::{Network, OutPoint, Transaction};

use super::build::{funding, output_of};
use super::fake::FakeChain;
use crate::chain::*;

pub struct World {
    pub chain: FakeChain,
    pub store: MemoryChainStore,
    pub policy: ChainPolicy,
}

impl World {
    /// A device that has seen nothing yet, and a chain of this height.
    pub fn new(height: u32) -> Self {
        Self {
            chain: FakeChain::of_height(height),
            store: MemoryChainStore::new(),
            policy: ChainPolicy::default(),
        }
    }

    /// `count` outputs are created in the next block, five more blocks bury them, and a tick has proven them unspent.
    pub fn with_outputs(count: u32) -> (Self, Vec<Watch>) {
        let world = Self::new(20);
        let creators: Vec<_> = (0..count).map(funding).collect();
        world.chain.mine_with(&creators.iter().collect::<Vec<_>>());
        world.chain.mine(5);
        let watches: Vec<_> = creators.iter().map(watch).collect();
        let outcome = world.tick(&watches);
        assert!(outcome.complete, "{outcome:?}");
        world.chain.take_requests();
        (world, watches)
    }

    /// One output, as above.
    pub fn with_output() -> (Self, Watch) {
        let (world, mut watches) = Self::with_outputs(1);
        (world, watches.remove(0))
    }

    pub fn tick(&self, watches: &[Watch]) -> SyncOutcome {
        self.tick_within(&Budget::unlimited(), watches, &[], Look::Tip)
    }

    pub fn look_into_mempool(&self, watches: &[Watch]) -> SyncOutcome {
        self.tick_within(&Budget::unlimited(), watches, &[], Look::Mempool)
    }

    pub fn tick_for(&self, transactions: &[WatchTx]) -> SyncOutcome {
        self.tick_within(&Budget::unlimited(), &[], transactions, Look::Tip)
    }

    pub fn tick_within(
        &self,
        budget: &Budget,
        watches: &[Watch],
        transactions: &[WatchTx],
        look: Look,
    ) -> SyncOutcome {
        let mut observer = Observer::new(
            Network::Regtest,
            &self.chain,
            &self.store,
            budget,
            &self.policy,
        )
        .unwrap();
        let outcome = block_on(observer.sync(watches, transactions, look)).unwrap();
        assert_eq!(
            *observer.view(),
            self.view(),
            "what is believed is what is stored"
        );
        outcome
    }

    /// The cursor as the next tick will load it.
    pub fn view(&self) -> ChainView {
        self.store.load().unwrap()
    }

    pub fn facts(&self, watch: &Watch) -> OutputFacts {
        self.view()
            .output(&watch.outpoint)
            .cloned()
            .unwrap_or_default()
    }

    /// The depth of the proven spend of an output; zero when there is none.
    pub fn spend_depth(&self, watch: &Watch) -> u32 {
        let position = self.facts(watch).spend.and_then(|spend| spend.position);
        position.map_or(0, |position| self.view().depth(&position).to_u32())
    }
}

/// Watches the first output of a transaction.
pub fn watch(creator: &Transaction) -> Watch {
    watch_output(creator, output_of(creator))
}

pub fn watch_output(creator: &Transaction, outpoint: OutPoint) -> Watch {
    let expected = Expected::Exactly(creator.output[outpoint.vout as usize].clone());
    Watch {
        outpoint,
        expected,
        urgency: Urgency::AtTip,
    }
}

/// A fake chain never waits, so any executor will do.
pub fn block_on<T>(future: impl std::future::Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}
