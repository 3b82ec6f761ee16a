//! Our half of the proof of a public channel: asked of our node's key and of the channel's signer, verified, and put
//! together with the peer's.

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use crate::arbitrator::core::Core;
use crate::channel::ChannelTerms;
use crate::error::ArbitratorError;
use crate::opening::OpeningError;
use crate::protocol::{AnnouncementSignatures, ChannelEnd, ChannelId, UnsignedChannelAnnouncement};
use crate::signer::{AnnouncementRequest, NodeSigner, SignerError};

impl Core {
    /// Our node id.
    pub(super) async fn node_id(&self, channel: OutPoint) -> Result<PublicKey, ArbitratorError> {
        self.ask_node(channel, |node| node.node_id()).await
    }

    /// Calls our node's key.
    async fn ask_node<T: Send + 'static>(
        &self,
        channel: OutPoint,
        ask: impl FnOnce(&dyn NodeSigner) -> Result<T, SignerError> + Send + 'static,
    ) -> Result<T, ArbitratorError> {
        let node = self.node_signer.clone();
        let node = node.ok_or(OpeningError::NeedsNodeSigner { channel })?;
        self.callout
            .call(move || ask(node.as_ref()))
            .await
            .map_err(|source| ArbitratorError::Callback {
                callback: "NodeSigner",
                source,
            })?
            .map_err(|source| ArbitratorError::Signer { channel, source })
    }

    /// Our half of the proof.
    pub(in crate::arbitrator) async fn sign_announcement(
        &self,
        terms: &ChannelTerms,
        channel_id: ChannelId,
        contents: UnsignedChannelAnnouncement,
    ) -> Result<AnnouncementSignatures, ArbitratorError> {
        let channel = terms.channel();
        let end = ChannelEnd {
            node_id: self.node_id(channel).await?,
            bitcoin_key: terms.local.keys.funding,
        };
        let request = |public_key| AnnouncementRequest {
            channel,
            keys_id: terms.keys_id,
            public_key,
            contents: contents.clone(),
        };
        let (by_node, by_funding) = (request(end.node_id), request(end.bitcoin_key));
        let node_signature = self
            .ask_node(channel, move |node| node.sign_announcement(&by_node))
            .await?;
        let bitcoin_signature = self
            .ask_signer(channel, move |signer| signer.sign_announcement(&by_funding))
            .await?;
        let half = AnnouncementSignatures {
            channel_id,
            short_channel_id: contents.short_channel_id,
            node_signature,
            bitcoin_signature,
        };
        contents
            .verify_half(&end, &half)
            .map_err(|_| ArbitratorError::SignatureRefused { channel })?;
        Ok(half)
    }

    pub(super) fn channel_announcement(
        &self,
        channel: OutPoint,
    ) -> Result<Option<Vec<u8>>, ArbitratorError> {
        let row = self.row(channel)?;
        let Some(opening) = self.store.opening(row)? else {
            return Ok(None);
        };
        let terms = self.store.terms(row)?;
        let whole = opening.announcement(&self.opening_dossier(&terms));
        Ok(whole.map(|whole| whole.encode()))
    }
}
