//! The messages of an opening and of a reconnection, as the peer sends them and reads ours: made, read and judged by LDK's types.

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::Network;
use lightning::chain::transaction::OutPoint;
use lightning::ln::channel_keys::RevocationBasepoint;
use lightning::ln::msgs;
use lightning::ln::types::ChannelId;
use lightning::routing::gossip::{verify_channel_announcement, NodeId};
use lightning::types::features::ChannelFeatures;
use lightning::util::ser::{LengthReadable, Writeable};
use secp256k1::{Message, PublicKey, SecretKey, SECP256K1};

use super::channel::Channel;
use super::setup::Side;

/// With which message the channel was opened, which decides what both nodes call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// `open_channel`.
    V1,
    /// `open_channel2`.
    V2,
}

/// Our `channel_ready`, as the peer reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyRead {
    /// What it calls the channel.
    pub channel_id: [u8; 32],
    /// Our per-commitment point of commitment 1.
    pub second_point: PublicKey,
    /// Our alias.
    pub alias: Option<u64>,
}

/// Where the peer says that it stands (BOLT 2: `channel_reestablish`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// The commitment of its own that it expects to be signed next.
    pub next_commitment_number: u64,
    /// The commitment of ours that it expects to be revoked next.
    pub next_revocation_number: u64,
    /// Our secret of the one before that; zeros: there is none.
    pub last_secret: [u8; 32],
}

/// BOLT 1: the type of a message stands before it.
fn typed(kind: u16, message: &impl Writeable) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), message.encode()].concat()
}

/// A message of this type, as LDK reads it.
fn read<M: LengthReadable>(kind: u16, message: &[u8]) -> Option<M> {
    let (found, mut rest) = message.split_first_chunk::<2>()?;
    (u16::from_be_bytes(*found) == kind)
        .then(|| M::read_from_fixed_length_buffer(&mut rest).ok())
        .flatten()
}

impl Channel {
    /// The peer's node id. Its funding key serves as its node key.
    pub fn peer_node_id(&self) -> PublicKey {
        self.setup().peer.public().funding_pubkey
    }

    /// What both nodes call the channel.
    pub fn channel_id(&self, opened: Opened) -> [u8; 32] {
        let id = match opened {
            Opened::V1 => ChannelId::v1_from_funding_outpoint(OutPoint {
                txid: self.funding().txid,
                index: u16::try_from(self.funding().vout).expect("a funding has few outputs"),
            }),
            Opened::V2 => {
                let base = |side| {
                    let keys = self.setup().secrets(side).public();
                    RevocationBasepoint(keys.revocation_basepoint)
                };
                ChannelId::v2_from_revocation_basepoints(&base(Side::Us), &base(Side::Peer))
            }
        };
        id.0
    }

    /// Where the peer stands when everything reached it.
    pub fn peer_stands(&self) -> Stands {
        let revoked = (self.ours.len() as u64).saturating_sub(1);
        let last = revoked.checked_sub(1);
        Stands {
            // BOLT 2: it starts at 1.
            next_commitment_number: (self.theirs.len() as u64).max(1),
            next_revocation_number: revoked,
            last_secret: last.map_or([0; 32], |last| self.our_per_commitment_secret(last)),
        }
    }

    /// The peer's `channel_reestablish` when everything reached it.
    pub fn peer_reestablish(&self, opened: Opened) -> Vec<u8> {
        self.peer_reestablish_with(opened, &self.peer_stands())
    }

    /// A `channel_reestablish` of a peer that says it stands there.
    pub fn peer_reestablish_with(&self, opened: Opened, stands: &Stands) -> Vec<u8> {
        let number = stands.next_commitment_number.saturating_sub(1);
        let message = msgs::ChannelReestablish {
            channel_id: ChannelId(self.channel_id(opened)),
            next_local_commitment_number: stands.next_commitment_number,
            next_remote_commitment_number: stands.next_revocation_number,
            your_last_per_commitment_secret: stands.last_secret,
            my_current_per_commitment_point: self.setup().peer.per_commitment_point(number),
            next_funding: None,
            my_current_funding_locked: None,
        };
        typed(136, &message)
    }

