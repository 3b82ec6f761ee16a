//! A close that the app asks for: decided, signed and broadcast in one call. Every tick repeats what did not come through.

use bitcoin::OutPoint;

use super::core::Core;
use super::options::ForceCloseStatus;
use super::sign::Offers;
use crate::chain::Budget;
use crate::court::{self, BroadcastPurpose, Dossier, Input, Want};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;

impl Core {
    pub(super) async fn force_close(
        &self,
        channel: OutPoint,
    ) -> Result<ForceCloseStatus, ArbitratorError> {
        let row = self.row(channel)?;
        let tip = self.tip_height()?;
        self.apply(row, &Input::ForceClose { tip })?;
        // The decision is durable. What follows is repeated on every tick, so its failure is told, not returned.
        let delayed = self.close_now(row, tip).await.err();
        let case = self.store.case(row)?;
        let closes = |purpose| match purpose {
            BroadcastPurpose::Commitment | BroadcastPurpose::Cooperative => true,
            BroadcastPurpose::Funding
            | BroadcastPurpose::OrphanedClose
            | BroadcastPurpose::PeerCommitment
            | BroadcastPurpose::Sweep(_)
            | BroadcastPurpose::Cpfp(_) => false,
        };
        Ok(ForceCloseStatus {
            state: case.state,
            broadcasts: case
                .broadcasts
                .iter()
                .filter(|held| closes(held.purpose))
                .map(|held| (held.txid, held.outcome.clone()))
                .collect(),
            delayed: delayed.map(|error| error.to_string()),
        })
    }

    async fn close_now(&self, row: ChannelRow, tip: u32) -> Result<(), ArbitratorError> {
        let case = self.store.case(row)?;
        let (dossier, _) = self.dossier(row)?;
        let channel = dossier.channel();
        let signs =
            court::wants(&case, &dossier, tip, &self.policy).contains(&Want::SignCommitment);
        if signs {
            let permit = court::permit(channel, &case)?;
            let input = Input::Signed {
                purpose: BroadcastPurpose::Commitment,
                transaction: self.sign_commitment(&dossier, permit).await?,
                coins: Vec::new(),
                tip,
            };
            self.apply_to(row, case, &dossier, &input)?;
        }
        // Without its child the commitment goes out all the same.
        let raised = self.raise_now(row, &dossier, tip).await;
        self.send_now(row, channel, tip).await?;
        raised
    }

    /// Broadcasts what a call of the app's has made, as a tick would: the wallet hears of its coins before the network does.
    pub(super) async fn send_now(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let case = self.store.case(row)?;
        if case.broadcasts.iter().any(|held| !held.coins.is_empty()) {
            if let Err(error) = self.hold_coins().await {
                log::warn!("channel {channel}: the wallet is told again by the next tick: {error}");
            }
        }
        let (budget, mut offers) = (Budget::unlimited(), Offers::default());
        self.broadcast_due(row, channel, tip, &budget, &mut offers)
            .await
    }

    /// Makes the child of a commitment that waits, where it is to have one now.
    async fn raise_now(
        &self,
        row: ChannelRow,
        dossier: &Dossier,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let mut case = self.store.case(row)?;
        let Some(child) = court::cpfp(&case, dossier, tip, &self.policy) else {
            return Ok(());
        };
        // What the wallet said in the last tick is long ago.
        self.ask_for_coins_again();
        let estimates = self.estimates_or_none().await;
        let made = self.make_child(row, &case, dossier, &child, &estimates, tip);
        for input in made.await? {
            (case, _) = self.apply_to(row, case, dossier, &input)?;
        }
        Ok(())
    }
}
