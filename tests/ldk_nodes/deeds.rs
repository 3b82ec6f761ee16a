//! What the nodes do with their channel: payments each way, and its end.

use bitcoin::hashes::{sha256, Hash};
use lightning::ln::channelmanager::{PaymentId, RecipientOnionFields};
use lightning::ln::msgs::BaseMessageHandler;
use lightning::routing::router::{Path, Route, RouteHop};
use lightning::types::payment::{PaymentHash, PaymentPreimage};
use lightning_arbitrator::protocol::Preimage;

use crate::node::Backup;
use crate::world::{Line, Who, World};

/// Blocks from the offer of an HTLC to its expiry.
const EXPIRY: u32 = 90;

/// Seconds for which an invoice is good: longer than any story.
const INVOICE_SECONDS: u32 = 30 * 24 * 3_600;

/// A payment of one node to the other.
#[derive(Clone, Copy, Debug)]
pub struct Payment {
    pub from: Who,
    pub preimage: [u8; 32],
}

impl Payment {
    pub fn hash(&self) -> PaymentHash {
        PaymentHash(sha256::Hash::hash(&self.preimage).to_byte_array())
    }
}

impl World {
    /// A payment is offered, and stands in both commitments.
    pub fn pays(&mut self, from: Who, sat: u64) -> Payment {
        self.payments += 1;
        let payment = Payment {
            from,
            preimage: [self.payments; 32],
        };
        let (payer, payee) = (self.node(from), self.node(from.other()));
        let secret = payee.manager.create_inbound_payment_for_hash(
            payment.hash(),
            None,
            INVOICE_SECONDS,
            None,
        );
        let secret = secret.expect("a good invoice");
        let channel = &payer.manager.list_usable_channels()[0];
        let hop = RouteHop {
            pubkey: payee.id(),
            node_features: payee.manager.node_features(),
            short_channel_id: channel.get_outbound_payment_scid().expect("it is ready"),
            channel_features: payee.manager.channel_features(),
            fee_msat: sat * 1_000,
            cltv_expiry_delta: EXPIRY,
            maybe_announced_channel: false,
        };
        let route = Route {
            paths: vec![Path {
                hops: vec![hop],
                blinded_tail: None,
            }],
            route_params: None,
        };
        let onion = RecipientOnionFields::secret_only(secret);
        let id = PaymentId(payment.hash().0);
        let sent = payer
            .manager
            .send_payment_with_route(route, payment.hash(), onion, id);
        sent.expect("it can be afforded");
        self.talk();
        payment
    }

    /// The payee decides to take a payment. It has not told the payer before they talk.
    pub fn takes(&mut self, payment: &Payment) {
        match payment.from {
            Who::Us => _ = self.peer_takes.insert(payment.hash()),
            Who::Peer => {
                let told = self.recorder.claims(Preimage::new(payment.preimage));
                self.tell(told);
            }
        }
        let payee = self.node(payment.from.other());
        payee.manager.claim_funds(PaymentPreimage(payment.preimage));
    }

    /// The payee decides to refuse a payment.
    pub fn refuses(&mut self, payment: &Payment) {
        let payee = self.node(payment.from.other());
        payee.manager.fail_htlc_backwards(&payment.hash());
    }

    /// The nodes lose each other, and meet again: what was lost in between is said once more.
    pub fn reconnects(&mut self) {
        self.ours.manager.peer_disconnected(self.peer.id());
        self.peer.manager.peer_disconnected(self.ours.id());
        self.ours.meets(&self.peer, false);
        self.peer.meets(&self.ours, true);
        self.line = Line::Up;
        self.talk();
    }

    /// The peer's LDK goes to the chain with its newest commitment.
    pub fn peer_force_closes(&mut self) {
        let channel = self.peer.manager.list_channels()[0].channel_id;
        let us = self.ours.id();
        let closed = self.peer.manager.force_close_broadcasting_latest_txn(
            &channel,
            &us,
            "as it likes".into(),
        );
        closed.expect("it is open");
        self.line = Line::Cut;
        self.talk();
    }

    /// The peer goes on chain with what it had on disk once, and goes on from there.
    pub fn peer_cheats(&mut self, with: &Backup) {
        self.line = Line::Cut;
        self.peer.goes_back_to(with, self.chain.as_ref());
        self.talk();
    }

    /// A node wants to close together with the other.
    pub fn closes_together(&mut self, who: Who) {
        let (node, other) = (self.node(who), self.node(who.other()).id());
        let channel = node.manager.list_channels()[0].channel_id;
        let asked = node.manager.close_channel(&channel, &other);
        asked.expect("it is open");
        self.talk();
    }

    /// Fees change, and the channel's opener asks for commitments that pay as much.
    pub fn fees_are(&mut self, sat_per_1000_weight: u32) {
        self.ours.feerate.set(sat_per_1000_weight);
        self.peer.feerate.set(sat_per_1000_weight);
        self.node(self.opener()).manager.timer_tick_occurred();
        self.talk();
    }

    /// What the commitments pay, as both have agreed.
    pub fn agreed_feerate(&self) -> u32 {
        let agreed = [&self.ours, &self.peer].map(|node| {
            let channel = &node.manager.list_channels()[0];
            channel
                .feerate_sat_per_1000_weight
                .expect("it is agreed on")
        });
        assert_eq!(agreed[0], agreed[1]);
        agreed[0]
    }
}
