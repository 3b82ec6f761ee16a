//! Scenarios 10–19 and 28: HTLCs on a commitment that confirmed, each resolved by its resolver, and what is told upstream.

mod anchors;
mod bdk;
mod breach;
mod bump;
mod case_file;
mod dangling;
mod deadlines;
mod decisions;
pub mod embedded;
pub mod emptying;
mod fees;
mod held_coins;
mod incoming;
mod linked;
mod node;
mod outgoing;
mod preview;
mod reorgs;
mod reserve;
mod reserve_needed;
mod subscribers;

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, Transaction};
use lightning_arbitrator::channel::{Direction, HtlcKey};
use lightning_arbitrator::court::{
    report::ContractReport, ArbitratorState, EventKind, Progress, Resolution, Verdict,
};
use testkit::gateway::{Fault, Scope};
use testkit::party::{Htlc, NewHtlc, Side, Which};

use crate::support::{htlc_key, paths_of, Told, World};

/// An HTLC large enough for its own second level.
pub const HTLC_SAT: u64 = 20_000;

/// Blocks from now to the expiry of an HTLC.
pub const EXPIRY: u32 = 60;

/// A spend of a channel of a million satoshi is settled at this depth.
pub const SETTLE_DEPTH: u32 = 3;

/// What the peer pays for a claim of its own.
pub const PEER_FEE: Amount = Amount::from_sat(2_000);

/// Which commitment confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Ours,
    Theirs,
    /// The peer's next one, while its current one is not revoked.
    TheirPending,
}

impl On {
    pub fn owner(self) -> Side {
        match self {
            On::Ours => Side::Us,
            On::Theirs | On::TheirPending => Side::Peer,
        }
    }

    pub fn which(self) -> Which {
        match self {
            On::Ours | On::Theirs => Which::Current,
            On::TheirPending => Which::Pending,
        }
    }
}

/// Makes a scenario's twins for each commitment that may confirm.
macro_rules! on_each {
    ($($story:ident as $ours:ident, $theirs:ident, $pending:ident);* $(;)?) => {
        twins!($($ours, $theirs, $pending),*);
        $(
            pub fn $ours(world: $crate::support::World) {
                $story(world, $crate::contracts::On::Ours);
            }
            pub fn $theirs(world: $crate::support::World) {
                $story(world, $crate::contracts::On::Theirs);
            }
            pub fn $pending(world: $crate::support::World) {
                $story(world, $crate::contracts::On::TheirPending);
            }
        )*
    };
}
pub(crate) use on_each;

/// Makes a test of a scenario that needs anchors, and its restart twin.
macro_rules! with_anchors {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::{Nap, World};
            use testkit::party::ChannelType;

            #[test]
            fn anchors() {
                super::$name(World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never));
            }

            #[test]
            fn anchors_restarted() {
                let nap = Nap::BeforeEveryStep;
                super::$name(World::new(ChannelType::AnchorsZeroFeeHtlc, nap));
            }
        }
    )*};
}
pub(crate) use with_anchors;

impl World {
    /// A payment of our own, in all commitments.
    pub fn pays(&mut self, sat: u64) -> Htlc {
        let expiry = self.chain.tip().height + EXPIRY;
        self.offers(NewHtlc::outgoing(sat * 1_000, expiry))
    }

    /// A payment to us, in all commitments.
    pub fn is_paid(&mut self, sat: u64) -> Htlc {
        let expiry = self.chain.tip().height + EXPIRY;
        self.offers(NewHtlc::incoming(sat * 1_000, expiry))
    }

    pub fn offers(&mut self, htlc: NewHtlc) -> Htlc {
        let htlc = self.add(htlc);
        self.round();
        htlc
    }

    /// A wallet with a coin that can pay for second-level transactions.
    pub fn with_reserve(&mut self) {
        let value = Amount::from_sat(100_000);
        self.phone.wallet.pay_in(&self.chain, value);
    }

