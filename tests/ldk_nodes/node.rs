//! A real LDK node with one channel: its channel manager, its chain monitor, and a wallet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{PublicKey, SECP256K1};
use bitcoin::{Amount, Block, BlockHash, Network};
use lightning::chain::chaininterface::BroadcasterInterface;
use lightning::chain::chainmonitor::ChainMonitor;
use lightning::chain::channelmonitor::{Balance, ChannelMonitor};
use lightning::chain::{BestBlock, Filter, Listen, Watch as _};
use lightning::events::bump_transaction::sync::{BumpTransactionEventHandlerSync, WalletSync};
use lightning::events::{Event, EventsProvider};
use lightning::ln::channelmanager::{ChainParameters, ChannelManager};
use lightning::ln::msgs::{BaseMessageHandler, Init};
use lightning::ln::types::ChannelId;
use lightning::onion_message::messenger::NullMessageRouter;
use lightning::sign::{KeysManager, NodeSigner, OutputSpender, SpendableOutputDescriptor};
use lightning::util::config::UserConfig;
use lightning::util::ser::{ReadableArgs, Writeable};
use testkit::chain::Chain;
use testkit::party::ChannelType;

use crate::keys::NodeKeys;
use crate::parts::{shared, Coins, Feerate, NoRouter, Outbox, Silence, FEERATE};
use crate::signer::ListeningSigner;
use crate::wallet::TestWallet;

type Watch = ChainMonitor<
    ListeningSigner,
    Arc<dyn Filter + Send + Sync>,
    Arc<Outbox>,
    Arc<Feerate>,
    Arc<Silence>,
    Arc<Silence>,
    Arc<KeysManager>,
>;

type Manager = ChannelManager<
    Arc<Watch>,
    Arc<Outbox>,
    Arc<KeysManager>,
    Arc<KeysManager>,
    Arc<NodeKeys>,
    Arc<Feerate>,
    Arc<NoRouter>,
    Arc<NullMessageRouter>,
    Arc<Silence>,
>;

type Bumper = BumpTransactionEventHandlerSync<
    Arc<Outbox>,
    Arc<WalletSync<Arc<Coins>, Arc<Silence>>>,
    Arc<NodeKeys>,
    Arc<Silence>,
>;

/// A serialised channel monitor: all that LDK needs to act on the chain as of then.
pub struct Backup(Vec<u8>);

pub struct Node {
    pub keys: Arc<NodeKeys>,
    pub manager: Manager,
    watch: Arc<Watch>,
    bumper: Bumper,
    wallet: TestWallet,
    pub feerate: Arc<Feerate>,
    /// What the channel engine broadcasts: a funding, a cooperative close.
    pub engine_sends: Arc<Outbox>,
    /// What the chain monitor broadcasts: commitments and claims.
    pub monitor_sends: Arc<Outbox>,
    /// The blocks that it has read, by height.
    read: BTreeMap<u32, BlockHash>,
}

/// What both nodes agree on.
fn config(channel_type: ChannelType) -> UserConfig {
    let mut config = UserConfig::default();
    let handshake = &mut config.channel_handshake_config;
    handshake.negotiate_anchors_zero_fee_htlc_tx = match channel_type {
        ChannelType::StaticRemotekey => false,
        ChannelType::AnchorsZeroFeeHtlc => true,
    };
    handshake.max_inbound_htlc_value_in_flight_percent_of_channel = 100;
    // LDK asks the app about channels with anchors, for which a reserve is needed.
    config.manually_accept_inbound_channels = true;
    config
}

fn block_at(chain: &dyn Chain, height: u32) -> Block {
    let hash = chain.block_hash(height).expect("below the tip");
    chain.block(hash).expect("on the best chain").block
}

impl Node {
    /// One whose keys come from this number, and whose wallet this is.
    pub fn new(
        number: u8,
        channel_type: ChannelType,
        wallet: TestWallet,
        chain: &dyn Chain,
    ) -> Self {
        let keys = shared(NodeKeys::new([number; 32], wallet.sweep.clone()));
        let (engine_sends, monitor_sends) = (shared(Outbox::default()), shared(Outbox::default()));
        let (silence, feerate) = (shared(Silence), shared(Feerate::default()));
        let watch = Self::watch(&keys, &monitor_sends, &feerate);
        let coins = WalletSync::new(shared(Coins(wallet.clone())), silence.clone());
        let bumper = Bumper::new(
            monitor_sends.clone(),
            shared(coins),
            keys.clone(),
            silence.clone(),
        );
        let tip = chain.tip();
        let now = chain
            .block(tip.hash)
            .expect("it has a tip")
            .block
            .header
            .time;
        let manager = Manager::new(
            feerate.clone(),
            watch.clone(),
            engine_sends.clone(),
            shared(NoRouter),
            shared(NullMessageRouter {}),
            silence,
            keys.ldk.clone(),
            keys.ldk.clone(),
            keys.clone(),
            config(channel_type),
            ChainParameters {
                network: Network::Regtest,
                best_block: BestBlock::new(tip.hash, tip.height),
            },
            now,
        );
        Node {
            keys,
            manager,
            watch,
            bumper,
            wallet,
            feerate,
            engine_sends,
            monitor_sends,
            read: BTreeMap::from([(tip.height, tip.hash)]),
        }
    }

