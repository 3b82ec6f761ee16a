//! The reserve that fees are paid from: what should be in it, and the embedded wallet, as the user fills and sees it.

use std::sync::Arc;

use bitcoin::{Address, FeeRate, Network};

use super::core::Core;
use super::report::{dossier, tip_height};
use super::ChainArbitrator;
use crate::chain::{ChainError, ChainStore};
use crate::config::Policy;
use crate::court::forecast;
use crate::error::ArbitratorError;
use crate::reserve::{ReserveBalance, ReserveWallet};
use crate::store::{ChannelRow, Store};
use crate::sweep::ReserveNeeded;
use crate::wallet::{OnchainWallet, Wallet, WalletError};

impl ChainArbitrator {
    /// What the wallet needs in case every open channel goes to the chain at this feerate: a coin for the child of each
    /// commitment, and one for each HTLC on it. Channels without anchors need none. From what is stored: no network is
    /// needed. A market that rises meanwhile asks for more, up to half of what is at stake; HTLCs that share a transaction,
    /// for less.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`]. A channel whose rows cannot be read is left out, and is reported by every tick.
    pub async fn reserve_needed(&self, feerate: FeeRate) -> Result<ReserveNeeded, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let store = queries.store();
                let tip = tip_height(store)?;
                let mut needed = ReserveNeeded::default();
                for (row, channel) in store.channels()?.channels {
                    let added = add_channel(&mut needed, store, row, tip, feerate, &policy);
                    if let Err(error) = added {
                        log::warn!("channel {channel}: its need for a reserve: {error}");
                    }
                }
                Ok(needed)
            })
            .await
    }

    /// An address of the embedded wallet's, for the user to pay in: the same until something is paid to it. On disk before it
    /// is given.
    ///
    /// # Errors
    /// [`ArbitratorError::Wallet`]: the app has a wallet of its own.
    pub async fn reserve_address(&self) -> Result<Address, ArbitratorError> {
        self.executor
            .run(|core| Box::pin(async move { core.reserve_address() }))
            .await
    }

    /// What the embedded wallet holds, as of the last look at its scripts: a claim that lacks a coin looks, and so does a
    /// [`resume`](ChainArbitrator::resume) with [`ReserveLook::Now`](super::ReserveLook::Now). No network is needed.
    ///
    /// # Errors
    /// [`ArbitratorError::Wallet`]: the app has a wallet of its own.
    pub async fn reserve_balance(&self) -> Result<ReserveBalance, ArbitratorError> {
        self.executor
            .run(|core| Box::pin(async move { core.reserve_balance() }))
            .await
    }
}

/// The wallet that is asked.
pub(super) struct OpenWallet {
    pub(super) asked: Arc<dyn OnchainWallet>,
    /// The same, if it is the embedded one.
    pub(super) reserve: Option<Arc<ReserveWallet>>,
}

/// Makes the wallet ready to be asked.
pub(super) fn open_wallet(
    store: &Store,
    network: Network,
    policy: &Policy,
    wallet: Wallet,
) -> Result<OpenWallet, ArbitratorError> {
    let refuse = |reason: &str| {
        Err(ArbitratorError::Config {
            field: "wallet",
            reason: reason.into(),
        })
    };
    match wallet {
        Wallet::App(wallet) => Ok(OpenWallet {
            asked: wallet,
            reserve: None,
        }),
        Wallet::Embedded(keys) => {
            if keys.network() != network {
                return refuse("it is another network's");
            }
            if !store.take_reserve(keys.name())? {
                return refuse("the coins in this database are those of another seed");
            }
            let revealed = store.reserve()?.revealed;
            let reserve = ReserveWallet::new(keys, revealed, policy.reserve_gap_limit);
            let reserve = Arc::new(reserve);
            Ok(OpenWallet {
                asked: reserve.clone(),
                reserve: Some(reserve),
            })
        }
    }
}

impl Core {
    pub(super) fn embedded(&self) -> Result<&ReserveWallet, ArbitratorError> {
        let none = || WalletError("the app has a wallet of its own".into());
        Ok(self.reserve.as_deref().ok_or_else(none)?)
    }

    fn reserve_address(&self) -> Result<Address, ArbitratorError> {
        let reserve = self.embedded()?;
        let script = match self.store.reserve()?.receive {
            Some(index) => reserve.keys().script(index)?,
            None => {
                let (index, script) = reserve.next_script()?;
                self.store.put_receive(index)?;
                script
            }
        };
        let address = Address::from_script(&script, self.network);
        Ok(address.map_err(|error| WalletError(error.to_string()))?)
    }

    fn reserve_balance(&self) -> Result<ReserveBalance, ArbitratorError> {
        self.embedded()?;
        self.read_coins_in_use()?;
        let view = self.store.load().map_err(ChainError::Store)?;
        let taken = self.purse.borrow().taken();
        let coins = self.store.reserve_coins()?;
        let looked_at = self.store.reserve()?.looked_at;
        let depth = self.policy.max_settle_depth;
        Ok(ReserveBalance::of(&coins, &view, &taken, depth, looked_at))
    }
}

fn add_channel(
    needed: &mut ReserveNeeded,
    store: &Store,
    row: ChannelRow,
    tip: u32,
    feerate: FeeRate,
    policy: &Policy,
) -> Result<(), ArbitratorError> {
    let case = store.case(row)?;
    if case.state.is_closed() || case.cancelled.is_some() {
        return Ok(());
    }
    let (dossier, _) = dossier(store, row)?;
    if let Some(forecast) = forecast(&dossier, tip, policy) {
        needed.add(&dossier.terms, &forecast, feerate, policy)?;
    }
    Ok(())
}