    /// Whether the app was told that a claim lacks a coin.
    pub fn lacked_coins(&mut self) -> bool {
        let is_said = |kind: &EventKind| matches!(kind, EventKind::ReserveNeeded { .. });
        self.phone.told().iter().any(is_said)
    }

    /// The commitment confirms, and the phone sees it.
    pub fn closes(&mut self, on: On) {
        self.phone.resume();
        match on {
            On::Ours => {
                let channel = self.outpoint();
                self.phone.force_close(channel).expect("a commitment");
                self.mine(1);
            }
            On::Theirs => {
                self.peer_closes(Which::Current);
            }
            On::TheirPending => {
                if self.channel.peer_commitment_tx(Which::Pending).is_err() {
                    self.sign_for_peer();
                }
                self.peer_closes(Which::Pending);
            }
        }
        self.phone.resume();
        let report = self.phone.report(self.outpoint());
        assert_eq!(report.state, ArbitratorState::WaitingFullResolution);
    }

    /// The tip reaches this height, and the phone wakes.
    pub fn wakes_at(&mut self, height: u32) {
        self.mine(height - self.chain.tip().height);
        self.phone.resume();
    }

    /// So many blocks later the phone wakes.
    pub fn wakes_after(&mut self, blocks: u32) {
        self.mine(blocks);
        self.phone.resume();
    }

    /// The HTLC's output.
    pub fn output_of(&self, htlc: &Htlc, on: On) -> OutPoint {
        let found = self.channel.htlc_output(on.owner(), on.which(), htlc.key);
        found.expect("it has one").0
    }

    pub fn contract(&mut self, outpoint: OutPoint) -> Option<ContractReport> {
        let contracts = self.phone.report(self.outpoint()).contracts;
        contracts.into_iter().find(|it| it.outpoint == outpoint)
    }

    #[track_caller]
    pub fn progress_of(&mut self, htlc: &Htlc, on: On) -> Progress {
        let outpoint = self.output_of(htlc, on);
        self.contract(outpoint).expect("it is watched").progress
    }

    /// How the HTLC's output ended, as the phone sees it.
    #[track_caller]
    pub fn resolution_of(&mut self, htlc: &Htlc, on: On) -> Resolution {
        let progress = self.progress_of(htlc, on);
        progress
            .resolution()
            .unwrap_or_else(|| panic!("not spent: {progress:?}"))
    }

    /// Whether a transaction in the mempool spends the HTLC's output, and which.
    pub fn claim_in_mempool(&self, htlc: &Htlc, on: On) -> Option<Transaction> {
        let spend = self.chain.outspend(self.output_of(htlc, on))?;
        let known = self.chain.transaction(spend.txid).expect("it spends");
        known.block.is_none().then_some(known.transaction)
    }

    /// The peer's claim of an HTLC: a payment of ours by its preimage, one of its own once it is expired.
    pub fn peers_claim(&self, htlc: &Htlc, on: On) -> Transaction {
        let (channel, which, key) = (&self.channel, on.which(), htlc.key);
        match on {
            On::Ours => channel.claim_htlc(Side::Us, which, key, PEER_FEE),
            On::Theirs | On::TheirPending => self.peers_second_level(htlc, which),
        }
        .expect("it has an output")
    }

    fn peers_second_level(
        &self,
        htlc: &Htlc,
        which: Which,
    ) -> Result<Transaction, testkit::party::PartyError> {
        use testkit::party::ChannelType;
        match self.channel.setup().channel_type {
            ChannelType::StaticRemotekey => {
                self.channel.second_level_tx(Side::Peer, which, htlc.key)
            }
            ChannelType::AnchorsZeroFeeHtlc => self.channel.second_level_tx_with_fee(
                self.chain.as_ref(),
                Side::Peer,
                which,
                htlc.key,
                PEER_FEE,
            ),
        }
    }

