//! The phone's on-chain wallet: one key, coins to pay fees with, and a script per channel that its money comes back to.

use std::sync::{Arc, Mutex};

use bitcoin::hashes::{sha256, Hash};
use bitcoin::key::CompressedPublicKey;
use bitcoin::secp256k1::{Message, SecretKey, SECP256K1};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{ecdsa, Amount, Psbt, Script, ScriptBuf, Weight, Witness};
use lightning_arbitrator::sweep::Coin;
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::OnchainWallet;
use testkit::chain::Chain;

/// How many coins it begins with, and what each is worth.
const COINS: usize = 40;
const COIN: Amount = Amount::from_sat(100_000);
/// BIP 141: number of elements, a signature of at most 72 bytes with its length, a key with its length.
const WITNESS: Weight = Weight::from_wu(1 + 73 + 34);

#[derive(Clone)]
pub struct Wallet {
    chain: Arc<dyn Chain>,
    key: SecretKey,
    /// Where cooperative closes pay us.
    shutdown: Arc<Mutex<Vec<ScriptBuf>>>,
}

impl Wallet {
    /// A wallet with confirmed coins.
    pub fn funded(chain: Arc<dyn Chain>) -> Self {
        let wallet = Wallet {
            chain,
            key: SecretKey::from_slice(&[9; 32]).expect("a good key"),
            shutdown: Arc::default(),
        };
        let payments = vec![(wallet.coin_script(), COIN); COINS];
        wallet.chain.fund_all(&payments);
        wallet
    }

    fn public(&self) -> CompressedPublicKey {
        CompressedPublicKey(self.key.public_key(SECP256K1))
    }

    /// Where its coins are. What they are spent on gives their change to the sweep script.
    pub fn coin_script(&self) -> ScriptBuf {
        ScriptBuf::new_p2wpkh(&self.public().wpubkey_hash())
    }

    /// Where everything that is claimed goes.
    pub fn sweep(&self) -> ScriptBuf {
        ScriptBuf::new_p2wsh(&self.coin_script().wscript_hash())
    }

    pub fn knows(&self, shutdown: ScriptBuf) {
        let mut known = self.shutdown.lock().expect("nobody panics with it");
        known.push(shutdown);
    }

    pub fn is_ours(&self, script: &Script) -> bool {
        let shutdown = self.shutdown.lock().expect("nobody panics with it");
        *script == *self.sweep() || shutdown.iter().any(|known| **known == *script)
    }
}

impl OnchainWallet for Wallet {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        Ok(self.is_ours(script))
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Ok(self.sweep())
    }

    fn coins(&self) -> Result<Vec<Coin>, WalletError> {
        let script = sha256::Hash::hash(self.coin_script().as_bytes());
        let confirmed = |outpoint: bitcoin::OutPoint| {
            let known = self.chain.transaction(outpoint.txid)?;
            known.block?;
            self.chain
                .outspend(outpoint)
                .is_none()
                .then_some((outpoint, known))
        };
        let outpoints = self.chain.outputs_paying(script).into_iter();
        Ok(outpoints
            .filter_map(confirmed)
            .map(|(outpoint, known)| Coin {
                outpoint,
                output: known.transaction.output[outpoint.vout as usize].clone(),
                witness_weight: WITNESS,
            })
            .collect())
    }

    fn sign_coins(&self, psbt: &Psbt, inputs: &[usize]) -> Result<Vec<Witness>, WalletError> {
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let refuse = |what: &str| WalletError(what.into());
        let mut sign = |index: usize| {
            let spent = psbt
                .inputs
                .get(index)
                .and_then(|it| it.witness_utxo.as_ref());
            let spent = spent.ok_or(refuse("what it spends is not told"))?;
            let sighash = cache
                .p2wpkh_signature_hash(
                    index,
                    &spent.script_pubkey,
                    spent.value,
                    EcdsaSighashType::All,
                )
                .map_err(|_| refuse("not a coin of ours"))?;
            let signature = SECP256K1.sign_ecdsa(&Message::from(sighash), &self.key);
            let signature = ecdsa::Signature::sighash_all(signature);
            Ok(Witness::p2wpkh(&signature, &self.public().0))
        };
        inputs.iter().map(|index| sign(*index)).collect()
    }
}
