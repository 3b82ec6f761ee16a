//! Which of the wallet's coins may pay for a transaction of ours.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bitcoin::OutPoint;

use super::core::Core;
use crate::court::{Broadcast, Coin, Outcome, Raise};
use crate::error::ArbitratorError;

/// Coins of the transactions of all channels.
#[derive(Default)]
struct InUse {
    /// In one that can still confirm.
    live: BTreeSet<OutPoint>,
    /// In a child whose parent needs it no more: free, but a mempool may still hold it, and wants to be paid for its loss.
    left_over: BTreeSet<OutPoint>,
}

impl Core {
    /// The coins of the claim that is to be replaced, and of `rivals`, which cannot confirm beside the new one: the wallet
    /// may count them as spent. Then the wallet's that no live transaction of ours spends, the largest first: the fewest
    /// inputs.
    pub(super) async fn coins_for(
        &self,
        raised: Option<&Raise>,
        rivals: &[&Broadcast],
    ) -> Result<Vec<Coin>, ArbitratorError> {
        let offered = self.ask_wallet(|wallet| wallet.coins()).await?;
        let in_use = self.coins_in_use()?;
        let replaced = match raised {
            Some(Raise::Reprice(held) | Raise::Replace(held)) => Some(held),
            Some(Raise::Follow(_)) | None => None,
        };
        // Coins of a claim that the server calls a conflict are gone, or they are offered again.
        let (gone, again): (Vec<&Broadcast>, Vec<&Broadcast>) = replaced
            .into_iter()
            .chain(rivals.iter().copied())
            .partition(|held| matches!(held.outcome, Some(Outcome::Conflict(_))));
        let gone: BTreeSet<OutPoint> = outpoints(&gone).collect();
        let mut taken = BTreeSet::new();
        let again = again.iter().flat_map(|held| &held.coins);
        let mut coins: Vec<Coin> = again
            .filter(|coin| !gone.contains(&coin.outpoint) && taken.insert(coin.outpoint))
            .cloned()
            .collect();
        let is_free =
            |coin: &Coin| !in_use.live.contains(&coin.outpoint) && !taken.contains(&coin.outpoint);
        let mut free: Vec<Coin> = offered.into_iter().filter(is_free).collect();
        free.sort_by_key(|coin| {
            let is_left_over = in_use.left_over.contains(&coin.outpoint);
            (is_left_over, Reverse(coin.output.value))
        });
        coins.extend(free);
        Ok(coins)
    }

    fn coins_in_use(&self) -> Result<InUse, ArbitratorError> {
        let mut in_use = InUse::default();
        for row in self.store.broadcasting_channels()? {
            // One case that cannot be read is reported elsewhere, and stops no other's claims.
            let Ok(case) = self.store.case(row) else {
                continue;
            };
            let (void, live): (Vec<&Broadcast>, Vec<&Broadcast>) =
                case.broadcasts.iter().partition(|held| case.is_void(held));
            in_use.live.extend(outpoints(&live));
            let children: Vec<&Broadcast> = void
                .into_iter()
                .filter(|held| held.anchor().is_some())
                .collect();
            in_use.left_over.extend(outpoints(&children));
        }
        Ok(in_use)
    }
}

fn outpoints<'a>(held: &'a [&Broadcast]) -> impl Iterator<Item = OutPoint> + 'a {
    let coins = held.iter().flat_map(|held| &held.coins);
    coins.map(|coin| coin.outpoint)
}
