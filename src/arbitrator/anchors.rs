//! The child that raises an unconfirmed commitment: what it needs from the wallet and the signer to become a transaction,
//! and how it is offered to the network with its parent.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Txid};

use super::claims::{Built, Draft, Left};
use super::core::Core;
use crate::chain::{Budget, Package};
use crate::court::{
    due_broadcasts, Broadcast, BroadcastPurpose, Case, Cpfp, Dossier, Input, Outcome,
};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;
use crate::sweep::{self, Bid, NotNow};

impl Core {
    /// Makes the child, and has it signed. Gives what the court is to be told of it: nothing, if the commitment does without.
    pub(super) async fn make_child(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        child: &Cpfp,
        estimates: &BTreeMap<u16, FeeRate>,
        tip: u32,
    ) -> Result<Vec<Input>, ArbitratorError> {
        let bid = Bid::of_child(child, dossier, tip, estimates, &self.policy);
        let built = self.build_child(row, case, dossier, child, &bid).await?;
        self.told_of(dossier.channel(), built, tip).await
    }

    /// Makes the child.
    pub(super) async fn build_child(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        child: &Cpfp,
        bid: &Bid<'_>,
    ) -> Result<Built, ArbitratorError> {
        let script = self.sweep_script(row).await?;
        let anchor = child.anchor.outpoint;
        let with = |coins| sweep::anchor(&dossier.terms, child, coins, script.clone(), bid);
        let rivals = rivals(case, anchor);
        let made = self.with_coins(child.raise.as_ref(), &rivals, with).await?;
        let Some(made) = made else {
            return Ok(Built::default());
        };
        Ok(match made {
            Ok(unsigned) => Built {
                draft: Some(Draft {
                    purpose: BroadcastPurpose::Cpfp(anchor),
                    unsigned,
                }),
                left: Vec::new(),
            },
            // An anchor is worth nothing by itself: it is not what is left.
            Err(NotNow::HighEnough | NotNow::Uneconomic(_)) => Built::default(),
            Err(not_now @ NotNow::ReserveNeeded { .. }) => {
                let outpoints = vec![anchor];
                let left = not_now.reason().map(|reason| Left { outpoints, reason });
                Built {
                    draft: None,
                    left: left.into_iter().collect(),
                }
            }
        })
    }

    /// Offers one transaction of ours; with a child of it that is due as well, if there is one. Gives what became of each.
    pub(super) async fn offer(
        &self,
        case: &Case,
        held: &Broadcast,
        budget: &Budget,
    ) -> Result<Vec<(Txid, Outcome)>, ArbitratorError> {
        let transaction = &held.transaction;
        let Some(child) = child_of(case, held.txid) else {
            let outcome = self.source.broadcast(transaction, budget).await?;
            return Ok(vec![(held.txid, Outcome::from(outcome))]);
        };
        let package = Package {
            parent: transaction,
            child: &child.transaction,
        };
        let outcome = self.source.broadcast_package(package, budget).await?;
        Ok(vec![
            (held.txid, Outcome::from(outcome.parent)),
            (child.txid, Outcome::from(outcome.child)),
        ])
    }
}

fn child_of(case: &Case, parent: Txid) -> Option<&Broadcast> {
    let of_parent = |held: &&Broadcast| held.anchor().is_some_and(|it| it.txid == parent);
    due_broadcasts(case).find(of_parent)
}

/// The children of commitments that cannot confirm beside this one's.
fn rivals(case: &Case, anchor: OutPoint) -> Vec<&Broadcast> {
    let is_rival = |held: &&Broadcast| held.anchor().is_some_and(|it| it != anchor);
    case.broadcasts.iter().filter(is_rival).collect()
}
