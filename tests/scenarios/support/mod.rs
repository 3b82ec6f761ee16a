//! A world for a scenario: a chain, an Esplora server over it, a counterparty, and a phone with the library on it.

mod bdk;
mod dump;
mod ending;
mod graph;
mod key_store;
mod moods;
mod our_node;
mod phone;
mod tables;
mod wallet;
mod words;

pub use bdk::BdkReserve;
pub use dump::{dump, load};
pub use ending::Ending;
pub use graph::Graph;
pub use key_store::KeyStore;
pub use moods::{About, Mood, Moody};
pub use our_node::OurNode;
pub use phone::{Nap, Phone, Server, Told};
pub use tables::Tables;
pub use words::{htlc_key, keys_id, local_update, number, retold, secret};

use std::sync::{Arc, Mutex};

use bitcoin::{OutPoint, ScriptBuf, Transaction};
use lightning_arbitrator::channel::{ChannelUpdate, UpdateError};
use lightning_arbitrator::court::{ArbitratorState, Progress};
use lightning_arbitrator::store::CryptoSystem;
use lightning_arbitrator::ArbitratorError;
use testkit::chain::{Chain, Orphaned};
use testkit::esplora::Esplora;
use testkit::gateway::{Handle, Hold, Paths};
use testkit::memory::MemoryChain;
use testkit::party::{Channel, ChannelSetup, ChannelType, NewHtlc, Round, Side, Which};

/// Everything around one channel, with the phone registered and the channel open.
pub struct World {
    number: u32,
    pub chain: Arc<dyn Chain>,
    pub server: Server,
    pub channel: Channel,
    pub phone: Phone,
}

/// An Esplora server over a chain: the gateway, or a real one over a real node where the environment names it.
pub fn serve(chain: &Arc<dyn Chain>) -> Server {
    let server = Esplora::start(chain.clone()).expect("an Esplora server");
    Arc::new(Mutex::new(server))
}

/// What orders faults of a server, and counts its requests.
pub fn faults(server: &Server) -> Handle {
    let server = server.lock().expect("no test panics while it holds this");
    let gateway = server.gateway().expect("only the gateway can misbehave");
    Handle::clone(gateway)
}

/// The questions of a tick that finds a close, in their order: whole paths, or what stands in them.
pub const QUESTIONS: [&str; 7] = [
    "/blocks/tip/hash",
    "/blocks",
    "/outspend/",
    "/raw",
    "/merkle-proof",
    "/fee-estimates",
    "/tx",
];

/// The requests that ask such a question.
pub fn paths_of(question: &str) -> Paths {
    let words = question.to_owned();
    match question {
        "/blocks" | "/tx" => Paths::Exactly(words),
        _ => Paths::Containing(words),
    }
}

/// Holds every such question back until the gateway behaves.
pub fn never_answer(gateway: &Handle, question: &str) {
    gateway.hold(Hold {
        paths: paths_of(question),
        size: usize::MAX,
        total: usize::MAX,
    });
}

/// The number of a world's first channel; its others follow.
fn first_channel(world: u32) -> u64 {
    1_000 * u64::from(world)
}

impl World {
    /// A channel in the memory chain, with its first commitments fed.
    pub fn new(channel_type: ChannelType, nap: Nap) -> Self {
        Self::on(Arc::new(MemoryChain::new()), 0, channel_type, nap)
    }

    /// One of several worlds on the same chain; those with different numbers share no key and no script.
    pub fn on(chain: Arc<dyn Chain>, number: u32, channel_type: ChannelType, nap: Nap) -> Self {
        Self::prepared(chain, number, channel_type, nap, |_| {})
    }

    /// The same, with a phone whose database is sealed by this.
    pub fn sealed(channel_type: ChannelType, nap: Nap, crypto: Arc<dyn CryptoSystem>) -> Self {
        let chain = Arc::new(MemoryChain::new());
        Self::prepared(chain, 0, channel_type, nap, |phone| {
            phone.config.crypto = crypto;
        })
    }

