//! The counterparty's side of a payment: the testkit's channel, and the messages that an app's engine would pass on.

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint};
use lightning_arbitrator::channel::{HtlcKey, LocalUpdate, RemoteUpdate};
use lightning_arbitrator::protocol::{CommitmentNumber, CommitmentSecret};
use testkit::memory::MemoryChain;
use testkit::party::{Channel, ChannelSetup, ChannelType, Direction, NewHtlc, Round, Settlement};

use crate::words::{htlc_key, local_update, number, retold, secret};

/// What every payment pays: as much as on LDK's side, and no dust.
const AMOUNT_MSAT: u64 = 10_000_000;

/// No block is mined: any height above the chain's will do.
const EXPIRY: u32 = 700;

/// The same channel as on LDK's side.
const CAPACITY: Amount = Amount::from_sat(10_000_000);

/// One message of the channel engine.
pub enum Told {
    Remote(RemoteUpdate),
    Revocation(CommitmentNumber, CommitmentSecret, PublicKey),
    Local(LocalUpdate),
    Release(HtlcKey),
}

/// The messages of one payment's life, in their order.
pub type Messages = Vec<Told>;

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

    /// One exchange of commitments over the ledger as it stands.
    pub fn round(&mut self) -> Messages {
        let Round {
            remote,
            revocation,
            local,
        } = self.channel.commit_both().expect("nothing is outstanding");
        let revocation =
            revocation.map(|it| Told::Revocation(number(it.number), secret(&it), it.next_point));
        let local = local_update(self.outpoint(), &local);
        std::iter::once(Told::Remote(retold(&remote)))
            .chain(revocation)
            .chain([Told::Local(local)])
            .collect()
    }

    /// The next payment, offered and left pending.
    pub fn hold(&mut self) -> Messages {
        self.offer();
        self.round()
    }

    /// The next payment, from offer to settlement.
    pub fn pay(&mut self) -> Messages {
        let key = self.offer();
        let mut messages = self.round();
        match key.direction {
            // The engine says that it will claim before it sends the preimage.
            Direction::Incoming => messages.push(Told::Release(htlc_key(key))),
            Direction::Outgoing => {}
        }
        self.channel
            .settle_htlc(key, Settlement::Fulfil)
            .expect("it is pending");
        messages.extend(self.round());
        messages
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
