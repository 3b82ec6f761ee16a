//! Scenario 25: an opening survives anything. The peer's messages are made by LDK's types, and ours judged by them.

mod announcement;
mod attempts;
mod coinbase;
mod double_spend;
mod failures;
mod funding;
mod handing_over;
mod node;
mod ready;
mod reconnection;
mod story;

use std::sync::Arc;

use bitcoin::OutPoint;
use lightning_arbitrator::arbitrator::Received;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::opening::{
    Announcement, MinimumDepth, OpenedWith, OpeningTerms, Said, Stage,
};
use lightning_arbitrator::protocol::{ChannelFeatures, ShortChannelId};
use testkit::party::{Channel, Opened};

use crate::support::{retold, OurNode, World};

/// A million satoshi wait for three blocks.
const DEEP: u32 = 3;

fn private() -> OpeningTerms {
    OpeningTerms {
        opened_with: OpenedWith::OpenChannel,
        minimum_depth: MinimumDepth::ByCapacity,
        announcement: Announcement::Private,
        alias: None,
        replaces: None,
    }
}

fn public() -> OpeningTerms {
    OpeningTerms {
        announcement: Announcement::Public {
            features: ChannelFeatures::default(),
        },
        ..private()
    }
}

/// The phone has our node's key.
fn has_node_key(world: &mut World) {
    let node = Arc::new(OurNode::new());
    world.phone.set(|config| config.node_signer = Some(node));
}

/// A channel of ours that is opened so: registered, its first commitments signed.
fn opens(world: &mut World, agreed: OpeningTerms) -> Channel {
    has_node_key(world);
    let mut channel = world.unregistered_channel(1);
    let registered = world.phone.open_channel(retold(&channel), agreed);
    registered.expect("good terms");
    first_commitments(world, &mut channel);
    channel
}

fn first_commitments(world: &mut World, channel: &mut Channel) {
    let round = channel.commit_both().expect("nothing is outstanding");
    world.phone.told_round(channel.funding(), &round);
}

/// A message that waits to be handed to the peer.
struct Waiting {
    id: String,
    said: Said,
    message: Vec<u8>,
}

/// What waits to be handed to the peer of a channel, oldest first.
fn waiting(world: &mut World, channel: &Channel) -> Vec<Waiting> {
    let of_it = |channel: OutPoint| move |it: &_| is_of(it, channel);
    let events = world.phone.events().into_iter();
    let events = events.filter(of_it(channel.funding()));
    let messages = events.filter_map(|stored| match stored.event.kind {
        EventKind::TellPeer { said, message, .. } => Some(Waiting {
            id: stored.id,
            said,
            message,
        }),
        _other => None,
    });
    messages.collect()
}

fn is_of(stored: &lightning_arbitrator::store::StoredEvent, channel: OutPoint) -> bool {
    stored.event.channel == channel
}

/// The same, what they are.
fn said(world: &mut World, channel: &Channel) -> Vec<Said> {
    let waiting = waiting(world, channel);
    waiting.into_iter().map(|waiting| waiting.said).collect()
}

/// The app hands everything to the peer, and says so.
fn hands_over(world: &mut World, channel: &Channel) -> Vec<Waiting> {
    let waiting = waiting(world, channel);
    for message in &waiting {
        world.phone.acknowledge(&message.id);
    }
    waiting
}

/// The one message that waits.
#[track_caller]
fn only(world: &mut World, channel: &Channel) -> Waiting {
    let mut waiting = hands_over(world, channel);
    assert_eq!(waiting.len(), 1);
    waiting.remove(0)
}

#[track_caller]
fn hears(world: &mut World, channel: &Channel, message: Vec<u8>) {
    let heard = world.phone.hears(channel, message).expect("a good message");
    assert_eq!(heard, Received::Taken);
}

/// The peer is there again, and everything had reached it.
fn reconnects(world: &mut World, channel: &Channel) {
    hears(world, channel, channel.peer_reestablish(Opened::V1));
}

fn hears_ready(world: &mut World, channel: &Channel) {
    hears(world, channel, channel.peer_ready(Opened::V1, None));
}

/// The peer's half of the proof under this name.
fn peer_half(channel: &Channel, name: ShortChannelId) -> Vec<u8> {
    channel.peer_half(Opened::V1, OurNode::new().id(), name.to_u64())
}

/// Blocks pass, and the phone looks.
fn ticks_after(world: &mut World, blocks: u32) {
    world.mine(blocks);
    world.phone.resume();
}

/// The funding goes out and is so deep.
fn confirms(world: &mut World, depth: u32) {
    world.phone.resume();
    ticks_after(world, depth);
}

fn stage(world: &mut World, channel: &Channel) -> Stage {
    world.phone.opening(channel.funding()).stage
}

/// What the chain calls the channel; it is deep enough.
#[track_caller]
fn name(world: &mut World, channel: &Channel) -> ShortChannelId {
    let opening = world.phone.opening(channel.funding());
    opening.short_channel_id.expect("deep enough")
}

/// Usable: both `channel_ready` are exchanged, three blocks deep.
fn usable(world: &mut World, agreed: OpeningTerms) -> Channel {
    let channel = opens(world, agreed);
    confirms(world, DEEP);
    hands_over(world, &channel);
    hears_ready(world, &channel);
    assert_eq!(stage(world, &channel), Stage::Usable);
    channel
}
