//! What dice make of the channels: payments offered, settled, failed and left, and an agreement to close.

use testkit::party::{Direction, Settlement};

use crate::books::{Payment, Stage};
use crate::engine::Plan;
use crate::story::Story;

/// Blocks between the expiries of the two legs of a forwarded payment (BOLT 2's `cltv_expiry_delta`).
const DELTA: u32 = 80;

impl Story {
    /// The engine and a peer that answers do something, or go on with what they began.
    pub fn engine_acts(&mut self) {
        let channel = self.some_channel();
        if !self.answers[channel] || !self.takes_commitments(channel) {
            return;
        }
        if self.lines[channel].dance.is_some() {
            return self.dances(channel, 80);
        }
        match self.dice.among(0..=9) {
            0..=5 => self.pays(channel),
            6..=8 => {
                let live =
                    self.payments_where(|it| it.channel == channel && it.stage == Stage::Live);
                if let Some(payment) = self.dice.pick(&live).copied() {
                    self.settles(payment);
                    self.dances(channel, 80);
                }
            }
            _ => {
                let is_quiet = self.lines[channel].party.htlcs().is_empty();
                if is_quiet && self.dice.percent(30) {
                    self.agrees_to_close(channel);
                }
            }
        }
    }

    /// The exchange under way goes on to its end, so many times in a hundred; else it is cut off somewhere.
    fn dances(&mut self, channel: usize, to_the_end: u32) {
        let goes_on = if self.dice.percent(to_the_end) {
            100
        } else {
            60
        };
        while self.lines[channel].dance.is_some() && self.dice.percent(goes_on) {
            self.dance(channel);
        }
    }

    fn payments_where(&self, holds: impl Fn(&Payment) -> bool) -> Vec<usize> {
        let numbered = self.payments.iter().enumerate();
        let found = numbered.filter(|(_, payment)| holds(payment));
        found.map(|(index, _)| index).collect()
    }

    /// A new payment: ours, to us, forwarded, or a further part of one of ours.
    fn pays(&mut self, channel: usize) {
        let plan = match self.dice.among(0..=9) {
            0..=4 => self.forwards(channel),
            5 => self.repeats(channel),
            _ => None,
        };
        let plan = match plan {
            Some(plan) => plan,
            None => self.is_new(channel),
        };
        if self.add(plan).is_some() {
            self.dances(channel, 80);
        }
    }

    fn is_new(&mut self, channel: usize) -> Plan {
        let tip = self.chain.tip().height;
        let directions = [
            Direction::Outgoing,
            Direction::Incoming,
            Direction::Incoming,
        ];
        let direction = *self.dice.pick(&directions).expect("three");
        Plan {
            channel,
            direction,
            amount_msat: self.amount_msat(),
            expiry: match direction {
                Direction::Outgoing => tip + self.dice.among(10..=60),
                Direction::Incoming => tip + self.dice.among(60..=160),
            },
            preimage: self.dice.bytes(),
            payee_knows: self.dice.percent(60),
            linked: None,
        }
    }

    fn amount_msat(&mut self) -> u64 {
        u64::from(match self.dice.among(0..=9) {
            // Dust on both commitments.
            0 => self.dice.among(1_000..=340_000),
            // Dust on some, and hardly worth its fee on others.
            1 | 2 => self.dice.among(340_000..=4_000_000),
            _ => self.dice.among(5_000_000..=80_000_000),
        })
    }

    /// What came in over the other channel, and is there for good.
    fn forwards(&mut self, channel: usize) -> Option<Plan> {
        let tip = self.chain.tip().height;
        let waiting = self.payments_where(|it| {
            let is_ready = it.channel != channel && it.stage == Stage::Live;
            let is_free = it.linked.is_none() && it.released_at.is_none();
            !it.is_outgoing() && is_ready && is_free && it.expiry > tip + DELTA + 10
        });
        let upstream = self.dice.pick(&waiting).copied()?;
        let it = &self.payments[upstream];
        Some(Plan {
            channel,
            direction: Direction::Outgoing,
            amount_msat: it.amount_msat - it.amount_msat / 100,
            expiry: it.expiry - DELTA,
            preimage: it.preimage,
            payee_knows: self.dice.percent(60),
            linked: Some(upstream),
        })
    }

    /// The same hash, amount and expiry once more.
    fn repeats(&mut self, channel: usize) -> Option<Plan> {
        let live = self.payments_where(|it| {
            it.channel == channel && it.stage == Stage::Live && it.linked.is_none()
        });
        let first = &self.payments[self.dice.pick(&live).copied()?];
        Some(Plan {
            channel,
            direction: first.key.direction,
            amount_msat: first.amount_msat,
            expiry: first.expiry,
            preimage: first.preimage,
            payee_knows: first.payee_knows,
            linked: None,
        })
    }

    /// A live payment ends, or is to be taken.
    fn settles(&mut self, payment: usize) {
        let it = &self.payments[payment];
        match (it.key.direction, it.linked) {
            (Direction::Outgoing, _) if it.payee_knows => self.remove(payment, Settlement::Fulfil),
            (Direction::Outgoing, _) => self.remove(payment, Settlement::Fail),
            (Direction::Incoming, Some(downstream)) => self.pass_on(downstream),
            (Direction::Incoming, None) if it.payee_knows => {
                self.release(payment);
                if self.dice.percent(50) {
                    self.remove(payment, Settlement::Fulfil);
                }
            }
            (Direction::Incoming, None) => self.remove(payment, Settlement::Fail),
        }
    }
}
