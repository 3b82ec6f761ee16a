//! What the wallet's coins come to, as far as the chain is known.

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint, ScriptBuf, TxOut};

use crate::chain::{ChainView, Depth, Expected, OutputCheck, Urgency, Watch};
use crate::court::Coin;

/// A coin that a server named: to be proven before it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCoin {
    pub outpoint: OutPoint,
    /// The place of its script in the wallet's row.
    pub index: u32,
    pub value: Amount,
}

impl KnownCoin {
    pub(crate) fn output(&self, script: ScriptBuf) -> TxOut {
        TxOut {
            value: self.value,
            script_pubkey: script,
        }
    }

    fn to_spend(&self, script: ScriptBuf) -> Coin {
        Coin {
            outpoint: self.outpoint,
            output: self.output(script),
            witness_weight: Coin::P2WPKH_WITNESS,
        }
    }

    /// What has to be looked at for it to count.
    pub(crate) fn watch(&self, script: ScriptBuf) -> Watch {
        Watch {
            outpoint: self.outpoint,
            expected: Expected::Exactly(self.output(script)),
            urgency: Urgency::AtTip,
        }
    }
}

/// How a coin stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Proven, so deep, and not spent as of some tip.
    Proven(Depth),
    /// In no block as far as is proven.
    Pending,
    /// A transaction spends it that is in no block as far as is proven.
    Wanted,
    /// It is not what the server said.
    Wrong,
    /// A proven transaction spends it, this deep.
    Spent(Depth),
}

pub(crate) fn standing(coin: &KnownCoin, view: &ChainView) -> Standing {
    let Some(facts) = view.output(&coin.outpoint) else {
        return Standing::Pending;
    };
    match (&facts.output, &facts.spend, facts.confirmed) {
        (OutputCheck::Wrong(_), _, _) => Standing::Wrong,
        (_, Some(spend), _) => match &spend.position {
            Some(position) => Standing::Spent(view.depth(position)),
            None => Standing::Wanted,
        },
        (OutputCheck::NotSeen | OutputCheck::AsExpected, None, None) => Standing::Pending,
        (OutputCheck::NotSeen | OutputCheck::AsExpected, None, Some(position)) => {
            Standing::Proven(view.depth(&position))
        }
    }
}

/// The coin, if it may be spent: proven so deep, and unspent as of this very tip.
pub(crate) fn spendable(
    coin: &KnownCoin,
    script: ScriptBuf,
    view: &ChainView,
    depth: u32,
) -> Option<Coin> {
    let is_looked_at = view
        .output(&coin.outpoint)
        .is_some_and(|facts| facts.unspent_at.is_some() && facts.unspent_at == view.tip());
    let is_deep = match standing(coin, view) {
        Standing::Proven(proven) => proven.to_u32() >= depth,
        Standing::Pending | Standing::Wanted | Standing::Wrong | Standing::Spent(_) => false,
    };
    (is_looked_at && is_deep).then(|| coin.to_spend(script))
}

/// A coin of a transaction of ours that waits, for the one that takes its place: proven, and spent by nothing that is. The
/// mempool's spender is the one that waits, or one that it has replaced.
pub(crate) fn respendable(coin: &KnownCoin, script: ScriptBuf, view: &ChainView) -> Option<Coin> {
    let is_there = match standing(coin, view) {
        Standing::Proven(_) => true,
        Standing::Wanted => view
            .output(&coin.outpoint)
            .is_some_and(|facts| facts.confirmed.is_some()),
        Standing::Pending | Standing::Wrong | Standing::Spent(_) => false,
    };
    is_there.then(|| coin.to_spend(script))
}

/// What the embedded wallet holds, as of the last look at its scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReserveBalance {
    /// Proven deep enough to pay for claims.
    pub confirmed: Amount,
    /// Named by the server, and not proven, or not so deep yet.
    pub pending: Amount,
    /// Spent by claims of ours that can still confirm.
    pub in_use: Amount,
    /// Spent by a transaction of [`empty_reserve`](crate::ChainArbitrator::empty_reserve) that can still confirm.
    pub leaving: Amount,
    /// The height of the tip at that look; `None`: there was none.
    pub looked_at: Option<u32>,
}

/// What transactions of ours spend that can still confirm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub by_claims: BTreeSet<OutPoint>,
    /// By those that empty the wallet.
    pub leaving: BTreeSet<OutPoint>,
}

impl ReserveBalance {
    /// Sums the coins up.
    pub(crate) fn of(
        coins: &[KnownCoin],
        view: &ChainView,
        taken: &Taken,
        depth: u32,
        looked_at: Option<u32>,
    ) -> Self {
        let mut balance = ReserveBalance {
            looked_at,
            ..ReserveBalance::default()
        };
        for coin in coins {
            let sum = match standing(coin, view) {
                Standing::Wrong | Standing::Spent(_) => continue,
                Standing::Proven(_) | Standing::Pending | Standing::Wanted
                    if taken.leaving.contains(&coin.outpoint) =>
                {
                    &mut balance.leaving
                }
                Standing::Proven(_) | Standing::Pending | Standing::Wanted
                    if taken.by_claims.contains(&coin.outpoint) =>
                {
                    &mut balance.in_use
                }
                // Spent by somebody else who has the seed.
                Standing::Wanted => continue,
                Standing::Proven(proven) if proven.to_u32() >= depth => &mut balance.confirmed,
                Standing::Proven(_) | Standing::Pending => &mut balance.pending,
            };
            *sum = sum.checked_add(coin.value).unwrap_or(Amount::MAX_MONEY);
        }
        balance
    }
}
