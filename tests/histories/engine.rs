//! The channel engine of the app: it exchanges commitments with peers that answer, tells the library each message in time,
//! and does what the library's events ask of it.

use std::collections::VecDeque;

use bitcoin::hashes::Hash;
use lightning_arbitrator::channel::{HtlcOrigin, HtlcRef};
use lightning_arbitrator::court::{Advice, EventKind, Verdict};
use lightning_arbitrator::protocol::PaymentHash;
use testkit::party::{CooperativeClose, Direction, HtlcKey, NewHtlc, Origin, Settlement, Side};

use crate::books::{Payment, Stage};
use crate::story::Story;
use crate::words::htlc_key;

/// What an exchange of commitments changes.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Add(usize),
    Remove(usize, Settlement),
}

impl Change {
    fn payment(self) -> usize {
        match self {
            Change::Add(payment) | Change::Remove(payment, _) => payment,
        }
    }
}

/// One message of the exchange, as the library hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// We sign the peer's next commitment.
    Remote,
    /// The peer revokes its last one.
    Revocation,
    /// The peer signs our next commitment, and we revoke the last one.
    Local,
}

/// An exchange under way.
pub struct Dance {
    change: Change,
    steps: VecDeque<Step>,
}

/// What a payment is to be.
pub struct Plan {
    pub channel: usize,
    pub direction: Direction,
    pub amount_msat: u64,
    pub expiry: u32,
    pub preimage: [u8; 32],
    pub payee_knows: bool,
    pub linked: Option<usize>,
}

impl Story {
    /// Whether commitments can be exchanged in a channel now.
    pub fn is_idle(&mut self, channel: usize) -> bool {
        self.lines[channel].dance.is_none() && self.takes_commitments(channel)
    }

    pub fn takes_commitments(&mut self, channel: usize) -> bool {
        let outpoint = self.lines[channel].outpoint();
        let is_closing = self.lines[channel].cooperative.is_some();
        !is_closing && self.phone.position(outpoint).takes_commitments()
    }

    /// Offers an HTLC, or takes the peer's offer; the exchange is begun, not made.
    pub fn add(&mut self, plan: Plan) -> Option<usize> {
        let origin = match plan.linked.map(|linked| &self.payments[linked]) {
            None => Origin::Own,
            Some(_) if plan.direction == Direction::Incoming => Origin::Own,
            Some(upstream) => Origin::Forwarded {
                channel: self.lines[upstream.channel].outpoint().to_string(),
                id: upstream.key.id,
                cltv_expiry: upstream.expiry,
            },
        };
        let htlc = self.lines[plan.channel].party.add_htlc(NewHtlc {
            direction: plan.direction,
            amount_msat: plan.amount_msat,
            preimage: plan.preimage,
            cltv_expiry: plan.expiry,
            origin,
        });
        let key = htlc.ok()?.key;
        // One with the same hash may have shown the preimage already.
        let same = |it: &Payment| it.preimage == plan.preimage && it.revealed;
        let revealed = self.payments.iter().any(same);
        let index = self.payments.len();
        self.note(format!(
            "{}: {key:?} of {} msat until {}, known {}, for {:?}",
            plan.channel, plan.amount_msat, plan.expiry, plan.payee_knows, plan.linked
        ));
        self.payments.push(Payment {
            channel: plan.channel,
            key,
            amount_msat: plan.amount_msat,
            expiry: plan.expiry,
            preimage: plan.preimage,
            payee_knows: plan.payee_knows,
            linked: plan.linked,
            stage: Stage::Adding,
            released_at: None,
            revealed,
            verdict: None,
        });
        if let Some(upstream) = plan.linked {
            self.payments[upstream].linked = Some(index);
        }
        // BOLT 2: a change goes first into the commitment of the side that did not ask for it.
        let steps = match plan.direction {
            Direction::Outgoing => [Step::Remote, Step::Revocation, Step::Local],
            Direction::Incoming => [Step::Local, Step::Remote, Step::Revocation],
        };
        self.lines[plan.channel].dance = Some(Dance {
            change: Change::Add(index),
            steps: steps.into(),
        });
        Some(index)
    }

    /// Begins to remove an HTLC that is live. What has to be durable before the messages is told before.
    pub fn remove(&mut self, payment: usize, how: Settlement) {
        let Payment {
            channel,
            key,
            preimage,
            ..
        } = self.payments[payment];
        self.note(format!("{channel}: {key:?} begins to end: {how:?}"));
        let steps = match (key.direction, how) {
            (Direction::Outgoing, Settlement::Fulfil) => {
                self.phone.learn(preimage);
                self.reveals(payment);
                if let Some(upstream) = self.payments[payment].linked {
                    self.release(upstream);
                }
                [Step::Local, Step::Remote, Step::Revocation]
            }
            (Direction::Outgoing, Settlement::Fail) => {
                [Step::Local, Step::Remote, Step::Revocation]
            }
            (Direction::Incoming, Settlement::Fulfil) => {
                self.release(payment);
                [Step::Remote, Step::Revocation, Step::Local]
            }
            (Direction::Incoming, Settlement::Fail) => {
                [Step::Remote, Step::Revocation, Step::Local]
            }
        };
        self.payments[payment].stage = Stage::Removing(how);
        let line = &mut self.lines[channel];
        line.party.settle_htlc(key, how).expect("it is live");
        line.dance = Some(Dance {
            change: Change::Remove(payment, how),
            steps: steps.into(),
        });
    }

