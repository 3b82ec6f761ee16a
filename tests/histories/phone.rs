//! The phone: the library with its file, switched off and on at any time.

use std::sync::Arc;

use bitcoin::{Amount, Network, OutPoint, Script, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::channel::{HtlcKey, Position};
use lightning_arbitrator::court::report::ChannelReport;
use lightning_arbitrator::protocol::Preimage;
use lightning_arbitrator::store::{StoredEvent, Unsealed};

use lightning_arbitrator::{
    ArbitratorError, ChainArbitrator, Config, OnchainWallet, Policy, SeedSigner,
};
use tempfile::TempDir;
use testkit::chain::Chain;
use testkit::party::{self, Channel};

use crate::directory::directory;
use crate::source::Direct;
use crate::wallet::TestWallet;
use crate::words::{keys_id, local_update, number, retold, secret};

/// The one who reads the events.
const ENGINE: &str = "engine";
/// What its wallet begins with, to pay for second-level transactions.
const COINS: usize = 40;
const COIN: Amount = Amount::from_sat(100_000);

/// Whether the process dies before every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    Never,
    BeforeEveryStep,
}

pub struct Phone {
    nap: Nap,
    config: Config,
    pub wallet: TestWallet,
    pub server: Direct,
    signer: Arc<SeedSigner>,
    arbitrator: Option<ChainArbitrator>,
    /// What it last said of its sleep, unless it was told something since.
    wake_by: Option<Option<u32>>,
    _directory: TempDir,
}

/// The default, but for how long a case waits for nothing but that a peer takes back what is its own.
pub fn policy() -> Policy {
    Policy {
        end_patience: 300,
        ..Policy::default()
    }
}

impl Phone {
    pub fn new(chain: Arc<dyn Chain>, nap: Nap) -> Self {
        let directory = directory();
        let wallet = TestWallet::numbered(0);
        wallet.pay_in_all(&chain, &[COIN; COINS]);
        let server = Direct::new(chain);
        let signer = Arc::new(SeedSigner::new(&[7; 32]).expect("32 bytes"));
        let config = Config {
            policy: policy(),
            ..Config::new(
                Network::Regtest,
                directory.path().join("phone.sqlite"),
                Arc::new(server.clone()),
                signer.clone(),
                Arc::new(wallet.clone()),
                Arc::new(Unsealed),
            )
        };
        Phone {
            nap,
            config,
            wallet,
            server,
            signer,
            arbitrator: None,
            wake_by: None,
            _directory: directory,
        }
    }

    /// The process dies. The next call opens the file again.
    pub fn dies(&mut self) {
        self.wake_by = None;
        self.arbitrator = None;
    }

    fn on(&mut self) -> &ChainArbitrator {
        if self.nap == Nap::BeforeEveryStep {
            self.arbitrator = None;
        }
        self.arbitrator.get_or_insert_with(|| {
            block_on(ChainArbitrator::open(self.config.clone())).expect("the file opens")
        })
    }

    /// Whether what is paid to a script is ours.
    pub fn is_ours(&self, script: &Script) -> bool {
        self.wallet.is_our_address(script).expect("it knows")
    }

    pub fn register(&mut self, channel: &Channel) {
        self.wake_by = None;
        let secrets = retold(&channel.setup().ours);
        self.signer.import(keys_id(channel), secrets);
        self.wallet
            .knows(channel.setup().our_shutdown_script.clone());
        block_on(self.on().register(retold(channel))).expect("the terms are good");
    }

    pub fn remote(&mut self, channel: OutPoint, update: &party::RemoteUpdate) {
        self.wake_by = None;
        block_on(self.on().remote_commitment(channel, retold(update))).expect("a good commitment");
    }

    pub fn local(&mut self, channel: OutPoint, update: &party::LocalUpdate) {
        self.wake_by = None;
        let update = local_update(channel, update);
        block_on(self.on().local_commitment(channel, update)).expect("a good commitment");
    }

    pub fn revocation(&mut self, channel: OutPoint, told: &party::Revocation) {
        self.wake_by = None;
        let (number, secret) = (number(told.number), secret(told));
        block_on(
            self.on()
                .revocation(channel, number, secret, told.next_point),
        )
        .expect("a good secret");
    }

    pub fn closing_signed(&mut self, channel: OutPoint, transaction: Transaction) {
        self.wake_by = None;
        block_on(self.on().closing_signed(channel, transaction)).expect("a good close");
    }

    /// Whether there was a channel to release in: one that ended is gone.
    pub fn release(&mut self, channel: OutPoint, htlc: HtlcKey) -> Result<(), ArbitratorError> {
        self.wake_by = None;
        block_on(self.on().release(channel, htlc))
    }

    pub fn learn(&mut self, preimage: [u8; 32]) {
        self.wake_by = None;
        block_on(self.on().learn_preimage(Preimage::new(preimage))).expect("it is kept");
    }

    pub fn force_close(&mut self, channel: OutPoint) {
        self.wake_by = None;
        block_on(self.on().force_close(channel)).expect("there is a commitment");
    }

    pub fn position(&mut self, channel: OutPoint) -> Position {
        block_on(self.on().position(channel)).expect("a registered channel")
    }

    /// Until when it may sleep: it has to be awake at this height. `None`: for as long as it likes.
    pub fn wake_by(&mut self) -> Option<u32> {
        if self.wake_by.is_none() {
            let budget = block_on(self.on().sleep_budget()).expect("readable");
            self.wake_by = Some(budget.overall().map(|first| first.wake_by.height));
        }
        self.wake_by.flatten()
    }

    pub fn report(&mut self, channel: OutPoint) -> ChannelReport {
        block_on(self.on().channel(channel)).expect("a registered channel")
    }

    pub fn resume(&mut self, options: ResumeOptions) -> ResumeReport {
        self.wake_by = None;
        let report = block_on(self.on().resume(options)).expect("a tick");
        self.wake_by = Some(report.sleep.overall().map(|first| first.wake_by.height));
        report
    }

    pub fn events(&mut self) -> Vec<StoredEvent> {
        block_on(self.on().pending_events(ENGINE.into(), usize::MAX)).expect("the outbox")
    }

    pub fn acknowledge(&mut self, id: &str) {
        block_on(self.on().acknowledge(ENGINE.into(), id.into())).expect("an event");
    }
}
