//! The story that is told to every phone, whatever befalls it, and how it ends.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bitcoin::{Amount, Transaction};
use lightning_arbitrator::court::ArbitratorState;
use tempfile::TempDir;
use testkit::chain::Chain;
use testkit::gateway::Gateway;
use testkit::memory::MemoryChain;
use testkit::party::{
    Channel, ChannelSetup, ChannelType, CooperativeClose, NewHtlc, Opened, Settlement, Which,
};

use crate::engine::{Engine, Loss, Record, Threat};
use crate::our_node::OurNode;
use crate::phone::sweep_script;
use crate::wire::{ChannelStanding, Order};

/// Blocks until a payment that nobody takes can be taken back.
const PAYMENT_EXPIRES: u32 = 40;
/// The commitments that carried the payments of the story.
const WITH_PAYMENTS: Which = Which::Number(1);

/// How the channels of a story are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    Peer,
    Ours,
    Cooperative,
    /// The peer's commitment, with a payment of ours on it that nobody takes.
    PeerWithPayment,
    /// A commitment that the peer has revoked, with a payment each way on it.
    Revoked,
}

/// Who sees the channels of a story through their opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// The channel engine: the library is only told.
    Engine,
    /// The library: they are public, and announced.
    Library,
}

/// What happens if nothing goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    pub channel_type: ChannelType,
    pub opened_by: OpenedBy,
    pub close: Close,
    pub channels: u64,
}

impl Plot {
    pub const ALL: [Plot; 10] = [
        Plot::one(ChannelType::StaticRemotekey, Close::Peer),
        Plot::one(ChannelType::StaticRemotekey, Close::Ours),
        Plot::one(ChannelType::StaticRemotekey, Close::Cooperative),
        Plot::one(ChannelType::AnchorsZeroFeeHtlc, Close::Peer),
        Plot::one(ChannelType::AnchorsZeroFeeHtlc, Close::Ours),
        Plot::one(ChannelType::AnchorsZeroFeeHtlc, Close::Cooperative),
        Plot::one(ChannelType::StaticRemotekey, Close::PeerWithPayment),
        Plot::one(ChannelType::AnchorsZeroFeeHtlc, Close::PeerWithPayment),
        Plot::one(ChannelType::StaticRemotekey, Close::Revoked),
        Plot::one(ChannelType::AnchorsZeroFeeHtlc, Close::Revoked),
    ];

    /// With a single channel.
    pub const fn one(channel_type: ChannelType, close: Close) -> Self {
        Plot {
            channel_type,
            opened_by: OpenedBy::Engine,
            close,
            channels: 1,
        }
    }

    /// What comes home of each channel, in sat: fees and anchors cost the opener some of it.
    fn comes_home(&self) -> Range<u64> {
        match self.close {
            // Of 600,000 sat 10,000 were paid away.
            Close::Peer | Close::Ours | Close::Cooperative | Close::PeerWithPayment => {
                587_000..590_000
            }
            // All of the channel.
            Close::Revoked => 990_000..999_000,
        }
    }
}

/// What all tellings of a story must have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub swept: Amount,
    pub paid_by_closes: Amount,
    pub channels: Vec<ChannelStanding>,
    pub events: BTreeSet<String>,
}

/// A story that was told to its end.
#[derive(Debug)]
pub struct Telling {
    pub outcome: Outcome,
    pub record: Record,
}

impl Telling {
    /// The story has ended as it does when nobody disturbs it.
    pub fn assert_ends_as(&self, undisturbed: &Telling, how: &str) {
        let lines = |told: &Telling| -> BTreeSet<String> {
            let text = format!("{:#?}", told.outcome);
            text.lines().map(str::to_owned).collect()
        };
        let (here, there) = (lines(self), lines(undisturbed));
        assert!(
            self.outcome == undisturbed.outcome,
            "{how}\nonly here: {:#?}\nonly undisturbed: {:#?}",
            here.difference(&there).collect::<Vec<_>>(),
            there.difference(&here).collect::<Vec<_>>()
        );
    }

