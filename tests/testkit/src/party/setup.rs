//! What is agreed when a channel is opened, and the words that both sides share.

use bitcoin::{Amount, OutPoint, ScriptBuf};
use lightning::types::features::ChannelTypeFeatures;
use secp256k1::{PublicKey, SECP256K1};
use serde::{Deserialize, Serialize};

use super::secrets::{PublicKeys, Secrets};

/// The commitment formats that the testkit plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelType {
    /// Feature `option_static_remotekey` alone.
    StaticRemotekey,
    /// Feature `option_anchors` (zero-fee HTLC transactions), which implies static remote keys.
    AnchorsZeroFeeHtlc,
}

impl ChannelType {
    /// Every format, for tests that run over all of them.
    pub const ALL: [ChannelType; 2] = [
        ChannelType::StaticRemotekey,
        ChannelType::AnchorsZeroFeeHtlc,
    ];

    pub(super) fn for_ldk(self) -> ChannelTypeFeatures {
        match self {
            ChannelType::StaticRemotekey => ChannelTypeFeatures::only_static_remote_key(),
            ChannelType::AnchorsZeroFeeHtlc => {
                ChannelTypeFeatures::anchors_zero_htlc_fee_and_dependencies()
            }
        }
    }
}

/// One end of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The side whose library is being judged.
    Us,
    /// Its counterparty.
    Peer,
}

impl Side {
    /// The opposite end.
    pub fn other(self) -> Side {
        match self {
            Side::Us => Side::Peer,
            Side::Peer => Side::Us,
        }
    }
}

/// Everything fixed at opening, with the secrets of both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSetup {
    /// The commitment format.
    pub channel_type: ChannelType,
    /// Who funded the channel and pays its commitment fees.
    pub opener: Side,
    /// The value of the funding output.
    #[serde(rename = "capacity_sat", with = "bitcoin::amount::serde::as_sat")]
    pub capacity: Amount,
    /// What we start with; the peer starts with the rest.
    pub initial_to_us_msat: u64,
    /// Decides what is trimmed from our commitments.
    #[serde(rename = "our_dust_limit_sat", with = "bitcoin::amount::serde::as_sat")]
    pub our_dust_limit: Amount,
    /// Decides what is trimmed from the peer's commitments.
    #[serde(
        rename = "peer_dust_limit_sat",
        with = "bitcoin::amount::serde::as_sat"
    )]
    pub peer_dust_limit: Amount,
    /// Blocks that *our* delayed outputs wait (on our commitment); the peer asked for it in its `to_self_delay`.
    pub our_delay: u16,
    /// Blocks that the *peer's* delayed outputs wait (on its commitment); we asked for it in our `to_self_delay`.
    pub peer_delay: u16,
    /// Our secrets, for a signer that imports them.
    pub ours: Secrets,
    /// The peer's secrets.
    pub peer: Secrets,
    /// Where a cooperative close pays us.
    pub our_shutdown_script: ScriptBuf,
    /// Where a cooperative close pays the peer.
    pub peer_shutdown_script: ScriptBuf,
    /// The feerate of the first commitments, in satoshi per 1000 weight units.
    pub feerate_per_kw: u32,
}

impl ChannelSetup {
    /// An ordinary channel: one million satoshi, 60 % of them ours, opened by us.
    ///
    /// Channels with different numbers share no key.
    pub fn numbered(channel_type: ChannelType, number: u64) -> Self {
        let ours = Secrets::from_seed(format!("our side of channel {number}").as_bytes());
        let peer = Secrets::from_seed(format!("peer's side of channel {number}").as_bytes());
        ChannelSetup {
            channel_type,
            opener: Side::Us,
            capacity: Amount::from_sat(1_000_000),
            initial_to_us_msat: 600_000_000,
            // Two limits, so that an HTLC can have an output on one side's commitment and none on the other's.
            our_dust_limit: Amount::from_sat(354),
            peer_dust_limit: Amount::from_sat(1_000),
            our_delay: 144,
            peer_delay: 720,
            our_shutdown_script: wallet_script(&ours),
            peer_shutdown_script: wallet_script(&peer),
            ours,
            peer,
            // 2 sat/vB: above every node's relay minimum, so that a commitment confirms without help.
            feerate_per_kw: 500,
        }
    }

