//! What can be proven about the chain without trusting anybody: that a header cost work, that headers follow one another,
//! that a block holds a transaction. Pure.

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::{Network, Target, Transaction, TxMerkleNode, Txid};

use super::checkpoints::{adjusts_its_target, easiest_target, same_interval, Checkpoint};
use super::error::ProofError;
use super::source::{MerkleProof, PlacedHeader};

/// The size that an inner node of the merkle tree has when it is hashed: two hashes of 32 bytes. A transaction of this
/// size can be presented as an inner node, and an inner node as a transaction.
const INNER_NODE_SIZE: usize = 64;

/// No block has more than 2^32 transactions; four million weight units hold far fewer.
const LONGEST_PATH: usize = 32;

/// What headers are held against: the network, and a block of it that we know.
#[derive(Clone, Copy, Debug)]
pub struct WorkRules {
    /// Which chain.
    pub network: Network,
    /// Our own tip, which bounds the targets near it.
    pub known: Option<Checkpoint>,
}

impl WorkRules {
    /// Checks that a header meets its own target, and that the target is one this network can have at that height.
    pub fn check_work(&self, placed: &PlacedHeader) -> Result<(), ProofError> {
        let hash = placed.header.block_hash();
        let target = placed.header.target();
        let easiest = easiest_target(self.network, placed.height, self.known);
        // A target is always written in its shortest form; other forms can wrap around when they are expanded.
        let is_canonical = target.to_compact_lossy() == placed.header.bits;
        if !is_canonical || target == Target::ZERO || target > easiest {
            return Err(ProofError::ImplausibleTarget {
                hash,
                height: placed.height,
            });
        }
        if !target.is_met_by(hash) {
            return Err(ProofError::Work { hash });
        }
        Ok(())
    }

    /// Checks that `upper` stands directly on `lower`, and that its target is one that can follow.
    pub fn check_link(&self, lower: &PlacedHeader, upper: &PlacedHeader) -> Result<(), ProofError> {
        let hash = upper.header.block_hash();
        let follows = upper.header.prev_blockhash == lower.header.block_hash()
            && upper.height == lower.height.saturating_add(1);
        if !follows {
            return Err(ProofError::Unlinked {
                hash,
                height: upper.height,
            });
        }
        let target_changed = upper.header.bits != lower.header.bits;
        if target_changed
            && adjusts_its_target(self.network)
            && same_interval(lower.height, upper.height)
        {
            return Err(ProofError::ImplausibleTarget {
                hash,
                height: upper.height,
            });
        }
        Ok(())
    }

    /// Puts a page of headers, in whichever order it came, from the lowest to the highest, and checks each of them and
    /// that each stands on the one before.
    pub fn check_branch(
        &self,
        mut page: Vec<PlacedHeader>,
    ) -> Result<Vec<PlacedHeader>, ProofError> {
        page.sort_by_key(|placed| placed.height);
        for placed in &page {
            self.check_work(placed)?;
        }
        for pair in page.windows(2) {
            if let [lower, upper] = pair {
                self.check_link(lower, upper)?;
            }
        }
        Ok(page)
    }
}

/// Refuses a transaction whose merkle proof would prove nothing.
pub fn check_size(txid: Txid, stripped_size: usize) -> Result<(), ProofError> {
    if stripped_size == INNER_NODE_SIZE {
        return Err(ProofError::SixtyFourBytes { txid });
    }
    Ok(())
}

/// Checks that the block holds the transaction. The header's own work and place are checked elsewhere; the size of the
/// transaction with [`check_size`].
pub fn check_merkle(
    txid: Txid,
    proof: &MerkleProof,
    block: &PlacedHeader,
) -> Result<(), ProofError> {
    let root = merkle_root(txid, proof)?;
    if root != block.header.merkle_root || proof.height != block.height {
        return Err(ProofError::MerkleRoot {
            txid,
            block: block.header.block_hash(),
        });
    }
    Ok(())
}

fn merkle_root(txid: Txid, proof: &MerkleProof) -> Result<TxMerkleNode, ProofError> {
    let beyond_the_leaves =
        proof.path.len() < LONGEST_PATH && (proof.position >> proof.path.len()) != 0;
    if proof.path.len() > LONGEST_PATH || beyond_the_leaves {
        return Err(ProofError::MerklePath { txid });
    }
    let mut node = txid.to_raw_hash();
    let mut position = proof.position;
    for sibling in &proof.path {
        let sibling = sibling.to_raw_hash();
        node = match position % 2 {
            0 => parent(node, sibling),
            _ => parent(sibling, node),
        };
        position /= 2;
    }
    Ok(TxMerkleNode::from_raw_hash(node))
}

fn parent(left: sha256d::Hash, right: sha256d::Hash) -> sha256d::Hash {
    let mut both = [0; INNER_NODE_SIZE];
    both[..32].copy_from_slice(&left.to_byte_array());
    both[32..].copy_from_slice(&right.to_byte_array());
    sha256d::Hash::hash(&both)
}

/// The input of `transaction` that spends `outpoint`, as its index.
pub fn spending_input(transaction: &Transaction, outpoint: &bitcoin::OutPoint) -> Option<u32> {
    let index = transaction
        .input
        .iter()
        .position(|input| input.previous_output == *outpoint)?;
    u32::try_from(index).ok()
}