    /// Our money is home, and every case is as far as it gets.
    pub fn assert_ends_well(&self, plot: Plot) {
        let home = (self.outcome.swept + self.outcome.paid_by_closes) / plot.channels;
        assert!(plot.comes_home().contains(&home.to_sat()), "{self:#?}");
        for channel in &self.outcome.channels {
            let ended = ArbitratorState::FullyResolved;
            assert_eq!(channel.state, ended, "{self:#?}");
        }
        assert_eq!(self.record.kills, 0);
    }
}

struct Story<T> {
    plot: Plot,
    chain: Arc<dyn Chain>,
    channels: Vec<Channel>,
    engine: Engine<T>,
}

/// Tells a story. Each life of the phone has its threat; when there are no more, nothing threatens it.
///
/// # Errors
/// [`Loss`] as soon as the library has forgotten something that it had acknowledged.
pub fn tell(plot: Plot, threats: impl IntoIterator<Item = Threat>) -> Result<Telling, Loss> {
    let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
    let gateway = Gateway::start(Arc::clone(&chain)).expect("a port on this machine");
    let directory = TempDir::new().expect("a temporary directory");
    let prepare = |index| {
        let setup = ChannelSetup::numbered(plot.channel_type, index);
        Channel::prepare(chain.as_ref(), setup).expect("a consistent setup")
    };
    let channels: Vec<Channel> = (0..plot.channels).map(prepare).collect();
    let mut story = Story {
        plot,
        engine: Engine {
            threats: threats.into_iter(),
            gateway: gateway.clone(),
            esplora: gateway.url(),
            database: directory.path().join("phone.sqlite"),
            channels: channels.clone(),
            line: None,
            record: Record::default(),
        },
        chain,
        channels,
    };
    story.run()?;
    Ok(story.end())
}

impl<T: Iterator<Item = Threat>> Story<T> {
    fn run(&mut self) -> Result<(), Loss> {
        for index in 0..self.channels.len() {
            match self.plot.opened_by {
                OpenedBy::Engine => {
                    self.perform(Order::Register(index))?;
                    self.round(index)?;
                    self.submit(self.channels[index].funding_tx());
                }
                OpenedBy::Library => {
                    self.perform(Order::Open(index))?;
                    self.round(index)?;
                }
            }
        }
        if self.plot.opened_by == OpenedBy::Library {
            self.opening()?;
        }
        self.mine(1);
        self.perform(Order::Resume)?;
        for index in 0..self.channels.len() {
            self.payments(index)?;
        }
        self.perform(Order::ChangeKey)?;
        self.perform(Order::Sleep)?;
        for index in 0..self.channels.len() {
            self.close(index)?;
        }
        // Proven, and swept as soon as it may be.
        self.mine(1);
        self.perform(Order::Resume)?;
        if self.plot.close == Close::Ours {
            self.mine(self.channels[0].setup().our_delay.into());
            self.perform(Order::Resume)?;
        }
        if self.plot.close == Close::PeerWithPayment {
            self.mine(PAYMENT_EXPIRES);
            self.perform(Order::Resume)?;
        }
        // The sweep is in a block, settles, and is buried.
        for blocks in [1, 2, 100] {
            self.mine(blocks);
            self.perform(Order::Resume)?;
        }
        Ok(())
    }

    /// Mines what the mempool holds. The order in which it came there is not part of the story, so a block does not tell.
    fn mine(&self, blocks: u32) {
        let mut waiting = self.chain.mempool();
        waiting.sort();
        let waiting: Vec<Transaction> = waiting
            .into_iter()
            .filter_map(|txid| self.chain.transaction(txid))
            .map(|known| known.transaction)
            .collect();
        self.chain
            .mine_txs(&waiting)
            .expect("none spends another one");
        self.chain.mine_empty(blocks - 1);
    }

    fn end(self) -> Telling {
        let shutdown =
            |channel: &Channel| self.chain.received(&channel.setup().our_shutdown_script);
        let standing = &self.engine.record.standing;
        Telling {
            outcome: Outcome {
                swept: self.chain.received(&sweep_script()),
                paid_by_closes: self.channels.iter().map(shutdown).sum(),
                channels: standing.channels.clone(),
                events: standing.events.clone(),
            },
            record: self.engine.record,
        }
    }

