//! The phone, while it is on: what a wallet app does with the library, without the app.

use std::path::Path;
use std::sync::Arc;

use bitcoin::hashes::Hash;
use bitcoin::{Network, Script, ScriptBuf, WScriptHash};
use futures::executor::block_on;
use lightning_arbitrator::chain::{ChainPolicy, EsploraSource};
use lightning_arbitrator::channel::ChannelUpdate;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::store::KeyCrypto;
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::{
    ChainArbitrator, Config, OnchainWallet, ResumeOptions, ResumeReport, SeedSigner,
};
use serde::{Deserialize, Serialize};
use testkit::party::{Channel, Round};

use crate::words;

/// What the phone's channel engine knows, and would tell the library as it happens.
#[derive(Serialize, Deserialize)]
pub struct Engine {
    pub channel: Channel,
    pub rounds: Vec<Round>,
}

/// A wallet whose every address is one script.
struct OneScript(ScriptBuf);

impl OnchainWallet for OneScript {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        Ok(script == self.0.as_script())
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Ok(self.0.clone())
    }
}

/// Where the phone's wallet wants its money.
pub fn wallet_script() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&WScriptHash::hash(b"the phone's wallet"))
}

/// `live DIRECTORY URL`: the engine opens and uses a channel. `wake DIRECTORY URL`: one tick.
pub fn run(arguments: &[String]) {
    let [job, directory, url] = arguments else {
        panic!("phone JOB DIRECTORY URL");
    };
    let directory = Path::new(directory);
    let engine = std::fs::read(directory.join("engine.json")).expect("the world wrote it");
    let engine: Engine = serde_json::from_slice(&engine).expect("the world wrote it");
    let channel = engine.channel.funding();

    let signer = Arc::new(SeedSigner::new(&[42; 32]).expect("a seed of 32 bytes"));
    let secrets = words::retold(&engine.channel.setup().ours);
    signer.import(words::keys_id(&engine.channel), secrets);
    let esplora = EsploraSource::new(url, ChainPolicy::default()).expect("the gateway's URL");
    let config = Config::new(
        Network::Regtest,
        directory.join("phone.sqlite"),
        Arc::new(esplora),
        signer,
        Arc::new(OneScript(wallet_script())),
        Arc::new(KeyCrypto::new([43; 32])),
    );
    let arbitrator = block_on(ChainArbitrator::open(config)).expect("the database opens");
    match job.as_str() {
        "live" => live(&arbitrator, &engine),
        "wake" => {
            let report = block_on(arbitrator.resume(ResumeOptions::default())).expect("a tick");
            tell(&report);
            tell_events(&arbitrator);
            let state = block_on(arbitrator.channel(channel))
                .expect("registered")
                .state;
            say(&format!("the case is in state {state:?}"));
        }
        other => panic!("no job {other}"),
    }
}

fn live(arbitrator: &ChainArbitrator, engine: &Engine) {
    let channel = engine.channel.funding();
    block_on(arbitrator.register(words::retold(&engine.channel))).expect("good terms");
    for round in &engine.rounds {
        block_on(arbitrator.remote_commitment(channel, words::retold(&round.remote)))
            .expect("a good commitment for the peer");
        // Our signature has left. What the peer answers comes together.
        let revocation = round.revocation.as_ref().map(words::retold);
        let local = ChannelUpdate::Local(words::local_update(channel, &round.local));
        let answer = revocation.into_iter().chain([local]).collect();
        block_on(arbitrator.updates(channel, answer)).expect("good answers");
    }
    say(&format!(
        "{} rounds of commitments verified and on disk",
        engine.rounds.len()
    ));
}

fn say(what: &str) {
    println!("    phone | {what}");
}

fn tell(report: &ResumeReport) {
    let tip = report.tip.map_or(0, |tip| tip.height.to_u32());
    say(&format!(
        "height {tip}, {} requests, {}",
        report.requests,
        if report.complete {
            "complete"
        } else {
            "to be continued"
        }
    ));
    for channel in &report.open {
        for contract in &channel.contracts {
            say(&format!(
                "{} of {} sat: {}",
                contract.what, contract.value_sat, contract.status
            ));
        }
    }
    for trouble in &report.troubles {
        say(&format!("trouble: {}", trouble.what));
    }
    if let Some(height) = report.next_height {
        say(&format!("nothing to do before height {height}"));
    }
}

fn tell_events(arbitrator: &ChainArbitrator) {
    let events =
        block_on(arbitrator.pending_events("demo".into(), usize::MAX)).expect("the outbox");
    for stored in events {
        let text = match &stored.event.kind {
            EventKind::ChannelOpen { height, .. } => format!("channel open since height {height}"),
            EventKind::ChannelClosed { kind, height, .. } => {
                format!("channel closed at height {height}: {kind:?}")
            }
            EventKind::FundsRecovered { value_sat, .. } => {
                format!("{value_sat} sat are ours again")
            }
            EventKind::FullyResolved { .. } => "fully resolved, working data purged".to_string(),
            other => format!("{other:?}"),
        };
        say(&format!("event: {text}"));
        block_on(arbitrator.acknowledge("demo".into(), stored.id)).expect("the outbox");
    }
}
