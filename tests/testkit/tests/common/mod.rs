//! A purse for the testkit's own tests: coins under scripts of one key, and transactions that spend them.
#![allow(dead_code)] // each test binary uses its own part of it

#[macro_use]
mod promises;
pub mod http;

use std::sync::Arc;

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::key::TapTweak;
use bitcoin::opcodes::all::{OP_CHECKSIG, OP_CLTV, OP_CSV, OP_DROP};
use bitcoin::script::Builder;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::{
    absolute, ecdsa, transaction, Amount, OutPoint, PublicKey, ScriptBuf, Sequence, Transaction,
    TxIn, TxMerkleNode, TxOut, Txid, Witness,
};
use esplora_client::AsyncClient;
use testkit::chain::Chain;
use testkit::gateway::Gateway;
use testkit::memory::MemoryChain;

/// An output behind a P2WSH script that asks for one signature.
pub struct Coin {
    pub outpoint: OutPoint,
    pub value: Amount,
    witness_script: ScriptBuf,
}

/// How a coin is spent; the defaults give a valid transaction.
#[derive(Clone, Copy)]
pub struct Spending {
    pub fee: u64,
    pub sequence: Sequence,
    pub lock_time: absolute::LockTime,
    pub signed_by: SecretKey,
}

pub const VALUE: Amount = Amount::from_sat(1_000_000);

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_slice(&[seed; 32]).unwrap()
}

fn public(secret: SecretKey) -> PublicKey {
    PublicKey::new(secret.public_key(&Secp256k1::new()))
}

impl Default for Spending {
    fn default() -> Self {
        Spending {
            fee: 1_000,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            lock_time: absolute::LockTime::ZERO,
            signed_by: key(1),
        }
    }
}

/// A fee in sat, otherwise the default.
pub fn paying(fee: u64) -> Spending {
    Spending {
        fee,
        ..Spending::default()
    }
}

impl Coin {
    /// A confirmed coin of key 1.
    pub fn plain(chain: &dyn Chain) -> Coin {
        Coin::funded(chain, plain_script())
    }

    /// A confirmed coin of key 1 that BIP 112 locks for `blocks`.
    pub fn locked_for(chain: &dyn Chain, blocks: u16) -> Coin {
        let lock = Builder::new()
            .push_int(i64::from(blocks))
            .push_opcode(OP_CSV)
            .push_opcode(OP_DROP);
        Coin::funded(
            chain,
            lock.push_key(&public(key(1)))
                .push_opcode(OP_CHECKSIG)
                .into_script(),
        )
    }

    /// A confirmed coin of key 1 that BIP 65 locks until `height`.
    pub fn locked_until(chain: &dyn Chain, height: u32) -> Coin {
        let lock = Builder::new()
            .push_int(i64::from(height))
            .push_opcode(OP_CLTV)
            .push_opcode(OP_DROP);
        Coin::funded(
            chain,
            lock.push_key(&public(key(1)))
                .push_opcode(OP_CHECKSIG)
                .into_script(),
        )
    }

    fn funded(chain: &dyn Chain, witness_script: ScriptBuf) -> Coin {
        let outpoint = chain.fund(&witness_script.to_p2wsh(), VALUE);
        Coin {
            outpoint,
            value: VALUE,
            witness_script,
        }
    }

    /// The first output of a transaction made by [`Coin::spend`].
    pub fn made_by(transaction: &Transaction) -> Coin {
        Coin {
            outpoint: OutPoint {
                txid: transaction.compute_txid(),
                vout: 0,
            },
            value: transaction.output[0].value,
            witness_script: plain_script(),
        }
    }

    /// Pays the coin to a plain script of key 1.
    pub fn spend(&self, how: Spending) -> Transaction {
        let unsigned = Transaction {
            version: transaction::Version::TWO,
            lock_time: how.lock_time,
            input: vec![TxIn {
                previous_output: self.outpoint,
                script_sig: ScriptBuf::new(),
                sequence: how.sequence,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: self.value - Amount::from_sat(how.fee),
                script_pubkey: plain_script().to_p2wsh(),
            }],
        };
        let mut cache = SighashCache::new(unsigned);
        let all = EcdsaSighashType::All;
        let hash = cache
            .p2wsh_signature_hash(0, &self.witness_script, self.value, all)
            .unwrap();
        let signature = Secp256k1::new().sign_ecdsa(&Message::from(hash), &how.signed_by);
        let mut transaction = cache.into_transaction();
        transaction.input[0]
            .witness
            .push(ecdsa::Signature::sighash_all(signature).to_vec());
        transaction.input[0]
            .witness
            .push(self.witness_script.as_bytes());
        transaction
    }
}

/// Spends a new taproot output of key 1 by its key path, signed by `signer`.
pub fn taproot_spend(chain: &dyn Chain, signer: SecretKey) -> Transaction {
    let secp = Secp256k1::new();
    let (internal, _) = key(1).x_only_public_key(&secp);
    let script = ScriptBuf::new_p2tr(&secp, internal, None);
    let coin = Coin {
        outpoint: chain.fund(&script, VALUE),
        value: VALUE,
        witness_script: plain_script(),
    };
    let mut cache = SighashCache::new(coin.spend(Spending::default()));
    let spent = [TxOut {
        value: VALUE,
        script_pubkey: script,
    }];
    let all = Prevouts::All(&spent);
    let hash = cache
        .taproot_key_spend_signature_hash(0, &all, TapSighashType::Default)
        .unwrap();
    let tweaked = Keypair::from_secret_key(&secp, &signer)
        .tap_tweak(&secp, None)
        .to_keypair();
    let signature = secp.sign_schnorr_no_aux_rand(&Message::from(hash), &tweaked);
    let mut transaction = cache.into_transaction();
    transaction.input[0].witness = Witness::from_slice(&[signature.as_ref()]);
    transaction
}

/// One signature of key 1.
pub fn plain_script() -> ScriptBuf {
    Builder::new()
        .push_key(&public(key(1)))
        .push_opcode(OP_CHECKSIG)
        .into_script()
}

/// The root to which a merkle proof leads, as a client computes it.
pub fn root_of(txid: Txid, position: usize, siblings: &[Txid]) -> TxMerkleNode {
    let mut hash = txid.to_byte_array();
    for (depth, sibling) in siblings.iter().enumerate() {
        let sibling = sibling.to_byte_array();
        let pair = match (position >> depth) & 1 {
            0 => [hash, sibling],
            _ => [sibling, hash],
        };
        hash = sha256d::Hash::hash(&pair.concat()).to_byte_array();
    }
    TxMerkleNode::from_byte_array(hash)
}

/// A gateway over an in-memory chain, and a client that talks to it.
pub struct Server {
    pub chain: Arc<dyn Chain>,
    pub gateway: Gateway,
    pub client: AsyncClient,
}

pub fn server() -> Server {
    let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
    let gateway = Gateway::start(Arc::clone(&chain)).unwrap();
    let client = esplora_client::Builder::new(&gateway.url())
        .max_retries(0)
        .build_async()
        .unwrap();
    Server {
        chain,
        gateway,
        client,
    }
}

pub fn block_time(chain: &dyn Chain, height: u32) -> u32 {
    chain
        .block(chain.block_hash(height).unwrap())
        .unwrap()
        .block
        .header
        .time
}
