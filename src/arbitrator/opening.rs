//! Openings: what the app says of them, what peers say, and what both are told. What a tick does for them stands in
//! `tick/openings.rs`.

mod messages;
mod signing;
mod steps;

use bitcoin::OutPoint;

use super::core::Core;
use super::ChainArbitrator;
use crate::channel::ChannelTerms;
use crate::error::ArbitratorError;
use crate::opening::{
    Announcement, MinimumDepth, OpenedWith, Opening, OpeningError, OpeningStatus, OpeningTerms,
};
use crate::protocol::CommitmentNumber;

impl ChainArbitrator {
    /// Registers a channel, as [`register`](ChainArbitrator::register) does, and sees it through its opening: the funding is
    /// broadcast if it is ours and our first commitment is signed, `channel_ready` told when it is deep enough, and a public
    /// channel announced. What the peer is to be told comes as events. A repeat changes nothing.
    ///
    /// Each attempt at the funding of a channel (`tx_init_rbf`) is registered by itself, and names the one that it replaces.
    ///
    /// # Errors
    /// [`UpdateError`](crate::channel::UpdateError) as `register`; [`OpeningError`]: what the opening lacks.
    pub async fn open_channel(
        &self,
        terms: ChannelTerms,
        opening: OpeningTerms,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.open_channel(terms, opening).await }))
            .await
    }

    /// How a channel's opening stands; `None`: its engine opens it by itself, or it has ended.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn opening(
        &self,
        channel: OutPoint,
    ) -> Result<Option<OpeningStatus>, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let store = queries.store();
                let row = queries.row(channel)?;
                let Some(opening) = store.opening(row)? else {
                    return Ok(None);
                };
                let terms = store.terms(row)?;
                Ok(Some(opening.status(&terms, &policy)))
            })
            .await
    }

    /// The whole proof of a public channel, for a peer that asks: a `channel_announcement`, type first. `None` while a half
    /// of it is missing.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn channel_announcement(
        &self,
        channel: OutPoint,
    ) -> Result<Option<Vec<u8>>, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.channel_announcement(channel) }))
            .await
    }
}

impl Core {
    async fn open_channel(
        &self,
        terms: ChannelTerms,
        agreed: OpeningTerms,
    ) -> Result<(), ArbitratorError> {
        let channel = terms.channel();
        self.check_terms(&terms).await?;
        if agreed.minimum_depth == MinimumDepth::ZeroConf && agreed.alias.is_none() {
            return Err(OpeningError::ZeroConfNeedsAlias { channel }.into());
        }
        let node_id = match agreed.announcement {
            Announcement::Public { .. } => Some(self.node_id(channel).await?),
            Announcement::Private => None,
        };
        let keys_id = terms.keys_id;
        let second = CommitmentNumber::ZERO.next()?;
        let second_point = self
            .ask_signer(channel, move |signer| {
                signer.per_commitment_point(&keys_id, second)
            })
            .await?;
        let opening = Opening::new(channel, agreed, second_point, node_id);
        // No await from here on.
        let channel_id = opening
            .channel_id(&terms)
            .map_err(|source| OpeningError::Protocol { channel, source })?;
        if let Some(row) = self.store.find(channel)? {
            let known = self.store.opening(row)?;
            if known.is_none_or(|known| known.terms != opening.terms) {
                let field = "opening";
                return Err(OpeningError::Differs { channel, field }.into());
            }
            self.register_again(row, &terms)?;
            return self.take_early(&terms.peer, channel_id);
        }
        self.check_replaces(&terms, &opening)?;
        if let Some(alias) = opening.terms.alias {
            self.check_name_is_free(channel, alias)?;
        }
        self.store
            .register_opening(&terms, &opening, &self.warnings(&terms))?;
        self.wake_listeners();
        self.take_early(&terms.peer, channel_id)
    }

    /// BOLT 2: attempts at one funding are between the same nodes, and keep their basepoints.
    fn check_replaces(
        &self,
        terms: &ChannelTerms,
        opening: &Opening,
    ) -> Result<(), ArbitratorError> {
        let Some(replaced) = opening.terms.replaces else {
            return Ok(());
        };
        let refuse = |reason| OpeningError::Replaces {
            channel: terms.channel(),
            replaced,
            reason,
        };
        let row = self.store.find(replaced)?;
        let row = row.ok_or_else(|| refuse("it is not registered"))?;
        let former = self.store.opening(row)?;
        let former = former.ok_or_else(|| refuse("it is not opened here"))?;
        let is_dual = |with| match with {
            OpenedWith::OpenChannel => false,
            OpenedWith::OpenChannel2 => true,
        };
        if !is_dual(opening.terms.opened_with) || !is_dual(former.terms.opened_with) {
            return Err(refuse("only open_channel2 has attempts").into());
        }
        if opening.channel_id(terms) != former.channel_id(&self.store.terms(row)?) {
            return Err(refuse("it is another channel").into());
        }
        Ok(())
    }
}
