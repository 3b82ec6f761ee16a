//! Merkle proofs as an Esplora server gives them.

use bitcoin::consensus::encode;
use bitcoin::hashes::{sha256d, Hash, HashEngine};
use bitcoin::{Block, MerkleBlock, Txid};

use super::view::View;

/// The siblings on the way from the transaction at `position` up to the root.
pub fn branch(block: &Block, position: usize) -> Vec<Txid> {
    let mut row: Vec<Txid> = block
        .txdata
        .iter()
        .map(|transaction| transaction.compute_txid())
        .collect();
    let mut position = position;
    let mut siblings = Vec::new();
    while row.len() > 1 {
        if row.len() % 2 == 1 {
            // An odd row repeats its last hash.
            row.extend(row.last().copied());
        }
        siblings.push(row[position ^ 1]);
        row = row.chunks(2).map(|pair| parent(pair[0], pair[1])).collect();
        position /= 2;
    }
    siblings
}

/// The answer for `/tx/:txid/merkle-proof`: siblings and position; `None` for a transaction the block does not hold.
pub(crate) fn merkle_proof(view: &View<'_>, block: &Block, txid: Txid) -> (Vec<Txid>, usize) {
    let held = block
        .txdata
        .iter()
        .position(|transaction| transaction.compute_txid() == txid);
    // What the block does not hold is an invention: its "proof" is the branch of another place.
    let position = held.unwrap_or(block.txdata.len() - 1);
    let mut siblings = branch(block, position);
    if view.spoils_proofs() {
        match siblings.first_mut() {
            Some(sibling) => *sibling = spoiled(*sibling),
            None => siblings.push(spoiled(txid)),
        }
    }
    (siblings, position)
}

/// The answer for `/tx/:txid/merkleblock-proof`, serialised.
pub(crate) fn merkle_block(view: &View<'_>, block: &Block, txid: Txid) -> Vec<u8> {
    let proof = MerkleBlock::from_block_with_predicate(block, |candidate| *candidate == txid);
    let mut bytes = encode::serialize(&proof);
    if view.spoils_proofs() {
        // The first byte of the first hash: after the header (80), the count (4) and the number of hashes (1).
        bytes[85] ^= 1;
    }
    bytes
}

fn parent(left: Txid, right: Txid) -> Txid {
    let mut engine = sha256d::Hash::engine();
    engine.input(left.as_ref());
    engine.input(right.as_ref());
    Txid::from_raw_hash(sha256d::Hash::from_engine(engine))
}

fn spoiled(txid: Txid) -> Txid {
    let mut bytes = txid.to_byte_array();
    bytes[0] ^= 1;
    Txid::from_byte_array(bytes)
}
