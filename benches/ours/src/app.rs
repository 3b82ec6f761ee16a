//! The library as an app uses it: through the arbitrator, every signature verified.

use std::path::Path;
use std::sync::Arc;

use bitcoin::{Network, Script, ScriptBuf};
use futures::executor::block_on;
use lightning_arbitrator::chain::{ChainPolicy, EsploraSource};
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::{ChainArbitrator, Config, OnchainWallet, SeedSigner};
use measure::{Batch, Meter};
use testkit::party::Channel;

use crate::made::crypto;
use crate::trade::{Call, Trade};
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
        let first = app.trade.begin();
        app.tell_all(first, &mut Meter::default());
        app
    }

    /// Leaves so many more HTLCs pending.
    pub fn hold(&mut self, count: u64) {
        for _ in 0..count {
            let calls = self.trade.hold();
            self.tell_all(calls, &mut Meter::default());
        }
    }

    /// So many payments. What the counterparty does costs nothing.
    pub fn pay(&mut self, count: u64) -> Batch {
        let mut meter = Meter::default();
        for _ in 0..count {
            let calls = self.trade.pay();
            self.tell_all(calls, &mut meter);
        }
        Batch {
            payments: count,
            cost: meter.0,
        }
    }

    fn tell_all(&self, calls: Vec<Call>, meter: &mut Meter) {
        let channel = self.trade.outpoint();
        for call in calls {
            meter
                .run(|| block_on(self.arbitrator.updates(channel, call)))
                .expect("good updates");
        }
    }
}
