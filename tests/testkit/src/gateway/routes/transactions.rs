//! `/tx…`: one transaction, its outputs' spends, its proofs, and the way in.

use std::collections::BTreeMap;

use bitcoin::consensus::encode;
use bitcoin::{Amount, OutPoint, Transaction, Txid, Wtxid};
use hex_conservative::{DisplayHex, FromHex};
use serde::Serialize;

use super::{parse, Reply};
use crate::chain::{KnownBlock, KnownTransaction, Reject};
use crate::gateway::answer::Answer;
use crate::gateway::view::View;
use crate::gateway::{json, proof, Flavour};

/// mempool's server answers for at most this many transactions at once.
const MAX_TXIDS: usize = 50;

fn known(view: &View<'_>, txid: Txid) -> Result<KnownTransaction, Answer> {
    view.transaction(txid)
        .ok_or_else(|| Answer::not_found("Transaction not found"))
}

/// The transaction's block, which a proof needs.
fn holder(view: &View<'_>, txid: Txid) -> Result<KnownBlock, Answer> {
    let place = view.transaction(txid).and_then(|known| known.block);
    place
        .and_then(|place| view.block(place.hash))
        .ok_or_else(|| Answer::not_found("Transaction not found or is unconfirmed"))
}

pub(super) fn info(view: &View<'_>, txid: Txid) -> Reply {
    Ok(Answer::json(&json::Tx::of(view, &known(view, txid)?)))
}

pub(super) fn raw(view: &View<'_>, txid: Txid) -> Reply {
    Ok(Answer::bytes(encode::serialize(
        &known(view, txid)?.transaction,
    )))
}

pub(super) fn hex(view: &View<'_>, txid: Txid) -> Reply {
    Ok(Answer::text(encode::serialize_hex(
        &known(view, txid)?.transaction,
    )))
}

/// Never 404: a transaction that nobody knows is "unconfirmed".
pub(super) fn status(view: &View<'_>, txid: Txid) -> Reply {
    let block = view.transaction(txid).and_then(|known| known.block);
    Ok(Answer::json(&json::Status::of(view, block)))
}

pub(super) fn merkle_proof(view: &View<'_>, txid: Txid) -> Reply {
    let holder = holder(view, txid)?;
    let (merkle, pos) = proof::merkle_proof(view, &holder.block, txid);
    Ok(Answer::json(&json::MerkleProof {
        block_height: holder.height,
        merkle,
        pos,
    }))
}

pub(super) fn merkle_block_proof(view: &View<'_>, txid: Txid) -> Reply {
    let holder = holder(view, txid)?;
    let bytes = proof::merkle_block(view, &holder.block, txid);
    Ok(Answer::text(bytes.to_lower_hex_string()))
}

/// Never 404: an output that nobody knows is "unspent".
pub(super) fn outspend(view: &View<'_>, txid: Txid, vout: u32) -> Reply {
    Ok(Answer::json(&json::OutSpend::of(
        view,
        OutPoint { txid, vout },
    )))
}

pub(super) fn outspends(view: &View<'_>, txid: Txid) -> Reply {
    Ok(Answer::json(&all_outspends(view, &known(view, txid)?)))
}

/// `/txs/outspends?txids=a,b,…`: one list per transaction, empty for an unknown one.
pub(super) fn outspends_of_many(view: &View<'_>, query: &str) -> Reply {
    let list = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("txids="));
    let list = list.ok_or_else(|| Answer::bad_request("No txids specified"))?;
    let txids: Vec<Txid> = list.split(',').map(parse).collect::<Result<_, _>>()?;
    if txids.len() > MAX_TXIDS {
        return Err(Answer::bad_request("Too many txids requested"));
    }
    let spends = txids.iter().map(|txid| view.transaction(*txid));
    let spends = spends.map(|known| known.map_or(Vec::new(), |known| all_outspends(view, &known)));
    Ok(Answer::json(&spends.collect::<Vec<_>>()))
}