    /// A preimage has come to where we may have seen it. It is that of every payment with its hash.
    pub fn reveals(&mut self, payment: usize) {
        let preimage = self.payments[payment].preimage;
        let same = self
            .payments
            .iter_mut()
            .filter(|it| it.preimage == preimage);
        same.for_each(|it| it.revealed = true);
    }

    /// We decide to take an incoming HTLC.
    pub fn release(&mut self, payment: usize) {
        let tip = self.chain.tip().height;
        let paid = &self.payments[payment];
        let outpoint = self.lines[paid.channel].outpoint();
        let (key, preimage) = (htlc_key(paid.key), paid.preimage);
        self.phone.learn(preimage);
        self.reveals(payment);
        // A channel that has ended takes nothing more; what it came to is what it came to.
        if self.phone.release(outpoint, key).is_ok() {
            let released = &mut self.payments[payment].released_at;
            *released = released.or(Some(tip));
            self.note(format!("payment {payment} is released"));
        }
    }

    /// The next message of the exchange in a channel, if one is under way.
    pub fn dance(&mut self, channel: usize) {
        let Some(mut dance) = self.lines[channel].dance.take() else {
            return;
        };
        if let Some(step) = dance.steps.pop_front() {
            self.message(channel, step);
        }
        if dance.steps.is_empty() {
            self.finished(dance.change);
        } else {
            self.lines[channel].dance = Some(dance);
        }
    }

    /// One message, told to the library when the engine has to.
    pub fn message(&mut self, channel: usize, step: Step) {
        if self.dice.percent(3) {
            self.phone.dies();
        }
        self.note(format!("{channel}: {step:?}"));
        let line = &mut self.lines[channel];
        let outpoint = line.outpoint();
        let keys = |htlcs: &[testkit::party::Htlc]| htlcs.iter().map(|it| it.key).collect();
        match step {
            Step::Remote => {
                let update = line.party.their_commitment().expect("none is pending");
                let carried: Vec<HtlcKey> = keys(&update.htlcs);
                line.carried.insert((Side::Peer, update.number), carried);
                self.phone.remote(outpoint, &update);
            }
            Step::Revocation => {
                let told = line.party.peer_revokes().expect("one is pending");
                line.peer_revoked = told.number + 1;
                self.phone.revocation(outpoint, &told);
            }
            Step::Local => {
                let update = line.party.our_commitment();
                let carried: Vec<HtlcKey> = keys(&update.htlcs);
                line.carried.insert((Side::Us, update.number), carried);
                self.phone.local(outpoint, &update);
            }
        }
    }

    fn finished(&mut self, change: Change) {
        let payment = &mut self.payments[change.payment()];
        payment.stage = match change {
            Change::Add(_) => Stage::Live,
            Change::Remove(_, how) => Stage::Settled(how),
        };
    }

    /// Both sides sign a cooperative close.
    pub fn agrees_to_close(&mut self, channel: usize) {
        let line = &mut self.lines[channel];
        let fee = bitcoin::Amount::from_sat(1_000);
        let agreed = line.party.cooperative_close(&CooperativeClose::legacy(fee));
        let transaction = agreed.expect("no HTLC is live");
        line.cooperative = Some(transaction.clone());
        let outpoint = line.outpoint();
        self.phone.closing_signed(outpoint, transaction);
        self.note(format!("{channel}: agrees to close"));
    }

    // ── what the library asks for ────────────────────────────────────────────────────────────────────────────