    /// We have decided to claim a payment to us, and know its preimage.
    pub fn released(&mut self, htlc: &Htlc) {
        self.tell(Told::Release(htlc_key(htlc.key)));
        self.learns(htlc);
    }

    pub fn learns(&mut self, htlc: &Htlc) {
        let preimage = self.channel.preimage(&htlc.payment_hash);
        self.phone.learn(preimage.expect("the channel knows it"));
    }

    /// What was told upstream of every outgoing HTLC. Each is told once and never otherwise, whatever happens in between.
    #[track_caller]
    pub fn verdicts(&mut self) -> BTreeMap<(OutPoint, HtlcKey), Verdict> {
        let mut verdicts = BTreeMap::new();
        for stored in self.phone.events() {
            let (htlc, verdict) = match stored.event.kind {
                EventKind::FulfillUpstream { htlc, .. } => (htlc, Verdict::Fulfilled),
                EventKind::FailUpstream { htlc, .. } => (htlc, Verdict::Failed),
                _ => continue,
            };
            assert_eq!(htlc.key.direction, Direction::Outgoing);
            let before = verdicts.insert((stored.event.channel, htlc.key), verdict);
            assert_eq!(before, None, "{htlc:?} was told twice, {verdict:?} at last");
        }
        verdicts
    }

    /// What was told upstream of one HTLC of this channel.
    #[track_caller]
    pub fn verdict(&mut self, htlc: &Htlc) -> Option<Verdict> {
        let name = (self.outpoint(), htlc_key(htlc.key));
        self.verdicts().get(&name).copied()
    }

    /// From now on the server names this feerate for every target, in sat/vB.
    pub fn fees_are(&self, sat_per_vb: f64) {
        let estimates = [(1, sat_per_vb), (1_008, sat_per_vb)];
        self.chain.set_fee_estimates(estimates.into());
    }

    /// From now on the server takes no transaction, until it behaves.
    pub fn refuses_broadcasts(&self) {
        let broadcasts = Scope {
            paths: paths_of("/tx"),
            ..Scope::all()
        };
        let busy = Fault::Status {
            code: 503,
            body: String::new(),
        };
        self.gateway().order(broadcasts, busy);
    }

    /// What a transaction leaves to its miner, in sat.
    pub fn paid_by(&self, transaction: &Transaction) -> u64 {
        let held = transaction.input.iter().map(|input| {
            let made = self.known(input.previous_output.txid);
            made.output[input.previous_output.vout as usize].value
        });
        let paid: Amount = transaction.output.iter().map(|output| output.value).sum();
        (held.sum::<Amount>() - paid).to_sat()
    }

    /// What the channel has brought to the wallet: what its sweeps pay, less the coins they took.
    pub fn brought(&self) -> u64 {
        let wallet = &self.phone.wallet;
        self.balance(&wallet.sweep) - wallet.paid_out().to_sat()
    }

    /// The channel is resolved block by block, and brings home this much of our balance and HTLCs, less what its
    /// transactions cost.
    #[track_caller]
    pub fn comes_to(&mut self, htlcs_sat: u64) {
        self.comes_to_an_end();
        let ours = self.channel.balance_msat(Side::Us) / 1_000 + htlcs_sat;
        let brought = self.brought();
        // The opener pays the commitment's fee and anchors; each claim pays its own, and so does a child.
        assert!(
            brought < ours && brought + 10_000 > ours,
            "{brought} of {ours} came home"
        );
    }

    /// Everything is buried: every output is resolved, the case ends, and nobody was told two things.
    #[track_caller]
    pub fn comes_to_an_end(&mut self) {
        for _ in 0..100 {
            self.phone.resume();
            let report = self.phone.report(self.outpoint());
            if report.state == ArbitratorState::FullyResolved {
                self.verdicts();
                return;
            }
            self.mine(50);
        }
        panic!("{:?}", self.phone.report(self.outpoint()));
    }
}
