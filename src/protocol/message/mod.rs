//! The messages of BOLT 2 and 7 with which a channel's two nodes open it and take it up again, as they stand on the wire: type
//! first.
//!
//! Parsing is strict where BOLT 1 is: an unknown even field refuses the message, an unknown odd one is skipped.

mod announcement;
mod channel_id;
mod ready;
mod reestablish;
mod wire;

pub use announcement::{
    AnnouncementSignatures, ChannelAnnouncement, ChannelEnd, ChannelFeatures,
    UnsignedChannelAnnouncement, WrongSignature,
};
pub use channel_id::ChannelId;
pub use ready::ChannelReady;
pub use reestablish::ChannelReestablish;

use thiserror::Error;

use self::wire::Reader;

/// Why bytes are not the message that they should be. The field at fault is named as in the BOLTs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// A message of another type: somebody else's to read.
    #[error("a message of type {0}, which is not read here")]
    NotForUs(u16),
    /// The bytes end within a field.
    #[error("the message ends within {0}")]
    Ends(&'static str),
    /// Bytes that are no public key.
    #[error("{0} is not a point of secp256k1")]
    Point(&'static str),
    /// Bytes that are no signature: an `r` or `s` that no signature has.
    #[error("{0} is not a signature")]
    Signature(&'static str),
    /// A number that could be written in fewer bytes (BOLT 1: BigSize).
    #[error("the {0} of a field is not in its shortest form")]
    NotMinimal(&'static str),
    /// Fields of an extension stand in the order of their types, each once (BOLT 1).
    #[error("field {found} follows field {before}")]
    Order { before: u64, found: u64 },
    /// A field that must be understood, and is not (BOLT 1: even types).
    #[error("field {0} is even and unknown")]
    UnknownEven(u64),
    /// A known field of an extension has a length of its own.
    #[error("{field} has {length} bytes")]
    Length { field: &'static str, length: usize },
    /// More features than a message has room for (BOLT 8).
    #[error("{0} bytes of features do not fit into a message")]
    Features(usize),
}

/// A message that is read here. Never shown with the secret that it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Where the sender stands, on a new connection (BOLT 2).
    ChannelReestablish(ChannelReestablish),
    /// The funding is deep enough for the sender (BOLT 2).
    ChannelReady(ChannelReady),
    /// The sender's half of the proof that the channel exists (BOLT 7).
    AnnouncementSignatures(AnnouncementSignatures),
    /// The whole proof (BOLT 7).
    ChannelAnnouncement(Box<ChannelAnnouncement>),
}

impl Message {
    /// Its type on the wire.
    pub fn message_type(&self) -> u16 {
        match self {
            Message::ChannelReestablish(_) => ChannelReestablish::TYPE,
            Message::ChannelReady(_) => ChannelReady::TYPE,
            Message::AnnouncementSignatures(_) => AnnouncementSignatures::TYPE,
            Message::ChannelAnnouncement(_) => ChannelAnnouncement::TYPE,
        }
    }

    /// The message, type first.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Message::ChannelReestablish(message) => message.encode(),
            Message::ChannelReady(message) => message.encode(),
            Message::AnnouncementSignatures(message) => message.encode(),
            Message::ChannelAnnouncement(message) => message.encode(),
        }
    }

    /// Reads a message, type first.
    ///
    /// # Errors
    /// [`MessageError`]; [`MessageError::NotForUs`] when it is one that others read.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        match reader.u16("type")? {
            ChannelReestablish::TYPE => {
                ChannelReestablish::read(reader).map(Message::ChannelReestablish)
            }
            ChannelReady::TYPE => ChannelReady::read(reader).map(Message::ChannelReady),
            AnnouncementSignatures::TYPE => {
                AnnouncementSignatures::read(reader).map(Message::AnnouncementSignatures)
            }
            ChannelAnnouncement::TYPE => ChannelAnnouncement::read(reader)
                .map(|message| Message::ChannelAnnouncement(Box::new(message))),
            other => Err(MessageError::NotForUs(other)),
        }
    }
}
