//! The table of endpoints: which path is answered by what.

mod blocks;
mod mempool;
mod scripts;
mod transactions;

use std::str::FromStr;

use super::answer::Answer;
use super::view::View;
use super::Flavour;

/// The part of an HTTP request that an endpoint looks at.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Path without the query.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Other,
}

/// An endpoint's answer; `Err` is a refusal, which is an answer too.
type Reply = Result<Answer, Answer>;

/// The honest answer – honest to the view.
pub(crate) fn answer(view: &View<'_>, flavour: Flavour, request: &Request<'_>) -> Answer {
    let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let reply = match request.method {
        Method::Get => get(view, flavour, &segments, request),
        Method::Post => post(view, flavour, &segments, request),
        Method::Other => Err(unknown(request)),
    };
    reply.unwrap_or_else(|refusal| refusal)
}

fn get(view: &View<'_>, flavour: Flavour, segments: &[&str], request: &Request<'_>) -> Reply {
    match segments {
        ["blocks", "tip", "hash"] => Ok(Answer::text(view.tip().hash)),
        ["blocks", "tip", "height"] => Ok(Answer::text(view.tip().height)),
        ["blocks"] => blocks::page(view, view.tip().height),
        ["blocks", start] => blocks::page(view, parse(start)?),
        ["block-height", height] => blocks::hash_at(view, parse(height)?),
        ["block", hash] => blocks::info(view, parse(hash)?),
        ["block", hash, "header"] => blocks::header(view, parse(hash)?),
        ["block", hash, "status"] => blocks::status(view, parse(hash)?),
        ["block", hash, "raw"] => blocks::raw(view, parse(hash)?),
        ["block", hash, "txids"] => blocks::txids(view, parse(hash)?),
        ["block", hash, "txid", index] => blocks::txid(view, parse(hash)?, parse(index)?),
        ["block", hash, "txs"] => blocks::transactions(view, parse(hash)?, 0),
        ["block", hash, "txs", start] => blocks::transactions(view, parse(hash)?, parse(start)?),
        ["tx", txid] => transactions::info(view, parse(txid)?),
        ["tx", txid, "raw"] => transactions::raw(view, parse(txid)?),
        ["tx", txid, "hex"] => transactions::hex(view, parse(txid)?),
        ["tx", txid, "status"] => transactions::status(view, parse(txid)?),
        ["tx", txid, "merkle-proof"] => transactions::merkle_proof(view, parse(txid)?),
        ["tx", txid, "merkleblock-proof"] => transactions::merkle_block_proof(view, parse(txid)?),
        ["tx", txid, "outspend", vout] => transactions::outspend(view, parse(txid)?, parse(vout)?),
        ["tx", txid, "outspends"] => transactions::outspends(view, parse(txid)?),
        ["txs", "outspends"] if flavour == Flavour::Mempool => {
            transactions::outspends_of_many(view, request.query)
        }
        ["scripthash" | "address", key, rest @ ..] => {
            scripts::answer(view, segments[0], key, rest).unwrap_or_else(|| Err(unknown(request)))
        }
        ["fee-estimates"] => Ok(Answer::json(&view.chain().fee_estimates())),
        ["mempool"] => mempool::stats(view),
        ["mempool", "txids"] => Ok(Answer::json(&view.mempool())),
        ["mempool", "recent"] => mempool::recent(view),
        _ => Err(unknown(request)),
    }
}

fn post(view: &View<'_>, flavour: Flavour, segments: &[&str], request: &Request<'_>) -> Reply {
    match segments {
        ["tx"] => transactions::broadcast(view, flavour, request.body),
        ["txs", "package"] if flavour == Flavour::Blockstream => {
            transactions::broadcast_package(view, request.body)
        }
        _ => Err(unknown(request)),
    }
}

fn unknown(request: &Request<'_>) -> Answer {
    Answer::not_found(&format!("endpoint does not exist {:?}", request.path))
}

/// A hash or number of the path.
fn parse<T: FromStr>(segment: &str) -> Result<T, Answer> {
    segment
        .parse()
        .map_err(|_| Answer::bad_request("Invalid hex string"))
}
