//! The embedded wallet is emptied: judged, signed, kept and broadcast in one call. Every tick repeats it until it is buried.

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, FeeRate, ScriptBuf, Transaction, Txid};

use super::core::Core;
use super::ChainArbitrator;
use crate::chain::{Budget, ChainError, ChainStore};
use crate::court::{Coin, Outcome};
use crate::error::ArbitratorError;
use crate::reserve::{empty, replaced_by, respendable, spendable, Emptying, KnownCoin};
use crate::wallet::{OnchainWallet, WalletError};

/// How deep its owner wants a coin to be: what a single block holds may be spent.
const DEPTH: u32 = 1;

/// The transaction that empties the embedded wallet, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emptied {
    pub transaction: Transaction,
    /// What the server made of it; `None`: it was not asked.
    pub outcome: Option<Outcome>,
    /// Why it could not be offered now; the next tick does.
    pub delayed: Option<String>,
}

impl ChainArbitrator {
    /// Sends every coin of the embedded wallet's that is proven on the chain, as of the last tick's look, and that no claim
    /// spends, to `address`; less the fee, at `feerate`.
    ///
    /// The transaction is durable when this returns. Every tick offers it until it is in a block, and again after a reorg,
    /// until it is [`final_depth`](crate::Policy::final_depth) deep; no claim takes its coins meanwhile. A call at a higher
    /// feerate takes the place of the one before (BIP 125); the same call again gives the same transaction. If another
    /// transaction confirms that spends one of its coins, the tick's report says so, and the others are free again.
    ///
    /// # Errors
    /// [`EmptyError`](crate::reserve::EmptyError): nothing has changed then. [`ArbitratorError::Wallet`]: the app has a
    /// wallet of its own, or the address is another network's.
    pub async fn empty_reserve(
        &self,
        address: Address<NetworkUnchecked>,
        feerate: FeeRate,
    ) -> Result<Emptied, ArbitratorError> {
        self.executor
            .run(move |core| {
                Box::pin(async move {
                    let checked = address.require_network(core.network);
                    let address = checked.map_err(|error| WalletError(error.to_string()))?;
                    core.empty_reserve(address.script_pubkey(), feerate).await
                })
            })
            .await
    }
}

impl Core {
    async fn empty_reserve(
        &self,
        script: ScriptBuf,
        feerate: FeeRate,
    ) -> Result<Emptied, ArbitratorError> {
        let emptying = self.sign_emptying(script, feerate)?;
        let txid = emptying.txid();
        let waiting = self.store.emptyings()?;
        if waiting.iter().all(|it| it.txid() != txid) {
            let replaced = replaced_by(&emptying, &waiting, &self.policy)?;
            self.store.put_emptying(&emptying, &replaced)?;
            self.read_leaving_coins()?;
        }
        // What follows is repeated on every tick, so its failure is told, not returned.
        let offered = self.offer_emptying(txid, &Budget::unlimited()).await;
        let (outcome, delayed) = match offered {
            Ok(outcome) => (outcome, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(Emptied {
            transaction: emptying.transaction,
            outcome,
            delayed,
        })
    }

    /// The transaction, signed. Nothing is awaited from here until it is kept: no claim chooses a coin of it in between.
    fn sign_emptying(
        &self,
        script: ScriptBuf,
        feerate: FeeRate,
    ) -> Result<Emptying, ArbitratorError> {
        let reserve = self.embedded()?;
        self.read_coins_in_use()?;
        let view = self.store.load().map_err(ChainError::Store)?;
        let taken = self.purse.borrow().taken();
        let to_spend = |coin: &KnownCoin| -> Result<Option<Coin>, WalletError> {
            let script = reserve.keys().script(coin.index)?;
            Ok(match taken.leaving.contains(&coin.outpoint) {
                true => respendable(coin, script, &view),
                false if taken.by_claims.contains(&coin.outpoint) => None,
                false => spendable(coin, script, &view, DEPTH),
            })
        };
        let known = self.store.reserve_coins()?;
        let coins: Vec<Option<Coin>> = known.iter().map(to_spend).collect::<Result<_, _>>()?;
        let coins: Vec<Coin> = coins.into_iter().flatten().collect();
        let psbt = empty(&coins, script, feerate)?;
        let inputs: Vec<usize> = (0..coins.len()).collect();
        let witnesses = reserve.sign_coins(&psbt, &inputs)?;
        let mut transaction = psbt.unsigned_tx;
        for (input, witness) in transaction.input.iter_mut().zip(witnesses) {
            input.witness = witness;
        }
        let held: Amount = coins.iter().map(|coin| coin.output.value).sum();
        let sent: Amount = transaction.output.iter().map(|output| output.value).sum();
        Ok(Emptying {
            transaction,
            // It sends what it holds less this.
            fee: held.checked_sub(sent).unwrap_or(Amount::ZERO),
            outcome: None,
        })
    }

    /// Offers one to the network, and keeps what became of it. `None`: it was replaced meanwhile.
    pub(super) async fn offer_emptying(
        &self,
        txid: Txid,
        budget: &Budget,
    ) -> Result<Option<Outcome>, ArbitratorError> {
        let mut waiting = self.store.emptyings()?.into_iter();
        let Some(emptying) = waiting.find(|it| it.txid() == txid) else {
            return Ok(None);
        };
        let answer = self.source.broadcast(&emptying.transaction, budget).await?;
        let outcome = Outcome::from(answer);
        log::info!("the reserve: {txid}: {outcome:?}");
        self.store.put_emptying_outcome(txid, &outcome)?;
        Ok(Some(outcome))
    }

    /// Reads which coins are on their way out of the embedded wallet.
    pub(super) fn read_leaving_coins(&self) -> Result<(), ArbitratorError> {
        let emptyings = self.store.emptyings()?;
        let leaving = emptyings.iter().flat_map(Emptying::coins).collect();
        self.purse.borrow_mut().leaving = leaving;
        Ok(())
    }
}
