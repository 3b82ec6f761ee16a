//! The end of a tick: what is due goes out, and what lost its coin is made anew with another one.

use std::collections::BTreeSet;
use std::future::Future;

use super::super::sign::Offers;
use super::{is_limit, Tick};
use crate::chain::ChainView;
use crate::error::ArbitratorError;
use crate::store::ChannelRow;

/// How often in a tick transactions are made anew because coins of theirs are gone: a wallet that offers such coins again
/// and again must not keep the device awake.
const MAX_NEW_COINS: usize = 3;

impl Tick<'_> {
    /// Offers every transaction of ours that belongs on the chain to the network. One whose coin is gone is made anew with
    /// another coin, and offered as well. `false`: a limit ended it, or the server could not be reached.
    pub(super) async fn offer_all(&mut self, view: &ChainView) -> Result<bool, ArbitratorError> {
        let core = self.core;
        let mut offers = Offers::default();
        let mut complete = self.broadcast_all(view, &mut offers).await?;
        for _ in 0..MAX_NEW_COINS {
            if !complete || !std::mem::take(&mut offers.has_lost_coins) {
                break;
            }
            core.ask_for_coins_again();
            complete =
                self.advance_linked(view).await? && self.broadcast_all(view, &mut offers).await?;
        }
        // What has come free meanwhile is told now, not at the next wake.
        self.hold_coins(core.hold_coins()).await;
        for (channel, txid) in &offers.unreached {
            let what = format!("{txid} could not be handed to the server");
            self.tell_trouble(Some(*channel), what);
        }
        Ok(complete && offers.unreached.is_empty())
    }

    /// Offers what was not offered yet. `false`: a limit ended it.
    async fn broadcast_all(
        &mut self,
        view: &ChainView,
        offers: &mut Offers,
    ) -> Result<bool, ArbitratorError> {
        let core = self.core;
        let Some(tip) = view.tip() else {
            return Ok(true);
        };
        // The wallet must know before the network does.
        self.hold_coins(core.hold_coins()).await;
        let tip = tip.height.to_u32();
        let broadcasting = core.store.broadcasting_channels()?;
        let broadcasting: BTreeSet<ChannelRow> = broadcasting.into_iter().collect();
        for (row, channel) in core.store.channels()?.channels {
            if !broadcasting.contains(&row) {
                continue;
            }
            let budget = self.budget.clone();
            let offered = core.broadcast_due(row, channel, tip, &budget, offers).await;
            if !self.goes_on(channel, offered) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells the wallet which of its coins are in use. Nothing waits for a wallet that does not take it.
    pub(super) async fn hold_coins(
        &mut self,
        telling: impl Future<Output = Result<(), ArbitratorError>>,
    ) {
        let told = self.budget.clone().within(telling).await;
        match told.map_err(ArbitratorError::from).flatten() {
            // The tick ends at its next question.
            Ok(()) => {}
            Err(error) if is_limit(&error) => {}
            Err(error) => self.tell_trouble(None, format!("coins in use were not told: {error}")),
        }
    }
}
