//! Channels as lists show them.

use std::collections::BTreeSet;

use super::page::{parts, Parts};
use crate::channel::Lifecycle as CoreLifecycle;
use crate::ffi::input::{self, Invalid};
use crate::ffi::{ChannelType, CloseSummary, Lifecycle, OutPoint, Party, Refusal};
use crate::protocol::CommitmentNumber;
use crate::store::{self, queries};

/// Which channels are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct ChannelFilter {
    /// Those in this state of life; all unless given.
    #[uniffi(default = None)]
    pub lifecycle: Option<Lifecycle>,
    /// Those with this peer (its node id, 33 bytes); all unless given.
    #[uniffi(default = None)]
    pub peer: Option<Vec<u8>>,
}

impl ChannelFilter {
    pub(super) fn to_core(&self) -> Result<queries::ChannelFilter, Invalid> {
        let peer = self.peer.as_ref();
        Ok(queries::ChannelFilter {
            lifecycle: self.lifecycle.map(CoreLifecycle::from),
            peer: peer
                .map(|bytes| input::public_key("peer", bytes))
                .transpose()?,
        })
    }
}

/// What a channel is called beside its funding outpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct ShortChannelIds {
    /// Where the funding stands on the chain (BOLT 7), such as `700000x1x0`; nothing before it is buried.
    #[uniffi(default = None)]
    pub confirmed: Option<String>,
    /// The aliases that we gave the peer (BOLT 2: `channel_ready`), in the same form.
    #[uniffi(default = [])]
    pub aliases: Vec<String>,
}

impl ShortChannelIds {
    pub(super) fn to_core(&self) -> Result<store::ShortChannelIds, Invalid> {
        let confirmed = self.confirmed.as_ref();
        let aliases = self.aliases.iter().enumerate();
        Ok(store::ShortChannelIds {
            confirmed: confirmed
                .map(|id| input::short_channel_id("confirmed", id))
                .transpose()?,
            aliases: aliases
                .map(|(index, id)| input::short_channel_id(&format!("aliases[{index}]"), id))
                .collect::<Result<BTreeSet<_>, _>>()?,
        })
    }
}

impl From<store::ShortChannelIds> for ShortChannelIds {
    fn from(ids: store::ShortChannelIds) -> Self {
        ShortChannelIds {
            confirmed: ids.confirmed.map(|id| id.to_string()),
            aliases: ids.aliases.iter().map(ToString::to_string).collect(),
        }
    }
}

/// HTLCs of one direction that are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PendingHtlcs {
    /// How many.
    pub count: u32,
    /// Their amounts together.
    pub amount_msat: u64,
}

impl From<queries::PendingHtlcs> for PendingHtlcs {
    fn from(pending: queries::PendingHtlcs) -> Self {
        PendingHtlcs {
            count: pending.count,
            amount_msat: pending.msat,
        }
    }
}

/// Who has what in a channel, before the commitment's fee and anchors: together the whole capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Standing {
    /// Ours, outside HTLCs.
    pub local_msat: u64,
    /// The peer's, outside HTLCs.
    pub remote_msat: u64,
    /// Offered by us.
    pub outgoing: PendingHtlcs,
    /// Offered by the peer.
    pub incoming: PendingHtlcs,
}

impl From<queries::Standing> for Standing {
    fn from(standing: queries::Standing) -> Self {
        Standing {
            local_msat: standing.local_msat,
            remote_msat: standing.remote_msat,
            outgoing: standing.outgoing.into(),
            incoming: standing.incoming.into(),
        }
    }
}

/// One channel as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelOverview {
    /// The channel.
    pub channel: OutPoint,
    /// The peer's node id, 33 bytes.
    pub peer: Vec<u8>,
    /// The value of the funding output.
    pub capacity_sat: u64,
    /// The commitment format.
    pub channel_type: ChannelType,
    /// Who opened it.
    pub opener: Party,
    /// How far its life is.
    pub lifecycle: Lifecycle,
    /// Its names in the gossip and in routes.
    pub ids: ShortChannelIds,
    /// Who has what, by our newest commitment; nothing once a closed channel's working data is gone.
    pub standing: Option<Standing>,
    /// The newest commitment of ours.
    pub local_number: Option<u64>,
    /// The newest commitment of the peer.
    pub remote_number: Option<u64>,
    /// The newest commitment that the peer revoked.
    pub remote_revoked: Option<u64>,
    /// Why it takes no more commitments; nothing while it takes them.
    pub refusal: Option<Refusal>,
    /// We want our commitment on the chain.
    pub force_closing: bool,
    /// We lost data: nothing of ours is broadcast any more.
    pub data_loss: bool,
}

impl From<queries::ChannelOverview> for ChannelOverview {
    fn from(channel: queries::ChannelOverview) -> Self {
        let feed = channel.feed;
        ChannelOverview {
            channel: channel.channel.into(),
            peer: channel.peer.serialize().to_vec(),
            capacity_sat: channel.capacity.to_sat(),
            channel_type: channel.channel_type.into(),
            opener: channel.opener.into(),
            lifecycle: channel.lifecycle.into(),
            ids: channel.ids.into(),
            standing: channel.standing.map(Standing::from),
            local_number: feed.local.map(CommitmentNumber::get),
            remote_number: feed.remote.map(CommitmentNumber::get),
            remote_revoked: feed.remote_revoked.map(CommitmentNumber::get),
            refusal: channel.refusal.map(Refusal::from),
            force_closing: channel.latches.force_close.is_some(),
            data_loss: channel.latches.data_loss.is_some(),
        }
    }
}

/// Some channels of many.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelPage {
    /// Oldest first.
    pub channels: Vec<ChannelOverview>,
    /// Why other channels of this page cannot be shown, for people.
    pub unreadable: Vec<String>,
    /// Where the next page begins; nothing when this was the last one.
    pub next: Option<String>,
}

impl From<queries::Page<queries::ChannelOverview>> for ChannelPage {
    fn from(page: queries::Page<queries::ChannelOverview>) -> Self {
        let (channels, unreadable, next): Parts<ChannelOverview> = parts(page);
        ChannelPage {
            channels,
            unreadable,
            next,
        }
    }
}

/// Some close summaries of many.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ClosedPage {
    /// Newest close first.
    pub summaries: Vec<CloseSummary>,
    /// Why other summaries of this page cannot be shown, for people.
    pub unreadable: Vec<String>,
    /// Where the next page begins; nothing when this was the last one.
    pub next: Option<String>,
}

impl From<queries::Page<crate::channel::CloseSummary>> for ClosedPage {
    fn from(page: queries::Page<crate::channel::CloseSummary>) -> Self {
        let (summaries, unreadable, next): Parts<CloseSummary> = parts(page);
        ClosedPage {
            summaries,
            unreadable,
            next,
        }
    }
}