    fn watch(keys: &NodeKeys, sends: &Arc<Outbox>, feerate: &Arc<Feerate>) -> Arc<Watch> {
        shared(Watch::new(
            None,
            sends.clone(),
            shared(Silence),
            feerate.clone(),
            shared(Silence),
            keys.ldk.clone(),
            keys.ldk.get_peer_storage_key(),
        ))
    }

    pub fn id(&self) -> PublicKey {
        self.manager.get_our_node_id()
    }

    /// The two hear each other.
    pub fn meets(&self, other: &Node, inbound: bool) {
        let init = Init {
            features: other.manager.provided_init_features(self.id()),
            networks: None,
            remote_network_address: None,
        };
        let met = self.manager.peer_connected(other.id(), &init, inbound);
        met.expect("they speak the same protocol");
    }

    /// Forgets the blocks that are not on the best chain any more, and reads those that are new.
    pub fn follows(&mut self, chain: &dyn Chain) {
        let before = self.read.len();
        self.read
            .retain(|height, hash| chain.block_hash(*height) == Some(*hash));
        let (height, hash) = self.read.last_key_value().expect("no reorg is that deep");
        let fork = BestBlock::new(*hash, *height);
        if self.read.len() < before {
            self.manager.blocks_disconnected(fork);
            self.watch.blocks_disconnected(fork);
        }
        for height in fork.height + 1..=chain.tip().height {
            let block = block_at(chain, height);
            self.manager.block_connected(&block, height);
            self.watch.block_connected(&block, height);
            self.read.insert(height, block.block_hash());
        }
    }

    /// What LDK has to say; what only concerns its claims is done at once.
    pub fn events(&self) -> Vec<Event> {
        let told = RefCell::new(Vec::new());
        let take = |event: Event| {
            told.borrow_mut().push(event);
            Ok(())
        };
        self.manager.process_pending_events(&take);
        self.watch.process_pending_events(&take);
        let mut left = Vec::new();
        for event in told.into_inner() {
            match event {
                Event::BumpTransaction(bump) => self.bumper.handle_event(&bump),
                Event::SpendableOutputs { outputs, .. } => self.sweeps(&outputs),
                other => left.push(other),
            }
        }
        left
    }

    fn sweeps(&self, outputs: &[SpendableOutputDescriptor]) {
        // What pays the wallet is there already.
        let is_home = |output: &&SpendableOutputDescriptor| {
            matches!(output, SpendableOutputDescriptor::StaticOutput { .. })
        };
        let outputs: Vec<_> = outputs.iter().filter(|output| !is_home(output)).collect();
        if outputs.is_empty() {
            return;
        }
        let home = self.wallet.sweep.clone();
        let time = Some(LockTime::ZERO);
        let sweep = self.keys.ldk.spend_spendable_outputs(
            &outputs,
            Vec::new(),
            home,
            FEERATE,
            time,
            SECP256K1,
        );
        // A small one is left where it is.
        if let Ok(sweep) = sweep {
            self.monitor_sends.broadcast_transactions(&[&sweep]);
        }
    }

    /// What LDK's monitor of the channel says is this node's.
    pub fn balances(&self) -> Vec<Balance> {
        self.watch.get_claimable_balances(&[])
    }

    fn only_channel(&self) -> ChannelId {
        self.watch.list_monitors()[0]
    }

    /// What LDK has on disk now.
    pub fn backup(&self) -> Backup {
        let monitor = self.watch.get_monitor(self.only_channel());
        Backup(monitor.expect("the channel is watched").encode())
    }

    /// The node forgets all since a backup, reads the chain from there on, and goes on chain with what it has: the way a
    /// node cheats. Its channel engine is not used any more.
    pub fn goes_back_to(&mut self, backup: &Backup, chain: &dyn Chain) {
        let channel = self.only_channel();
        let keys: &NodeKeys = &self.keys;
        let read = <(BlockHash, ChannelMonitor<ListeningSigner>)>::read(
            &mut backup.0.as_slice(),
            (&*keys.ldk, keys),
        );
        let (_, monitor) = read.expect("LDK wrote it");
        let then = monitor.current_best_block().height;
        self.watch = Self::watch(&self.keys, &self.monitor_sends, &self.feerate);
        let watched = self.watch.watch_channel(channel, monitor);
        watched.expect("it is the only one");
        for height in then + 1..=chain.tip().height {
            self.watch.block_connected(&block_at(chain, height), height);
        }
        let monitor = self.watch.get_monitor(channel).expect("just put there");
        monitor.broadcast_latest_holder_commitment_txn(
            &self.monitor_sends,
            &self.feerate,
            &shared(Silence),
        );
    }

    /// Coins for the fees of its claims.
    pub fn is_paid_coins(&self, chain: &Arc<dyn Chain>) {
        self.wallet
            .pay_in_all(chain, &[Amount::from_sat(100_000); 10]);
    }
}
