//! A phone: the library, a wallet, a signer and a database file; it can be switched off and on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Network, OutPoint, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ForceCloseStatus, Received, ResumeOptions, ResumeReport};
use lightning_arbitrator::chain::{ChainPolicy, ChainSource, EsploraSource, Look};
use lightning_arbitrator::channel::{
    ChannelTerms, ChannelUpdate, CloseSummary, HtlcKey, KeysId, LocalUpdate, Position, RemoteUpdate,
};
use lightning_arbitrator::court::report::ChannelReport;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::opening::{OpeningStatus, OpeningTerms};
use lightning_arbitrator::protocol::Preimage;
use lightning_arbitrator::store::{KeyCrypto, Store, StoredEvent};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config, SeedSigner};
use tempfile::TempDir;
use testkit::esplora::Esplora;
use testkit::party::{self, Channel, Opened, Round, Stands};

use super::tables::Tables;
use super::wallet::TestWallet;
use super::words::{keys_id, local_update, number, retold, secret};

/// Whether the phone is switched off and on again before every step: the restart twin of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    Never,
    BeforeEveryStep,
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

/// One message of the channel engine, good or bad.
#[derive(Clone, Debug)]
pub enum Told {
    Terms(Box<ChannelTerms>),
    Local(LocalUpdate),
    Remote(RemoteUpdate),
    Revocation(party::Revocation),
    Release(HtlcKey),
    /// Several of the channel's updates in one call.
    Together(Vec<ChannelUpdate>),
    Close(Transaction),
    /// A message of the channel's peer.
    Heard(PublicKey, Vec<u8>),
}

impl Told {
    /// The peer's proof that we lost data.
    pub fn data_loss(loss: &party::DataLoss) -> Self {
        Told::Heard(loss.peer, loss.reestablish.clone())
    }

    /// The peer says on reconnection that this is our secret of our commitment `number`.
    pub fn our_secret(channel: &Channel, number: u64, secret: [u8; 32]) -> Self {
        Told::stands(
            channel,
            &Stands {
                next_revocation_number: number + 1,
                last_secret: secret,
                ..channel.peer_stands()
            },
        )
    }

    /// The peer says on reconnection that it stands there.
    pub fn stands(channel: &Channel, stands: &Stands) -> Self {
        let message = channel.peer_reestablish_with(Opened::V1, stands);
        Told::Heard(channel.peer_node_id(), message)
    }
}

pub struct Phone {
    pub config: Config,
    server: Server,
    pub wallet: TestWallet,
    pub signer: Arc<SeedSigner>,
    arbitrator: Option<Arc<ChainArbitrator>>,
    nap: Nap,
    directory: Arc<TempDir>,
}

/// Whose events the tests read.
const TESTER: &str = "tester";

