//! A wallet of the Bitcoin Dev Kit's as the app's on-chain wallet: what an app with `bdk_wallet` writes to lend its coins.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use bdk_wallet::template::Bip86;
use bdk_wallet::{KeychainKind, LocalOutput, Wallet};
use bitcoin::bip32::Xpriv;
use bitcoin::{Amount, Network, OutPoint, Psbt, Script, ScriptBuf, Weight, Witness};
use lightning_arbitrator::wallet::{Coin, OnchainWallet, WalletError};
use testkit::chain::Chain;

/// What a key path of taproot weighs: two lengths and a Schnorr signature.
const TAPROOT_WITNESS: Weight = Weight::from_wu(66);

/// A coin may pay for claims when no reorg takes it back any more.
const DEPTH: u32 = 6;

/// Clones share the wallet.
#[derive(Clone)]
pub struct BdkReserve {
    wallet: Arc<Mutex<Wallet>>,
    master: Xpriv,
    chain: Arc<dyn Chain>,
}

impl BdkReserve {
    /// The wallet of a seed (BIP 86), which follows this chain block by block.
    pub fn new(seed: &[u8], chain: Arc<dyn Chain>) -> Self {
        let master = Xpriv::new_master(Network::Regtest, seed).expect("16 to 64 bytes");
        let wallet = Wallet::create_single(Bip86(master, KeychainKind::External))
            .network(Network::Regtest)
            .create_wallet_no_persist()
            .expect("a good descriptor");
        BdkReserve {
            wallet: Arc::new(Mutex::new(wallet)),
            master,
            chain,
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Wallet>, WalletError> {
        let mut wallet = self.wallet.lock().map_err(refused)?;
        self.follow(&mut wallet)?;
        Ok(wallet)
    }

    /// Goes from the last block that both know to the tip. An app asks its own server here, in its own time.
    fn follow(&self, wallet: &mut Wallet) -> Result<(), WalletError> {
        let agrees = |height: u32| {
            let known = wallet.local_chain().get(height).map(|known| known.hash());
            known.is_some() && known == self.chain.block_hash(height)
        };
        let mut height = wallet.latest_checkpoint().height();
        while !agrees(height) && height > 0 {
            height -= 1;
        }
        for height in height + 1..=self.chain.tip().height {
            let hash = self.chain.block_hash(height);
            let known = hash.and_then(|hash| self.chain.block(hash));
            let known = known.ok_or_else(|| refused("a block is missing"))?;
            wallet.apply_block(&known.block, height).map_err(refused)?;
        }
        Ok(())
    }

    /// An address to pay in.
    pub fn address(&self) -> ScriptBuf {
        let mut wallet = self.lock().expect("the chain is at hand");
        let info = wallet.next_unused_address(KeychainKind::External);
        info.address.script_pubkey()
    }

    /// What it could spend itself, the coins apart that it holds for the library.
    pub fn spends_itself(&self) -> Vec<OutPoint> {
        let mut wallet = self.lock().expect("the chain is at hand");
        let script = wallet
            .next_unused_address(KeychainKind::External)
            .script_pubkey();
        let mut builder = wallet.build_tx();
        builder.drain_wallet().drain_to(script);
        match builder.finish() {
            Ok(psbt) => {
                let inputs = psbt.unsigned_tx.input.iter();
                inputs.map(|input| input.previous_output).collect()
            }
            Err(_) => Vec::new(),
        }
    }

    pub fn total(&self) -> Amount {
        let wallet = self.lock().expect("the chain is at hand");
        wallet.balance().total()
    }
}

fn refused(reason: impl ToString) -> WalletError {
    WalletError(reason.to_string())
}

fn is_deep(wallet: &Wallet, coin: &LocalOutput) -> bool {
    let tip = wallet.latest_checkpoint().height();
    let height = coin.chain_position.confirmation_height_upper_bound();
    height.is_some_and(|height| tip + 1 >= height + DEPTH)
}

impl OnchainWallet for BdkReserve {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        Ok(self.lock()?.is_mine(script.to_owned()))
    }

    /// An app persists the wallet before it gives the script away.
    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        let mut wallet = self.lock()?;
        let info = wallet.reveal_next_address(KeychainKind::External);
        Ok(info.address.script_pubkey())
    }

    /// Also those that it holds: which of them claims spend, the library knows.
    fn coins(&self) -> Result<Vec<Coin>, WalletError> {
        let wallet = self.lock()?;
        let deep = wallet.list_unspent().filter(|coin| is_deep(&wallet, coin));
        let coin = |coin: LocalOutput| Coin {
            outpoint: coin.outpoint,
            output: coin.txout,
            witness_weight: TAPROOT_WITNESS,
        };
        Ok(deep.map(coin).collect())
    }

    fn hold_coins(&self, held: &[OutPoint]) -> Result<(), WalletError> {
        let mut wallet = self.lock()?;
        let held: BTreeSet<OutPoint> = held.iter().copied().collect();
        let before: BTreeSet<OutPoint> = wallet.list_locked_outpoints().collect();
        for free in before.difference(&held) {
            wallet.unlock_outpoint(*free);
        }
        for coin in held.difference(&before) {
            wallet.lock_outpoint(*coin);
        }
        Ok(())
    }

    fn sign_coins(&self, psbt: &Psbt, inputs: &[usize]) -> Result<Vec<Witness>, WalletError> {
        let wallet = self.lock()?;
        let mut psbt = psbt.clone();
        for (input, spent) in psbt.inputs.iter_mut().zip(&psbt.unsigned_tx.input) {
            if let Some(coin) = wallet.get_utxo(spent.previous_output) {
                *input = wallet.get_psbt_input(coin, None, true).map_err(refused)?;
            }
        }
        // It signs what it can; the other inputs are not the wallet's.
        let _ = psbt.sign(&self.master, wallet.secp_ctx());
        let witness = |index: &usize| {
            let signature = psbt.inputs.get(*index).and_then(|input| input.tap_key_sig);
            let signature =
                signature.ok_or_else(|| refused(format!("input {index} is not ours")))?;
            Ok(Witness::p2tr_key_spend(&signature))
        };
        inputs.iter().map(witness).collect()
    }
}
