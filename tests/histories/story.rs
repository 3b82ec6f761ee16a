//! One history: one channel or two of a phone that is mostly asleep, and what dice make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::chain::Look;
use testkit::chain::Chain;
use testkit::memory::MemoryChain;
use testkit::party::{Channel, ChannelSetup, ChannelType, Side};

use crate::books::{Line, Payment};
use crate::dice::Dice;
use crate::engine::Step;
use crate::phone::{policy, Nap, Phone};
use crate::words::retold;

/// What happened, line by line, readable even when the history ended in a panic.
pub type Trace = Arc<Mutex<Vec<String>>>;

/// How often something was seen.
pub type Tally = BTreeMap<&'static str, u64>;

/// Feerates that the server may name, in sat/vB.
const FEES: RangeInclusive<u32> = 1..=10;
/// A month without an end is none.
const LONGEST: u32 = 5_000;
/// A channel that waits for nothing is slept over for so many blocks at once.
const MOST_AT_ONCE: u32 = 500;

pub struct Story {
    pub dice: Dice,
    pub chain: Arc<dyn Chain>,
    pub phone: Phone,
    pub lines: Vec<Line>,
    pub payments: Vec<Payment>,
    /// Which peers answer at present.
    pub answers: Vec<bool>,
    /// The channels whose cases have ended.
    pub ended: BTreeSet<usize>,
    trace: Trace,
    /// What kinds of things happened, and how often.
    pub tally: Tally,
}

impl Story {
    pub fn begin(seed: u64, trace: Trace) -> Self {
        let mut dice = Dice::new(seed);
        let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
        let phone = Phone::new(chain.clone(), Nap::Never);
        let mut story = Story {
            chain,
            phone,
            lines: Vec::new(),
            payments: Vec::new(),
            answers: Vec::new(),
            ended: BTreeSet::new(),
            trace,
            tally: Tally::new(),
            dice: Dice::new(0),
        };
        let channels = if dice.percent(65) { 1 } else { 2 };
        for number in 0..channels {
            let kind = *dice.pick(&ChannelType::ALL).expect("two");
            let setup = ChannelSetup {
                opener: *dice.pick(&[Side::Us, Side::Peer]).expect("two"),
                peer_delay: u16::try_from(dice.among(80..=300)).expect("small"),
                our_delay: u16::try_from(dice.among(1..=144)).expect("small"),
                ..ChannelSetup::numbered(kind, number)
            };
            story.opens(setup);
        }
        // No reorg of the histories reaches down to the fundings.
        story.chain.mine(7);
        story.dice = dice;
        story.wakes();
        story
    }

    fn opens(&mut self, setup: ChannelSetup) {
        self.note(format!(
            "{}: {:?}, opened by {:?}, delays {} (ours) and {}",
            self.lines.len(),
            setup.channel_type,
            setup.opener,
            setup.our_delay,
            setup.peer_delay
        ));
        let party = Channel::prepare(self.chain.as_ref(), setup).expect("a consistent setup");
        self.phone.register(&party);
        let funding = party.funding_tx().clone();
        self.lines.push(Line::new(party));
        self.answers.push(true);
        let channel = self.lines.len() - 1;
        self.message(channel, Step::Remote);
        self.message(channel, Step::Local);
        self.chain.mine_txs(&[funding]).expect("a good funding");
    }

    pub fn note(&mut self, what: String) {
        let line = format!("{:>5}  {what}", self.chain.tip().height);
        self.trace.lock().expect("nobody panics with it").push(line);
    }

