//! One claim on the in-memory chain, made by the library on a phone that wakes as it likes, and never later than it is asked to.

use std::sync::Arc;

use bitcoin::{Amount, OutPoint, Transaction, Weight};
use lightning_arbitrator::arbitrator::ResumeOptions;
use testkit::chain::Chain;
use testkit::memory::MemoryChain;
use testkit::party::{
    Channel, ChannelSetup, ChannelType, Direction, Htlc, NewHtlc, Origin, Side, Which,
};

use crate::market::{Market, FUTURE, PAST};
use crate::phone::{Nap, Phone};
use crate::words::htlc_key;

/// Blocks that a claim has, unless the phone slept too long.
const WINDOW: u32 = 144;
/// Blocks that are left to one that did.
const LATE: u32 = 18;
/// Blocks before the upstream HTLC expires at which ours has to be back.
const UPSTREAM_MARGIN: u32 = 3;

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An incoming HTLC on the peer's commitment, before it can be taken back.
    Success,
    /// An outgoing one that was forwarded, before it has to be failed upstream.
    Timeout,
    /// An incoming one on our commitment, through its second level, with a coin for the fee.
    SecondLevel,
    /// Everything on a revoked commitment, before the cheater's delay is over.
    Justice,
}

impl Kind {
    pub const ALL: [Kind; 4] = [
        Kind::Success,
        Kind::Timeout,
        Kind::SecondLevel,
        Kind::Justice,
    ];
}

/// When the phone is awake, beside when it is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sleep {
    /// Never asleep.
    None,
    SixHours,
    /// Only awake when it is asked to be.
    AsLongAsItMay,
    /// Awake for the first time three hours before the deadline.
    TooLong,
}

impl Sleep {
    pub const ALL: [Sleep; 4] = [
        Sleep::None,
        Sleep::SixHours,
        Sleep::AsLongAsItMay,
        Sleep::TooLong,
    ];

    fn next(self, block: u32) -> u32 {
        match self {
            Sleep::None | Sleep::TooLong => block + 1,
            Sleep::SixHours => block + 36,
            Sleep::AsLongAsItMay => u32::MAX,
        }
    }
}

/// What became of a claim, and what everybody else needs to know to try the same.
pub struct Claimed {
    /// What was paid, in sat/kvB; `None`: not confirmed before the deadline.
    pub paid: Option<f64>,
    /// The most that may be bid, in sat/kvB.
    pub budget: f64,
    /// The blocks of the market in which it could confirm.
    pub blocks: std::ops::Range<usize>,
    /// Before which of them the phone was awake.
    pub wakes: Vec<usize>,
}

pub struct Stage<'a> {
    market: &'a Market,
    chain: Arc<MemoryChain>,
    phone: Phone,
    channel: Channel,
    /// The height at which the market's claim block is mined.
    begins: u32,
    /// The number of the peer's newest commitment.
    newest: u64,
}

impl<'a> Stage<'a> {
    pub fn new(market: &'a Market, kind: ChannelType) -> Self {
        let chain = Arc::new(MemoryChain::new());
        let mut phone = Phone::new(chain.clone(), Nap::Never);
        let setup = ChannelSetup {
            peer_delay: u16::try_from(WINDOW).expect("small"),
            ..ChannelSetup::numbered(kind, 0)
        };
        let channel = Channel::prepare(chain.as_ref(), setup).expect("a good setup");
        phone.register(&channel);
        let mut stage = Stage {
            market,
            begins: 0,
            newest: 0,
            chain,
            phone,
            channel,
        };
        stage.round();
        let funding = stage.channel.funding_tx().clone();
        stage.chain.mine_txs(&[funding]).expect("a good funding");
        stage.chain.mine_empty(7);
        stage
    }

    /// Plays it to its end.
    pub fn play(mut self, kind: Kind, sleep: Sleep) -> Claimed {
        let now = self.chain.tip().height;
        let (targets, deadline) = match kind {
            Kind::Success => {
                let htlc = self.is_paid(now + WINDOW);
                self.peer_closes(Which::Current);
                (vec![self.output(Side::Peer, &htlc)], htlc.cltv_expiry)
            }
            Kind::Timeout => {
                let htlc = self.forwards(now + 3, now + 3 + WINDOW);
                self.peer_closes(Which::Current);
                self.chain.mine_empty(2);
                let upstream = htlc.cltv_expiry + WINDOW;
                (
                    vec![self.output(Side::Peer, &htlc)],
                    upstream - UPSTREAM_MARGIN,
                )
            }
            Kind::SecondLevel => {
                let htlc = self.is_paid(now + WINDOW);
                self.begins = self.chain.tip().height + 1;
                self.wakes(self.begins);
                self.phone.force_close(self.channel.funding());
                self.chain.mine(1);
                (vec![self.output(Side::Us, &htlc)], htlc.cltv_expiry)
            }
            Kind::Justice => {
                let htlc = self.is_paid(now + 10 * WINDOW);
                let on = Which::Number(self.newest);
                self.round();
                self.peer_closes(on);
                let balance = self.channel.to_local(Side::Peer, on);
                let (balance, _) = balance.expect("signed").expect("above dust");
                let htlc = self.channel.htlc_output(Side::Peer, on, htlc.key);
                let targets = vec![balance, htlc.expect("above dust").0];
                (targets, self.chain.tip().height + WINDOW)
            }
        };
        self.claims(&targets, deadline, sleep)
    }

