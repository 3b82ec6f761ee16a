//! The child: a phone that does what it is told until it is killed. Its standard input is where its life hangs: when
//! that ends, so does it.

use std::io::{Read, Write};
use std::sync::Arc;

use bitcoin::{Network, Script, ScriptBuf};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::chain::{ChainError, ChainPolicy, EsploraSource};
use lightning_arbitrator::court::{EventKind, LogKind};
use lightning_arbitrator::opening::{Announcement, MinimumDepth, OpenedWith, OpeningTerms};
use lightning_arbitrator::protocol::ChannelFeatures;
use lightning_arbitrator::store::{KeyCrypto, StoreError};
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config, OnchainWallet, SeedSigner};
use testkit::party::Channel;

use crate::disk;
use crate::line::Line;
use crate::our_node::OurNode;
use crate::wire::{ChannelStanding, Launch, Order, Refusal, Reply, Standing, Tick, LAUNCH};
use crate::words::{keys_id, local_update, number, retold, secret};

/// Where every phone's sweeps go.
pub fn sweep_script() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&Script::new().wscript_hash())
}

fn old_key() -> KeyCrypto {
    KeyCrypto::new([8; 32])
}

fn new_key() -> KeyCrypto {
    KeyCrypto::new([9; 32])
}

/// What is agreed about every opening here.
pub fn public() -> OpeningTerms {
    OpeningTerms {
        opened_with: OpenedWith::OpenChannel,
        minimum_depth: MinimumDepth::ByCapacity,
        announcement: Announcement::Public {
            features: ChannelFeatures::default(),
        },
        alias: None,
        replaces: None,
    }
}

struct Wallet {
    ours: Vec<ScriptBuf>,
}

impl OnchainWallet for Wallet {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        Ok(self.ours.iter().any(|ours| ours.as_script() == script))
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Ok(sweep_script())
    }
}

pub struct Phone {
    pub config: Config,
    pub channels: Vec<Channel>,
    arbitrator: Option<ChainArbitrator>,
    has_new_key: bool,
}

/// The name of the test that is a child's entry point.
pub const ENTRY: &str = "phone::a_phone_says_where_it_stands_until_it_is_killed";

/// In a child process this is the phone. Otherwise it is the simplest of all stories with one.
#[test]
fn a_phone_says_where_it_stands_until_it_is_killed() {
    if let Ok(launch) = std::env::var(LAUNCH) {
        return live(serde_json::from_str(&launch).expect("a launch"));
    }
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let launch = Launch {
        esplora: "http://127.0.0.1:9".into(),
        database: directory.path().join("phone.sqlite"),
        disk: disk::Plan::HARMLESS,
        channels: Vec::new(),
    };
    let mut line = Line::dial(&launch);
    assert!(matches!(line.ask(&Order::Look), Ok(Reply::Stands(_))));
    let (now, rings) = std::sync::mpsc::channel();
    now.send(()).expect("it is heard");
    line.kill_at(rings);
    while line.ask(&Order::Look).is_ok() {}
}

/// Lives a child's life.
pub fn live(launch: Launch) {
    disk::install(launch.disk, halt);
    let mut phone = Phone::new(launch);
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).expect("a pipe") > 0 {
        let order = serde_json::from_str(&line).expect("an order");
        line.clear();
        say(&phone.obey(order));
    }
}

/// One line on standard output, marked, because the test harness writes there too.
pub const MARK: char = '@';

pub fn say(reply: &Reply) {
    let reply = serde_json::to_string(reply).expect("serialisable");
    // In one piece, behind whatever the harness has left on the present line.
    let line = format!("\n{MARK}{reply}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).expect("a pipe");
    out.flush().expect("a pipe");
}

/// The machine stands still, and waits to be killed. If whoever does that is gone, it ends itself.
fn halt() {
    say(&Reply::Halted);
    let mut nothing = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut nothing);
    std::process::abort();
}

impl Phone {
    fn new(launch: Launch) -> Self {
        let signer = SeedSigner::new(&[7; 32]).expect("32 bytes");
        let mut ours = vec![sweep_script()];
        for channel in &launch.channels {
            signer.import(keys_id(channel), retold(&channel.setup().ours));
            ours.push(channel.setup().our_shutdown_script.clone());
        }
        let chain = EsploraSource::new(&launch.esplora, ChainPolicy::default());
        let mut config = Config::new(
            Network::Regtest,
            launch.database,
            Arc::new(chain.expect("a good URL")),
            Arc::new(signer),
            Arc::new(Wallet { ours }),
            Arc::new(old_key()),
        );
        config.vfs = Some(disk::NAME.into());
        config.node_signer = Some(Arc::new(OurNode::new()));
        Phone {
            config,
            channels: launch.channels,
            arbitrator: None,
            has_new_key: false,
        }
    }

    /// One that no disk of ours lies under: in the parent process.
    pub fn on_a_good_disk(launch: Launch) -> Self {
        let mut phone = Phone::new(launch);
        phone.config.vfs = None;
        phone
    }

    pub fn obey(&mut self, order: Order) -> Reply {
        match block_on(self.try_to_obey(order)) {
            Ok(reply) => reply,
            Err(error) => Reply::Refused(refusal(&error)),
        }
    }

