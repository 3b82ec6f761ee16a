//! `/mempool…`: what waits for a block.

use bitcoin::Transaction;

use super::Reply;
use crate::gateway::answer::Answer;
use crate::gateway::json::{self, MempoolRecent, MempoolStats};
use crate::gateway::view::View;

/// Transactions that `/mempool/recent` shows.
const RECENT: usize = 10;

fn waiting(view: &View<'_>) -> Vec<Transaction> {
    let known = view
        .mempool()
        .into_iter()
        .filter_map(|txid| view.transaction(txid));
    known.map(|known| known.transaction).collect()
}

fn vsize(transaction: &Transaction) -> u64 {
    transaction.weight().to_vbytes_ceil()
}

/// The histogram has one entry per transaction, where a server with a full mempool would join them to larger ones.
pub(super) fn stats(view: &View<'_>) -> Reply {
    let waiting = waiting(view);
    let fees: Vec<u64> = waiting
        .iter()
        .map(|transaction| json::fee(view, transaction))
        .collect();
    let mut fee_histogram: Vec<(f64, u64)> = waiting
        .iter()
        .zip(&fees)
        .map(|(transaction, fee)| (*fee as f64 / vsize(transaction) as f64, vsize(transaction)))
        .collect();
    fee_histogram.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    Ok(Answer::json(&MempoolStats {
        count: waiting.len(),
        vsize: waiting.iter().map(vsize).sum(),
        total_fee: fees.iter().sum(),
        fee_histogram,
    }))
}

pub(super) fn recent(view: &View<'_>) -> Reply {
    let waiting = waiting(view);
    let recent = waiting
        .iter()
        .rev()
        .take(RECENT)
        .map(|transaction| MempoolRecent {
            txid: transaction.compute_txid(),
            fee: json::fee(view, transaction),
            vsize: vsize(transaction),
            value: transaction
                .output
                .iter()
                .map(|output| output.value.to_sat())
                .sum(),
        });
    Ok(Answer::json(&recent.collect::<Vec<_>>()))
}