    fn prepared(
        chain: Arc<dyn Chain>,
        number: u32,
        channel_type: ChannelType,
        nap: Nap,
        prepare: impl FnOnce(&mut Phone),
    ) -> Self {
        let server = serve(&chain);
        let setup = ChannelSetup::numbered(channel_type, first_channel(number));
        let channel = Channel::prepare(chain.as_ref(), setup).expect("a consistent setup");
        let mut phone = Phone::new(server.clone(), number, nap);
        prepare(&mut phone);
        phone.know(&channel);
        phone.register(&channel);
        let mut world = World {
            number,
            chain,
            server,
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

    /// Orders faults of the server, and counts its requests.
    pub fn gateway(&self) -> Handle {
        faults(&self.server)
    }

    /// Another world of the same kind.
    pub fn anew(&self) -> Self {
        Self::new(self.channel.setup().channel_type, self.phone.nap())
    }

    /// A good message.
    #[track_caller]
    pub fn tell(&mut self, told: Told) {
        let channel = self.outpoint();
        self.phone.tell(channel, told).expect("a good message");
    }

    /// A good message that says nothing new: no table changes.
    #[track_caller]
    pub fn repeats(&mut self, told: Told) {
        let before = self.phone.tables();
        self.tell(told);
        self.phone.tables().assert_are(&before);
    }

    /// Why the phone refuses what it is told. No table changes.
    #[track_caller]
    pub fn refusal(&mut self, told: Told) -> UpdateError {
        match self.refused(told) {
            ArbitratorError::Update(error) => error,
            other => panic!("not what the engine said: {other}"),
        }
    }

    /// Which of the updates of one call the phone refuses, and why. No table changes.
    #[track_caller]
    pub fn refusal_in(&mut self, updates: Vec<ChannelUpdate>) -> (usize, UpdateError) {
        match self.refused(Told::Together(updates)) {
            ArbitratorError::UpdateAt { index, source } => (index, source),
            other => panic!("not one of the updates: {other}"),
        }
    }

    #[track_caller]
    fn refused(&mut self, told: Told) -> ArbitratorError {
        let before = self.phone.tables();
        let channel = self.outpoint();
        let refused = self.phone.tell(channel, told).expect_err("a lie");
        self.phone.tables().assert_are(&before);
        refused
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

    /// We sign the peer's next commitment, and it does not revoke the present one.
    pub fn sign_for_peer(&mut self) {
        let update = self
            .channel
            .their_commitment()
            .expect("nothing is outstanding");
        let channel = self.outpoint();
        self.phone
            .tell_remote(channel, &update)
            .expect("a good remote commitment");
    }

    /// We sign the peer's newest commitment again, over the ledger of now.
    pub fn sign_for_peer_again(&mut self) {
        let update = self
            .channel
            .their_commitment_again()
            .expect("one is signed");
        let channel = self.outpoint();
        self.phone
            .tell_remote(channel, &update)
            .expect("a further candidate");
    }

    /// The peer broadcasts a commitment of its own, and it confirms.
    pub fn peer_closes(&mut self, which: Which) -> Transaction {
        let close = self.channel.peer_commitment_tx(which).expect("signed");
        self.submit(&close);
        self.chain.mine(1);
        close
    }

    /// Another channel with another peer, open as well.
    pub fn second_channel(&mut self) -> Channel {
        let channel = self.unfunded_channel();
        self.submit(channel.funding_tx());
        self.chain.mine(1);
        channel
    }

    /// Another channel that the phone has keys for, and was told nothing of.
    pub fn unregistered_channel(&self, number: u64) -> Channel {
        let channel = Channel::prepare(self.chain.as_ref(), self.setup_of(number));
        let channel = channel.expect("a consistent setup");
        self.phone.know(&channel);
        channel
    }

    /// The same, funded by the reward of a block that is mined now.
    pub fn mined_channel(&self, number: u64) -> Channel {
        let channel = Channel::mined(self.chain.as_ref(), self.setup_of(number));
        let channel = channel.expect("a consistent setup");
        self.phone.know(&channel);
        channel
    }

    fn setup_of(&self, number: u64) -> ChannelSetup {
        let channel_type = self.channel.setup().channel_type;
        ChannelSetup::numbered(channel_type, first_channel(self.number) + number)
    }

    /// Another channel, registered and fed, whose funding nobody has broadcast.
    pub fn unfunded_channel(&mut self) -> Channel {
        self.unfunded_channel_numbered(1)
    }

    /// The same; channels with different numbers share no key, and the first one's number is 0.
    pub fn unfunded_channel_numbered(&mut self, number: u64) -> Channel {
        let mut channel = self.unregistered_channel(number);
        self.phone.register(&channel);
        let round = channel.commit_both().expect("nothing is outstanding");
        self.phone.told_round(channel.funding(), &round);
        channel
    }

    /// Our whole balance, less one sweep's fee, is at the wallet's script.
    pub fn assert_swept(&self) {
        let ours = self.channel.balance_msat(Side::Us) / 1000;
        let swept = self.balance(&self.phone.wallet.sweep);
        // The opener paid the commitment's fee and anchors out of it, and the sweep its own.
        assert!(
            swept > ours - 3_000 && swept < ours,
            "{swept} swept of {ours}"
        );
    }

    pub fn assert_not_swept(&self) {
        assert_eq!(self.balance(&self.phone.wallet.sweep), 0);
        assert_eq!(self.chain.mempool(), vec![]);
    }

    /// Everything is buried: the case ends.
    pub fn resolve(&mut self) {
        self.phone.resume();
        self.chain.mine(100);
        self.phone.resume();
        let report = self.phone.report(self.channel.funding());
        assert_eq!(report.state, ArbitratorState::FullyResolved, "{report:?}");
        for contract in &report.contracts {
            let is_anchor = contract.what == "our anchor";
            match contract.progress {
                Progress::Resolved { .. } => {}
                Progress::Uneconomic { .. } if is_anchor => {}
                _ => panic!("{contract:?}"),
            }
        }
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
        self.chain.received(script).to_sat()
    }
}
