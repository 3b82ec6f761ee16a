//! `/scripthash/:hash…` and `/address/:address…`: what pays a script and what spends from it.

use std::str::FromStr;

use bitcoin::hashes::sha256;
use bitcoin::{Address, OutPoint, Txid};

use super::{parse, Reply};
use crate::chain::KnownTransaction;
use crate::gateway::answer::Answer;
use crate::gateway::json::{self, ScriptStats, TxsSummary};
use crate::gateway::view::View;
use crate::index::script_hash;

/// Confirmed transactions on one page.
const CONFIRMED_PER_PAGE: usize = 25;
/// Unconfirmed transactions that are shown at most.
const MAX_UNCONFIRMED: usize = 50;

/// `None` if there is no such endpoint.
pub(super) fn answer(view: &View<'_>, kind: &str, key: &str, rest: &[&str]) -> Option<Reply> {
    let hash = match hash_of(kind, key) {
        Ok(hash) => hash,
        Err(refusal) => return Some(Err(refusal)),
    };
    let reply = match rest {
        [] => stats(view, kind, key, hash),
        ["utxo"] => utxos(view, hash),
        ["txs"] => {
            let mut page = history(view, hash, Kept::Unconfirmed);
            page.truncate(MAX_UNCONFIRMED);
            page.extend(
                history(view, hash, Kept::Confirmed)
                    .into_iter()
                    .take(CONFIRMED_PER_PAGE),
            );
            shown(view, &page)
        }
        ["txs", "mempool"] => shown(view, &history(view, hash, Kept::Unconfirmed)),
        ["txs", "chain"] => confirmed_page(view, hash, None),
        ["txs", "chain", last_seen] => match parse(last_seen) {
            Ok(txid) => confirmed_page(view, hash, Some(txid)),
            Err(refusal) => Err(refusal),
        },
        _ => return None,
    };
    Some(reply)
}

fn hash_of(kind: &str, key: &str) -> Result<sha256::Hash, Answer> {
    match kind {
        "scripthash" => parse(key),
        _ => Address::from_str(key)
            .map(|address| script_hash(&address.assume_checked().script_pubkey()))
            .map_err(|_| Answer::bad_request("Invalid Bitcoin address")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Confirmed,
    Unconfirmed,
}

/// Transactions that pay or spend from the script, newest first.
fn history(view: &View<'_>, hash: sha256::Hash, kept: Kept) -> Vec<KnownTransaction> {
    let mut txids: Vec<Txid> = Vec::new();
    for outpoint in view.outputs_paying(hash) {
        txids.push(outpoint.txid);
        txids.extend(view.outspend(outpoint).map(|spend| spend.txid));
    }
    let mut seen = std::collections::HashSet::new();
    txids.retain(|txid| seen.insert(*txid));
    let mut known: Vec<KnownTransaction> = txids
        .into_iter()
        .filter_map(|txid| view.transaction(txid))
        .collect();
    known.retain(|known| known.block.is_some() == (kept == Kept::Confirmed));
    known.sort_by_key(|known| std::cmp::Reverse(known.block.map(|block| block.height)));
    known
}

fn confirmed_page(view: &View<'_>, hash: sha256::Hash, last_seen: Option<Txid>) -> Reply {
    let mut page = history(view, hash, Kept::Confirmed);
    if let Some(last) = last_seen {
        let seen = page
            .iter()
            .position(|known| known.transaction.compute_txid() == last);
        page.drain(..seen.map_or(0, |position| position + 1));
    }
    page.truncate(CONFIRMED_PER_PAGE);
    shown(view, &page)
}

fn shown(view: &View<'_>, page: &[KnownTransaction]) -> Reply {
    let page: Vec<json::Tx> = page.iter().map(|known| json::Tx::of(view, known)).collect();
    Ok(Answer::json(&page))
}

fn utxos(view: &View<'_>, hash: sha256::Hash) -> Reply {
    let unspent = view.outputs_paying(hash).into_iter();
    let unspent = unspent.filter(|outpoint| view.outspend(*outpoint).is_none());
    let utxos = unspent.filter_map(|OutPoint { txid, vout }| {
        let known = view.transaction(txid)?;
        let value = known.transaction.output.get(vout as usize)?.value.to_sat();
        Some(json::Utxo {
            txid,
            vout,
            status: json::Status::of(view, known.block),
            value,
        })
    });
    Ok(Answer::json(&utxos.collect::<Vec<_>>()))
}

fn stats(view: &View<'_>, kind: &str, key: &str, hash: sha256::Hash) -> Reply {
    let stats = ScriptStats {
        chain_stats: summary(view, hash, Kept::Confirmed),
        mempool_stats: summary(view, hash, Kept::Unconfirmed),
    };
    Ok(match kind {
        "scripthash" => Answer::json(&json::ScriptHashStats {
            scripthash: hash,
            stats,
        }),
        _ => Answer::json(&json::AddressStats {
            address: key.into(),
            stats,
        }),
    })
}

fn summary(view: &View<'_>, hash: sha256::Hash, kept: Kept) -> TxsSummary {
    let confirmed = kept == Kept::Confirmed;
    let mut summary = TxsSummary {
        tx_count: history(view, hash, kept).len() as u32,
        ..TxsSummary::default()
    };
    for outpoint in view.outputs_paying(hash) {
        let value = view
            .output(outpoint)
            .map_or(0, |output| output.value.to_sat());
        let funded = view
            .transaction(outpoint.txid)
            .and_then(|known| known.block);
        if funded.is_some() == confirmed {
            summary.funded_txo_count += 1;
            summary.funded_txo_sum += value;
        }
        if view
            .outspend(outpoint)
            .is_some_and(|spend| spend.block.is_some() == confirmed)
        {
            summary.spent_txo_count += 1;
            summary.spent_txo_sum += value;
        }
    }
    summary
}
