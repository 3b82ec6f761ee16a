//! What the chain says at the end, held against the books: whose every output is, and what was said upstream.

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{OutPoint, Transaction};
use lightning_arbitrator::court::Verdict;
use testkit::party::{Direction, HtlcKey, Settlement, Side, Which};

use crate::books::{Payment, Signed, Stage};
use crate::story::Story;

/// Below this an output need not be claimed: half of it would not pay for its claim at the highest feerate of the histories.
const ECONOMIC_SAT: u64 = 5_000;
/// Released so many blocks before its expiry, an incoming HTLC can still be had.
const IN_TIME: u32 = 24;

/// Who has an output in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Ours,
    Theirs,
    Nobodys,
}

/// What became of an output, and whether its first spend showed the preimage.
struct End {
    fate: Fate,
    shows_preimage: bool,
}

impl Story {
    /// Everything is as the books say it must be.
    pub fn judge(&mut self) {
        let closes: Vec<Option<Signed>> = (0..self.lines.len())
            .map(|channel| self.judge_balance(channel))
            .collect();
        for index in 0..self.payments.len() {
            self.judge_payment(index, &closes);
        }
    }

    /// Our balance is ours. Gives the commitment that closed the channel, unless it was a cooperative close.
    fn judge_balance(&mut self, channel: usize) -> Option<Signed> {
        let outpoint = self.lines[channel].outpoint();
        let spend = self.chain.outspend(outpoint).expect("it is closed");
        assert!(spend.block.is_some(), "{channel}: the close is confirmed");
        let Some((owner, number)) = self.closing_commitment(channel) else {
            let agreed = self.lines[channel].cooperative.as_ref();
            let txid = agreed.map(Transaction::compute_txid);
            assert_eq!(Some(spend.txid), txid, "{channel}: closed by agreement");
            self.saw("closed by agreement");
            return None;
        };
        self.note(format!(
            "{channel}: closed by {owner:?}'s commitment {number}"
        ));
        let newest = self.lines[channel].newest(owner);
        self.saw(match (owner, self.is_revoked(channel, (owner, number))) {
            (Side::Us, _) => "closed by our commitment",
            (Side::Peer, true) => "closed by a revoked commitment",
            (Side::Peer, false)
                if Some(number) == newest && self.lines[channel].peer_revoked < number =>
            {
                "closed by the peer's pending commitment"
            }
            (Side::Peer, false) => "closed by the peer's current commitment",
        });
        let party = &self.lines[channel].party;
        let which = Which::Number(number);
        let balances = match (owner, self.is_revoked(channel, (owner, number))) {
            (Side::Us, _) => vec![party.to_local(owner, which)],
            (Side::Peer, false) => vec![party.to_remote(owner, which)],
            (Side::Peer, true) => vec![party.to_local(owner, which), party.to_remote(owner, which)],
        };
        for balance in balances {
            if let Some((outpoint, output)) = balance.expect("it was signed") {
                let end = self.end_of(outpoint, None);
                assert!(
                    end.fate == Fate::Ours || output.value.to_sat() < ECONOMIC_SAT,
                    "{channel}: the balance {outpoint} of {} is {:?}",
                    output.value,
                    end.fate
                );
            }
        }
        Some((owner, number))
    }

    pub fn is_revoked(&self, channel: usize, (owner, number): Signed) -> bool {
        owner == Side::Peer && number < self.lines[channel].peer_revoked
    }

    fn judge_payment(&mut self, index: usize, closes: &[Option<Signed>]) {
        let payment = &self.payments[index].clone();
        let close = closes[payment.channel];
        let end = close.and_then(|close| self.output_end(payment.channel, close, payment.key));
        let is_breach = close.is_some_and(|close| self.is_revoked(payment.channel, close));
        self.saw(kind_of_end(
            payment,
            end.as_ref().map(|(_, end)| end),
            is_breach,
        ));
        if let Some((value_sat, end)) = &end {
            let is_due = is_breach
                || match payment.key.direction {
                    Direction::Outgoing => !end.shows_preimage,
                    Direction::Incoming => payment
                        .released_at
                        .is_some_and(|at| at + IN_TIME <= payment.expiry),
                };
            assert!(
                !is_due || end.fate == Fate::Ours || *value_sat < ECONOMIC_SAT,
                "payment {index}: {value_sat} sat of ours are {:?}; {payment:?}",
                end.fate
            );
            let is_taken = end.fate == Fate::Ours && !payment.is_outgoing();
            assert!(
                is_breach || !is_taken || payment.released_at.is_some(),
                "payment {index} was taken and not released: {payment:?}"
            );
        }
        if payment.is_outgoing() {
            self.judge_verdict(index, end.as_ref().map(|(_, end)| end), is_breach);
        }
    }

