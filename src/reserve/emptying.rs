//! A transaction that sends the wallet's coins away, from the call that makes it until it is buried.

use bitcoin::{Amount, OutPoint, Transaction, Txid};

use crate::chain::{ChainView, Depth};
use crate::court::Outcome;

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emptying {
    pub transaction: Transaction,
    /// What its coins hold above what it pays.
    pub fee: Amount,
    /// What became of its last broadcast; `None`: it was not offered yet.
    pub outcome: Option<Outcome>,
}

impl Emptying {
    /// Its name: no witness is part of it.
    pub fn txid(&self) -> Txid {
        self.transaction.compute_txid()
    }

    /// What it spends.
    pub fn coins(&self) -> impl Iterator<Item = OutPoint> + '_ {
        let inputs = self.transaction.input.iter();
        inputs.map(|input| input.previous_output)
    }

    /// Whether only one of the two can confirm.
    pub(crate) fn rules_out(&self, other: &Emptying) -> bool {
        self.coins()
            .any(|coin| other.coins().any(|theirs| theirs == coin))
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// In no block as far as is proven: the network is to have it.
    Waiting,
    /// Proven, so deep.
    Confirmed(Depth),
    /// A proven transaction spends a coin of it in its place.
    Displaced { coin: OutPoint, by: Txid },
}

pub(crate) fn fate(emptying: &Emptying, view: &ChainView) -> Fate {
    let txid = emptying.txid();
    let proven = |coin: OutPoint| {
        let spend = view.output(&coin)?.spend.as_ref()?;
        Some((coin, spend.txid, view.depth(spend.position.as_ref()?)))
    };
    let spends = || emptying.coins().filter_map(proven);
    if let Some((coin, by, _)) = spends().find(|(_, by, _)| *by != txid) {
        return Fate::Displaced { coin, by };
    }
    let depths = spends().map(|(_, _, depth)| depth);
    depths.max().map_or(Fate::Waiting, Fate::Confirmed)
}
