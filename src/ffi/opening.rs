//! Openings: what the app says of them, what it hears from peers, and how they stand.

use super::arbitrator::channel;
use super::input::{self, Invalid, Within};
use super::{ArbitratorError, ChainArbitrator, ChannelTerms, OutPoint};
use crate::arbitrator;
use crate::opening;
use crate::protocol::{self, ChannelFeatures};

/// With which message the channel was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OpenedWith {
    /// `open_channel`.
    OpenChannel,
    /// `open_channel2`: each attempt at the funding is a channel of its own here.
    OpenChannel2,
}

/// How deep the funding must be before we say `channel_ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum MinimumDepth {
    /// As the policy has it for the channel's capacity.
    ByCapacity,
    /// So many blocks, the funding's own included.
    Blocks {
        /// At least one.
        blocks: u32,
    },
    /// None: whoever can spend the funding's inputs otherwise is trusted. Needs an alias.
    ZeroConf,
}

/// Whether the network is told of the channel.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Announcement {
    /// It is not.
    Private,
    /// It is, once the funding is six blocks deep. Needs a `NodeSigner`.
    Public {
        /// Features of the announcement, in the bytes of BOLT 9; the peer signs the same. Empty today.
        features: Vec<u8>,
    },
}

/// What is agreed about an opening beside the channel's terms.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OpeningTerms {
    /// With which message it was opened.
    pub opened_with: OpenedWith,
    /// How deep the funding must be.
    pub minimum_depth: MinimumDepth,
    /// Whether the network is told.
    pub announcement: Announcement,
    /// A name of ours that the peer routes by, such as `700000x1x0`.
    pub alias: Option<String>,
    /// The attempt at the funding that this one replaces.
    pub replaces: Option<OutPoint>,
}

impl OpeningTerms {
    pub(super) fn to_core(&self) -> Result<opening::OpeningTerms, Invalid> {
        Ok(opening::OpeningTerms {
            opened_with: match self.opened_with {
                OpenedWith::OpenChannel => opening::OpenedWith::OpenChannel,
                OpenedWith::OpenChannel2 => opening::OpenedWith::OpenChannel2,
            },
            minimum_depth: match self.minimum_depth {
                MinimumDepth::ByCapacity => opening::MinimumDepth::ByCapacity,
                MinimumDepth::Blocks { blocks } => opening::MinimumDepth::Blocks(blocks),
                MinimumDepth::ZeroConf => opening::MinimumDepth::ZeroConf,
            },
            announcement: match &self.announcement {
                Announcement::Private => opening::Announcement::Private,
                Announcement::Public { features } => opening::Announcement::Public {
                    features: ChannelFeatures::new(features.clone())
                        .map_err(|error| Invalid::new("announcement.features", error))?,
                },
            },
            alias: self
                .alias
                .as_ref()
                .map(|alias| input::short_channel_id("alias", alias))
                .transpose()?,
            replaces: self
                .replaces
                .as_ref()
                .map(|replaced| replaced.to_core().within("replaces"))
                .transpose()?,
        })
    }
}

/// What became of a peer's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Received {
    /// It is on disk, with all that follows from it.
    Taken,
    /// Its channel is not known yet: it is kept for some time.
    Kept,
    /// With this message, or before, the peer has proven that we lost data. Nothing of ours is broadcast any more; an
    /// `error` asks the peer to close the channel (BOLT 2).
    DataLost,
}

impl From<arbitrator::Received> for Received {
    fn from(received: arbitrator::Received) -> Self {
        match received {
            arbitrator::Received::Taken => Received::Taken,
            arbitrator::Received::Kept => Received::Kept,
            arbitrator::Received::DataLost => Received::DataLost,
        }
    }
}

/// How far an opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OpeningStage {
    /// The funding is not on the chain.
    Unconfirmed,
    /// It is, and not deep enough.
    Confirming,
    /// `channel_ready` is not exchanged yet.
    AwaitingReady,
    /// The channel may be used.
    Usable,
    /// The channel may be used, and the network was told of it.
    Announced,
    /// The channel is closing.
    Closing,
    /// Nothing of the opening matters any more.
    Over,
}

