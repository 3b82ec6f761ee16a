//! How a wallet that runs LDK's channel engine feeds the arbitrator: between the engine and its peer stands this recorder,
//! which reads every message, takes from LDK's signer what the messages leave out, and says what the arbitrator has to be
//! told. **The message goes on only when the arbitrator has it on disk; when it refuses, nothing leaves any more.**
//!
//! LDK hands out its messages through one door, `get_and_clear_pending_msg_events`. So there are two moments:
//! [`Recorder::sends`] before a message of ours leaves, [`Recorder::receives`] when LDK has taken a message of the peer's and
//! before LDK's answer leaves. Two more things are told before LDK does them: [`Recorder::claims`] a payment,
//! [`Recorder::broadcasts`] a cooperative close. Here each is told alone; what one message brings can be told in one synced
//! write, with `ChainArbitrator::updates`.
//!
//! A recorder is that of one channel, and lives as long as LDK's channel manager. A wallet writes down, with the manager, what
//! the recorder holds.

use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use bitcoin::Transaction;
use lightning::ln::chan_utils::CommitmentTransaction;
use lightning::ln::msgs::{self, MessageSendEvent};
use lightning::util::ser::Writeable;
use lightning_arbitrator::channel::{
    ChannelTerms, CommitmentUpdate, Direction, FundingSignatures, HtlcKey, HtlcOrigin, HtlcTerms,
    LocalUpdate, RemoteUpdate,
};
use lightning_arbitrator::protocol::{
    ChannelReestablish, CommitmentNumber, CommitmentSecret, Party, PaymentHash, Preimage,
};

use crate::exchange::{Change, Exchange, Holdings};
use crate::keys::NodeKeys;
use crate::opening::Opening;
use crate::told::Told;

/// The recorder of one channel.
pub struct Recorder {
    keys: Arc<NodeKeys>,
    peer: PublicKey,
    opening: Opening,
    /// Its terms, once they are complete.
    terms: Option<ChannelTerms>,
    exchange: Exchange,
    /// The newest commitment of the peer's that was signed.
    signed: Option<CommitmentNumber>,
}

/// Who sent an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Us,
    Them,
}

impl Recorder {
    /// That of the channel with this peer.
    pub fn new(keys: Arc<NodeKeys>, peer: PublicKey) -> Self {
        Recorder {
            keys,
            peer,
            opening: Opening::default(),
            terms: None,
            exchange: Exchange::new(0, 0),
            signed: None,
        }
    }

    /// The terms, once both sides have agreed on them and the funding has an outpoint.
    pub fn terms(&self) -> Option<&ChannelTerms> {
        self.terms.as_ref()
    }

    /// The app has made the funding transaction. It is not broadcast yet.
    pub fn funds(&mut self, funding: Transaction) {
        self.opening.funds(funding);
    }

