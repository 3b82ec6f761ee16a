//! The miner of either chain: one fixed key that owns all block rewards and pays for what the tests fund.

use std::collections::HashSet;
use std::sync::Mutex;

use bitcoin::key::{CompressedPublicKey, Secp256k1};
use bitcoin::secp256k1::{All, Message, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{
    absolute, ecdsa, transaction, Address, Amount, KnownHrp, OutPoint, ScriptBuf, Sequence,
    Transaction, TxIn, TxOut, Witness,
};

use crate::chain::{BlockRef, Chain};
use crate::index::script_hash;

/// The first block comes [`BLOCK_INTERVAL`] after this time, each further block as long after its parent. A date in the past, so
/// that no clock is asked and two runs make the same chain.
pub(crate) const START_TIME: u32 = 1_700_000_000;
/// Seconds between two blocks.
pub(crate) const BLOCK_INTERVAL: u32 = 600;

/// A block reward can be spent in the block this many heights above its own (consensus).
pub(crate) const COINBASE_MATURITY: u32 = 100;
/// Comfortably above any minimum a test sets, in sat per vB.
const FEE_RATE: u64 = 10;
/// The secret key; it guards nothing but regtest coins.
const SECRET: [u8; 32] = [0x4d; 32];

/// The owner of the block rewards.
pub(crate) struct Miner {
    secp: Secp256k1<All>,
    secret: SecretKey,
    public: CompressedPublicKey,
    /// Coins of fundings that are signed but perhaps not sent.
    reserved: Mutex<HashSet<OutPoint>>,
}

struct OwnCoin {
    outpoint: OutPoint,
    value: Amount,
}

impl Miner {
    pub(crate) fn new() -> Self {
        let secp = Secp256k1::new();
        let secret = SecretKey::from_slice(&SECRET).expect("the constant is a valid key");
        let public = CompressedPublicKey(secret.public_key(&secp));
        Miner {
            secp,
            secret,
            public,
            reserved: Mutex::new(HashSet::new()),
        }
    }

    /// Where the rewards go (P2WPKH).
    pub(crate) fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2wpkh(&self.public.wpubkey_hash())
    }

    pub(crate) fn address(&self) -> Address {
        Address::p2wpkh(&self.public, KnownHrp::Regtest)
    }

    /// The time of the block on top of a parent with this time.
    pub(crate) fn next_time(parent_time: u32) -> u32 {
        parent_time.max(START_TIME) + BLOCK_INTERVAL
    }

    /// Signs a transaction with these payments in this order and the change behind them.
    ///
    /// # Panics
    /// If the mature coins do not suffice: the test has to mine first.
    pub(crate) fn pay(&self, chain: &dyn Chain, payments: &[(ScriptBuf, Amount)]) -> Transaction {
        let mut output: Vec<TxOut> = payments
            .iter()
            .map(|(script, value)| TxOut {
                value: *value,
                script_pubkey: script.clone(),
            })
            .collect();
        let owed: Amount = payments.iter().map(|(_, value)| *value).sum();
        output.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: self.script(),
        });
        let mut unsigned = Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: Vec::new(),
            output,
        };
        let mut coins = Vec::new();
        let change = loop {
            let fee = Amount::from_sat(FEE_RATE * signed_vsize(&unsigned));
            let found: Amount = coins.iter().map(|coin: &OwnCoin| coin.value).sum();
            match found
                .checked_sub(owed + fee)
                .filter(|change| *change > Amount::from_sat(1_000))
            {
                Some(change) => break change,
                None => {
                    let coin = self.reserve_coin(chain);
                    unsigned.input.push(TxIn {
                        previous_output: coin.outpoint,
                        script_sig: ScriptBuf::new(),
                        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                        witness: Witness::new(),
                    });
                    coins.push(coin);
                }
            }
        };
        let last = unsigned.output.len() - 1;
        unsigned.output[last].value = change;
        self.sign(unsigned, &coins)
    }

    /// Signs a payment again, with more of its change left as fee.
    ///
    /// # Panics
    /// If it is no payment of this miner's, or has too little change.
    pub(crate) fn raise(
        &self,
        chain: &dyn Chain,
        payment: &Transaction,
        fee: Amount,
    ) -> Transaction {
        let mut unsigned = payment.clone();
        let change = unsigned.output.last_mut().expect("a payment has change");
        change.value = change.value.checked_sub(fee).expect("enough change");
        let coin = |input: &TxIn| {
            let outpoint = input.previous_output;
            let known = chain.transaction(outpoint.txid).expect("it is there");
            let value = known.transaction.output[outpoint.vout as usize].value;
            OwnCoin { outpoint, value }
        };
        let coins: Vec<OwnCoin> = payment.input.iter().map(coin).collect();
        self.sign(unsigned, &coins)
    }

    /// The oldest confirmed, mature, unspent coin that no earlier funding uses.
    fn reserve_coin(&self, chain: &dyn Chain) -> OwnCoin {
        let mut reserved = self
            .reserved
            .lock()
            .expect("no thread panicked with the lock");
        let next_height = chain.tip().height + 1;
        let own = chain.outputs_paying(script_hash(&self.script()));
        let free = own
            .into_iter()
            .filter(|outpoint| !reserved.contains(outpoint));
        let coin = free
            .filter_map(|outpoint| {
                let known = chain.transaction(outpoint.txid)?;
                let BlockRef { height, .. } = known.block?;
                let mature =
                    !known.transaction.is_coinbase() || next_height - height >= COINBASE_MATURITY;
                let value = known.transaction.output.get(outpoint.vout as usize)?.value;
                (mature && chain.outspend(outpoint).is_none()).then_some(OwnCoin { outpoint, value })
            })
            .next()
            .expect("the miner has a mature coin left: a test that funds this much mines more blocks first");
        reserved.insert(coin.outpoint);
        coin
    }

    fn sign(&self, unsigned: Transaction, coins: &[OwnCoin]) -> Transaction {
        let mut cache = SighashCache::new(unsigned);
        for (index, coin) in coins.iter().enumerate() {
            let hash = cache
                .p2wpkh_signature_hash(index, &self.script(), coin.value, EcdsaSighashType::All)
                .expect("the index is one of the transaction's and the script is P2WPKH");
            let signature = ecdsa::Signature::sighash_all(
                self.secp.sign_ecdsa(&Message::from(hash), &self.secret),
            );
            *cache
                .witness_mut(index)
                .expect("the index is one of the transaction's") =
                Witness::p2wpkh(&signature, &self.public.0);
        }
        cache.into_transaction()
    }
}

/// The size of the transaction once each input has its P2WPKH witness (at most 27 vB).
fn signed_vsize(unsigned: &Transaction) -> u64 {
    unsigned.weight().to_vbytes_ceil() + 28 * unsigned.input.len() as u64
}
