//! What is fixed when a channel opens, as the app hands it over.

use bitcoin::ScriptBuf;

use super::input::{self, Invalid, Within};
use super::OutPoint;
use crate::channel;
use crate::protocol::{self, Basepoints, ChannelPublicKeys};

/// The commitment format of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ChannelType {
    /// BOLT 3 with `option_static_remotekey`.
    StaticRemotekey,
    /// BOLT 3 with `option_anchors` and zero-fee HTLC transactions.
    AnchorsZeroFeeHtlc,
}

impl From<ChannelType> for protocol::ChannelType {
    fn from(channel_type: ChannelType) -> Self {
        match channel_type {
            ChannelType::StaticRemotekey => protocol::ChannelType::StaticRemotekey,
            ChannelType::AnchorsZeroFeeHtlc => protocol::ChannelType::AnchorsZeroFeeHtlc,
        }
    }
}

impl From<protocol::ChannelType> for ChannelType {
    fn from(channel_type: protocol::ChannelType) -> Self {
        match channel_type {
            protocol::ChannelType::StaticRemotekey => ChannelType::StaticRemotekey,
            protocol::ChannelType::AnchorsZeroFeeHtlc => ChannelType::AnchorsZeroFeeHtlc,
        }
    }
}

/// Whose: ours or the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Party {
    /// This node.
    Local,
    /// The node at the other end of the channel.
    Remote,
}

impl From<Party> for protocol::Party {
    fn from(party: Party) -> Self {
        match party {
            Party::Local => protocol::Party::Local,
            Party::Remote => protocol::Party::Remote,
        }
    }
}

impl From<protocol::Party> for Party {
    fn from(party: protocol::Party) -> Self {
        match party {
            protocol::Party::Local => Party::Local,
            protocol::Party::Remote => Party::Remote,
        }
    }
}

/// The public keys of one side, 33 bytes each.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelKeys {
    /// This side's key in the 2-of-2 of the funding output.
    pub funding: Vec<u8>,
    /// Lets the other side's revoked commitments be punished.
    pub revocation_basepoint: Vec<u8>,
    /// Where this side's balance on the other's commitment goes.
    pub payment_basepoint: Vec<u8>,
    /// Where this side's balance on its own commitment goes, after the delay.
    pub delayed_payment_basepoint: Vec<u8>,
    /// For HTLCs.
    pub htlc_basepoint: Vec<u8>,
}

impl ChannelKeys {
    pub(super) fn to_core(&self) -> Result<ChannelPublicKeys, Invalid> {
        Ok(ChannelPublicKeys {
            funding: input::public_key("funding", &self.funding)?,
            basepoints: Basepoints {
                revocation: input::public_key("revocation_basepoint", &self.revocation_basepoint)?,
                payment: input::public_key("payment_basepoint", &self.payment_basepoint)?,
                delayed_payment: input::public_key(
                    "delayed_payment_basepoint",
                    &self.delayed_payment_basepoint,
                )?,
                htlc: input::public_key("htlc_basepoint", &self.htlc_basepoint)?,
            },
        })
    }
}

impl From<ChannelPublicKeys> for ChannelKeys {
    fn from(keys: ChannelPublicKeys) -> Self {
        ChannelKeys {
            funding: keys.funding.serialize().to_vec(),
            revocation_basepoint: keys.basepoints.revocation.serialize().to_vec(),
            payment_basepoint: keys.basepoints.payment.serialize().to_vec(),
            delayed_payment_basepoint: keys.basepoints.delayed_payment.serialize().to_vec(),
            htlc_basepoint: keys.basepoints.htlc.serialize().to_vec(),
        }
    }
}

/// One side's half of a channel's terms.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PartyTerms {
    /// Its keys.
    pub keys: ChannelKeys,
    /// Outputs of this side's commitments below it are left out (BOLT 2: `dust_limit_satoshis`).
    pub dust_limit_sat: u64,
    /// Blocks that this side waits for its own `to_local`. It is the `to_self_delay` that the *other* side sent.
    pub to_self_delay: u16,
    /// What this side must keep (BOLT 2: `channel_reserve_satoshis`, as the other side asked for it).
    pub reserve_sat: u64,
    /// Where a cooperative close pays this side, if that was fixed (BOLT 2: `upfront_shutdown_script` or `shutdown`).
    #[uniffi(default = None)]
    pub shutdown_script: Option<Vec<u8>>,
    /// This side's balance in commitment 0.
    pub initial_balance_msat: u64,
    /// The per-commitment point of commitment 0 (BOLT 2: `first_per_commitment_point`), 33 bytes.
    pub first_per_commitment_point: Vec<u8>,
}

impl PartyTerms {
    fn to_core(&self) -> Result<channel::PartyTerms, Invalid> {
        Ok(channel::PartyTerms {
            keys: self.keys.to_core().within("keys")?,
            dust_limit: input::amount("dust_limit_sat", self.dust_limit_sat)?,
            to_self_delay: self.to_self_delay,
            reserve: input::amount("reserve_sat", self.reserve_sat)?,
            shutdown_script: self.shutdown_script.clone().map(ScriptBuf::from_bytes),
            initial_balance_msat: self.initial_balance_msat,
            first_per_commitment_point: input::public_key(
                "first_per_commitment_point",
                &self.first_per_commitment_point,
            )?,
        })
    }
}

/// Everything fixed at opening. Given once, before the funding transaction is broadcast.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelTerms {
    /// The funding output, which names the channel.
    pub funding: OutPoint,
    /// The value of the funding output.
    pub capacity_sat: u64,
    /// The whole funding transaction, if it is ours: it is broadcast again when it gets lost.
    #[uniffi(default = None)]
    pub funding_transaction: Option<Vec<u8>>,
    /// The commitment format.
    pub channel_type: ChannelType,
    /// The peer's node id, 33 bytes.
    pub peer: Vec<u8>,
    /// Who opened the channel, and so pays its commitments' fees.
    pub opener: Party,
    /// The name under which the signer finds the channel's keys: 32 bytes, never a secret.
    pub keys_id: Vec<u8>,
    /// Our half.
    pub local: PartyTerms,
    /// The peer's half.
    pub remote: PartyTerms,
}

impl ChannelTerms {
    pub(super) fn to_core(&self) -> Result<channel::ChannelTerms, Invalid> {
        let transaction = self
            .funding_transaction
            .as_ref()
            .map(|bytes| input::transaction("funding_transaction", bytes));
        Ok(channel::ChannelTerms {
            funding: channel::Funding {
                outpoint: self.funding.to_core().within("funding")?,
                capacity: input::amount("capacity_sat", self.capacity_sat)?,
                transaction: transaction.transpose()?,
            },
            channel_type: self.channel_type.into(),
            peer: input::public_key("peer", &self.peer)?,
            opener: self.opener.into(),
            keys_id: input::keys_id("keys_id", &self.keys_id)?,
            local: self.local.to_core().within("local")?,
            remote: self.remote.to_core().within("remote")?,
        })
    }
}