impl From<opening::Stage> for OpeningStage {
    fn from(stage: opening::Stage) -> Self {
        match stage {
            opening::Stage::Unconfirmed => OpeningStage::Unconfirmed,
            opening::Stage::Confirming => OpeningStage::Confirming,
            opening::Stage::AwaitingReady => OpeningStage::AwaitingReady,
            opening::Stage::Usable => OpeningStage::Usable,
            opening::Stage::Announced => OpeningStage::Announced,
            opening::Stage::Closing => OpeningStage::Closing,
            opening::Stage::Over => OpeningStage::Over,
        }
    }
}

/// The peer's `channel_ready`.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PeerReady {
    /// Its per-commitment point of commitment 1, 33 bytes.
    pub second_per_commitment_point: Vec<u8>,
    /// A name of the peer's for the channel, for routes through it.
    pub alias: Option<String>,
}

/// How an opening stands.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OpeningStatus {
    /// How far it is.
    pub stage: OpeningStage,
    /// What the chain calls the channel, once the funding is deep enough.
    pub short_channel_id: Option<String>,
    /// Blocks that bury the funding.
    pub depth: u32,
    /// As many as it takes before we say `channel_ready`.
    pub needed_depth: u32,
    /// The app was asked to tell the peer our `channel_ready`.
    pub is_ready_said: bool,
    /// It says that the peer has it.
    pub is_ready_told: bool,
    /// The peer's.
    pub peer_ready: Option<PeerReady>,
    /// The name that our half of the proof is for.
    pub our_half: Option<String>,
    /// The name that the peer's half is for.
    pub peer_half: Option<String>,
    /// The height at which a funding that the peer owes us is waited for no longer.
    pub gives_up_at: Option<u32>,
}

impl From<opening::OpeningStatus> for OpeningStatus {
    fn from(status: opening::OpeningStatus) -> Self {
        let text = |id: Option<protocol::ShortChannelId>| id.map(|id| id.to_string());
        OpeningStatus {
            stage: status.stage.into(),
            short_channel_id: text(status.short_channel_id),
            depth: status.depth,
            needed_depth: status.needed_depth,
            is_ready_said: status.is_ready_said,
            is_ready_told: status.is_ready_told,
            peer_ready: status.peer_ready.map(|ready| PeerReady {
                second_per_commitment_point: ready.second_per_commitment_point.serialize().to_vec(),
                alias: text(ready.alias),
            }),
            our_half: text(status.our_half),
            peer_half: text(status.peer_half),
            gives_up_at: status.gives_up_at,
        }
    }
}

#[uniffi::export]
impl ChainArbitrator {
    /// Registers a channel, as `register` does, and sees it through its opening: the funding is broadcast if it is ours and our
    /// first commitment is signed, `channel_ready` told when it is deep enough, and a public channel announced. What the peer
    /// is to be told comes as `TellPeer` events. A repeat changes nothing.
    pub async fn open_channel(
        &self,
        terms: ChannelTerms,
        opening: OpeningTerms,
    ) -> Result<(), ArbitratorError> {
        let terms = terms.to_core().within("terms")?;
        let opening = opening.to_core().within("opening")?;
        Ok(self.core.open_channel(terms, opening).await?)
    }

    /// Takes a message of a peer, type first, whenever it comes. `peer` is its node id, 33 bytes. On disk when this returns, with
    /// all that follows from it. Every other message than these three gives `NotForUs`:
    ///
    /// - `channel_reestablish`, of every channel. It is a new connection: what the peer may not have got is told again; a
    ///   restored channel is confirmed; lost data is found out. A repeat tells nothing again that was not handed over since the
    ///   first. After `ReestablishSecret` and `BehindPeer` BOLT 2 has the channel fail; nothing has changed here;
    /// - `channel_ready` and `announcement_signatures`, of channels that are opened here.
    pub async fn peer_message(
        &self,
        peer: Vec<u8>,
        message: Vec<u8>,
    ) -> Result<Received, ArbitratorError> {
        let peer = input::public_key("peer", &peer)?;
        Ok(self.core.peer_message(peer, message).await?.into())
    }

    /// How a channel's opening stands; nothing: its engine opens it by itself, or it has ended.
    pub async fn opening(
        &self,
        channel: OutPoint,
    ) -> Result<Option<OpeningStatus>, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.opening(channel).await?.map(OpeningStatus::from))
    }

    /// The whole proof of a public channel, for a peer that asks: a `channel_announcement`, type first. Nothing while a half
    /// of it is missing.
    pub async fn channel_announcement(
        &self,
        channel: OutPoint,
    ) -> Result<Option<Vec<u8>>, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.channel_announcement(channel).await?)
    }
}
