//! BOLT 3 as pure functions: keys, secrets, scripts, transactions, and the channel formats; of BOLT 2 and 7, a channel's
//! names and the messages with which it is opened and taken up again.
//!
//! The floor everything else stands on. No I/O, no clock, no randomness, no logging: the same arguments
//! always give the same bytes, which is what lets both sides of a channel agree on a transaction
//! that neither has sent to the other.
//!
//! A commitment transaction is always described from its **owner's** side – the party that holds it and can
//! broadcast it – whichever of the two that is. [`Party`] says who that is to us.

mod closing;
mod commitment;
mod error;
#[cfg(test)]
mod fixtures;
mod format;
mod funding;
mod htlc;
mod keys;
mod message;
mod obscured;
mod ordering;
mod primitives;
pub mod scripts;
mod secrets;
mod short_channel_id;

pub use closing::{
    is_cooperative_close, shutdown_form, ClosingOutputs, ClosingSide, LegacyClosing, ShutdownForm,
    SimpleClosing,
};
pub(crate) use commitment::SEGWIT_MARKER;
pub use commitment::{Commitment, CommitmentOutput, CommitmentSpec, Htlc, Opener, OutputRole};
pub use error::{Field, ProtocolError, SignatureOf};
pub use format::{
    Anchors, ChannelType, ContractOutput, Element, Format, OutputScript, RecognisedSpend,
    SigningKey, SpendPath, SpendTemplate, Spender, WitnessParts,
};
pub use funding::Funding;
pub use htlc::SecondLevel;
pub use keys::{
    derive_public_key, derive_revocation_public_key, derive_revocation_secret_key,
    derive_secret_key, Basepoints, ChannelPublicKeys, CommitmentKeys, KeyRole,
};
pub use message::{
    AnnouncementSignatures, ChannelAnnouncement, ChannelEnd, ChannelFeatures, ChannelId,
    ChannelReady, ChannelReestablish, Message, MessageError, UnsignedChannelAnnouncement,
    WrongSignature,
};
pub use obscured::{state_number, ObscuringFactor};
pub use primitives::{CommitmentNumber, HtlcKind, Party, PaymentHash, Preimage};
pub use secrets::{
    commitment_secret, secret_from, secret_generates, CommitmentSecret, RevocationSecrets,
    SecretSlot,
};
pub use short_channel_id::ShortChannelId;
