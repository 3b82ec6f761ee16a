//! Transactions, headers and merkle trees made to order.

use bitcoin::block::{Header, Version};
use bitcoin::hashes::{sha256d, Hash};
use bitcoin::pow::CompactTarget;
use bitcoin::{
    absolute, transaction, Amount, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Txid, Witness,
};

/// The easiest target there is, regtest's.
pub const REGTEST_BITS: u32 = 0x207f_ffff;

/// A transaction with one output of ours at index 0; `seed` tells them apart.
pub fn funding(seed: u32) -> Transaction {
    spend_of(
        OutPoint {
            txid: Txid::from_byte_array([7; 32]),
            vout: seed,
        },
        seed,
    )
}

/// A transaction that spends an output; `seed` tells two spenders of one output apart.
pub fn spend_of(outpoint: OutPoint, seed: u32) -> Transaction {
    let input = TxIn {
        previous_output: outpoint,
        ..Default::default()
    };
    let script = ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::from_byte_array([9; 32]));
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::from_consensus(seed),
        input: vec![input],
        output: vec![TxOut {
            value: Amount::from_sat(100_000),
            script_pubkey: script,
        }],
    }
}

/// A transaction that is 64 bytes long without its witness.
pub fn spend_of_64_bytes(outpoint: OutPoint) -> Transaction {
    let mut transaction = spend_of(outpoint, 0);
    transaction.output = vec![TxOut {
        value: Amount::from_sat(1),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51; 4]),
    }];
    assert_eq!(transaction.base_size(), 64);
    transaction
}

pub fn output_of(transaction: &Transaction) -> OutPoint {
    OutPoint {
        txid: transaction.compute_txid(),
        vout: 0,
    }
}

/// A header on another that meets regtest's target.
pub fn mine_header(prev_blockhash: BlockHash, merkle_root: TxMerkleNode, height: u32) -> Header {
    let mut header = Header {
        version: Version::TWO,
        prev_blockhash,
        merkle_root,
        time: 1_600_000_000 + height * 600,
        bits: CompactTarget::from_consensus(REGTEST_BITS),
        nonce: 0,
    };
    while !header.target().is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    header
}

pub fn coinbase(height: u32, salt: u32) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::null(),
        script_sig: ScriptBuf::from_bytes([height.to_le_bytes(), salt.to_le_bytes()].concat()),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![input],
        output: vec![TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::new(),
        }],
    }
}

pub fn merkle_root(leaves: &[sha256d::Hash]) -> TxMerkleNode {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level_above(&level);
    }
    TxMerkleNode::from_raw_hash(level[0])
}

pub fn merkle_path(leaves: &[sha256d::Hash], mut position: usize) -> Vec<TxMerkleNode> {
    let mut level = leaves.to_vec();
    let mut path = Vec::new();
    while level.len() > 1 {
        let sibling = (position ^ 1).min(level.len() - 1);
        path.push(TxMerkleNode::from_raw_hash(level[sibling]));
        level = level_above(&level);
        position /= 2;
    }
    path
}

fn level_above(level: &[sha256d::Hash]) -> Vec<sha256d::Hash> {
    let parent = |pair: &[sha256d::Hash]| {
        let (left, right) = (pair[0], *pair.last().unwrap());
        sha256d::Hash::hash(&[left.to_byte_array(), right.to_byte_array()].concat())
    };
    level.chunks(2).map(parent).collect()
}