    fn claims(mut self, targets: &[OutPoint], deadline: u32, sleep: Sleep) -> Claimed {
        if sleep == Sleep::TooLong {
            let slept = deadline - LATE - self.chain.tip().height;
            self.chain.mine_empty(slept);
        }
        let from = self.chain.tip().height;
        self.begins = from + 1;
        let mut next_wake = from;
        let (mut wakes, mut budget) = (Vec::new(), 0.0);
        while self.chain.tip().height < deadline && !self.is_over(targets) {
            let tip = self.chain.tip().height;
            if tip >= next_wake {
                wakes.push(self.block(tip + 1));
                let asked_for = self.wakes(tip + 1);
                next_wake = sleep.next(tip).min(asked_for.unwrap_or(u32::MAX));
                if wakes.len() == 1 {
                    budget = self.budget(targets);
                }
            }
            let takes = self.market.takes(self.block(tip + 1));
            self.chain.mine_paying(takes);
        }
        Claimed {
            paid: self.is_over(targets).then(|| self.paid(targets)),
            budget,
            blocks: self.block(from + 1)..self.block(deadline + 1),
            wakes,
        }
    }

    /// Which block of the market has this height.
    fn block(&self, height: u32) -> usize {
        let since = usize::try_from(height - self.begins).expect("small");
        PAST + since.min(FUTURE - 1)
    }

    /// The phone is awake before the block of this height. Gives the height at which it is asked to be awake again.
    fn wakes(&mut self, height: u32) -> Option<u32> {
        let estimates = self.market.estimates(self.block(height));
        self.chain
            .set_fee_estimates(estimates.into_iter().collect());
        let report = self.phone.resume(ResumeOptions::default());
        assert!(report.complete, "{report:?}");
        self.phone.wake_by()
    }

    // ── what is claimed ──────────────────────────────────────────────────────────────────────────────────────

    fn is_paid(&mut self, cltv_expiry: u32) -> Htlc {
        let preimage = [9; 32];
        let htlc = self.adds(Direction::Incoming, preimage, cltv_expiry, Origin::Own);
        self.phone.learn(preimage);
        let released = self
            .phone
            .release(self.channel.funding(), htlc_key(htlc.key));
        released.expect("it is live");
        htlc
    }

    fn forwards(&mut self, cltv_expiry: u32, upstream: u32) -> Htlc {
        let origin = Origin::Forwarded {
            channel: OutPoint::null().to_string(),
            id: 0,
            cltv_expiry: upstream,
        };
        self.adds(Direction::Outgoing, [8; 32], cltv_expiry, origin)
    }

    fn adds(
        &mut self,
        direction: Direction,
        preimage: [u8; 32],
        cltv_expiry: u32,
        origin: Origin,
    ) -> Htlc {
        let added = self.channel.add_htlc(NewHtlc {
            direction,
            amount_msat: 100_000_000,
            preimage,
            cltv_expiry,
            origin,
        });
        let htlc = added.expect("affordable");
        self.round();
        htlc
    }

    fn round(&mut self) {
        let round = self.channel.commit_both().expect("nothing is outstanding");
        let funding = self.channel.funding();
        self.newest = round.remote.number;
        self.phone.remote(funding, &round.remote);
        if let Some(revocation) = &round.revocation {
            self.phone.revocation(funding, revocation);
        }
        self.phone.local(funding, &round.local);
    }

    fn peer_closes(&self, which: Which) {
        let close = self.channel.peer_commitment_tx(which).expect("signed");
        self.chain.mine_txs(&[close]).expect("it is valid");
    }

    fn output(&self, owner: Side, htlc: &Htlc) -> OutPoint {
        let output = self.channel.htlc_output(owner, Which::Current, htlc.key);
        output.expect("above dust").0
    }

    // ── what became of it ────────────────────────────────────────────────────────────────────────────────────

    fn is_over(&self, targets: &[OutPoint]) -> bool {
        let is_spent = |target: &OutPoint| {
            let spend = self.chain.outspend(*target);
            spend.is_some_and(|spend| spend.block.is_some())
        };
        targets.iter().all(is_spent)
    }

    /// The transactions that spend the targets.
    fn claims_of(&self, targets: &[OutPoint]) -> Vec<Transaction> {
        let mut txids: Vec<_> = targets
            .iter()
            .filter_map(|target| self.chain.outspend(*target))
            .map(|spend| spend.txid)
            .collect();
        txids.sort_unstable();
        txids.dedup();
        let known = |txid| {
            self.chain
                .transaction(txid)
                .expect("it spends one")
                .transaction
        };
        txids.into_iter().map(known).collect()
    }

    fn value(&self, outpoint: &OutPoint) -> Amount {
        let made = self
            .chain
            .transaction(outpoint.txid)
            .expect("known")
            .transaction;
        made.output[outpoint.vout as usize].value
    }

    /// What the claims pay together, in sat/kvB.
    fn paid(&self, targets: &[OutPoint]) -> f64 {
        let claims = self.claims_of(targets);
        let inputs = claims.iter().flat_map(|claim| &claim.input);
        let held: Amount = inputs.map(|input| self.value(&input.previous_output)).sum();
        let outputs = claims.iter().flat_map(|claim| &claim.output);
        let left: Amount = outputs.map(|output| output.value).sum();
        rate(held - left, claims.iter().map(Transaction::weight).sum())
    }

    /// The most that the first claims may pay, in sat/kvB: half of what they take.
    fn budget(&self, targets: &[OutPoint]) -> f64 {
        let claims = self.claims_of(targets);
        let value: Amount = targets.iter().map(|target| self.value(target)).sum();
        rate(value / 2, claims.iter().map(Transaction::weight).sum())
    }
}

fn rate(fee: Amount, weight: Weight) -> f64 {
    fee.to_sat() as f64 * 4_000.0 / weight.to_wu() as f64
}
