//! A phone: the library, a wallet, a signer and a database file; it can be switched off and on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitcoin::{Network, OutPoint, Script, ScriptBuf};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ForceCloseStatus, ResumeOptions, ResumeReport};
use lightning_arbitrator::chain::{ChainPolicy, ChainSource, EsploraSource, Look};
use lightning_arbitrator::channel::{LocalUpdate, RemoteUpdate};
use lightning_arbitrator::court::report::ChannelReport;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::protocol::CommitmentSecret;
use lightning_arbitrator::store::StoredEvent;
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config, OnchainWallet, SeedSigner};
use tempfile::TempDir;
use testkit::esplora::Esplora;
use testkit::party::{self, Channel, Round};

use super::words::{keys_id, number, retold, secret};

/// Whether the phone is switched off and on again before every step: the restart twin of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    Never,
    BeforeEveryStep,
}

/// A wallet with one script for sweeps and any number of others.
#[derive(Clone)]
pub struct TestWallet {
    pub sweep: ScriptBuf,
    ours: Arc<Mutex<Vec<ScriptBuf>>>,
}

impl TestWallet {
    fn new() -> Self {
        let sweep = ScriptBuf::new_p2wsh(&Script::new().wscript_hash());
        TestWallet {
            ours: Arc::new(Mutex::new(vec![sweep.clone()])),
            sweep,
        }
    }
}

impl OnchainWallet for TestWallet {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        let ours = self
            .ours
            .lock()
            .expect("no test panics while it holds this");
        Ok(ours.iter().any(|known| known.as_script() == script))
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Ok(self.sweep.clone())
    }
}

/// The chain server that a phone asks; shared with the test, which may order faults of it.
pub type Server = Arc<Mutex<Esplora>>;

/// A test server answers at once; one that was told to fail must not make the test wait.
fn chain_policy() -> ChainPolicy {
    ChainPolicy {
        backoff: Duration::from_millis(1),
        ..ChainPolicy::default()
    }
}

fn source(server: &Server, policy: &ChainPolicy) -> Arc<dyn ChainSource> {
    let url = server
        .lock()
        .expect("no test panics while it holds this")
        .url();
    Arc::new(EsploraSource::new(&url, policy.clone()).expect("a good URL"))
}

pub struct Phone {
    config: Config,
    server: Server,
    pub wallet: TestWallet,
    signer: Arc<SeedSigner>,
    arbitrator: Option<ChainArbitrator>,
    nap: Nap,
    _directory: TempDir,
}

/// Whose events the tests read.
const TESTER: &str = "tester";

impl Phone {
    pub fn new(server: Server, nap: Nap) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let wallet = TestWallet::new();
        let signer = Arc::new(SeedSigner::new(&[7; 32]).expect("32 bytes"));
        let mut config = Config::new(
            Network::Regtest,
            directory.path().join("phone.sqlite"),
            source(&server, &chain_policy()),
            signer.clone(),
            Arc::new(wallet.clone()),
        );
        config.chain_policy = chain_policy();
        Phone {
            config,
            server,
            wallet,
            signer,
            arbitrator: None,
            nap,
            _directory: directory,
        }
    }

    /// Changes the settings; the phone is switched off and on for it.
    pub fn set(&mut self, change: impl FnOnce(&mut Config)) {
        self.switch_off();
        change(&mut self.config);
    }

    /// Asks another server from now on.
    pub fn ask(&mut self, server: Server) {
        let source = source(&server, &self.config.chain_policy);
        self.server = server;
        self.set(|config| config.chain = source);
    }

    /// Gives the phone's signer the secrets of a channel.
    pub fn know(&self, channel: &Channel) {
        self.signer
            .import(keys_id(channel), retold(&channel.setup().ours));
        let ours = channel.setup().our_shutdown_script.clone();
        self.wallet
            .ours
            .lock()
            .expect("no test panics while it holds this")
            .push(ours);
    }

    pub fn switch_off(&mut self) {
        self.arbitrator = None;
    }

    /// The library, opened if need be, and anew if the phone naps.
    pub fn on(&mut self) -> &ChainArbitrator {
        if self.nap == Nap::BeforeEveryStep {
            self.switch_off();
        }
        self.arbitrator.get_or_insert_with(|| {
            block_on(ChainArbitrator::open(self.config.clone())).expect("the file opens")
        })
    }

    pub fn register(&mut self, channel: &Channel) {
        block_on(self.on().register(retold(channel))).expect("the terms are good");
    }

    pub fn tell_local(
        &mut self,
        channel: OutPoint,
        update: &party::LocalUpdate,
    ) -> Result<(), ArbitratorError> {
        let mut update: LocalUpdate = retold(update);
        for signatures in &mut update.signatures {
            signatures.funding = channel;
        }
        block_on(self.on().local_commitment(channel, update))
    }

    pub fn tell_remote(
        &mut self,
        channel: OutPoint,
        update: &party::RemoteUpdate,
    ) -> Result<(), ArbitratorError> {
        let update: RemoteUpdate = retold(update);
        block_on(self.on().remote_commitment(channel, update))
    }

    pub fn tell_revocation(
        &mut self,
        channel: OutPoint,
        revocation: &party::Revocation,
    ) -> Result<(), ArbitratorError> {
        block_on(self.on().revocation(
            channel,
            number(revocation.number),
            secret(revocation),
            revocation.next_point,
        ))
    }

    pub fn told_round(&mut self, channel: OutPoint, round: &Round) {
        self.tell_remote(channel, &round.remote)
            .expect("a good remote commitment");
        if let Some(revocation) = &round.revocation {
            self.tell_revocation(channel, revocation)
                .expect("a good revocation");
        }
        self.tell_local(channel, &round.local)
            .expect("a good local commitment");
    }

    pub fn data_loss_proof(
        &mut self,
        channel: OutPoint,
        loss: &party::DataLoss,
    ) -> Result<(), ArbitratorError> {
        let proof = CommitmentSecret::new(loss.proof_secret);
        block_on(
            self.on()
                .data_loss_proof(channel, number(loss.proof_number), proof),
        )
    }

    pub fn resume_with(&mut self, options: ResumeOptions) -> Result<ResumeReport, ArbitratorError> {
        self.wait_for_the_server();
        block_on(self.on().resume(options))
    }

    /// One tick that must come through.
    pub fn resume(&mut self) -> ResumeReport {
        self.looks(Look::Tip)
    }

    pub fn looks(&mut self, look: Look) -> ResumeReport {
        let report = self
            .resume_with(ResumeOptions {
                look,
                ..ResumeOptions::default()
            })
            .expect("a tick");
        assert!(report.complete, "{report:?}");
        report
    }

    /// A real server looks at its node in its own time.
    fn wait_for_the_server(&self) {
        let mut server = self
            .server
            .lock()
            .expect("no test panics while it holds this");
        server.catch_up().expect("the server follows its node");
    }

    pub fn force_close(&mut self, channel: OutPoint) -> Result<ForceCloseStatus, ArbitratorError> {
        block_on(self.on().force_close(channel))
    }

    pub fn report(&mut self, channel: OutPoint) -> ChannelReport {
        block_on(self.on().channel(channel)).expect("a registered channel")
    }

    /// Every event so far that was not acknowledged, oldest first.
    pub fn events(&mut self) -> Vec<StoredEvent> {
        block_on(self.on().pending_events(TESTER.into(), usize::MAX)).expect("the outbox")
    }

    /// The same, what they are.
    pub fn told(&mut self) -> Vec<EventKind> {
        self.events().into_iter().map(|it| it.event.kind).collect()
    }
}