    fn perform(&mut self, order: Order) -> Result<(), Loss> {
        self.engine.perform(&order)
    }

    /// One exchange of commitments, in the order in which the engine learns of it.
    fn round(&mut self, index: usize) -> Result<(), Loss> {
        let round = self.channels[index]
            .commit_both()
            .expect("nothing is outstanding");
        self.perform(Order::Remote(index, round.remote))?;
        if let Some(revocation) = round.revocation {
            self.perform(Order::Revocation(index, revocation))?;
        }
        self.perform(Order::Local(index, round.local))
    }

    /// From the broadcast of the fundings to the announcements. The peers' halves of the proofs come first of all messages.
    fn opening(&mut self) -> Result<(), Loss> {
        self.perform(Order::Resume)?;
        self.mine(1);
        let channels = self.channels.clone();
        let all = || channels.iter().enumerate();
        for (index, channel) in all() {
            let half = channel.peer_half(Opened::V1, OurNode::new().id(), self.name(channel));
            self.perform(Order::Hear(index, half))?;
        }
        self.perform(Order::Resume)?;
        self.mine(2);
        self.perform(Order::Resume)?;
        self.perform(Order::HandOver)?;
        // The peer is there again and may not have got it: it is told again, once.
        for (index, channel) in all() {
            self.perform(Order::Hear(index, channel.peer_reestablish(Opened::V1)))?;
        }
        self.perform(Order::HandOver)?;
        for (index, channel) in all() {
            self.perform(Order::Hear(index, channel.peer_ready(Opened::V1, None)))?;
        }
        self.mine(3);
        self.perform(Order::Resume)?;
        self.perform(Order::HandOver)
    }

    /// What the chain calls a channel.
    fn name(&self, channel: &Channel) -> u64 {
        let txid = channel.funding().txid;
        let known = self.chain.transaction(txid).expect("mined");
        let block = known.block.expect("mined");
        let held = self.chain.block(block.hash).expect("it is there");
        let mut all = held.block.txdata.iter();
        let position = all.position(|it| it.compute_txid() == txid);
        u64::from(block.height) << 40 | (position.expect("in it") as u64) << 16
    }

    /// A payment each way, there in one round and settled in the next.
    fn payments(&mut self, index: usize) -> Result<(), Loss> {
        let expiry = self.chain.tip().height + 500;
        let payments = [
            NewHtlc::outgoing(30_000_000, expiry),
            NewHtlc::incoming(20_000_000, expiry),
        ];
        let add = |new| self.channels[index].add_htlc(new).expect("affordable").key;
        let keys = payments.map(add);
        self.round(index)?;
        for key in keys {
            self.channels[index]
                .settle_htlc(key, Settlement::Fulfil)
                .expect("live");
        }
        self.round(index)
    }

    fn close(&mut self, index: usize) -> Result<(), Loss> {
        let channel = &self.channels[index];
        match self.plot.close {
            Close::Peer => {
                self.submit(&channel.peer_commitment_tx(Which::Current).expect("signed"));
            }
            Close::PeerWithPayment => {
                let expiry = self.chain.tip().height + PAYMENT_EXPIRES;
                let payment = NewHtlc::outgoing(30_000_000, expiry);
                let added = self.channels[index].add_htlc(payment);
                added.expect("affordable");
                self.round(index)?;
                let close = self.channels[index].peer_commitment_tx(Which::Current);
                self.submit(&close.expect("signed"));
            }
            Close::Revoked => {
                let close = channel.peer_commitment_tx(WITH_PAYMENTS);
                self.submit(&close.expect("signed"));
            }
            Close::Ours => self.perform(Order::ForceClose(index))?,
            Close::Cooperative => {
                let fee = CooperativeClose::legacy(Amount::from_sat(1_000));
                let close = channel.cooperative_close(&fee).expect("no HTLCs");
                self.perform(Order::ClosingSigned(index, close.clone()))?;
                self.submit(&close);
            }
        }
        Ok(())
    }

    fn submit(&self, transaction: &Transaction) {
        self.chain.submit(transaction).expect("a valid transaction");
    }
}
