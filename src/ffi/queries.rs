//! Questions of people, page by page: what a wallet shows of its channels.

mod balances;
mod channels;
mod history;
mod htlcs;
mod opening_note;
mod page;
mod purpose;

pub use balances::{AllTraffic, AmountAtHeight, Balances, ChannelSums, ClosingBalance, Traffic};
pub use channels::{
    ChannelFilter, ChannelOverview, ChannelPage, ClosedPage, PendingHtlcs, ShortChannelIds,
    Standing,
};
pub use history::{HistoryEntry, HistoryKind, HistoryPage};
pub use htlcs::{HtlcPage, HtlcRecord, HtlcStage, NumberInterval};
pub use opening_note::OpeningNote;
pub use page::PageRequest;
pub use purpose::BroadcastPurpose;

use super::arbitrator::channel;
use super::input::{self, Within};
use super::{ArbitratorError, ChainArbitrator, OutPoint};
use crate::store::queries::PageRequest as CorePageRequest;

/// Each answer holds what was acknowledged before the question, is of one moment, and waits for no tick and no write.
#[uniffi::export]
impl ChainArbitrator {
    /// A page of the channels, oldest first: all, those in one state of life, those with one peer, or both.
    #[uniffi::method(default(filter = None))]
    pub async fn list_channels(
        &self,
        page: PageRequest,
        filter: Option<ChannelFilter>,
    ) -> Result<ChannelPage, ArbitratorError> {
        let filter = filter.unwrap_or_default().to_core().within("filter")?;
        Ok(self.core.list_channels(filter, page.into()).await?.into())
    }

    /// A page of the close summaries, newest close first: provisional ones, and final ones. Without the peer's last secrets,
    /// which `close_summary` gives.
    pub async fn closed_channels(&self, page: PageRequest) -> Result<ClosedPage, ArbitratorError> {
        Ok(self.core.closed_channels(page.into()).await?.into())
    }

    /// What all channels that are not closed hold.
    pub async fn balances(&self) -> Result<Balances, ArbitratorError> {
        Ok(self.core.balances().await?.into())
    }

    /// What went through all channels ever registered.
    pub async fn totals(&self) -> Result<AllTraffic, ArbitratorError> {
        Ok(self.core.totals().await?.into())
    }

    /// What went through one channel.
    pub async fn channel_totals(&self, channel: OutPoint) -> Result<Traffic, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.channel_totals(channel).await?.into())
    }

    /// A page of what the arbitrator did and saw, newest first: over all channels, or of one.
    #[uniffi::method(default(channel = None))]
    pub async fn history(
        &self,
        page: PageRequest,
        channel: Option<OutPoint>,
    ) -> Result<HistoryPage, ArbitratorError> {
        let channel = channel.as_ref().map(self::channel).transpose()?;
        Ok(self.core.history(channel, page.into()).await?.into())
    }

    /// A page of a channel's HTLCs: those that a commitment still carries, then those that are past, newest first.
    pub async fn htlc_history(
        &self,
        channel: OutPoint,
        page: PageRequest,
    ) -> Result<HtlcPage, ArbitratorError> {
        let channel = self::channel(&channel)?;
        let page = CorePageRequest::from(page);
        Ok(self.core.htlc_history(channel, page).await?.into())
    }

    /// Gives a channel these names, and takes those that it had: an alias from the start, the short channel id once the
    /// funding is buried. Accepted in any state; a repeat changes nothing.
    pub async fn set_short_channel_ids(
        &self,
        channel: OutPoint,
        ids: ShortChannelIds,
    ) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        let ids = ids.to_core().within("ids")?;
        Ok(self.core.set_short_channel_ids(channel, ids).await?)
    }

    /// The channel of this name, such as `700000x1x0`: its short channel id, or one of its aliases.
    pub async fn channel_by_short_id(
        &self,
        id: String,
    ) -> Result<Option<OutPoint>, ArbitratorError> {
        let id = input::short_channel_id("id", &id)?;
        let found = self.core.channel_by_short_id(id).await?;
        Ok(found.map(OutPoint::from))
    }
}
