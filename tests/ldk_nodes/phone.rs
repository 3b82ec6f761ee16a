//! The arbitrator with its file, switched off and on at any time.

use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Network, OutPoint};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::Received;
use lightning_arbitrator::court::case_file::CaseFile;
use lightning_arbitrator::court::report::ChannelReport;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::store::KeyCrypto;
use lightning_arbitrator::{
    ArbitratorError, ChainArbitrator, Config, Policy, ResumeOptions, ResumeReport, Signer,
};
use tempfile::TempDir;
use testkit::chain::Chain;

use crate::directory::directory;
use crate::source::Direct;
use crate::told::Told;
use crate::wallet::TestWallet;

/// Whether the process dies before every step: the restart twin of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    Never,
    BeforeEveryStep,
}

/// So often a claim is raised by a quarter before it costs forty times as much.
const TICKS: u32 = 16;

pub struct Phone {
    nap: Nap,
    config: Config,
    arbitrator: Option<ChainArbitrator>,
    _directory: TempDir,
}

impl Phone {
    /// One with these keys and this wallet.
    pub fn new(
        chain: &Arc<dyn Chain>,
        keys: Arc<dyn Signer>,
        wallet: TestWallet,
        nap: Nap,
    ) -> Self {
        let directory = directory();
        let config = Config {
            policy: Policy {
                // No story waits for fees to fall.
                end_patience: 300,
                ..Policy::default()
            },
            ..Config::new(
                Network::Regtest,
                directory.path().join("phone.sqlite"),
                Arc::new(Direct::new(chain.clone())),
                keys,
                Arc::new(wallet),
                Arc::new(KeyCrypto::new([8; 32])),
            )
        };
        Phone {
            nap,
            config,
            arbitrator: None,
            _directory: directory,
        }
    }

    fn on(&mut self) -> &ChainArbitrator {
        if self.nap == Nap::BeforeEveryStep {
            self.arbitrator = None;
        }
        self.arbitrator.get_or_insert_with(|| {
            block_on(ChainArbitrator::open(self.config.clone())).expect("the file opens")
        })
    }

    /// Tells the arbitrator one message of the recorder's, whose peer this is.
    pub fn tell(
        &mut self,
        peer: PublicKey,
        channel: OutPoint,
        told: Told,
    ) -> Result<(), ArbitratorError> {
        let on = self.on();
        match told {
            Told::Terms(terms) => block_on(on.register(*terms)),
            Told::Local(update, _) => block_on(on.local_commitment(channel, update)),
            Told::Remote(update, _) => block_on(on.remote_commitment(channel, update)),
            Told::Revocation(number, secret, next_point) => {
                block_on(on.revocation(channel, number, secret, next_point))
            }
            Told::Release(htlc) => block_on(on.release(channel, htlc)),
            Told::Preimage(preimage) => block_on(on.learn_preimage(preimage)),
            Told::Heard(message) => {
                let heard = block_on(on.peer_message(peer, message))?;
                assert_eq!(heard, Received::Taken);
                Ok(())
            }
            Told::Close(transaction) => block_on(on.closing_signed(channel, transaction)),
        }
    }

    /// Ticks until there is nothing left to do at this tip: a claim that the server refused as too cheap goes out again with
    /// the next, and nothing else takes more than one.
    pub fn wakes(&mut self) {
        for _ in 0..TICKS {
            if self.tick().changed.is_empty() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn tick(&mut self) -> ResumeReport {
        let report = block_on(self.on().resume(ResumeOptions::default())).expect("a tick");
        assert!(report.complete, "{report:?}");
        report
    }

    pub fn force_close(&mut self, channel: OutPoint) {
        block_on(self.on().force_close(channel)).expect("there is a commitment");
    }

    pub fn report(&mut self, channel: OutPoint) -> ChannelReport {
        block_on(self.on().channel(channel)).expect("a registered channel")
    }

    pub fn case_file(&mut self, channel: OutPoint) -> CaseFile {
        block_on(self.on().case_file(channel)).expect("a registered channel")
    }

    /// Everything it has said so far.
    pub fn told(&mut self) -> Vec<EventKind> {
        let events = block_on(self.on().pending_events("engine".into(), usize::MAX));
        let events = events.expect("the outbox").into_iter();
        events.map(|stored| stored.event.kind).collect()
    }
}
