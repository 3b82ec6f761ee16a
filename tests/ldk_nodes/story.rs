//! What all stories have in common: payments each way, and a close that is followed to its end.

use std::collections::BTreeMap;

use lightning::types::payment::PaymentHash;
use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind, Verdict};

use crate::deeds::Payment;
use crate::judge::Outcome;
use crate::world::{Line, Who, World};

/// Blocks between two wakes of the phone: four hours.
const WAKE: u32 = 24;

/// Longer than any close takes: expiry, delay, a hundred blocks, and the patience for what is not worth its fee.
const LONG: u32 = 1_000;

/// Payments of every kind, both ways.
pub struct Payments {
    /// The payee takes it.
    pub out_taken: Payment,
    /// Nobody takes it.
    pub out_expires: Payment,
    /// Too small for an output.
    pub out_dust: Payment,
    pub in_taken: Payment,
    pub in_expires: Payment,
    pub in_dust: Payment,
}

impl World {
    pub fn payments(&mut self) -> Payments {
        Payments {
            out_taken: self.pays(Who::Us, 21_000),
            out_expires: self.pays(Who::Us, 22_000),
            out_dust: self.pays(Who::Us, 230),
            in_taken: self.pays(Who::Peer, 31_000),
            in_expires: self.pays(Who::Peer, 32_000),
            in_dust: self.pays(Who::Peer, 330),
        }
    }

    /// Every payment is settled off-chain: what is to be taken is taken, and the rest is refused.
    pub fn settles(&mut self, payments: &Payments) {
        for taken in [&payments.in_taken, &payments.out_taken] {
            self.takes(taken);
            self.talk();
        }
        for refused in [
            &payments.in_expires,
            &payments.out_expires,
            &payments.in_dust,
            &payments.out_dust,
        ] {
            self.refuses(refused);
            self.talk();
        }
    }

    /// Nothing is heard any more; what is to be taken is taken all the same.
    pub fn parts(&mut self, payments: &Payments) {
        self.line = Line::Cut;
        self.takes(&payments.in_taken);
        self.takes(&payments.out_taken);
        self.talk();
    }

    /// The close confirms. Everything is mined, and waited for, until the case has ended; and then LDK, the chain and the
    /// arbitrator's books say the same.
    #[track_caller]
    pub fn comes_to(&mut self, kind: CloseKind) -> Outcome {
        self.mines(1);
        let worth = self.worth();
        self.phone.wakes();
        self.ends_with(kind, worth)
    }

    /// The same for a close that is in a block already, and was worth this much to us then.
    #[track_caller]
    pub fn ends_with(&mut self, kind: CloseKind, worth: u64) -> Outcome {
        let channel = self.channel();
        let close = self.close().compute_txid();
        assert_eq!(self.phone.report(channel).close, Some((kind, close)));
        self.ends();
        let outcome = self.outcome();
        assert_eq!(
            outcome.brought + outcome.fees + outcome.burnt + outcome.left,
            worth + outcome.small,
            "{outcome:?}\n{}",
            self.phone.case_file(channel)
        );
        let books = self.phone.case_file(channel).balance;
        let fees = books.sweep_fees + books.wallet_fees;
        assert_eq!(fees.to_sat(), outcome.fees, "{books:?}");
        let brought = books.settled - books.wallet_fees;
        assert_eq!(brought.to_sat(), outcome.brought, "{books:?}");
        outcome
    }

    /// Both agree on the end of a channel without HTLCs. LDK's books are exact to the last; the closing transaction's fee
    /// comes off its opener's side.
    #[track_caller]
    pub fn agrees(&mut self, who: Who) {
        let balance = self.our_balance();
        self.closes_together(who);
        self.mines(1);
        let worth = balance - self.our_closing_fee();
        self.phone.wakes();
        self.ends_with(CloseKind::Cooperative, worth);
    }

    fn ends(&mut self) {
        let channel = self.channel();
        for _ in 0..LONG / WAKE {
            if self.phone.report(channel).state == ArbitratorState::FullyResolved {
                return;
            }
            self.mines(WAKE);
            self.phone.wakes();
        }
        panic!("{}", self.phone.case_file(channel));
    }

    /// What was told of our payments, each once.
    #[track_caller]
    pub fn verdicts(&mut self) -> BTreeMap<PaymentHash, Verdict> {
        let mut verdicts = BTreeMap::new();
        for told in self.phone.told() {
            let (hash, verdict) = match told {
                EventKind::FulfillUpstream { payment_hash, .. } => {
                    (payment_hash, Verdict::Fulfilled)
                }
                EventKind::FailUpstream { payment_hash, .. } => (payment_hash, Verdict::Failed),
                _ => continue,
            };
            let before = verdicts.insert(PaymentHash(hash.0), verdict);
            assert_eq!(before, None, "{hash:?} was told twice");
        }
        verdicts
    }
}

/// What the payee took on the chain is paid, and everything else has failed.
pub fn expected(payments: &Payments) -> BTreeMap<PaymentHash, Verdict> {
    BTreeMap::from([
        (payments.out_taken.hash(), Verdict::Fulfilled),
        (payments.out_expires.hash(), Verdict::Failed),
        (payments.out_dust.hash(), Verdict::Failed),
    ])
}
