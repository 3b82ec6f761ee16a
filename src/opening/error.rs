//! What is refused of an opening.

use bitcoin::OutPoint;

use super::Flaw;
use crate::protocol::{ChannelId, MessageError, ProtocolError, WrongSignature};

/// Why something about an opening was refused. Nothing on disk has changed when one of these is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// BOLT 2: without a confirmation nothing names the channel but an alias.
    #[error("channel {channel}: zero-conf needs an alias")]
    ZeroConfNeedsAlias { channel: OutPoint },
    /// A public channel is announced with our node's key.
    #[error("channel {channel}: a public channel needs Config::node_signer")]
    NeedsNodeSigner { channel: OutPoint },
    /// An attempt replaces one that is registered, with the same peer and the same keys, as an opening.
    #[error("channel {channel}: it cannot replace {replaced}: {reason}")]
    Replaces {
        channel: OutPoint,
        replaced: OutPoint,
        reason: &'static str,
    },
    /// The channel was registered already, and what was said of its opening was another thing.
    #[error("channel {channel}: registered already, with another {field}")]
    Differs {
        channel: OutPoint,
        field: &'static str,
    },
    /// The channel was registered without an opening: its engine opens it by itself.
    #[error("channel {channel}: it is not opened here")]
    NotOpenedHere { channel: OutPoint },
    /// The bytes are not a message, or one that others read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A message of a channel that we do not have, and of a kind that is not kept for later.
    #[error("a channel {channel_id} that is not known")]
    UnknownChannelId { channel_id: ChannelId },
    /// BOLT 2: the second per-commitment point is told once. Another one came, or the commitment built on it has another.
    #[error("channel {channel}: the peer's second per-commitment point is another one already")]
    SecondPoint { channel: OutPoint },
    /// BOLT 7: a half proof whose signatures are not those of the peer's keys.
    #[error("channel {channel}: {source}")]
    WrongHalf {
        channel: OutPoint,
        source: WrongSignature,
    },
    /// The channel's figures do not fit into a message.
    #[error("channel {channel}: {source}")]
    Protocol {
        channel: OutPoint,
        source: ProtocolError,
    },
}

impl OpeningError {
    /// What is wrong with a message of the peer's; `None`: the refusal is of something else.
    pub fn flaw(&self) -> Option<Flaw> {
        match self {
            OpeningError::SecondPoint { channel: _ } => Some(Flaw::SecondPoint),
            OpeningError::WrongHalf { channel: _, source } => Some(Flaw::Half(*source)),
            OpeningError::ZeroConfNeedsAlias { .. }
            | OpeningError::NeedsNodeSigner { .. }
            | OpeningError::Replaces { .. }
            | OpeningError::Differs { .. }
            | OpeningError::NotOpenedHere { .. }
            | OpeningError::Message(_)
            | OpeningError::UnknownChannelId { .. }
            | OpeningError::Protocol { .. } => None,
        }
    }

    pub(super) fn protocol(channel: OutPoint) -> impl Fn(ProtocolError) -> Self {
        move |source| OpeningError::Protocol { channel, source }
    }
}
