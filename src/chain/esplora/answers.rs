//! What the fields of an answer mean.

use bitcoin::block::Header;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, FeeRate, TxMerkleNode, Txid};
use esplora_client::api;

use crate::chain::block::{BlockHeight, BlockRef};
use crate::chain::error::ChainError;
use crate::chain::source::{MerkleProof, Outspend, PlacedHeader};

/// Satoshis per 1,000 weight units in one satoshi per virtual byte.
const SAT_PER_KWU_IN_SAT_PER_VB: f64 = 250.0;

pub(super) fn fee_rate(sat_per_vb: f64) -> FeeRate {
    // Within 0 and 25 million after the check above, so that the cast only drops the fraction.
    FeeRate::from_sat_per_kwu((sat_per_vb * SAT_PER_KWU_IN_SAT_PER_VB).ceil() as u64)
}

/// Whether a script was ever paid, in a block or not.
pub(super) fn is_used(stats: &api::ScriptHashStats) -> bool {
    stats.chain_stats.funded_txo_count > 0 || stats.mempool_stats.funded_txo_count > 0
}

/// Whether something that was paid to a script is not spent.
pub(super) fn holds_coins(stats: &api::ScriptHashStats) -> bool {
    let (chain, mempool) = (&stats.chain_stats, &stats.mempool_stats);
    let paid = u64::from(chain.funded_txo_count) + u64::from(mempool.funded_txo_count);
    let spent = u64::from(chain.spent_txo_count) + u64::from(mempool.spent_txo_count);
    paid > spent
}

pub(super) fn read_outspend(
    path: &str,
    status: &api::OutputStatus,
) -> Result<Outspend, ChainError> {
    if !status.spent {
        return Ok(Outspend::Unspent);
    }
    let txid = status
        .txid
        .ok_or_else(|| malformed(path, "spent, but by nobody"))?;
    let block = match &status.status {
        Some(api::TxStatus {
            confirmed: true,
            block_height: Some(height),
            block_hash: Some(hash),
            ..
        }) => Some(BlockRef {
            height: BlockHeight::new(*height),
            hash: *hash,
        }),
        Some(api::TxStatus {
            confirmed: true, ..
        }) => {
            return Err(malformed(path, "confirmed, but in no block"));
        }
        Some(api::TxStatus {
            confirmed: false, ..
        })
        | None => None,
    };
    Ok(Outspend::Spent { txid, block })
}

pub(super) fn read_merkle_proof(
    path: &str,
    proof: &api::MerkleProof,
) -> Result<MerkleProof, ChainError> {
    let position = u32::try_from(proof.pos).map_err(|error| malformed(path, error))?;
    // The siblings are written like transaction ids, but most of them are inner nodes.
    let sibling = |node: &Txid| TxMerkleNode::from_raw_hash(node.to_raw_hash());
    Ok(MerkleProof {
        height: BlockHeight::new(proof.block_height),
        position,
        path: proof.merkle.iter().map(sibling).collect(),
    })
}

/// The header that the fields of a block's description make up. Its hash must be the id the server gives it, so that a
/// field that is read wrongly is found here.
pub(super) fn placed_header(path: &str, info: &api::BlockInfo) -> Result<PlacedHeader, ChainError> {
    let header = Header {
        version: info.version,
        prev_blockhash: info.previousblockhash.unwrap_or_else(BlockHash::all_zeros),
        merkle_root: info.merkle_root,
        time: u32::try_from(info.timestamp).map_err(|error| malformed(path, error))?,
        bits: info.bits,
        nonce: info.nonce,
    };
    if header.block_hash() != info.id {
        return Err(malformed(path, "a header that does not hash to its id"));
    }
    Ok(PlacedHeader {
        height: BlockHeight::new(info.height),
        header,
    })
}

pub(super) fn malformed(path: &str, what: impl ToString) -> ChainError {
    ChainError::Malformed {
        endpoint: path.to_owned(),
        what: what.to_string(),
    }
}
