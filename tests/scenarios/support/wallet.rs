//! A wallet with one script for sweeps, any number of others, and coins that pay fees.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bitcoin::absolute::LockTime;
use bitcoin::script::Builder;
use bitcoin::secp256k1::{Message, SecretKey, SECP256K1};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, CompressedPublicKey, OutPoint, Psbt, Script, ScriptBuf, Transaction, TxIn, TxOut,
    Witness,
};
use lightning_arbitrator::wallet::{Coin, WalletError};
use lightning_arbitrator::OnchainWallet;
use testkit::chain::Chain;

#[derive(Clone)]
pub struct TestWallet {
    pub sweep: ScriptBuf,
    ours: Arc<Mutex<Vec<ScriptBuf>>>,
    key: SecretKey,
    coins: Arc<Mutex<Coins>>,
}

/// Every coin that was ever paid in, and the chain that knows which of them are spent.
#[derive(Default)]
struct Coins {
    paid_in: Vec<Coin>,
    held: BTreeSet<OutPoint>,
    chain: Option<Arc<dyn Chain>>,
}

impl TestWallet {
    /// Wallets with different numbers share no script.
    pub fn numbered(number: u32) -> Self {
        let script = Builder::new().push_int(number.into()).into_script();
        let sweep = ScriptBuf::new_p2wsh(&script.wscript_hash());
        let mut key = [9; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        TestWallet {
            ours: Arc::new(Mutex::new(vec![sweep.clone()])),
            sweep,
            key: SecretKey::from_slice(&key).expect("a number below the order"),
            coins: Arc::default(),
        }
    }

    /// A further script that it can spend from.
    pub fn knows(&self, script: ScriptBuf) {
        let mut ours = self.ours.lock().expect("no test panics with it");
        ours.push(script);
    }

    fn public_key(&self) -> CompressedPublicKey {
        CompressedPublicKey(self.key.public_key(SECP256K1))
    }

    /// Pays a coin in, which confirms in a block of its own.
    pub fn pay_in(&self, chain: &Arc<dyn Chain>, value: Amount) {
        self.pay_in_all(chain, &[value]);
    }

    /// Pays coins in, all in one block.
    pub fn pay_in_all(&self, chain: &Arc<dyn Chain>, values: &[Amount]) {
        let script_pubkey = ScriptBuf::new_p2wpkh(&self.public_key().wpubkey_hash());
        let payments: Vec<_> = values
            .iter()
            .map(|value| (script_pubkey.clone(), *value))
            .collect();
        let outpoints = chain.fund_all(&payments);
        let mut coins = self.coins.lock().expect("no test panics with it");
        coins.chain = Some(chain.clone());
        let paid_in = outpoints
            .into_iter()
            .zip(values)
            .map(|(outpoint, value)| Coin {
                outpoint,
                output: TxOut {
                    value: *value,
                    script_pubkey: script_pubkey.clone(),
                },
                witness_weight: Coin::P2WPKH_WITNESS,
            });
        coins.paid_in.extend(paid_in);
    }

    /// Spends a coin in a block of its own, to nobody: its owner wanted it for something else.
    pub fn spend(&self, chain: &Arc<dyn Chain>, outpoint: OutPoint) {
        let coin = {
            let coins = self.coins.lock().expect("no test panics with it");
            let mut all = coins.paid_in.iter();
            all.find(|coin| coin.outpoint == outpoint).cloned()
        };
        let coin = coin.expect("one of its own");
        let transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: outpoint,
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: coin.output.value - Amount::from_sat(1_000),
                script_pubkey: ScriptBuf::new_op_return([7; 32]),
            }],
        };
        let mut psbt = Psbt::from_unsigned_tx(transaction.clone()).expect("nothing is signed");
        psbt.inputs[0].witness_utxo = Some(coin.output);
        let mut witnesses = self.sign_coins(&psbt, &[0]).expect("its own");
        let mut transaction = transaction;
        transaction.input[0].witness = witnesses.remove(0);
        chain.mine_txs(&[transaction]).expect("a good payment");
    }

    /// The coins that it was last told to hold.
    pub fn held(&self) -> Vec<OutPoint> {
        let coins = self.coins.lock().expect("no test panics with it");
        coins.held.iter().copied().collect()
    }

    /// It forgets them, as one that keeps nothing across a restart.
    pub fn forgets_what_it_holds(&self) {
        let mut coins = self.coins.lock().expect("no test panics with it");
        coins.held.clear();
    }

    /// What its coins have paid: those that are spent in a block.
    pub fn paid_out(&self) -> Amount {
        let coins = self.coins.lock().expect("no test panics with it");
        let spent = coins.paid_in.iter().filter(|coin| coins.is_spent(coin));
        spent.map(|coin| coin.output.value).sum()
    }
}

impl Coins {
    fn is_spent(&self, coin: &Coin) -> bool {
        self.chain.as_ref().is_some_and(|chain| {
            let spend = chain.outspend(coin.outpoint);
            spend.is_some_and(|spend| spend.block.is_some())
        })
    }
}

impl OnchainWallet for TestWallet {
    fn is_our_address(&self, script: &Script) -> Result<bool, WalletError> {
        let ours = self.ours.lock().expect("no test panics with it");
        Ok(ours.iter().any(|known| known.as_script() == script))
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Ok(self.sweep.clone())
    }

    fn coins(&self) -> Result<Vec<Coin>, WalletError> {
        let coins = self.coins.lock().expect("no test panics with it");
        let unspent = coins.paid_in.iter().filter(|coin| !coins.is_spent(coin));
        Ok(unspent.cloned().collect())
    }

    fn hold_coins(&self, held: &[OutPoint]) -> Result<(), WalletError> {
        let mut coins = self.coins.lock().expect("no test panics with it");
        coins.held = held.iter().copied().collect();
        Ok(())
    }

    fn sign_coins(&self, psbt: &Psbt, inputs: &[usize]) -> Result<Vec<Witness>, WalletError> {
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let sign = |index: &usize| {
            let refused = |reason: String| WalletError(reason);
            let spent = psbt.inputs[*index].witness_utxo.as_ref();
            let spent = spent.ok_or_else(|| refused(format!("input {index} spends nothing")))?;
            let kind = EcdsaSighashType::All;
            let sighash = cache
                .p2wpkh_signature_hash(*index, &spent.script_pubkey, spent.value, kind)
                .map_err(|error| refused(error.to_string()))?;
            let signature = SECP256K1.sign_ecdsa(&Message::from(sighash), &self.key);
            let signature = bitcoin::ecdsa::Signature::sighash_all(signature);
            Ok(Witness::p2wpkh(&signature, &self.public_key().0))
        };
        inputs.iter().map(sign).collect()
    }
}