    /// Takes in what the library has told since the last time.
    pub fn reads_events(&mut self) {
        for event in self.phone.events() {
            let channel = self.line_of(event.event.channel);
            self.note(format!("event {}", event.id));
            match &event.event.kind {
                EventKind::FulfillUpstream {
                    htlc,
                    origin,
                    payment_hash,
                } => self.verdict(channel, *htlc, *origin, *payment_hash, Verdict::Fulfilled),
                EventKind::FailUpstream {
                    htlc,
                    origin,
                    payment_hash,
                } => self.verdict(channel, *htlc, *origin, *payment_hash, Verdict::Failed),
                EventKind::Advice { htlc, advice } => self.advised(channel, *htlc, *advice),
                EventKind::DataLoss { .. }
                | EventKind::Restored { .. }
                | EventKind::FundsAtRisk { .. }
                | EventKind::NotResolvedYet { .. }
                | EventKind::FundingCancelled { .. }
                | EventKind::CancelledFundingConfirmed { .. }
                | EventKind::FundingDoubleSpent { .. }
                | EventKind::DoubleSpendReorged { .. }
                | EventKind::FundingMismatch { .. }
                | EventKind::ReserveNeeded { .. }
                | EventKind::TellPeer { .. }
                | EventKind::ChannelUsable
                | EventKind::Abandoned => panic!("nothing of the kind happened: {}", event.id),
                EventKind::ChannelOpen { .. }
                | EventKind::FundingReorged { .. }
                | EventKind::ShortPeerDelay { .. }
                | EventKind::CloseSeen { .. }
                | EventKind::BreachSeen { .. }
                | EventKind::ChannelClosed { .. }
                | EventKind::CloseReorged { .. }
                | EventKind::BreachDetected { .. }
                | EventKind::GoesToChain { .. }
                | EventKind::FundsRecovered { .. }
                | EventKind::SweptByAnother { .. } => {}
                EventKind::FullyResolved { .. } => {
                    self.ended.insert(channel);
                }
            }
            // The app may die before it says so: then it reads the event again.
            if self.dice.percent(90) {
                self.phone.acknowledge(&event.id);
            }
        }
    }

    fn line_of(&self, channel: bitcoin::OutPoint) -> usize {
        let found = self.lines.iter().position(|it| it.outpoint() == channel);
        found.expect("events are of channels of ours")
    }

    pub fn payment_of(&self, channel: usize, htlc: HtlcRef) -> usize {
        let is_it = |it: &Payment| it.channel == channel && htlc_key(it.key) == htlc.key;
        let found = self.payments.iter().position(is_it);
        found.expect("verdicts are of payments of ours")
    }

    fn verdict(
        &mut self,
        channel: usize,
        htlc: HtlcRef,
        origin: HtlcOrigin,
        hash: PaymentHash,
        verdict: Verdict,
    ) {
        let payment = self.payment_of(channel, htlc);
        let paid = &mut self.payments[payment];
        assert_eq!(
            hash.0,
            paid.hash().to_byte_array(),
            "the verdict names another hash"
        );
        assert!(
            paid.verdict.is_none_or(|before| before == verdict),
            "payment {payment}: {:?}, and then {verdict:?}",
            paid.verdict
        );
        paid.verdict = Some(verdict);
        let is_forwarded = matches!(origin, HtlcOrigin::Forwarded { .. });
        assert_eq!(is_forwarded, paid.linked.is_some(), "the origin is known");
        if let Some(upstream) = paid.linked {
            match verdict {
                Verdict::Fulfilled => self.release(upstream),
                Verdict::Failed => self.payments[upstream].payee_knows = false,
            }
            self.pass_on(payment);
        }
    }

    fn advised(&mut self, channel: usize, htlc: HtlcRef, advice: Advice) {
        let payment = self.payment_of(channel, htlc);
        let paid = &self.payments[payment];
        let can = paid.stage == Stage::Live && self.answers[channel] && self.is_idle(channel);
        let paid = &self.payments[payment];
        match advice {
            Advice::Settle if can => self.remove(payment, Settlement::Fulfil),
            // What went on downstream is not ours to fail before it has come back.
            Advice::Fail if can && paid.released_at.is_none() && !self.is_out(payment) => {
                self.remove(payment, Settlement::Fail);
            }
            Advice::Settle | Advice::Fail => {}
        }
    }

    /// Whether an incoming payment went out downstream and has not failed there for good.
    pub fn is_out(&self, upstream: usize) -> bool {
        self.payments[upstream].linked.is_some_and(|out| {
            let out = &self.payments[out];
            out.stage != Stage::Settled(Settlement::Fail) && out.verdict != Some(Verdict::Failed)
        })
    }

    /// Settles upstream what is settled downstream, if the upstream peer answers.
    pub fn pass_on(&mut self, payment: usize) {
        let paid = &self.payments[payment];
        let Some(upstream) = paid.linked.filter(|_| paid.is_outgoing()) else {
            return;
        };
        let is_fulfilled = paid.revealed && paid.stage != Stage::Settled(Settlement::Fail);
        let how = match (paid.verdict, paid.stage) {
            (Some(Verdict::Fulfilled), _) => Settlement::Fulfil,
            (Some(Verdict::Failed), _) => Settlement::Fail,
            (None, Stage::Settled(how)) => how,
            (None, Stage::Removing(Settlement::Fulfil)) if is_fulfilled => Settlement::Fulfil,
            (None, Stage::Adding | Stage::Live | Stage::Removing(_)) => return,
        };
        if how == Settlement::Fulfil && self.payments[upstream].released_at.is_none() {
            self.release(upstream);
        }
        let channel = self.payments[upstream].channel;
        let is_live = self.payments[upstream].stage == Stage::Live;
        if is_live && self.answers[channel] && self.is_idle(channel) {
            self.remove(upstream, how);
        }
    }
}
