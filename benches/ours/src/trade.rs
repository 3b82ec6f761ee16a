//! The counterparty's side of a payment: the testkit's channel, and what an app's engine would tell. Together it tells what
//! BOLT 2 lets it: whatever is stored before the same message of ours leaves.

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Amount, OutPoint};
use lightning_arbitrator::channel::ChannelUpdate;
use testkit::memory::MemoryChain;
use testkit::party::{Channel, ChannelSetup, ChannelType, Direction, NewHtlc, Settlement};

use crate::words::{htlc_key, local_update, retold};

/// What every payment pays: as much as on LDK's side, and no dust.
const AMOUNT_MSAT: u64 = 10_000_000;

/// No block is mined: any height above the chain's will do.
const EXPIRY: u32 = 700;

/// The same channel as on LDK's side.
const CAPACITY: Amount = Amount::from_sat(10_000_000);

/// What the channel engine tells in one call.
pub type Call = Vec<ChannelUpdate>;

/// A channel whose two sides pay each other by turns.
pub struct Trade {
    pub channel: Channel,
    made: u64,
}

impl Trade {
    /// A channel of which each side has half. Different numbers share no key.
    pub fn numbered(number: u64) -> Self {
        // LDK's nodes agree on this type, too, by default.
        let mut setup = ChannelSetup::numbered(ChannelType::StaticRemotekey, number);
        setup.capacity = CAPACITY;
        setup.initial_to_us_msat = CAPACITY.to_sat() * 1000 / 2;
        let channel = Channel::prepare(&MemoryChain::new(), setup).expect("a consistent setup");
        Trade { channel, made: 0 }
    }

    pub fn outpoint(&self) -> OutPoint {
        self.channel.funding()
    }

    /// The first commitments of both sides.
    pub fn begin(&mut self) -> Vec<Call> {
        let remote = self.remote();
        vec![vec![remote], vec![self.local()]]
    }

    /// The next payment, offered and left pending.
    pub fn hold(&mut self) -> Vec<Call> {
        let key = self.offer();
        match key.direction {
            Direction::Outgoing => self.we_begin(None),
            Direction::Incoming => self.the_peer_begins(),
        }
    }

    /// The next payment, from offer to settlement.
    pub fn pay(&mut self) -> Vec<Call> {
        let key = self.offer();
        let settle = |trade: &mut Self| {
            let settled = trade.channel.settle_htlc(key, Settlement::Fulfil);
            settled.expect("it is pending");
        };
        match key.direction {
            Direction::Outgoing => {
                let mut calls = self.we_begin(None);
                settle(self);
                calls.extend(self.the_peer_begins());
                calls
            }
            Direction::Incoming => {
                let mut calls = self.the_peer_begins();
                settle(self);
                // The engine says that it will claim before it sends the preimage.
                calls.extend(self.we_begin(Some(ChannelUpdate::Release(htlc_key(key)))));
                calls
            }
        }
    }

    /// BOLT 2: our `commitment_signed` leaves, with a fulfil before it or not, so what it signs is on disk first. The peer
    /// answers with `revoke_and_ack` and `commitment_signed`, and nothing has to leave between those two.
    fn we_begin(&mut self, release: Option<ChannelUpdate>) -> Vec<Call> {
        let remote = self.remote();
        let signs = release.into_iter().chain([remote]).collect();
        vec![signs, vec![self.revocation(), self.local()]]
    }

    /// BOLT 2: a `commitment_signed` comes, and the peer is owed one. We answer with `revoke_and_ack` and
    /// `commitment_signed`, so both commitments are on disk first. LDK makes one update of them as well. Then the peer
    /// revokes.
    fn the_peer_begins(&mut self) -> Vec<Call> {
        vec![vec![self.local(), self.remote()], vec![self.revocation()]]
    }

    fn remote(&mut self) -> ChannelUpdate {
        let update = self.channel.their_commitment();
        ChannelUpdate::Remote(retold(&update.expect("nothing is outstanding")))
    }

    fn revocation(&mut self) -> ChannelUpdate {
        retold(&self.channel.peer_revokes().expect("one is outstanding"))
    }

    fn local(&mut self) -> ChannelUpdate {
        let update = self.channel.our_commitment();
        ChannelUpdate::Local(local_update(self.outpoint(), &update))
    }

    fn offer(&mut self) -> testkit::party::HtlcKey {
        let text = format!("preimage of payment {}", self.made);
        let preimage = sha256::Hash::hash(text.as_bytes()).to_byte_array();
        let new = match self.made % 2 {
            0 => NewHtlc::outgoing(AMOUNT_MSAT, EXPIRY),
            _ => NewHtlc::incoming(AMOUNT_MSAT, EXPIRY),
        };
        self.made += 1;
        let htlc = self.channel.add_htlc(new.with_preimage(preimage));
        htlc.expect("balance enough").key
    }
}