    /// The peer's `channel_ready`.
    pub fn peer_ready(&self, opened: Opened, alias: Option<u64>) -> Vec<u8> {
        let point = self.setup().peer.per_commitment_point(1);
        self.peer_ready_with(opened, point, alias)
    }

    /// A `channel_ready` of the peer with another second point.
    pub fn peer_ready_with(
        &self,
        opened: Opened,
        second_point: PublicKey,
        alias: Option<u64>,
    ) -> Vec<u8> {
        let message = msgs::ChannelReady {
            channel_id: ChannelId(self.channel_id(opened)),
            next_per_commitment_point: second_point,
            short_channel_id_alias: alias,
        };
        typed(36, &message)
    }

    /// Our `channel_ready`, as the peer reads it; `None`: it is none.
    pub fn reads_ready(message: &[u8]) -> Option<ReadyRead> {
        let ready: msgs::ChannelReady = read(36, message)?;
        Some(ReadyRead {
            channel_id: ready.channel_id.0,
            second_point: ready.next_per_commitment_point,
            alias: ready.short_channel_id_alias,
        })
    }

    /// The peer's `announcement_signatures` for a channel of this name with our node.
    pub fn peer_half(&self, opened: Opened, our_node: PublicKey, short_channel_id: u64) -> Vec<u8> {
        let digest = digest(&self.announcement(our_node, short_channel_id));
        let sign = |key: &SecretKey| SECP256K1.sign_ecdsa(&digest, key);
        let key = &self.setup().peer.funding;
        let message = msgs::AnnouncementSignatures {
            channel_id: ChannelId(self.channel_id(opened)),
            short_channel_id,
            node_signature: sign(key),
            bitcoin_signature: sign(key),
        };
        typed(259, &message)
    }

    /// The name in our `announcement_signatures`, if the peer finds both signatures good.
    pub fn accepts_half(&self, our_node: PublicKey, message: &[u8]) -> Option<u64> {
        let half: msgs::AnnouncementSignatures = read(259, message)?;
        let digest = digest(&self.announcement(our_node, half.short_channel_id));
        let funding = self.setup().ours.public().funding_pubkey;
        let good = [
            (&half.node_signature, &our_node),
            (&half.bitcoin_signature, &funding),
        ]
        .into_iter()
        .all(|(signature, key)| SECP256K1.verify_ecdsa(&digest, signature, key).is_ok());
        good.then_some(half.short_channel_id)
    }

    /// The name in a `channel_announcement`, if the network finds all its signatures good.
    pub fn network_accepts(message: &[u8]) -> Option<u64> {
        let announcement: msgs::ChannelAnnouncement = read(256, message)?;
        verify_channel_announcement(&announcement, SECP256K1).ok()?;
        Some(announcement.contents.short_channel_id)
    }

    fn announcement(
        &self,
        our_node: PublicKey,
        short_channel_id: u64,
    ) -> msgs::UnsignedChannelAnnouncement {
        let ours = (our_node, self.setup().ours.public().funding_pubkey);
        let theirs = (
            self.peer_node_id(),
            self.setup().peer.public().funding_pubkey,
        );
        let (first, second) = if ours.0.serialize() < theirs.0.serialize() {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        msgs::UnsignedChannelAnnouncement {
            features: ChannelFeatures::empty(),
            chain_hash: bitcoin::constants::ChainHash::using_genesis_block(Network::Regtest),
            short_channel_id,
            node_id_1: NodeId::from_pubkey(&first.0),
            node_id_2: NodeId::from_pubkey(&second.0),
            bitcoin_key_1: NodeId::from_pubkey(&first.1),
            bitcoin_key_2: NodeId::from_pubkey(&second.1),
            excess_data: Vec::new(),
        }
    }
}

fn digest(announcement: &msgs::UnsignedChannelAnnouncement) -> Message {
    Message::from_digest(sha256d::Hash::hash(&announcement.encode()).to_byte_array())
}
