//! What the channel engine tells: commitments, HTLCs, and where the store stands.

use super::input::{self, Invalid, Within};
use super::{OutPoint, Refusal};
use crate::channel;
use crate::protocol::{CommitmentNumber, PaymentHash};

/// Which way an HTLC's money goes, as we see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Direction {
    /// We offered it: the peer gets the money for the preimage.
    Outgoing,
    /// The peer offered it: we get the money for the preimage.
    Incoming,
}

impl From<Direction> for channel::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Outgoing => channel::Direction::Outgoing,
            Direction::Incoming => channel::Direction::Incoming,
        }
    }
}

impl From<channel::Direction> for Direction {
    fn from(direction: channel::Direction) -> Self {
        match direction {
            channel::Direction::Outgoing => Direction::Outgoing,
            channel::Direction::Incoming => Direction::Incoming,
        }
    }
}

/// The name of an HTLC within its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HtlcKey {
    /// Ids count per direction.
    pub direction: Direction,
    /// Its id among those of its direction (BOLT 2: `update_add_htlc.id`).
    pub id: u64,
}

impl HtlcKey {
    pub(super) fn to_core(self) -> Result<channel::HtlcKey, Invalid> {
        Ok(channel::HtlcKey {
            direction: self.direction.into(),
            id: input::htlc_id("id", self.id)?,
        })
    }
}

impl From<channel::HtlcKey> for HtlcKey {
    fn from(key: channel::HtlcKey) -> Self {
        HtlcKey {
            direction: key.direction.into(),
            id: key.id,
        }
    }
}

/// Where an HTLC came from: what has to be told when it is settled on the chain.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum HtlcOrigin {
    /// Our own payment, or a payment to us.
    Own,
    /// Forwarded for an HTLC that came in elsewhere.
    Forwarded {
        /// The channel on which it came in.
        channel: OutPoint,
        /// Its id there.
        id: u64,
        /// The height at which it expires there.
        cltv_expiry: u32,
    },
}

impl From<channel::HtlcOrigin> for HtlcOrigin {
    fn from(origin: channel::HtlcOrigin) -> Self {
        match origin {
            channel::HtlcOrigin::Own => HtlcOrigin::Own,
            channel::HtlcOrigin::Forwarded {
                channel,
                id,
                expiry,
            } => HtlcOrigin::Forwarded {
                channel: channel.into(),
                id,
                cltv_expiry: expiry,
            },
        }
    }
}

impl HtlcOrigin {
    fn to_core(&self) -> Result<channel::HtlcOrigin, Invalid> {
        match self {
            HtlcOrigin::Own => Ok(channel::HtlcOrigin::Own),
            HtlcOrigin::Forwarded {
                channel,
                id,
                cltv_expiry,
            } => Ok(channel::HtlcOrigin::Forwarded {
                channel: channel.to_core().within("channel")?,
                id: input::htlc_id("id", *id)?,
                expiry: *cltv_expiry,
            }),
        }
    }
}

/// One HTLC of a commitment.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Htlc {
    /// Its name within the channel.
    pub key: HtlcKey,
    /// SHA256 of the preimage, 32 bytes.
    pub payment_hash: Vec<u8>,
    /// Its amount.
    pub amount_msat: u64,
    /// The block height from which the payer may take it back (BOLT 2: `cltv_expiry`).
    pub cltv_expiry: u32,
    /// Where it came from.
    pub origin: HtlcOrigin,
}

impl Htlc {
    fn to_core(&self) -> Result<channel::HtlcTerms, Invalid> {
        Ok(channel::HtlcTerms {
            key: self.key.to_core().within("key")?,
            payment_hash: PaymentHash(input::array("payment_hash", &self.payment_hash)?),
            amount_msat: self.amount_msat,
            cltv_expiry: self.cltv_expiry,
            origin: self.origin.to_core().within("origin")?,
        })
    }
}

/// One commitment transaction, as numbers: what both sides' updates have in common.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CommitmentUpdate {
    /// Which commitment of its side, from 0; below 2^48.
    pub number: u64,
    /// Satoshi per 1000 weight units (BOLT 2: `feerate_per_kw`).
    pub feerate_per_kw: u32,
    /// Our balance before fee and anchors.
    pub local_msat: u64,
    /// The peer's balance before fee and anchors.
    pub remote_msat: u64,
    /// All HTLCs of the commitment, dust included. The library finds the difference itself.
    pub htlcs: Vec<Htlc>,
}

impl CommitmentUpdate {
    fn to_core(&self) -> Result<channel::CommitmentUpdate, Invalid> {
        let htlcs = self
            .htlcs
            .iter()
            .enumerate()
            .map(|(index, htlc)| htlc.to_core().within(format_args!("htlcs[{index}]")));
        Ok(channel::CommitmentUpdate {
            number: input::commitment_number("number", self.number)?,
            feerate_per_kw: self.feerate_per_kw,
            local_msat: self.local_msat,
            remote_msat: self.remote_msat,
            htlcs: htlcs.collect::<Result<_, _>>()?,
        })
    }
}