    fn judge_verdict(&self, index: usize, end: Option<&End>, is_breach: bool) {
        let payment = &self.payments[index];
        let is_paid = end.is_some_and(|end| end.shows_preimage && end.fate == Fate::Theirs)
            || payment.stage == Stage::Settled(Settlement::Fulfil);
        let is_over = matches!(payment.stage, Stage::Settled(_));
        match payment.verdict {
            Some(Verdict::Failed) => {
                assert!(!is_paid, "payment {index} is paid and failed: {payment:?}");
            }
            Some(Verdict::Fulfilled) => assert!(
                payment.revealed || is_paid,
                "payment {index} is fulfilled without its preimage: {payment:?}"
            ),
            None => assert!(
                is_over || !self.was_offered(payment),
                "payment {index}: nothing was said upstream: {payment:?}, {is_breach}"
            ),
        }
        // What went out came in.
        if let Some(upstream) = payment.linked.filter(|_| is_paid) {
            let upstream = &self.payments[upstream];
            assert!(
                upstream.stage != Stage::Settled(Settlement::Fail),
                "payment {index} is paid, and failed upstream: {payment:?}, {upstream:?}"
            );
            assert!(
                upstream.released_at.is_some(),
                "payment {index} is paid, and not released upstream: {payment:?}, {upstream:?}"
            );
        }
    }

    /// Whether any commitment was signed with it.
    fn was_offered(&self, payment: &Payment) -> bool {
        let mut carried = self.lines[payment.channel].carried.values();
        carried.any(|keys| keys.contains(&payment.key))
    }

    /// What the output of an HTLC came to; `None`: it had none.
    fn output_end(&self, channel: usize, close: Signed, key: HtlcKey) -> Option<(u64, End)> {
        let (owner, number) = close;
        let party = &self.lines[channel].party;
        let output = party.htlc_output(owner, Which::Number(number), key);
        let (outpoint, output) = output.ok()?;
        let hash = self
            .payments
            .iter()
            .find(|it| it.channel == channel && it.key == key);
        let hash = hash.map(Payment::hash);
        Some((output.value.to_sat(), self.end_of(outpoint, hash)))
    }

    /// Follows an output to whoever has it.
    fn end_of(&self, outpoint: OutPoint, hash: Option<sha256::Hash>) -> End {
        let nobodys = End {
            fate: Fate::Nobodys,
            shows_preimage: false,
        };
        let Some(spend) = self
            .chain
            .outspend(outpoint)
            .filter(|it| it.block.is_some())
        else {
            return nobodys;
        };
        let known = self.chain.transaction(spend.txid).expect("it spends");
        let transaction = known.transaction;
        let vin = spend.vin as usize;
        let witness = &transaction.input[vin].witness;
        let shows_preimage = witness
            .iter()
            .any(|element| element.len() == 32 && Some(sha256::Hash::hash(element)) == hash);
        // BOLT 3: the output of a second-level transaction stands at its input's index.
        let at_index = transaction.output.get(vin).or(transaction.output.first());
        let script = &at_index.expect("every transaction has one").script_pubkey;
        let is_peers = |script: &bitcoin::Script| {
            let mut lines = self.lines.iter();
            lines.any(|line| *line.party.wallet_script(Side::Peer) == *script)
        };
        let fate = if self.phone.is_ours(script) {
            Fate::Ours
        } else if is_peers(script) {
            Fate::Theirs
        } else {
            let vout = spend.vin;
            let left = self.end_of(OutPoint::new(spend.txid, vout), None).fate;
            match left {
                // The peer has yet to take what its second level left it.
                Fate::Nobodys => Fate::Theirs,
                Fate::Ours | Fate::Theirs => left,
            }
        };
        End {
            fate,
            shows_preimage,
        }
    }
}

/// What a payment came to, for the tally.
fn kind_of_end(payment: &Payment, end: Option<&End>, is_breach: bool) -> &'static str {
    let is_forwarded = payment.linked.is_some();
    match (payment.key.direction, end, payment.stage) {
        (_, None, Stage::Settled(Settlement::Fulfil)) if is_forwarded => {
            "forwarded, paid off-chain"
        }
        (_, None, Stage::Settled(Settlement::Fulfil)) => "paid off-chain",
        (_, None, Stage::Settled(Settlement::Fail)) => "failed off-chain",
        (_, None, Stage::Adding | Stage::Live | Stage::Removing(_)) => {
            "unsettled without an output"
        }
        (_, Some(end), _) if is_breach => match end.fate {
            Fate::Ours => "an HTLC of a breach is ours",
            Fate::Theirs | Fate::Nobodys => "an HTLC of a breach is not worth its fee",
        },
        (Direction::Outgoing, Some(end), _) => match end.fate {
            Fate::Theirs if is_forwarded => "forwarded, paid on-chain",
            Fate::Theirs => "paid on-chain",
            Fate::Ours => "taken back on-chain",
            Fate::Nobodys => "an outgoing HTLC is left",
        },
        (Direction::Incoming, Some(end), _) => match end.fate {
            Fate::Ours if is_forwarded => "forwarded, taken on-chain upstream",
            Fate::Ours => "taken on-chain",
            Fate::Theirs => "taken back by the peer on-chain",
            Fate::Nobodys => "an incoming HTLC is left",
        },
    }
}
