//! `/block…`: headers, whole blocks, what they hold.

use bitcoin::consensus::encode;
use bitcoin::{BlockHash, Txid};

use super::Reply;
use crate::chain::{Branch, KnownBlock, KnownTransaction};
use crate::gateway::answer::Answer;
use crate::gateway::json;
use crate::gateway::view::View;

/// Blocks on one page of `/blocks`.
const BLOCKS_PER_PAGE: u32 = 10;
/// Transactions on one page of `/block/:hash/txs`.
const TXS_PER_PAGE: usize = 25;

fn known(view: &View<'_>, hash: BlockHash) -> Result<KnownBlock, Answer> {
    view.block(hash)
        .ok_or_else(|| Answer::not_found("Block not found"))
}

pub(super) fn page(view: &View<'_>, start: u32) -> Reply {
    let top = start.min(view.tip().height);
    let heights = (0..=top).rev().take(BLOCKS_PER_PAGE as usize);
    let blocks: Vec<json::BlockInfo> = heights
        .filter_map(|height| view.block(view.block_hash(height)?))
        .map(|block| json::BlockInfo::of(view, &block))
        .collect();
    Ok(Answer::json(&blocks))
}

pub(super) fn hash_at(view: &View<'_>, height: u32) -> Reply {
    view.block_hash(height)
        .map(Answer::text)
        .ok_or_else(|| Answer::not_found("Block not found"))
}

pub(super) fn info(view: &View<'_>, hash: BlockHash) -> Reply {
    Ok(Answer::json(&json::BlockInfo::of(
        view,
        &known(view, hash)?,
    )))
}

pub(super) fn header(view: &View<'_>, hash: BlockHash) -> Reply {
    let header = view.header(&known(view, hash)?.block);
    Ok(Answer::text(encode::serialize_hex(&header)))
}

/// Never 404: a block that nobody knows is answered like one that a reorg left behind.
pub(super) fn status(view: &View<'_>, hash: BlockHash) -> Reply {
    let on_best = view
        .block(hash)
        .filter(|known| known.branch == Branch::Best);
    let height = on_best.map(|known| known.height);
    Ok(Answer::json(&json::BlockStatus {
        in_best_chain: height.is_some(),
        height,
        next_best: height.and_then(|height| view.block_hash(height + 1)),
    }))
}

pub(super) fn raw(view: &View<'_>, hash: BlockHash) -> Reply {
    let mut block = known(view, hash)?.block;
    block.header = view.header(&block);
    Ok(Answer::bytes(encode::serialize(&block)))
}

pub(super) fn txids(view: &View<'_>, hash: BlockHash) -> Reply {
    Ok(Answer::json(&ids(&known(view, hash)?)))
}

pub(super) fn txid(view: &View<'_>, hash: BlockHash, index: usize) -> Reply {
    let ids = ids(&known(view, hash)?);
    ids.get(index)
        .map(Answer::text)
        .ok_or_else(|| Answer::not_found("tx not found"))
}

pub(super) fn transactions(view: &View<'_>, hash: BlockHash, start: usize) -> Reply {
    let known = known(view, hash)?;
    if start.next_multiple_of(TXS_PER_PAGE) != start {
        return Err(Answer::bad_request(
            "start index must be a multipication of 25",
        ));
    }
    if start >= known.block.txdata.len() {
        return Err(Answer::not_found("start index out of range"));
    }
    let place = crate::chain::BlockRef {
        height: known.height,
        hash,
    };
    let page = known.block.txdata.iter().skip(start).take(TXS_PER_PAGE);
    let transactions: Vec<json::Tx> = page
        .map(|transaction| KnownTransaction {
            transaction: transaction.clone(),
            block: Some(place),
        })
        .map(|known| json::Tx::of(view, &known))
        .collect();
    Ok(Answer::json(&transactions))
}

fn ids(known: &KnownBlock) -> Vec<Txid> {
    known
        .block
        .txdata
        .iter()
        .map(|transaction| transaction.compute_txid())
        .collect()
}
