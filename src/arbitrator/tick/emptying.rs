//! What empties the embedded wallet, in a tick: offered until it is in a block, and again after a reorg, until it is buried.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Txid};

use super::{is_limit, Tick};
use crate::chain::ChainView;
use crate::court::Outcome;
use crate::error::ArbitratorError;
use crate::reserve::{fate, Emptying, Fate};

impl Tick<'_> {
    /// Those that are buried, whose coins are gone with them, and those that cannot confirm any more.
    pub(super) fn ended_emptyings(
        &mut self,
        emptyings: &[Emptying],
        gone: &mut BTreeSet<OutPoint>,
        view: &ChainView,
    ) -> Vec<Txid> {
        let final_depth = self.core.policy.final_depth;
        let mut ended = Vec::new();
        for emptying in emptyings {
            let txid = emptying.txid();
            let lost = match fate(emptying, view) {
                Fate::Confirmed(depth) => {
                    if depth.to_u32() >= final_depth {
                        gone.extend(emptying.coins());
                        ended.push(txid);
                    }
                    continue;
                }
                Fate::Displaced { coin, by } => Some(format!("{by} has spent {coin}")),
                Fate::Waiting => emptying
                    .coins()
                    .find(|coin| gone.contains(coin))
                    .map(|coin| format!("{coin} is not there any more")),
            };
            if let Some(why) = lost {
                let what =
                    format!("the reserve: {txid} cannot confirm, {why}; its other coins are free");
                self.tell_trouble(None, what);
                ended.push(txid);
            }
        }
        ended
    }

    /// Offers those that are in no block. `false`: a limit ended it, or the server could not be reached.
    pub(super) async fn offer_emptyings(
        &mut self,
        view: &ChainView,
    ) -> Result<bool, ArbitratorError> {
        let core = self.core;
        if core.reserve.is_none() {
            return Ok(true);
        }
        let mut complete = true;
        for emptying in core.store.emptyings()? {
            match fate(&emptying, view) {
                Fate::Waiting => {}
                Fate::Confirmed(_) | Fate::Displaced { .. } => continue,
            }
            let txid = emptying.txid();
            let budget = self.budget.clone();
            match core.offer_emptying(txid, &budget).await {
                Ok(Some(Outcome::Unreachable)) => {
                    self.tell_trouble(None, format!("{txid} could not be handed to the server"));
                    complete = false;
                }
                Ok(
                    None
                    | Some(
                        Outcome::Accepted
                        | Outcome::AlreadyKnown
                        | Outcome::Conflict(_)
                        | Outcome::FeeTooLow
                        | Outcome::Other(_),
                    ),
                ) => {}
                Err(error) if is_limit(&error) => {
                    self.report.stopped = Some(error.to_string());
                    return Ok(false);
                }
                Err(error) => {
                    self.tell_trouble(None, format!("the reserve: {txid}: {error}"));
                    complete = false;
                }
            }
        }
        Ok(complete)
    }
}
