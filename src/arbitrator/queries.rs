//! Questions of people: answered on a thread of their own, whatever the others are doing.

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use super::report::{case_file, channel_report};
use super::ChainArbitrator;
use crate::channel::CloseSummary;
use crate::court::case_file::CaseFile;
use crate::court::report::ChannelReport;
use crate::court::LogEntry;
use crate::error::ArbitratorError;
use crate::protocol::ShortChannelId;
use crate::store::queries::{
    AllTraffic, Balances, ChannelFilter, ChannelOverview, HistoryEntry, HtlcRecord, Page,
    PageRequest, Traffic,
};

/// Each answer holds what was acknowledged before the question, is of one moment, and waits for no tick and no write; but
/// for [`ChainArbitrator::close_summary`], which may wait for a write.
impl ChainArbitrator {
    /// Every registered channel, oldest first.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn channels(&self) -> Result<Vec<OutPoint>, ArbitratorError> {
        self.reader
            .ask(|queries| {
                let docket = queries.store().channels()?;
                let channels = docket.channels.into_iter();
                Ok(channels.map(|(_, channel)| channel).collect())
            })
            .await
    }

    /// The channels with one peer, oldest first.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn channels_with(&self, peer: PublicKey) -> Result<Vec<OutPoint>, ArbitratorError> {
        self.reader
            .ask(move |queries| {
                let channels = queries.store().channels_with(&peer)?.into_iter();
                Ok(channels.map(|(_, channel)| channel).collect())
            })
            .await
    }

    /// How a channel stands.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn channel(&self, channel: OutPoint) -> Result<ChannelReport, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let row = queries.row(channel)?;
                let (report, _) = channel_report(queries.store(), &policy, row, channel)?;
                Ok(report)
            })
            .await
    }

    /// Everything that is known of a channel's case: every output of its close, what claims it and what is awaited, where the
    /// money is, and the whole history. Also of a case that has ended.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn case_file(&self, channel: OutPoint) -> Result<CaseFile, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let row = queries.row(channel)?;
                case_file(queries.store(), &policy, row)
            })
            .await
    }

    /// The close summary of a channel, once a close was proven. The one answer that holds a secret, the peer's last one, and
    /// so comes from where the key is.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn close_summary(
        &self,
        channel: OutPoint,
    ) -> Result<Option<CloseSummary>, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { Ok(core.store.summary(channel)?) }))
            .await
    }

    /// The arbitrator's log of one channel, oldest first. [`ChainArbitrator::history`] gives it page by page.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn log(&self, channel: OutPoint) -> Result<Vec<LogEntry>, ArbitratorError> {
        self.reader
            .ask(move |queries| {
                let row = queries.row(channel)?;
                Ok(queries.store().arbitrator_log(row)?)
            })
            .await
    }

    /// A page of the channels, oldest first: all, those in one state of life, those with one peer, or both.
    ///
    /// # Errors
    /// [`StoreError::Cursor`](crate::store::StoreError::Cursor).
    pub async fn list_channels(
        &self,
        filter: ChannelFilter,
        page: PageRequest,
    ) -> Result<Page<ChannelOverview>, ArbitratorError> {
        self.reader
            .ask(move |queries| Ok(queries.channels(&filter, &page)?))
            .await
    }

    /// A page of the close summaries, newest close first: provisional ones, and final ones. Without the peer's last secrets,
    /// which [`ChainArbitrator::close_summary`] gives.
    ///
    /// # Errors
    /// [`StoreError::Cursor`](crate::store::StoreError::Cursor).
    pub async fn closed_channels(
        &self,
        page: PageRequest,
    ) -> Result<Page<CloseSummary>, ArbitratorError> {
        self.reader
            .ask(move |queries| Ok(queries.closed_channels(&page)?))
            .await
    }

    /// What all channels that are not closed hold.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn balances(&self) -> Result<Balances, ArbitratorError> {
        self.reader.ask(|queries| Ok(queries.balances()?)).await
    }

    /// What went through all channels ever registered.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn totals(&self) -> Result<AllTraffic, ArbitratorError> {
        self.reader.ask(|queries| Ok(queries.totals()?)).await
    }

    /// What went through one channel.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn channel_totals(&self, channel: OutPoint) -> Result<Traffic, ArbitratorError> {
        self.reader
            .ask(move |queries| Ok(queries.channel_totals(channel)?))
            .await
    }

    /// A page of a channel's HTLCs: those that a commitment still carries, then those that are past, newest first.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`], [`StoreError::Cursor`](crate::store::StoreError::Cursor).
    pub async fn htlc_history(
        &self,
        channel: OutPoint,
        page: PageRequest,
    ) -> Result<Page<HtlcRecord>, ArbitratorError> {
        self.reader
            .ask(move |queries| Ok(queries.htlc_history(channel, &page)?))
            .await
    }

    /// A page of the arbitrator's log, newest first: over all channels, or of one.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`], [`StoreError::Cursor`](crate::store::StoreError::Cursor).
    pub async fn history(
        &self,
        channel: Option<OutPoint>,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, ArbitratorError> {
        self.reader
            .ask(move |queries| Ok(queries.history(channel, &page)?))
            .await
    }

    /// The channel of this name, which is its short channel id or one of its aliases.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`].
    pub async fn channel_by_short_id(
        &self,
        id: ShortChannelId,
    ) -> Result<Option<OutPoint>, ArbitratorError> {
        self.reader
            .ask(move |queries| Ok(queries.store().channel_by_short_id(id)?))
            .await
    }
}
