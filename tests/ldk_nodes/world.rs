//! Two LDK nodes with a channel between them, the chain that both read, and the arbitrator that guards one of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use lightning::types::payment::PaymentHash;
use lightning_arbitrator::court::CloseKind;
use lightning_arbitrator::protocol::Party;
use lightning_arbitrator::signer::Signer;
use testkit::chain::{Chain, Orphaned};
use testkit::memory::MemoryChain;
use testkit::party::ChannelType;

use crate::node::Node;
use crate::phone::{Nap, Phone};
use crate::recorder::Recorder;
use crate::wallet::TestWallet;

/// What the channel holds, and how much of it its opener gives away at once.
const CAPACITY_SAT: u64 = 1_000_000;
const PUSHED_MSAT: u64 = 400_000_000;

/// Which of the two nodes: ours, which the arbitrator guards, or the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Us,
    Peer,
}

/// Which messages arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Up,
    /// Ours do, the peer's do not.
    PeerIsMute,
    Cut,
}

pub struct World {
    pub chain: Arc<dyn Chain>,
    pub ours: Node,
    pub peer: Node,
    pub phone: Phone,
    pub wallet: TestWallet,
    pub line: Line,
    pub recorder: Recorder,
    /// The txids of all our commitments that the arbitrator has, oldest first, as LDK built them.
    pub our_commitments: Vec<Txid>,
    /// How many of them are revoked by a message that left.
    pub we_revoked: usize,
    /// Those of the peer, in the same way.
    pub peer_commitments: Vec<Txid>,
    /// How many of them the peer has revoked.
    pub peer_revoked: u64,
    /// What the peer has broadcast.
    pub peer_sent: BTreeMap<Txid, Transaction>,
    /// The hashes of our payments that the peer takes.
    pub peer_takes: BTreeSet<PaymentHash>,
    pub payments: u8,
}

impl World {
    /// A channel that this side opened, with its funding confirmed and both nodes ready.
    pub fn new(channel_type: ChannelType, opener: Who, nap: Nap) -> Self {
        let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
        let (wallet, peers_wallet) = (TestWallet::numbered(0), TestWallet::numbered(1));
        wallet.pay_in_all(&chain, &[Amount::from_sat(100_000); 10]);
        let ours = Node::new(1, channel_type, wallet.clone(), chain.as_ref());
        let peer = Node::new(2, channel_type, peers_wallet, chain.as_ref());
        peer.is_paid_coins(&chain);
        ours.meets(&peer, false);
        peer.meets(&ours, true);
        let signer: Arc<dyn Signer> = ours.keys.clone();
        let mut world = World {
            phone: Phone::new(&chain, signer, wallet.clone(), nap),
            recorder: Recorder::new(ours.keys.clone(), peer.id()),
            wallet,
            chain,
            ours,
            peer,
            line: Line::Up,
            our_commitments: Vec::new(),
            we_revoked: 0,
            peer_commitments: Vec::new(),
            peer_revoked: 0,
            peer_sent: BTreeMap::new(),
            peer_takes: BTreeSet::new(),
            payments: 0,
        };
        world.opens(opener);
        world
    }

    fn opens(&mut self, opener: Who) {
        let (from, to) = (self.node(opener), self.node(opener.other()));
        let opened = from
            .manager
            .create_channel(to.id(), CAPACITY_SAT, PUSHED_MSAT, 0, None, None);
        opened.expect("a good channel");
        self.talk();
        self.mines(6);
        self.phone.wakes();
        let usable = |node: &Node| node.manager.list_usable_channels().len();
        assert_eq!((usable(&self.ours), usable(&self.peer)), (1, 1));
    }

    pub fn node(&self, who: Who) -> &Node {
        match who {
            Who::Us => &self.ours,
            Who::Peer => &self.peer,
        }
    }

    pub fn opener(&self) -> Who {
        match self.recorder.terms().expect("it is open").opener {
            Party::Local => Who::Us,
            Party::Remote => Who::Peer,
        }
    }

    pub fn channel(&self) -> OutPoint {
        self.recorder.terms().expect("it is open").channel()
    }

    /// Mines so many blocks; both LDK nodes read each of them at once.
    pub fn mines(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.assert_nothing_old_is_ours();
            self.chain.mine(1);
            self.follow();
        }
    }

    /// The last blocks give way to one more; both LDK nodes see it.
    pub fn reorgs(&mut self, depth: u32, orphaned: Orphaned) {
        let done = self.chain.reorg(depth, depth + 1, orphaned);
        done.expect("what is put in instead is valid");
        self.follow();
    }

    fn follow(&mut self) {
        self.ours.follows(self.chain.as_ref());
        self.peer.follows(self.chain.as_ref());
        self.talk();
    }

    /// The number of the commitment of ours that closed the channel.
    pub fn our_number(&self) -> u64 {
        number_of(&self.our_commitments, self.closing_txid())
    }

    /// The number of the peer's commitment that closed the channel.
    pub fn peers_number(&self) -> u64 {
        number_of(&self.peer_commitments, self.closing_txid())
    }

    /// What the close is, by the commitments that LDK made and the revocations that it exchanged.
    pub fn kind(&self) -> CloseKind {
        if self.our_commitments.contains(&self.closing_txid()) {
            let number = self.our_number();
            return CloseKind::Local { number };
        }
        let number = self.peers_number();
        match number.cmp(&self.peer_revoked) {
            Ordering::Less => CloseKind::Breach { number },
            Ordering::Equal => CloseKind::Remote { number },
            Ordering::Greater => CloseKind::RemotePending { number },
        }
    }

    fn closing_txid(&self) -> Txid {
        let spend = self.chain.outspend(self.channel());
        spend.expect("it is closed").txid
    }

    /// No commitment whose revocation has left us is on the network.
    fn assert_nothing_old_is_ours(&self) {
        let Some(terms) = self.recorder.terms() else {
            return;
        };
        let Some(spend) = self.chain.outspend(terms.channel()) else {
            return;
        };
        let revoked = &self.our_commitments[..self.we_revoked];
        assert!(!revoked.contains(&spend.txid), "{} is revoked", spend.txid);
    }
}

/// Each number was signed once, or the same again: LDK has no reason to sign another alternative here.
fn number_of(commitments: &[Txid], txid: Txid) -> u64 {
    let number = commitments.iter().position(|known| *known == txid);
    number.expect("one of them") as u64
}

impl Who {
    pub fn other(self) -> Who {
        match self {
            Who::Us => Who::Peer,
            Who::Peer => Who::Us,
        }
    }
}