fn all_outspends(view: &View<'_>, known: &KnownTransaction) -> Vec<json::OutSpend> {
    let txid = known.transaction.compute_txid();
    let vouts = 0..known.transaction.output.len() as u32;
    vouts
        .map(|vout| json::OutSpend::of(view, OutPoint { txid, vout }))
        .collect()
}

pub(super) fn broadcast(view: &View<'_>, flavour: Flavour, body: &[u8]) -> Reply {
    let refuse = |reject: Reject| Answer::bad_request(&refusal_text(flavour, &reject));
    let transaction = decode(body)?.map_err(refuse)?;
    view.chain()
        .submit(&transaction)
        .map(Answer::text)
        .map_err(refuse)
}

fn decode(body: &[u8]) -> Result<Result<Transaction, Reject>, Answer> {
    let text = std::str::from_utf8(body).map_err(|_| Answer::bad_request("Invalid hex string"))?;
    let bytes =
        Vec::<u8>::from_hex(text.trim()).map_err(|_| Answer::bad_request("Invalid hex string"))?;
    Ok(encode::deserialize(&bytes).map_err(|_| Reject {
        code: -22,
        text: "TX decode failed. Make sure the tx has at least one input.".into(),
    }))
}

/// The node's refusal as the two servers pass it on.
fn refusal_text(flavour: Flavour, reject: &Reject) -> String {
    let Reject { code, text } = reject;
    match flavour {
        Flavour::Blockstream => format!("sendrawtransaction RPC error {code}: {text}"),
        Flavour::Plain | Flavour::Mempool => {
            let error = serde_json::json!({ "code": code, "message": text });
            format!("sendrawtransaction RPC error: {error}")
        }
    }
}

#[derive(Serialize)]
struct PackageResult {
    package_msg: &'static str,
    #[serde(rename = "tx-results")]
    tx_results: BTreeMap<Wtxid, PackageTx>,
    #[serde(rename = "replaced-transactions")]
    replaced_transactions: Vec<Txid>,
}

#[derive(Serialize)]
struct PackageTx {
    txid: Txid,
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<PackageFees>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct PackageFees {
    /// In bitcoins.
    base: f64,
}

/// `/txs/package`: a parent and its child, together. The answer is that of the node.
pub(super) fn broadcast_package(view: &View<'_>, body: &[u8]) -> Reply {
    let list: Vec<String> =
        serde_json::from_slice(body).map_err(|_| Answer::bad_request("Invalid JSON"))?;
    let refuse = |reject: Reject| {
        let Reject { code, text } = reject;
        Answer::bad_request(&format!("submitpackage RPC error {code}: {text}"))
    };
    let transactions = list
        .iter()
        .map(|text| decode(text.as_bytes())?.map_err(refuse))
        .collect::<Result<Vec<_>, _>>()?;
    let [parent, child] = transactions.as_slice() else {
        return Err(Answer::bad_request("only a parent and its child"));
    };
    let chain = view.chain();
    let submitted = chain.submit_package(parent, child).map_err(refuse)?;
    let of = |transaction: &Transaction, result: Result<Txid, Reject>| PackageTx {
        txid: transaction.compute_txid(),
        vsize: result
            .is_ok()
            .then(|| transaction.weight().to_vbytes_ceil()),
        fees: result.is_ok().then(|| PackageFees {
            base: Amount::from_sat(json::fee(view, transaction)).to_btc(),
        }),
        error: result.err().map(|reject| reject.text),
    };
    let tx_results = BTreeMap::from([
        (parent.compute_wtxid(), of(parent, submitted.parent)),
        (child.compute_wtxid(), of(child, submitted.child)),
    ]);
    let failed = tx_results.values().any(|result| result.error.is_some());
    let package_msg = if failed {
        "transaction failed"
    } else {
        "success"
    };
    Ok(Answer::json(&PackageResult {
        package_msg,
        tx_results,
        replaced_transactions: Vec::new(),
    }))
}
