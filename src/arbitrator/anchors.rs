//! The child that raises an unconfirmed commitment: what it needs from the wallet and the signer to become a transaction,
//! and how it is offered to the network with its parent.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Txid};

use super::claims::without_coins;
use super::core::Core;
use crate::chain::{Budget, Package};
use crate::court::{
    due_broadcasts, spent_by_child, Broadcast, BroadcastPurpose, Case, Cpfp, Dossier, Input,
    Outcome,
};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;
use crate::sweep::{self, Bid, NotNow, Schedule};

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
    ) -> Result<Option<Input>, ArbitratorError> {
        let script = self.sweep_script(row).await?;
        let raised = child.raise.as_ref();
        let bid = Bid {
            estimates,
            schedule: Schedule {
                tip,
                since: Some(child.parent.since),
                deadline: child.deadline,
            },
            raise: raised.map(|raise| (raise, spent_by_child(raise.held(), dossier))),
            policy: &self.policy,
        };
        let anchor = child.anchor.outpoint;
        let with = |coins| sweep::anchor(&dossier.terms, child, coins, script.clone(), &bid);
        let rivals = rivals(case, anchor);
        let Some(made) = self.with_coins(raised, &rivals, with).await? else {
            return Ok(None);
        };
        match made {
            Ok(unsigned) => {
                let purpose = BroadcastPurpose::Cpfp(anchor);
                let signed = self.signed(dossier.channel(), purpose, unsigned, tip);
                signed.await.map(Some)
            }
            Err(NotNow::HighEnough | NotNow::Uneconomic(_)) => Ok(None),
            Err(NotNow::ReserveNeeded { fee }) => Ok(Some(without_coins(vec![anchor], fee, tip))),
        }
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