    pub fn saw(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// The depth from which a spend counts as settled.
    pub fn settle_depth(&self) -> u32 {
        let capacity = self.lines[0].party.setup().capacity;
        policy().settle_depth(capacity)
    }

    // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whether so many blocks may pass before the phone has to be awake.
    pub fn may_pass(&mut self, blocks: u32) -> bool {
        let then = self.chain.tip().height + blocks;
        self.phone.wake_by().is_none_or(|wake_by| then <= wake_by)
    }

    /// So many blocks, with all that waits for one. The phone wakes in time.
    pub fn mines(&mut self, blocks: u32) {
        for _ in 0..blocks {
            if !self.may_pass(1) {
                self.wakes();
            }
            self.chain.mine(1);
        }
    }

    /// The phone wakes, looks, and does what is to be done.
    pub fn wakes(&mut self) {
        self.saw("wake");
        if self.dice.percent(20) {
            self.saw("death");
            self.phone.dies();
        }
        let mut options = ResumeOptions::default();
        if self.dice.percent(30) {
            options.look = Look::Mempool;
        }
        for channel in 0..self.lines.len() {
            self.answers[channel] = self.dice.percent(70);
            // Any key serves as the peer's node id: the library was told this one.
            let terms: lightning_arbitrator::channel::ChannelTerms =
                retold(&self.lines[channel].party);
            if self.answers[channel] {
                options.reconnected_peers.insert(terms.peer);
            } else {
                options.unreachable_peers.insert(terms.peer);
            }
        }
        // A server that fails in between: what was learnt before is kept, and the phone tries again.
        while self.dice.percent(15) {
            self.saw("a server that fails");
            let chance = self.dice.among(5..=60);
            let seed = self.dice.number();
            self.phone.server.fails(chance, seed);
            let report = self.phone.resume(options.clone());
            self.note(format!("awake, the server fails: {}", report.complete));
            self.phone.server.serves();
        }
        let report = self.phone.resume(options);
        let wake_by = self.phone.wake_by();
        self.note(format!("awake, and again by {wake_by:?}"));
        assert!(report.troubles.is_empty(), "{:?}", report.troubles);
        assert!(report.complete, "{report:?}");
        self.reads_events();
        let (tip, wake_by) = (self.chain.tip().height, self.phone.wake_by());
        assert!(
            wake_by.is_none_or(|wake_by| wake_by > tip),
            "it is to wake at {wake_by:?}"
        );
    }

    // ── what dice make of it ─────────────────────────────────────────────────────────────────────────────────

    /// The channels are used, and things happen.
    pub fn lives(&mut self) {
        for _ in 0..self.dice.among(4..=18) {
            match self.dice.among(0..=99) {
                0..=74 => self.engine_acts(),
                75..=83 => {
                    let blocks = self.dice.among(1..=12);
                    self.mines(blocks);
                }
                84..=89 => self.wakes(),
                90..=93 => self.reorg(),
                94 | 95 => self.somebody_closes(),
                96 | 97 => self.fees_change(FEES),
                _ => self.peers_act(),
            }
        }
    }

    pub fn some_channel(&mut self) -> usize {
        let last = self.lines.len() - 1;
        self.dice.pick(&[0, last]).copied().expect("two")
    }

    fn peers_act(&mut self) {
        for channel in 0..self.lines.len() {
            self.peer_claims(channel, 50);
        }
    }

    fn somebody_closes(&mut self) {
        let channel = self.some_channel();
        if self.dice.percent(30) {
            let outpoint = self.lines[channel].outpoint();
            self.note(format!("{channel}: we close"));
            self.phone.force_close(outpoint);
        } else {
            self.peer_closes(channel);
        }
    }

    /// What the server says that a transaction should pay, in sat/vB.
    fn fees_change(&mut self, range: RangeInclusive<u32>) {
        let rate = self.dice.among(range);
        self.note(format!("fees: {rate} sat/vB"));
        let estimates = [(1, rate), (1_008, rate)].map(|(target, rate)| (target, rate.into()));
        self.chain.set_fee_estimates(estimates.into());
    }

    /// No more commitments: everything is left to the chain, until every case has ended.
    pub fn ends(&mut self) {
        self.note("the end begins".into());
        // What was not worth its fee is, once there is hardly any.
        self.fees_change(1..=1);
        for channel in 0..self.lines.len() {
            if self.dice.percent(40) {
                self.peer_closes(channel);
            }
        }
        let begun = self.chain.tip().height;
        while !self.has_ended() {
            let tip = self.chain.tip().height;
            assert!(
                tip < begun + LONGEST,
                "it does not end: {}",
                self.standing()
            );
            match self.dice.among(0..=9) {
                0 | 1 => self.peers_act(),
                2 => self.reorg(),
                3 => self.somebody_closes(),
                4 => {
                    let blocks = self.dice.among(1..=10);
                    self.mines(blocks);
                }
                // It sleeps for as long as it may.
                _ => {
                    let wake_by = self.phone.wake_by().unwrap_or(u32::MAX);
                    self.mines(wake_by.saturating_sub(tip).min(MOST_AT_ONCE));
                    self.wakes();
                    self.closes_what_is_quiet();
                }
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.len() == self.lines.len()
    }

    fn standing(&mut self) -> String {
        let outpoints: Vec<_> = self.lines.iter().map(Line::outpoint).collect();
        let reports = outpoints.into_iter().map(|it| self.phone.report(it));
        reports.map(|report| format!("{report:#?}\n")).collect()
    }

    /// A channel that no HTLC makes go to the chain is closed by hand.
    fn closes_what_is_quiet(&mut self) {
        for channel in 0..self.lines.len() {
            let outpoint = self.lines[channel].outpoint();
            let carries = self.lines[channel].carried.values().rev();
            let is_quiet = carries.take(4).all(Vec::is_empty);
            // A close that was agreed and that nobody has sent goes out with this, too.
            let is_open =
                self.takes_commitments(channel) || self.lines[channel].cooperative.is_some();
            let is_old = self.dice.percent(20);
            if is_open && (is_quiet || is_old) {
                self.note(format!("{channel}: we close"));
                self.phone.force_close(outpoint);
            }
        }
    }
}