/// The peer's signatures of one commitment number over one funding, each in the 64 bytes of BOLT 2's messages.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct FundingSignatures {
    /// The funding output that the signed commitment spends.
    pub funding: OutPoint,
    /// Over the commitment.
    pub commitment: Vec<u8>,
    /// Over the second-level transactions, in the order of the commitment's outputs (BOLT 2: `htlc_signature`).
    pub htlcs: Vec<Vec<u8>>,
}

impl FundingSignatures {
    fn to_core(&self) -> Result<channel::FundingSignatures, Invalid> {
        let htlcs = self
            .htlcs
            .iter()
            .enumerate()
            .map(|(index, bytes)| input::signature(&format!("htlcs[{index}]"), bytes));
        Ok(channel::FundingSignatures {
            funding: self.funding.to_core().within("funding")?,
            commitment: input::signature("commitment", &self.commitment)?,
            htlcs: htlcs.collect::<Result<_, _>>()?,
        })
    }
}

/// A commitment of ours that the peer signed (BOLT 2: a `commitment_signed` that we received).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LocalUpdate {
    /// The commitment.
    pub commitment: CommitmentUpdate,
    /// The peer's signatures, one set per funding output of the channel.
    pub signatures: Vec<FundingSignatures>,
}

impl LocalUpdate {
    pub(super) fn to_core(&self) -> Result<channel::LocalUpdate, Invalid> {
        let signatures = self
            .signatures
            .iter()
            .enumerate()
            .map(|(index, given)| given.to_core().within(format_args!("signatures[{index}]")));
        Ok(channel::LocalUpdate {
            commitment: self.commitment.to_core().within("commitment")?,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }
}

/// A commitment of the peer that we are about to sign. Given **before** our signature leaves.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RemoteUpdate {
    /// The commitment.
    pub commitment: CommitmentUpdate,
    /// The peer's per-commitment point for it, 33 bytes.
    pub per_commitment_point: Vec<u8>,
}

impl RemoteUpdate {
    pub(super) fn to_core(&self) -> Result<channel::RemoteUpdate, Invalid> {
        Ok(channel::RemoteUpdate {
            commitment: self.commitment.to_core().within("commitment")?,
            per_commitment_point: input::public_key(
                "per_commitment_point",
                &self.per_commitment_point,
            )?,
        })
    }
}

/// One update of a channel: what the engine does together, it tells in one call of `updates`.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ChannelUpdate {
    /// A commitment of ours that the peer signed.
    Local {
        /// The commitment and the peer's signatures.
        update: LocalUpdate,
    },
    /// A commitment of the peer that we are about to sign.
    Remote {
        /// The commitment and the peer's point for it.
        update: RemoteUpdate,
    },
    /// The peer's `revoke_and_ack`.
    Revocation {
        /// The commitment that is revoked.
        number: u64,
        /// Its secret, 32 bytes.
        secret: Vec<u8>,
        /// The point of the peer's commitment after the next, 33 bytes.
        next_point: Vec<u8>,
    },
    /// We have decided to claim an HTLC.
    Release {
        /// The HTLC.
        htlc: HtlcKey,
    },
}

impl ChannelUpdate {
    /// The secret is wiped here.
    pub(super) fn into_core(self) -> Result<channel::ChannelUpdate, Invalid> {
        match self {
            ChannelUpdate::Local { update } => {
                let update = update.to_core().within("update")?;
                Ok(channel::ChannelUpdate::Local(update))
            }
            ChannelUpdate::Remote { update } => {
                let update = update.to_core().within("update")?;
                Ok(channel::ChannelUpdate::Remote(update))
            }
            ChannelUpdate::Revocation {
                number,
                secret,
                next_point,
            } => {
                let secret = input::commitment_secret("secret", secret)?;
                Ok(channel::ChannelUpdate::Revocation {
                    number: input::commitment_number("number", number)?,
                    secret,
                    next_point: input::public_key("next_point", &next_point)?,
                })
            }
            ChannelUpdate::Release { htlc } => Ok(channel::ChannelUpdate::Release(
                htlc.to_core().within("htlc")?,
            )),
        }
    }
}

/// Where the store stands in a channel's stream of updates, for an engine that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Position {
    /// The newest commitment of ours.
    pub local: Option<u64>,
    /// The newest commitment of the peer.
    pub remote: Option<u64>,
    /// The newest commitment that the peer revoked.
    pub remote_revoked: Option<u64>,
    /// The point of the peer's commitment after the newest, once the peer has announced it.
    pub remote_next_point: Option<Vec<u8>>,
    /// Whether commitments are still taken: not once the channel is closing.
    pub takes_commitments: bool,
    /// Why not, once they are not.
    pub refusal: Option<Refusal>,
}

impl From<channel::Position> for Position {
    fn from(position: channel::Position) -> Self {
        let feed = position.feed;
        Position {
            local: feed.local.map(CommitmentNumber::get),
            remote: feed.remote.map(CommitmentNumber::get),
            remote_revoked: feed.remote_revoked.map(CommitmentNumber::get),
            remote_next_point: feed
                .remote_next_point
                .map(|point| point.serialize().to_vec()),
            takes_commitments: position.takes_commitments(),
            refusal: position.refusal.map(Refusal::from),
        }
    }
}
