//! The embedded wallet, checked: each row as it was written, and transactions of coins that are known.

use std::collections::BTreeSet;

use super::Findings;
use crate::store::Store;

/// What a row is that its own check does not fit.
const CHANGED: &str = "it is not what its check was made of";

impl Store {
    pub(super) fn check_reserve(&self, findings: &mut Findings) {
        let kept = findings.sift("reserve", self.reserve_passes());
        judge("reserve", kept, findings);
        let coins = findings.sift("reserve_coin", self.reserve_coins_pass());
        judge("reserve_coin", coins.into_iter().flatten(), findings);
        let emptyings = findings.sift("reserve_emptying", self.emptyings_pass());
        judge(
            "reserve_emptying",
            emptyings.into_iter().flatten(),
            findings,
        );
        // What could not be read is told above.
        let (Ok(known), Ok(emptyings)) = (self.reserve_coins(), self.emptyings()) else {
            return;
        };
        let known: BTreeSet<_> = known.iter().map(|coin| coin.outpoint).collect();
        for emptying in emptyings {
            for coin in emptying.coins().filter(|coin| !known.contains(coin)) {
                let what = format!("{coin} is no coin that is known");
                findings.add("reserve_emptying", Some("transaction_bytes"), what);
            }
        }
    }
}

fn judge(table: &str, passed: impl IntoIterator<Item = bool>, findings: &mut Findings) {
    for _ in passed.into_iter().filter(|passed| !passed) {
        findings.add(table, Some("row_check"), CHANGED);
    }
}
