//! The library as an app uses it: through the arbitrator, every signature verified.

use std::path::Path;
use std::sync::Arc;

use bitcoin::{Network, OutPoint, Script, ScriptBuf};
use futures::executor::block_on;
use lightning_arbitrator::chain::{ChainPolicy, EsploraSource};
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config, OnchainWallet, SeedSigner};
use measure::{Batch, Meter};
use testkit::party::Channel;

use crate::made::crypto;
use crate::trade::{Messages, Told, Trade};
use crate::words::{keys_id, retold};

/// Nothing is swept in a benchmark.
struct NoWallet;

impl OnchainWallet for NoWallet {
    fn is_our_address(&self, _: &Script) -> Result<bool, WalletError> {
        Ok(false)
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Err(WalletError("there is none".into()))
    }
}

/// The arbitrator's settings. No server is asked before a tick, and none is run.
pub fn config(database: &Path, signer: SeedSigner) -> Config {
    let chain = EsploraSource::new("http://127.0.0.1:9", ChainPolicy::default());
    Config::new(
        Network::Regtest,
        database,
        Arc::new(chain.expect("a good URL")),
        Arc::new(signer),
        Arc::new(NoWallet),
        crypto(),
    )
}

/// A signer that knows one channel.
pub fn signer_of(channel: &Channel) -> SeedSigner {
    let signer = SeedSigner::new(&[7; 32]).expect("32 bytes");
    signer.import(keys_id(channel), retold(&channel.setup().ours));
    signer
}

/// An app with one channel.
pub struct App {
    arbitrator: ChainArbitrator,
    trade: Trade,
}

impl App {
    pub fn new(database: &Path) -> Self {
        let trade = Trade::numbered(0);
        let config = config(database, signer_of(&trade.channel));
        let arbitrator = block_on(ChainArbitrator::open(config)).expect("a new file");
        block_on(arbitrator.register(retold(&trade.channel))).expect("good terms");
        let mut app = App { arbitrator, trade };
        let first = app.trade.round();
        app.tell_all(first, &mut Meter::default());
        app
    }

    /// Leaves so many more HTLCs pending.
    pub fn hold(&mut self, count: u64) {
        for _ in 0..count {
            let messages = self.trade.hold();
            self.tell_all(messages, &mut Meter::default());
        }
    }

    /// So many payments. What the counterparty does costs nothing.
    pub fn pay(&mut self, count: u64) -> Batch {
        let mut meter = Meter::default();
        for _ in 0..count {
            let messages = self.trade.pay();
            self.tell_all(messages, &mut meter);
        }
        Batch {
            payments: count,
            cost: meter.0,
        }
    }

    fn tell_all(&self, messages: Messages, meter: &mut Meter) {
        let channel = self.trade.outpoint();
        for told in messages {
            meter
                .run(|| tell(&self.arbitrator, channel, told))
                .expect("a good message");
        }
    }
}

fn tell(on: &ChainArbitrator, channel: OutPoint, told: Told) -> Result<(), ArbitratorError> {
    match told {
        Told::Remote(update) => block_on(on.remote_commitment(channel, update)),
        Told::Revocation(number, secret, point) => {
            block_on(on.revocation(channel, number, secret, point))
        }
        Told::Local(update) => block_on(on.local_commitment(channel, update)),
        Told::Release(htlc) => block_on(on.release(channel, htlc)),
    }
}