    async fn try_to_obey(&mut self, order: Order) -> Result<Reply, ArbitratorError> {
        let funding = |index: usize| self.channels[index].funding();
        match order {
            Order::Register(index) => {
                let terms = retold(&self.channels[index]);
                self.on().await?.register(terms).await?;
            }
            Order::Open(index) => {
                let terms = retold(&self.channels[index]);
                self.on().await?.open_channel(terms, public()).await?;
            }
            Order::Hear(index, message) => {
                let peer = self.channels[index].peer_node_id();
                self.on().await?.peer_message(peer, message).await?;
            }
            Order::HandOver => self.hand_over().await?,
            Order::Remote(index, update) => {
                let (channel, update) = (funding(index), retold(&update));
                self.on().await?.remote_commitment(channel, update).await?;
            }
            Order::Revocation(index, it) => {
                let (channel, number, secret) = (funding(index), number(it.number), secret(&it));
                let on = self.on().await?;
                on.revocation(channel, number, secret, it.next_point)
                    .await?;
            }
            Order::Local(index, update) => {
                let channel = funding(index);
                let update = local_update(channel, &update);
                self.on().await?.local_commitment(channel, update).await?;
            }
            Order::ClosingSigned(index, transaction) => {
                let channel = funding(index);
                self.on()
                    .await?
                    .closing_signed(channel, transaction)
                    .await?;
            }
            Order::ForceClose(index) => {
                let channel = funding(index);
                self.on().await?.force_close(channel).await?;
            }
            Order::ChangeKey => {
                self.on().await?.change_key(Arc::new(new_key())).await?;
                self.take_new_key();
            }
            Order::Resume => {
                let report = self.on().await?.resume(ResumeOptions::default()).await?;
                return Ok(Reply::Resumed(Tick {
                    complete: report.complete,
                    troubles: report
                        .troubles
                        .into_iter()
                        .map(|trouble| (trouble.channel, trouble.what))
                        .collect(),
                }));
            }
            Order::Sleep => self.arbitrator = None,
            Order::Look => return Ok(Reply::Stands(self.look().await?)),
            Order::RepairDisk => disk::repair(),
            Order::Backup(path) => self.on().await?.backup(path).await?,
            Order::Do { deed, halt_before } => return self.perform(deed, halt_before).await,
        }
        Ok(Reply::Done)
    }

    pub async fn on(&mut self) -> Result<&ChainArbitrator, ArbitratorError> {
        if self.arbitrator.is_none() {
            self.arbitrator = Some(self.open().await?);
        }
        Ok(self.arbitrator.as_ref().expect("opened above"))
    }

    /// An app that died while it changed the key does not know which of the two is the right one, and tries both.
    async fn open(&mut self) -> Result<ChainArbitrator, ArbitratorError> {
        match ChainArbitrator::open(self.config.clone()).await {
            Err(ArbitratorError::Store(StoreError::WrongKey)) => {
                self.take_new_key();
                ChainArbitrator::open(self.config.clone()).await
            }
            opened => opened,
        }
    }

    fn take_new_key(&mut self) {
        self.config.crypto = Arc::new(new_key());
        self.has_new_key = true;
    }

    /// Acknowledged by another subscriber than the story's: what is handed over is off every list.
    async fn hand_over(&mut self) -> Result<(), ArbitratorError> {
        let on = self.on().await?;
        for event in on.pending_events("story".into(), usize::MAX).await? {
            if matches!(event.event.kind, EventKind::TellPeer { .. }) {
                on.acknowledge("app".into(), event.id).await?;
            }
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<Standing, ArbitratorError> {
        self.on().await?;
        let has_new_key = self.has_new_key;
        let on = self.on().await?;
        let mut channels = Vec::new();
        for channel in on.channels().await? {
            let position = on.position(channel).await?;
            let report = on.channel(channel).await?;
            let log = on.log(channel).await?.into_iter();
            let of_opening = log.filter(|entry| matches!(entry.kind, LogKind::Opening(_)));
            channels.push(ChannelStanding {
                channel,
                local: position.feed.local.map(|number| number.get()),
                remote: position.feed.remote.map(|number| number.get()),
                remote_revoked: position.feed.remote_revoked.map(|number| number.get()),
                takes_commitments: position.takes_commitments(),
                state: report.state,
                close: report.close.map(|(kind, _)| kind),
                contracts: report
                    .contracts
                    .iter()
                    .map(|contract| (contract.outpoint, contract.progress))
                    .collect(),
                summary: on.close_summary(channel).await?,
                opening: of_opening.map(|entry| entry.kind.to_string()).collect(),
            });
        }
        let events = on.pending_events("story".into(), usize::MAX).await?;
        Ok(Standing {
            channels,
            has_new_key,
            events: events
                .into_iter()
                .filter(|stored| !stored.event.is_message())
                .map(|stored| stored.id)
                .collect(),
            work: disk::work(),
        })
    }
}

fn refusal(error: &ArbitratorError) -> Refusal {
    let stored = if let ArbitratorError::Store(error) = error {
        Some(error)
    } else if let ArbitratorError::Chain(ChainError::Store(failure)) = error {
        failure.downcast_ref()
    } else {
        None
    };
    if matches!(stored, Some(StoreError::Full)) {
        Refusal::DiskFull
    } else if matches!(stored, Some(StoreError::Io { .. })) {
        Refusal::DiskBroken
    } else if let Some(StoreError::Damaged { reason }) = stored {
        Refusal::Damaged(reason.clone())
    } else {
        Refusal::Other(format!("{error}: {error:?}"))
    }
}
