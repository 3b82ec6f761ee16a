//! What the two nodes say to each other, to the arbitrator, and to the network.

use bitcoin::{Amount, Transaction};
use lightning::events::Event;
use lightning::ln::msgs::{BaseMessageHandler, MessageSendEvent};
use lightning_arbitrator::channel::UpdateError;
use lightning_arbitrator::protocol::Party;
use lightning_arbitrator::signer::Signer;
use lightning_arbitrator::ArbitratorError;

use crate::deliver::deliver;
use crate::rebuilt;
use crate::told::Told;
use crate::world::{Line, Who, World};

impl World {
    /// Both nodes say all that they have to say, the arbitrator being told first.
    pub fn talk(&mut self) {
        loop {
            let asked = self.does_what_ldk_asks();
            let said = self.says(Who::Us) | self.says(Who::Peer);
            if !asked && !said {
                return;
            }
        }
    }

    /// Whether the node had anything to say.
    fn says(&mut self, who: Who) -> bool {
        let messages = self.node(who).manager.get_and_clear_pending_msg_events();
        let said = !messages.is_empty();
        for message in messages {
            if matches!(message, MessageSendEvent::HandleError { .. }) {
                assert_eq!(self.line, Line::Cut, "{message:?}");
                continue;
            }
            match who {
                Who::Us => self.we_say(&message),
                Who::Peer => self.peer_says(&message),
            }
        }
        said
    }

    fn we_say(&mut self, message: &MessageSendEvent) {
        let told = self.recorder.sends(message);
        self.tell(told);
        match self.line {
            Line::Up | Line::PeerIsMute => {
                if matches!(message, MessageSendEvent::SendRevokeAndACK { .. }) {
                    self.we_revoked += 1;
                }
                deliver(message, self.ours.id(), &self.peer);
            }
            Line::Cut => {}
        }
    }

    fn peer_says(&mut self, message: &MessageSendEvent) {
        match self.line {
            Line::Up => {
                deliver(message, self.peer.id(), &self.ours);
                let told = self.recorder.receives(message);
                self.tell(told);
            }
            Line::PeerIsMute | Line::Cut => {}
        }
    }

    /// Tells the arbitrator, which must have built the same transactions as LDK. When it takes no more commitments, as it
    /// closes the channel, nothing leaves us any more: a revocation of what it broadcasts would give everything away.
    pub fn tell(&mut self, told: Vec<Told>) {
        for told in told {
            self.compare(&told);
            let channel = self.channel();
            match self.phone.tell(self.peer.id(), channel, told.clone()) {
                Ok(()) => self.remember(&told),
                Err(ArbitratorError::Update(UpdateError::Closing { .. })) => self.line = Line::Cut,
                Err(refused) => panic!("{refused}"),
            }
        }
    }

    fn compare(&self, told: &Told) {
        let terms = self.recorder.terms().expect("it is open");
        let (owner, update, point, ldk) = match told {
            Told::Local(update, ldk) => {
                let signer: &dyn Signer = self.ours.keys.as_ref();
                let number = update.commitment.number;
                let point = signer.per_commitment_point(&terms.keys_id, number);
                let point = point.expect("LDK has one");
                (Party::Local, &update.commitment, point, ldk)
            }
            Told::Remote(update, ldk) => {
                let point = update.per_commitment_point;
                (Party::Remote, &update.commitment, point, ldk)
            }
            Told::Terms(_)
            | Told::Revocation(..)
            | Told::Release(_)
            | Told::Preimage(_)
            | Told::Heard(_)
            | Told::Close(_) => return,
        };
        assert_eq!(
            rebuilt::txid(terms, owner, update, point),
            *ldk,
            "{update:?}"
        );
    }

    fn remember(&mut self, told: &Told) {
        match told {
            Told::Local(_, ldk) => self.our_commitments.push(*ldk),
            // LDK signs one again when the message was lost.
            Told::Remote(_, ldk) if self.peer_commitments.last() == Some(ldk) => {}
            Told::Remote(_, ldk) => self.peer_commitments.push(*ldk),
            Told::Revocation(..) => self.peer_revoked += 1,
            Told::Terms(_)
            | Told::Release(_)
            | Told::Preimage(_)
            | Told::Heard(_)
            | Told::Close(_) => {}
        }
    }

    /// Whether LDK had anything to ask.
    fn does_what_ldk_asks(&mut self) -> bool {
        let mut asked = false;
        for who in [Who::Us, Who::Peer] {
            for event in self.node(who).events() {
                asked = true;
                self.does(who, event);
            }
            let node = self.node(who);
            if node.manager.needs_pending_htlc_processing() {
                node.manager.process_pending_htlc_forwards();
                asked = true;
            }
        }
        self.broadcasts();
        asked
    }

    fn does(&mut self, who: Who, event: Event) {
        match event {
            Event::OpenChannelRequest {
                temporary_channel_id,
                counterparty_node_id,
                ..
            } => {
                let accepted = self.node(who).manager.accept_inbound_channel(
                    &temporary_channel_id,
                    &counterparty_node_id,
                    0,
                    None,
                );
                accepted.expect("a good channel");
            }
            Event::FundingGenerationReady {
                temporary_channel_id,
                counterparty_node_id,
                channel_value_satoshis,
                output_script,
                ..
            } => {
                let value = Amount::from_sat(channel_value_satoshis);
                let funding = self.chain.fund_unbroadcast(&output_script, value);
                if who == Who::Us {
                    self.recorder.funds(funding.clone());
                }
                let funded = self.node(who).manager.funding_transaction_generated(
                    temporary_channel_id,
                    counterparty_node_id,
                    funding,
                );
                funded.expect("it pays what LDK asked for");
            }
            // Payments are settled when the story says so.
            _ => {}
        }
    }

    /// What LDK broadcasts goes to the network. Our monitor's does not: that is the arbitrator's to do.
    fn broadcasts(&mut self) {
        for transaction in self.ours.engine_sends.take() {
            let told = self.recorder.broadcasts(&transaction);
            self.tell(told.into_iter().collect());
            self.submits(&transaction);
        }
        self.ours.monitor_sends.take();
        let engine = self.peer.engine_sends.take();
        for transaction in engine.into_iter().chain(self.peer.monitor_sends.take()) {
            self.submits(&transaction);
            self.peer_sent
                .insert(transaction.compute_txid(), transaction);
        }
    }

    /// A refusal is the sender's business: LDK sends again what it sent, and what has lost a race.
    fn submits(&self, transaction: &Transaction) {
        let sent = self.chain.submit(transaction);
        if std::env::var_os("LDK_LOG").is_some() {
            eprintln!("{}: {sent:?}", transaction.compute_txid());
        }
    }
}
