//! The reserve that fees are paid from: what should be in it, and the embedded wallet for apps that have none of their own.

use std::str::FromStr;
use std::sync::Arc;

use bitcoin::{Address, FeeRate};
use zeroize::Zeroizing;

use super::arbitrator::core_config;
use super::foreign::{CryptoSystem, GraphView, NodeSigner, Signer};
use super::input::Invalid;
use super::{ArbitratorConfig, ArbitratorError, BroadcastOutcome, ChainArbitrator, Network};
use crate::{arbitrator, reserve, sweep};

/// The embedded on-chain wallet: one account of BIP 84 (`m/84'/coin'/0'/0/i`) over the same chain server. Sweeps of closed
/// channels go there, and its coins pay fees. Any wallet that knows BIP 84 finds the money from the same seed.
#[derive(Debug, uniffi::Object)]
pub struct SeedWallet(reserve::SeedWallet);

#[uniffi::export]
impl SeedWallet {
    /// The wallet of a seed of 16 to 64 bytes, which may be the one that a `SeedSigner` has: their paths never meet. From
    /// words: the 64 bytes that BIP 39 makes of them.
    #[uniffi::constructor]
    pub fn new(seed: Vec<u8>, network: Network) -> Result<Arc<Self>, ArbitratorError> {
        let seed = Zeroizing::new(seed);
        let wallet = reserve::SeedWallet::new(&seed, network.into())
            .map_err(|error| Invalid::new("seed", error))?;
        Ok(Arc::new(SeedWallet(wallet)))
    }
}

/// When a tick asks the server for the coins of the embedded wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ReserveLook {
    /// When a claim needs one, and none that is known is there.
    WhenNeeded,
    /// In this tick: the user pays something in, or wants to see what is there.
    Now,
}

impl From<ReserveLook> for arbitrator::ReserveLook {
    fn from(look: ReserveLook) -> Self {
        match look {
            ReserveLook::WhenNeeded => arbitrator::ReserveLook::WhenNeeded,
            ReserveLook::Now => arbitrator::ReserveLook::Now,
        }
    }
}

/// What a wallet needs for a force close of each open channel at some feerate.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ReserveNeeded {
    /// All of it.
    pub total_sat: u64,
    /// What each transaction that has no fee of its own takes, the largest first: each is to find a coin of at least this
    /// size.
    pub coins_sat: Vec<u64>,
}

impl From<sweep::ReserveNeeded> for ReserveNeeded {
    fn from(needed: sweep::ReserveNeeded) -> Self {
        ReserveNeeded {
            total_sat: needed.total().to_sat(),
            coins_sat: needed.coins.iter().map(|coin| coin.to_sat()).collect(),
        }
    }
}

/// What the embedded wallet holds, as of the last look at its scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ReserveBalance {
    /// Proven deep enough to pay for claims.
    pub confirmed_sat: u64,
    /// Named by the server, and not proven, or not so deep yet.
    pub pending_sat: u64,
    /// Spent by claims of ours that can still confirm.
    pub in_use_sat: u64,
    /// Spent by a transaction of `empty_reserve` that can still confirm.
    pub leaving_sat: u64,
    /// The height of the tip at that look; none if there was no look.
    pub looked_at: Option<u32>,
}

impl From<reserve::ReserveBalance> for ReserveBalance {
    fn from(balance: reserve::ReserveBalance) -> Self {
        ReserveBalance {
            confirmed_sat: balance.confirmed.to_sat(),
            pending_sat: balance.pending.to_sat(),
            in_use_sat: balance.in_use.to_sat(),
            leaving_sat: balance.leaving.to_sat(),
            looked_at: balance.looked_at,
        }
    }
}

/// The transaction that empties the embedded wallet, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct EmptiedReserve {
    /// Its id.
    pub txid: String,
    /// The transaction: every tick offers it until it is in a block, also after a reorg.
    pub transaction: Vec<u8>,
    /// What the server made of it; none: it was not asked.
    pub outcome: Option<BroadcastOutcome>,
    /// Why it could not be offered now; the next tick does.
    pub delayed: Option<String>,
}

impl From<arbitrator::Emptied> for EmptiedReserve {
    fn from(emptied: arbitrator::Emptied) -> Self {
        EmptiedReserve {
            txid: emptied.transaction.compute_txid().to_string(),
            transaction: bitcoin::consensus::serialize(&emptied.transaction),
            outcome: emptied.outcome.map(Into::into),
            delayed: emptied.delayed,
        }
    }
}

fn feerate(per_kw: u32) -> FeeRate {
    FeeRate::from_sat_per_kwu(per_kw.into())
}

#[uniffi::export]
impl ChainArbitrator {
    /// Like `open`, for an app without an on-chain wallet: the embedded one takes sweeps and pays fees. A database keeps the
    /// wallet of one seed.
    #[uniffi::constructor(default(node_signer = None, graph = None))]
    pub async fn open_with_seed_wallet(
        config: ArbitratorConfig,
        signer: Arc<dyn Signer>,
        wallet: Arc<SeedWallet>,
        crypto_system: Arc<dyn CryptoSystem>,
        node_signer: Option<Arc<dyn NodeSigner>>,
        graph: Option<Arc<dyn GraphView>>,
    ) -> Result<Arc<Self>, ArbitratorError> {
        let wallet = wallet.0.clone().into();
        let core_config = core_config(&config, signer, wallet, crypto_system, node_signer, graph)?;
        let core = Arc::new(arbitrator::ChainArbitrator::open(core_config).await?);
        Ok(Arc::new(ChainArbitrator { core }))
    }

    /// What the wallet, embedded or the app's, needs in case every open channel goes to the chain at this feerate (in sat per
    /// 1000 weight units; 250 of them are 1 sat/vB). From what is stored: no network is needed.
    pub async fn reserve_needed(
        &self,
        feerate_per_kw: u32,
    ) -> Result<ReserveNeeded, ArbitratorError> {
        Ok(self
            .core
            .reserve_needed(feerate(feerate_per_kw))
            .await?
            .into())
    }

    /// An address of the embedded wallet's, for the user to pay in: the same until something is paid to it.
    pub async fn reserve_address(&self) -> Result<String, ArbitratorError> {
        Ok(self.core.reserve_address().await?.to_string())
    }

    /// What the embedded wallet holds, as of the last look at its scripts: a claim that lacks a coin looks, and so does a
    /// `resume` with `ReserveLook.NOW`. No network is needed.
    pub async fn reserve_balance(&self) -> Result<ReserveBalance, ArbitratorError> {
        Ok(self.core.reserve_balance().await?.into())
    }

    /// Sends every coin of the embedded wallet's that is proven on the chain, as of the last tick's look, and that no claim
    /// spends, to `address`, less the fee. Stored before it is offered, and offered by every tick until it is in a block. A
    /// call at a higher feerate takes the place of the one before; the same call again gives the same transaction.
    pub async fn empty_reserve(
        &self,
        address: String,
        feerate_per_kw: u32,
    ) -> Result<EmptiedReserve, ArbitratorError> {
        let address =
            Address::from_str(&address).map_err(|error| Invalid::new("address", error))?;
        let emptied = self.core.empty_reserve(address, feerate(feerate_per_kw));
        Ok(emptied.await?.into())
    }
}