    /// What the arbitrator has to know before a message of ours leaves.
    pub fn sends(&mut self, message: &MessageSendEvent) -> Vec<Told> {
        match message {
            MessageSendEvent::SendOpenChannel { msg, .. } => {
                self.opening.opens(Party::Local, msg);
                Vec::new()
            }
            MessageSendEvent::SendAcceptChannel { msg, .. } => {
                self.opening.accepts(msg);
                Vec::new()
            }
            // With it our signature of the peer's first commitment leaves.
            MessageSendEvent::SendFundingCreated { .. } => vec![self.registers(), self.remote()],
            // The same; and since LDK has taken `funding_created`, our own first commitment is signed, too.
            MessageSendEvent::SendFundingSigned { .. } => {
                vec![self.registers(), self.local(), self.remote()]
            }
            MessageSendEvent::UpdateHTLCs { updates, .. } => self.updates(Sender::Us, updates),
            MessageSendEvent::SendRevokeAndACK { .. } => {
                self.exchange.we_revoke();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// What the arbitrator has to know of a message that LDK has taken, before LDK's answer leaves.
    pub fn receives(&mut self, message: &MessageSendEvent) -> Vec<Told> {
        match message {
            MessageSendEvent::SendOpenChannel { msg, .. } => {
                self.opening.opens(Party::Remote, msg);
                Vec::new()
            }
            MessageSendEvent::SendAcceptChannel { msg, .. } => {
                self.opening.accepts(msg);
                Vec::new()
            }
            MessageSendEvent::SendFundingSigned { .. } => vec![self.local()],
            MessageSendEvent::UpdateHTLCs { updates, .. } => self.updates(Sender::Them, updates),
            MessageSendEvent::SendRevokeAndACK { msg, .. } => vec![self.revocation(msg)],
            MessageSendEvent::SendChannelReestablish { msg, .. } => {
                // BOLT 1: the type stands before what LDK calls the message.
                let kind = ChannelReestablish::TYPE.to_be_bytes();
                vec![Told::Heard([&kind, msg.encode().as_slice()].concat())]
            }
            _ => Vec::new(),
        }
    }

    /// What the arbitrator has to know before `claim_funds` is called with this preimage. It cannot wait for the message:
    /// while LDK waits for a revocation, it keeps its `update_fulfill_htlc` back.
    pub fn claims(&self, preimage: Preimage) -> Vec<Told> {
        let hash = preimage.hash();
        let holdings = self.exchange.local().htlcs.values();
        let paid_to_us = holdings
            .filter(|htlc| htlc.payment_hash == hash && htlc.key.direction == Direction::Incoming);
        let mut told: Vec<Told> = paid_to_us.map(|htlc| Told::Release(htlc.key)).collect();
        told.push(Told::Preimage(preimage));
        told
    }

    /// What the arbitrator has to know of a transaction that LDK's channel engine broadcasts, before it goes out. Its
    /// `ChannelMonitor` broadcasts nothing in such a wallet: what it did is the arbitrator's to do.
    pub fn broadcasts(&self, transaction: &Transaction) -> Option<Told> {
        let funding = self.terms.as_ref()?.funding.outpoint;
        let mut inputs = transaction.input.iter();
        let closes = inputs.any(|input| input.previous_output == funding);
        closes.then(|| Told::Close(transaction.clone()))
    }

    fn registers(&mut self) -> Told {
        let heard = self.keys.heard.lock().expect("nobody panics with it");
        let agreed = heard.parameters.clone().expect("LDK has signed");
        drop(heard);
        let keys_id = self.keys.channel().expect("LDK has made keys");
        let terms = self.opening.terms(&agreed, keys_id, self.peer);
        let terms = terms.expect("both have agreed");
        let (local, remote) = (&terms.local, &terms.remote);
        self.exchange = Exchange::new(local.initial_balance_msat, remote.initial_balance_msat);
        self.terms = Some(terms.clone());
        Told::Terms(Box::new(terms))
    }

    /// The peer's next commitment, which LDK has signed.
    fn remote(&mut self) -> Told {
        let mut heard = self.keys.heard.lock().expect("nobody panics with it");
        let signed = heard.theirs.pop_front().expect("LDK has signed");
        drop(heard);
        let number = number(signed.commitment_number());
        let holdings = match self.signed == Some(number) {
            true => self.exchange.remote(),
            false => self.exchange.we_sign(),
        };
        self.signed = Some(number);
        let update = RemoteUpdate {
            commitment: commitment(&signed, holdings),
            per_commitment_point: signed.per_commitment_point(),
        };
        Told::Remote(update, signed.trust().txid())
    }

    /// Our next commitment, which the peer has signed.
    fn local(&mut self) -> Told {
        let mut heard = self.keys.heard.lock().expect("nobody panics with it");
        let signed = heard.ours.pop_front().expect("LDK has checked it");
        drop(heard);
        let terms = self.terms.as_ref().expect("it is registered first");
        let update = LocalUpdate {
            commitment: commitment(&signed, self.exchange.they_sign()),
            signatures: vec![FundingSignatures {
                funding: terms.channel(),
                commitment: signed.counterparty_sig,
                htlcs: signed.counterparty_htlc_sigs.clone(),
            }],
        };
        Told::Local(update, signed.trust().txid())
    }

    fn revocation(&mut self, told: &msgs::RevokeAndACK) -> Told {
        self.exchange.they_revoke();
        let mut heard = self.keys.heard.lock().expect("nobody panics with it");
        let index = heard.revoked.pop_front().expect("LDK has checked it");
        Told::Revocation(
            number(index),
            CommitmentSecret::new(told.per_commitment_secret),
            told.next_per_commitment_point,
        )
    }

    /// Whether LDK has signed the same number again: what a lost message said, after a reconnection.
    fn is_retransmission(&self) -> bool {
        let heard = self.keys.heard.lock().expect("nobody panics with it");
        let next = heard.theirs.front();
        let next = next.map(|signed| number(signed.commitment_number()));
        next.is_some() && next == self.signed
    }

    /// Changes, and the signature that covers them.
    fn updates(&mut self, sender: Sender, updates: &msgs::CommitmentUpdate) -> Vec<Told> {
        // The arbitrator hears of it again, and says so if it is not what it has.
        if sender == Sender::Us && self.is_retransmission() {
            return vec![self.remote()];
        }
        let mut told = Vec::new();
        for add in &updates.update_add_htlcs {
            self.propose(sender, Change::Add(offered(sender, add)));
        }
        for fulfil in &updates.update_fulfill_htlcs {
            let key = settled(sender, fulfil.htlc_id);
            self.propose(sender, Change::Fulfil(key));
            // What we fulfil we had decided to claim; theirs is a preimage that the HTLC's origin waits for.
            if sender == Sender::Us {
                told.push(Told::Release(key));
            }
            told.push(Told::Preimage(Preimage::new(fulfil.payment_preimage.0)));
        }
        for fail in &updates.update_fail_htlcs {
            self.propose(sender, Change::Fail(settled(sender, fail.htlc_id)));
        }
        for fail in &updates.update_fail_malformed_htlcs {
            self.propose(sender, Change::Fail(settled(sender, fail.htlc_id)));
        }
        told.extend(updates.commitment_signed.iter().map(|_| match sender {
            Sender::Us => self.remote(),
            Sender::Them => self.local(),
        }));
        told
    }

    fn propose(&mut self, sender: Sender, change: Change) {
        match sender {
            Sender::Us => self.exchange.we_propose(change),
            Sender::Them => self.exchange.they_propose(change),
        }
    }
}

fn number(index: u64) -> CommitmentNumber {
    CommitmentNumber::from_index(index).expect("LDK counts down from 2^48 - 1")
}

fn commitment(signed: &CommitmentTransaction, holdings: &Holdings) -> CommitmentUpdate {
    CommitmentUpdate {
        number: number(signed.commitment_number()),
        feerate_per_kw: signed.negotiated_feerate_per_kw(),
        local_msat: holdings.local_msat,
        remote_msat: holdings.remote_msat,
        htlcs: holdings.htlcs.values().copied().collect(),
    }
}

/// The HTLC that a side offers.
fn offered(sender: Sender, add: &msgs::UpdateAddHTLC) -> HtlcTerms {
    HtlcTerms {
        key: HtlcKey {
            direction: match sender {
                Sender::Us => Direction::Outgoing,
                Sender::Them => Direction::Incoming,
            },
            id: add.htlc_id,
        },
        payment_hash: PaymentHash(add.payment_hash.0),
        amount_msat: add.amount_msat,
        cltv_expiry: add.cltv_expiry,
        // A node that forwards names the channel and the HTLC that it forwards here.
        origin: HtlcOrigin::Own,
    }
}

/// The HTLC that a side settles: one that the other has offered.
fn settled(sender: Sender, id: u64) -> HtlcKey {
    let direction = match sender {
        Sender::Us => Direction::Incoming,
        Sender::Them => Direction::Outgoing,
    };
    HtlcKey { direction, id }
}
