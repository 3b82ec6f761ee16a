//! What an LDK node is given from outside: no logger, no disk, no routes, one feerate, a box for what it broadcasts, and
//! coins for its fees.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bitcoin::secp256k1::{self, PublicKey, Secp256k1};
use bitcoin::{Psbt, ScriptBuf, Transaction};
use lightning::blinded_path::payment::{BlindedPaymentPath, ReceiveTlvs};
use lightning::chain::chaininterface::{BroadcasterInterface, ConfirmationTarget, FeeEstimator};
use lightning::chain::chainmonitor::Persist;
use lightning::chain::channelmonitor::{ChannelMonitor, ChannelMonitorUpdate};
use lightning::chain::ChannelMonitorUpdateStatus;
use lightning::events::bump_transaction::sync::WalletSourceSync;
use lightning::events::bump_transaction::Utxo;
use lightning::ln::channel_state::ChannelDetails;
use lightning::routing::router::{InFlightHtlcs, Route, RouteParameters, Router};
use lightning::util::logger::{Logger, Record};
use lightning::util::persist::MonitorName;
use lightning_arbitrator::OnchainWallet;

use crate::signer::ListeningSigner;
use crate::wallet::TestWallet;

/// What LDK's commitments and claims pay at first, in satoshi per 1000 weight units.
pub const FEERATE: u32 = 1_000;

/// What a node broadcasts, until somebody takes it to the network.
#[derive(Default)]
pub struct Outbox(Mutex<Vec<Transaction>>);

impl Outbox {
    pub fn take(&self) -> Vec<Transaction> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it"))
    }
}

impl BroadcasterInterface for Outbox {
    fn broadcast_transactions(&self, transactions: &[&Transaction]) {
        let mut held = self.0.lock().expect("nobody panics with it");
        held.extend(
            transactions
                .iter()
                .map(|transaction| (*transaction).clone()),
        );
    }
}

/// One feerate for everything.
pub struct Feerate(AtomicU32);

impl Feerate {
    pub fn set(&self, sat_per_1000_weight: u32) {
        self.0.store(sat_per_1000_weight, Ordering::Relaxed);
    }
}

impl Default for Feerate {
    fn default() -> Self {
        Feerate(AtomicU32::new(FEERATE))
    }
}

impl FeeEstimator for Feerate {
    fn get_est_sat_per_1000_weight(&self, _target: ConfirmationTarget) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Nobody reads the log, and nothing is kept: these nodes live as long as their test. `LDK_LOG=1` shows the log.
pub struct Silence;

impl Logger for Silence {
    fn log(&self, record: Record) {
        if std::env::var_os("LDK_LOG").is_some() {
            eprintln!("{} {}", record.level, record.args);
        }
    }
}

impl Persist<ListeningSigner> for Silence {
    fn persist_new_channel(
        &self,
        _name: MonitorName,
        _monitor: &ChannelMonitor<ListeningSigner>,
    ) -> ChannelMonitorUpdateStatus {
        ChannelMonitorUpdateStatus::Completed
    }

    fn update_persisted_channel(
        &self,
        _name: MonitorName,
        _update: Option<&ChannelMonitorUpdate>,
        _monitor: &ChannelMonitor<ListeningSigner>,
    ) -> ChannelMonitorUpdateStatus {
        ChannelMonitorUpdateStatus::Completed
    }

    fn archive_persisted_channel(&self, _name: MonitorName) {}
}

/// A route is given with each payment.
pub struct NoRouter;

impl Router for NoRouter {
    fn find_route(
        &self,
        _payer: &PublicKey,
        _wanted: &RouteParameters,
        _first_hops: Option<&[&ChannelDetails]>,
        _in_flight: InFlightHtlcs,
    ) -> Result<Route, &'static str> {
        Err("none")
    }

    fn create_blinded_payment_paths<T: secp256k1::Signing + secp256k1::Verification>(
        &self,
        _recipient: PublicKey,
        _first_hops: Vec<ChannelDetails>,
        _tlvs: ReceiveTlvs,
        _amount_msat: Option<u64>,
        _secp: &Secp256k1<T>,
    ) -> Result<Vec<BlindedPaymentPath>, ()> {
        Err(())
    }
}

/// The wallet that pays for LDK's claims.
pub struct Coins(pub TestWallet);

/// BIP 141: an empty `script_sig` is its length, which counts four times.
const EMPTY_SCRIPT_SIG: u64 = 4;

impl WalletSourceSync for Coins {
    fn list_confirmed_utxos(&self) -> Result<Vec<Utxo>, ()> {
        let coins = self.0.coins().map_err(|_| ())?.into_iter();
        let listed = coins.map(|coin| Utxo {
            outpoint: coin.outpoint,
            output: coin.output,
            satisfaction_weight: EMPTY_SCRIPT_SIG + coin.witness_weight.to_wu(),
        });
        Ok(listed.collect())
    }

    fn get_change_script(&self) -> Result<ScriptBuf, ()> {
        Ok(self.0.sweep.clone())
    }

    fn sign_psbt(&self, psbt: Psbt) -> Result<Transaction, ()> {
        let coins = self.0.coins().map_err(|_| ())?;
        let mut transaction = psbt.unsigned_tx.clone();
        for (index, input) in transaction.input.iter_mut().enumerate() {
            let mut own = coins.iter();
            if own.any(|coin| coin.outpoint == input.previous_output) {
                let mut witnesses = self.0.sign_coins(&psbt, &[index]).map_err(|_| ())?;
                input.witness = witnesses.pop().ok_or(())?;
            }
        }
        Ok(transaction)
    }
}

/// Shared, as LDK wants its parts.
pub fn shared<T>(part: T) -> Arc<T> {
    Arc::new(part)
}