    /// The secrets of one side.
    pub fn secrets(&self, side: Side) -> &Secrets {
        match side {
            Side::Us => &self.ours,
            Side::Peer => &self.peer,
        }
    }

    /// The dust limit that rules the commitments of one side.
    pub fn dust_limit(&self, owner: Side) -> Amount {
        match owner {
            Side::Us => self.our_dust_limit,
            Side::Peer => self.peer_dust_limit,
        }
    }

    /// The blocks that delayed outputs on the commitments of one side wait.
    pub fn delay(&self, owner: Side) -> u16 {
        match owner {
            Side::Us => self.our_delay,
            Side::Peer => self.peer_delay,
        }
    }

    /// Where a cooperative close pays one side.
    pub fn shutdown_script(&self, side: Side) -> &ScriptBuf {
        match side {
            Side::Us => &self.our_shutdown_script,
            Side::Peer => &self.peer_shutdown_script,
        }
    }
}

/// What an app registers with its library: the setup without any secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The output that both sides own together.
    pub funding: OutPoint,
    /// Its value.
    #[serde(rename = "capacity_sat", with = "bitcoin::amount::serde::as_sat")]
    pub capacity: Amount,
    /// The commitment format.
    pub channel_type: ChannelType,
    /// Who opened the channel.
    pub opener: Side,
    /// Our keys.
    pub our_keys: PublicKeys,
    /// The peer's keys.
    pub peer_keys: PublicKeys,
    /// Our points for the commitments 0 and 1, as `open_channel`/`accept_channel` and `channel_ready` carry them.
    pub our_first_points: [PublicKey; 2],
    /// The peer's points for the commitments 0 and 1.
    pub peer_first_points: [PublicKey; 2],
    /// Decides what is trimmed from our commitments.
    #[serde(rename = "our_dust_limit_sat", with = "bitcoin::amount::serde::as_sat")]
    pub our_dust_limit: Amount,
    /// Decides what is trimmed from the peer's commitments.
    #[serde(
        rename = "peer_dust_limit_sat",
        with = "bitcoin::amount::serde::as_sat"
    )]
    pub peer_dust_limit: Amount,
    /// Blocks that our delayed outputs wait.
    pub our_delay: u16,
    /// Blocks that the peer's delayed outputs wait.
    pub peer_delay: u16,
    /// What we start with.
    pub initial_to_us_msat: u64,
    /// What the peer starts with.
    pub initial_to_peer_msat: u64,
    /// Where a cooperative close pays us.
    pub our_shutdown_script: ScriptBuf,
    /// Where a cooperative close pays the peer.
    pub peer_shutdown_script: ScriptBuf,
    /// The feerate of the first commitments, in satoshi per 1000 weight units.
    pub feerate_per_kw: u32,
}

impl Terms {
    pub(super) fn of(setup: &ChannelSetup, funding: OutPoint) -> Self {
        let first_points =
            |secrets: &Secrets| [0, 1].map(|number| secrets.per_commitment_point(number));
        Terms {
            funding,
            capacity: setup.capacity,
            channel_type: setup.channel_type,
            opener: setup.opener,
            our_keys: setup.ours.public(),
            peer_keys: setup.peer.public(),
            our_first_points: first_points(&setup.ours),
            peer_first_points: first_points(&setup.peer),
            our_dust_limit: setup.our_dust_limit,
            peer_dust_limit: setup.peer_dust_limit,
            our_delay: setup.our_delay,
            peer_delay: setup.peer_delay,
            initial_to_us_msat: setup.initial_to_us_msat,
            initial_to_peer_msat: setup.capacity.to_sat() * 1000 - setup.initial_to_us_msat,
            our_shutdown_script: setup.our_shutdown_script.clone(),
            peer_shutdown_script: setup.peer_shutdown_script.clone(),
            feerate_per_kw: setup.feerate_per_kw,
        }
    }
}

/// The P2WPKH script of a side's own on-chain wallet.
pub(super) fn wallet_script(secrets: &Secrets) -> ScriptBuf {
    let key = bitcoin::CompressedPublicKey(secrets.wallet().public_key(SECP256K1));
    ScriptBuf::new_p2wpkh(&key.wpubkey_hash())
}
