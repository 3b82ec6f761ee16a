//! A world for a scenario: a chain, an Esplora server over it, a counterparty, and a phone with the library on it.

mod phone;
mod words;

pub use phone::{Nap, Phone, TestWallet};
pub use words::{htlc_key, number, retold};

use std::sync::Arc;

use bitcoin::{OutPoint, ScriptBuf, Transaction};
use testkit::chain::{Chain, Orphaned};
use testkit::gateway::Gateway;
use testkit::memory::MemoryChain;
use testkit::party::{Channel, ChannelSetup, ChannelType, NewHtlc, Round};

/// Everything around one channel, with the phone registered and the channel open.
pub struct World {
    pub chain: Arc<dyn Chain>,
    pub gateway: Gateway,
    pub channel: Channel,
    pub phone: Phone,
}

impl World {
    /// A channel in the memory chain, with its first commitments fed.
    pub fn new(channel_type: ChannelType, nap: Nap) -> Self {
        Self::on(Arc::new(MemoryChain::new()), channel_type, nap)
    }

    pub fn on(chain: Arc<dyn Chain>, channel_type: ChannelType, nap: Nap) -> Self {
        Self::with_setup(chain, ChannelSetup::numbered(channel_type, 0), nap)
    }

    pub fn with_setup(chain: Arc<dyn Chain>, setup: ChannelSetup, nap: Nap) -> Self {
        let gateway = Gateway::start(chain.clone()).expect("a port on this machine");
        let channel = Channel::prepare(chain.as_ref(), setup).expect("a consistent setup");
        let mut phone = Phone::new(&gateway.url(), nap);
        phone.know(&channel);
        phone.register(&channel);
        let mut world = World {
            chain,
            gateway,
            channel,
            phone,
        };
        world.round();
        world
            .chain
            .submit(world.channel.funding_tx())
            .expect("the funding is valid");
        world.chain.mine(1);
        world
    }

    pub fn outpoint(&self) -> OutPoint {
        self.channel.funding()
    }

    /// One exchange of commitments, told to the phone in the order in which the engine learns of it.
    pub fn round(&mut self) -> Round {
        let round = self.channel.commit_both().expect("nothing is outstanding");
        let channel = self.outpoint();
        self.phone.told_round(channel, &round);
        round
    }

    pub fn add(&mut self, htlc: NewHtlc) -> testkit::party::Htlc {
        self.channel.add_htlc(htlc).expect("affordable")
    }

    /// Mines what the mempool holds.
    pub fn mine(&self, blocks: u32) {
        self.chain.mine(blocks);
    }

    pub fn reorg(&self, depth: u32, orphaned: Orphaned) {
        self.chain
            .reorg(depth, depth + 1, orphaned)
            .expect("the replacement is valid");
    }

    /// Broadcasts a transaction, which must be accepted.
    pub fn submit(&self, transaction: &Transaction) {
        self.chain
            .submit(transaction)
            .unwrap_or_else(|reject| panic!("{}: {reject}", transaction.compute_txid()));
    }

    /// What is confirmed at a script, in sat.
    pub fn balance(&self, script: &ScriptBuf) -> u64 {
        let hash = bitcoin::hashes::Hash::hash(script.as_bytes());
        self.chain
            .outputs_paying(hash)
            .into_iter()
            .filter_map(|outpoint| {
                let known = self.chain.transaction(outpoint.txid)?;
                known.block?;
                let vout = usize::try_from(outpoint.vout).ok()?;
                Some(known.transaction.output.get(vout)?.value.to_sat())
            })
            .sum()
    }
}