impl Phone {
    /// Phones with different numbers share no script.
    pub fn new(server: Server, number: u32, nap: Nap) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let wallet = TestWallet::numbered(number);
        let signer = Arc::new(SeedSigner::new(&[7; 32]).expect("32 bytes"));
        let mut config = Config::new(
            Network::Regtest,
            directory.path().join("phone.sqlite"),
            source(&server, &chain_policy()),
            signer.clone(),
            Arc::new(wallet.clone()),
            Arc::new(KeyCrypto::new([8; 32])),
        );
        config.chain_policy = chain_policy();
        Phone {
            config,
            server,
            wallet,
            signer,
            arbitrator: None,
            nap,
            directory: Arc::new(directory),
        }
    }

    /// Changes the settings; the phone is switched off and on for it.
    pub fn set(&mut self, change: impl FnOnce(&mut Config)) {
        self.switch_off();
        change(&mut self.config);
        self.config.chain = source(&self.server, &self.config.chain_policy);
    }

    /// Asks another server from now on.
    pub fn ask(&mut self, server: Server) {
        self.server = server;
        self.set(|_| {});
    }

    /// Gives the phone's signer the secrets of a channel.
    pub fn know(&self, channel: &Channel) {
        self.know_as(keys_id(channel), channel);
        let ours = channel.setup().our_shutdown_script.clone();
        self.wallet.knows(ours);
    }

    /// Gives the signer a channel's secrets under this name.
    pub fn know_as(&self, name: KeysId, channel: &Channel) {
        self.signer.import(name, retold(&channel.setup().ours));
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
            let opened = block_on(ChainArbitrator::open(self.config.clone()));
            Arc::new(opened.expect("the file opens"))
        })
    }

    /// The library, for a callback that calls it: the phone is not off before everybody has let go of it.
    pub fn shared(&mut self) -> Arc<ChainArbitrator> {
        self.on();
        self.arbitrator.clone().expect("it is on")
    }

    pub fn register(&mut self, channel: &Channel) {
        block_on(self.on().register(retold(channel))).expect("the terms are good");
    }

    /// Hands the library one message of the channel engine.
    pub fn tell(&mut self, channel: OutPoint, told: Told) -> Result<(), ArbitratorError> {
        let on = self.on();
        match told {
            Told::Terms(terms) => block_on(on.register(*terms)),
            Told::Local(update) => block_on(on.local_commitment(channel, update)),
            Told::Remote(update) => block_on(on.remote_commitment(channel, update)),
            Told::Revocation(given) => block_on(on.revocation(
                channel,
                number(given.number),
                secret(&given),
                given.next_point,
            )),
            Told::Release(htlc) => block_on(on.release(channel, htlc)),
            Told::Together(updates) => block_on(on.updates(channel, updates)),
            Told::Close(transaction) => block_on(on.closing_signed(channel, transaction)),
            Told::Heard(peer, message) => block_on(on.peer_message(peer, message)).map(|_| ()),
        }
    }

    pub fn position(&mut self, channel: OutPoint) -> Position {
        block_on(self.on().position(channel)).expect("a registered channel")
    }

    /// What every table of the database holds.
    pub fn tables(&self) -> Tables {
        Tables::of(&self.config.database)
    }

    /// Switches the phone off and opens its database.
    pub fn opened(&mut self) -> Store {
        self.switch_off();
        let config = &self.config;
        Store::open(&config.database, config.network, config.crypto.clone())
            .expect("the file opens")
    }

    /// The directory of the database, which stays for as long as somebody holds it.
    pub fn directory(&self) -> Arc<TempDir> {
        self.directory.clone()
    }

    pub fn nap(&self) -> Nap {
        self.nap
    }

    pub fn tell_local(
        &mut self,
        channel: OutPoint,
        update: &party::LocalUpdate,
    ) -> Result<(), ArbitratorError> {
        self.tell(channel, Told::Local(local_update(channel, update)))
    }

    pub fn tell_remote(
        &mut self,
        channel: OutPoint,
        update: &party::RemoteUpdate,
    ) -> Result<(), ArbitratorError> {
        self.tell(channel, Told::Remote(retold(update)))
    }

    pub fn tell_revocation(
        &mut self,
        channel: OutPoint,
        revocation: &party::Revocation,
    ) -> Result<(), ArbitratorError> {
        self.tell(channel, Told::Revocation(revocation.clone()))
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

    /// The peer proves that we lost data.
    #[track_caller]
    pub fn hears_of_loss(&mut self, loss: &party::DataLoss) {
        let heard = self.on().peer_message(loss.peer, loss.reestablish.clone());
        assert_eq!(block_on(heard).expect("our own secret"), Received::DataLost);
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

    pub fn learn(&mut self, preimage: [u8; 32]) {
        let preimage = Preimage::new(preimage);
        block_on(self.on().learn_preimage(preimage)).expect("kept");
    }

    pub fn force_close(&mut self, channel: OutPoint) -> Result<ForceCloseStatus, ArbitratorError> {
        block_on(self.on().force_close(channel))
    }

    pub fn cancel_funding(&mut self, channel: OutPoint) -> Result<(), ArbitratorError> {
        block_on(self.on().cancel_funding(channel))
    }

    /// The channel is registered, to be opened by the library.
    pub fn open_channel(
        &mut self,
        terms: ChannelTerms,
        opening: OpeningTerms,
    ) -> Result<(), ArbitratorError> {
        block_on(self.on().open_channel(terms, opening))
    }

    /// A message of the channel's peer.
    pub fn hears(
        &mut self,
        channel: &Channel,
        message: Vec<u8>,
    ) -> Result<Received, ArbitratorError> {
        block_on(self.on().peer_message(channel.peer_node_id(), message))
    }

    /// How the channel's opening stands; it has one.
    pub fn opening(&mut self, channel: OutPoint) -> OpeningStatus {
        let opening = block_on(self.on().opening(channel)).expect("a registered channel");
        opening.expect("it is opened here")
    }

    /// The whole proof of a public channel.
    pub fn announcement(&mut self, channel: OutPoint) -> Option<Vec<u8>> {
        block_on(self.on().channel_announcement(channel)).expect("a registered channel")
    }

    pub fn acknowledge(&mut self, id: &str) {
        block_on(self.on().acknowledge(TESTER.into(), id.into())).expect("stored");
    }

    pub fn abandon(&mut self, channel: OutPoint) {
        block_on(self.on().abandon(channel)).expect("a registered channel");
    }

    pub fn summary(&mut self, channel: OutPoint) -> Option<CloseSummary> {
        block_on(self.on().close_summary(channel)).expect("readable")
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
