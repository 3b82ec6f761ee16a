//! The announcement: both halves in any order, the whole as the network reads it, and what a graph forgets.

use lightning_arbitrator::court::LogKind;
use lightning_arbitrator::opening::{Flaw, OpeningError, OpeningNote};
use lightning_arbitrator::protocol::WrongSignature;
use lightning_arbitrator::ArbitratorError;
use rusqlite::Connection;
use testkit::chain::Orphaned;
use testkit::party::Which;

use super::*;
use crate::support::Graph;

twins!(
    a_public_channel_is_announced_with_both_halves,
    our_half_waits_for_six_confirmations_and_for_both_channel_ready,
    the_peers_half_may_come_before_we_know_the_channel,
    the_peers_half_may_come_before_six_confirmations,
    a_wrong_half_is_refused,
    a_wrong_half_that_came_early_is_dropped_and_told_of,
    a_reorg_has_the_halves_made_anew,
    a_private_channel_is_never_announced,
    a_closing_channel_is_not_announced,
    a_public_channel_without_our_node_key_is_refused,
    an_edge_that_the_graph_lost_is_handed_out_again,
    the_announcement_is_forgotten_when_the_funding_has_been_spent_for_72_blocks,
    a_peer_fills_no_disk_with_halves_of_unknown_channels,
    many_peers_fill_no_disk_either,
);

/// Usable and six blocks deep: our half waits.
fn six_deep(world: &mut World) -> Channel {
    let channel = usable(world, public());
    ticks_after(world, 6 - DEEP);
    channel
}

fn announced(world: &mut World) -> (Channel, ShortChannelId) {
    let channel = six_deep(world);
    let name = name(world, &channel);
    hears(world, &channel, peer_half(&channel, name));
    hands_over(world, &channel);
    assert_eq!(stage(world, &channel), Stage::Announced);
    (channel, name)
}

pub(super) fn a_public_channel_is_announced_with_both_halves(mut world: World) {
    let channel = six_deep(&mut world);
    let name = name(&mut world, &channel);
    let ours = only(&mut world, &channel);
    let accepted = channel.accepts_half(OurNode::new().id(), &ours.message);
    assert_eq!(accepted, Some(name.to_u64()));
    assert_eq!(world.phone.announcement(channel.funding()), None);
    hears(&mut world, &channel, peer_half(&channel, name));
    let whole = only(&mut world, &channel);
    assert_eq!(whole.said, Said::ChannelAnnouncement(name));
    let accepted = Channel::network_accepts(&whole.message);
    assert_eq!(accepted, Some(name.to_u64()));
    // Whoever asks later gets the same.
    let asked = world.phone.announcement(channel.funding());
    assert_eq!(asked, Some(whole.message));
    ticks_after(&mut world, 100);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn our_half_waits_for_six_confirmations_and_for_both_channel_ready(mut world: World) {
    let channel = opens(&mut world, public());
    confirms(&mut world, 6);
    hands_over(&mut world, &channel);
    world.phone.resume();
    assert_eq!(said(&mut world, &channel), vec![], "the peer's is missing");
    hears_ready(&mut world, &channel);
    world.phone.resume();
    let name = name(&mut world, &channel);
    let half = Said::AnnouncementSignatures(name);
    assert_eq!(said(&mut world, &channel), vec![half]);
    let shallow = usable_beside(&mut world);
    ticks_after(&mut world, 2);
    assert_eq!(said(&mut world, &shallow), vec![], "five blocks");
    ticks_after(&mut world, 1);
    assert_eq!(said(&mut world, &shallow).len(), 1);
}

/// A second public channel, usable and three blocks deep.
fn usable_beside(world: &mut World) -> Channel {
    let mut channel = world.unregistered_channel(2);
    let registered = world.phone.open_channel(retold(&channel), public());
    registered.expect("good terms");
    first_commitments(world, &mut channel);
    confirms(world, DEEP);
    hands_over(world, &channel);
    hears_ready(world, &channel);
    channel
}

fn the_peers_half_may_come_before_we_know_the_channel(mut world: World) {
    has_node_key(&mut world);
    let mut channel = world.unregistered_channel(1);
    world.submit(channel.funding_tx());
    // The peer sees more of the chain than we do.
    world.mine(6);
    let known = world.chain.transaction(channel.funding().txid);
    let block = known.and_then(|it| it.block).expect("confirmed");
    let name = ShortChannelId::new(block.height, 1, 0).expect("small numbers");
    let early = peer_half(&channel, name);
    let heard = world.phone.hears(&channel, early).expect("kept");
    assert_eq!(heard, Received::Kept);
    let registered = world.phone.open_channel(retold(&channel), public());
    registered.expect("good terms");
    first_commitments(&mut world, &mut channel);
    assert_eq!(world.phone.tables().rows("early_message"), 0);
    world.phone.resume();
    hands_over(&mut world, &channel);
    hears_ready(&mut world, &channel);
    world.phone.resume();
    let both = [
        Said::AnnouncementSignatures(name),
        Said::ChannelAnnouncement(name),
    ];
    assert_eq!(said(&mut world, &channel), both);
}

fn the_peers_half_may_come_before_six_confirmations(mut world: World) {
    let channel = usable(&mut world, public());
    let name = name(&mut world, &channel);
    hears(&mut world, &channel, peer_half(&channel, name));
    assert_eq!(said(&mut world, &channel), vec![]);
    ticks_after(&mut world, 6 - DEEP);
    let both = [
        Said::AnnouncementSignatures(name),
        Said::ChannelAnnouncement(name),
    ];
    assert_eq!(said(&mut world, &channel), both);
}

/// A half of the peer's whose signatures are for our node under another id.
fn wrong_half(channel: &Channel, name: ShortChannelId) -> Vec<u8> {
    channel.peer_half(Opened::V1, channel.peer_node_id(), name.to_u64())
}

fn a_wrong_half_is_refused(mut world: World) {
    let channel = usable(&mut world, public());
    let name = name(&mut world, &channel);
    let before = world.phone.tables();
    let refused = world.phone.hears(&channel, wrong_half(&channel, name));
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Opening(OpeningError::WrongHalf { .. }))
        ),
        "{refused:?}"
    );
    world.phone.tables().assert_are(&before);
}

fn a_wrong_half_that_came_early_is_dropped_and_told_of(mut world: World) {
    let channel = opens(&mut world, public());
    let height = world.chain.tip().height + 1;
    let name = ShortChannelId::new(height, 1, 0).expect("small numbers");
    hears(&mut world, &channel, wrong_half(&channel, name));
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    hears_ready(&mut world, &channel);
    world.mine(6 - DEEP);
    let report = world.phone.resume_with(Default::default()).expect("a tick");
    let of_it = |it: &&lightning_arbitrator::arbitrator::Trouble| {
        it.channel == Some(channel.funding()) && it.what.contains("announcement_signatures")
    };
    assert_eq!(
        report.troubles.iter().filter(of_it).count(),
        1,
        "{report:?}"
    );
    // Long after the tick, the log tells of it.
    let log = futures::executor::block_on(world.phone.on().log(channel.funding()));
    let mut log = log.expect("a registered channel").into_iter();
    let dropped = OpeningNote::Dropped(Flaw::Half(WrongSignature::Node));
    assert!(log.any(|entry| entry.kind == LogKind::Opening(dropped)));
    hears(&mut world, &channel, peer_half(&channel, name));
    assert_eq!(stage(&mut world, &channel), Stage::Announced);
}

pub(super) fn a_reorg_has_the_halves_made_anew(mut world: World) {
    let (channel, before) = announced(&mut world);
    world.reorg(6, Orphaned::Keep);
    world.phone.resume();
    ticks_after(&mut world, 6);
    let now = name(&mut world, &channel);
    assert_ne!(now, before);
    let ours = only(&mut world, &channel);
    let accepted = channel.accepts_half(OurNode::new().id(), &ours.message);
    assert_eq!(accepted, Some(now.to_u64()));
    hears(&mut world, &channel, peer_half(&channel, now));
    let whole = only(&mut world, &channel);
    let accepted = Channel::network_accepts(&whole.message);
    assert_eq!(accepted, Some(now.to_u64()));
}

fn a_private_channel_is_never_announced(mut world: World) {
    let channel = usable(&mut world, private());
    let name = name(&mut world, &channel);
    hears(&mut world, &channel, peer_half(&channel, name));
    ticks_after(&mut world, 100);
    assert_eq!(said(&mut world, &channel), vec![]);
    assert_eq!(world.phone.announcement(channel.funding()), None);
}

fn a_closing_channel_is_not_announced(mut world: World) {
    let channel = usable(&mut world, public());
    let closing = world.phone.force_close(channel.funding());
    closing.expect("a commitment");
    ticks_after(&mut world, 6);
    assert_eq!(said(&mut world, &channel), vec![]);
    assert_eq!(stage(&mut world, &channel), Stage::Closing);
}

fn a_public_channel_without_our_node_key_is_refused(mut world: World) {
    let channel = world.unregistered_channel(1);
    let before = world.phone.tables();
    let refused = world.phone.open_channel(retold(&channel), public());
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Opening(
                OpeningError::NeedsNodeSigner { .. }
            ))
        ),
        "{refused:?}"
    );
    world.phone.tables().assert_are(&before);
}

fn an_edge_that_the_graph_lost_is_handed_out_again(mut world: World) {
    let graph = Graph::default();
    let (channel, name) = announced(&mut world);
    let view = Arc::new(graph.clone());
    graph.learns(name);
    world.phone.set(|config| config.graph = Some(view));
    world.phone.resume();
    assert_eq!(said(&mut world, &channel), vec![], "it is there");
    graph.forgets(name);
    for _ in 0..2 {
        world.phone.switch_off();
        world.phone.resume();
        let whole = only(&mut world, &channel);
        let accepted = Channel::network_accepts(&whole.message);
        assert_eq!(accepted, Some(name.to_u64()));
    }
    // Also long after nothing else of the opening is looked at.
    ticks_after(&mut world, 200);
    hands_over(&mut world, &channel);
    world.phone.switch_off();
    world.phone.resume();
    assert_eq!(said(&mut world, &channel).len(), 1);
}

fn the_announcement_is_forgotten_when_the_funding_has_been_spent_for_72_blocks(mut world: World) {
    let (channel, _) = announced(&mut world);
    let close = channel.peer_commitment_tx(Which::Current).expect("signed");
    world.submit(&close);
    ticks_after(&mut world, 71);
    assert!(world.phone.announcement(channel.funding()).is_some());
    ticks_after(&mut world, 1);
    assert_eq!(world.phone.announcement(channel.funding()), None);
    assert_eq!(stage(&mut world, &channel), Stage::Over);
}

/// Halves for so many channels of which we know none, of the same peer.
fn floods(world: &mut World, peer: &Channel, channels: u8) {
    let name = ShortChannelId::new(1, 1, 0).expect("small numbers");
    for nth in 0..channels {
        let mut message = peer_half(peer, name);
        // The channel's id stands behind the type.
        message[2] = nth;
        let heard = world.phone.hears(peer, message).expect("kept");
        assert_eq!(heard, Received::Kept);
    }
}

fn a_peer_fills_no_disk_with_halves_of_unknown_channels(mut world: World) {
    let channel = world.unregistered_channel(1);
    floods(&mut world, &channel, 40);
    assert_eq!(world.phone.tables().rows("early_message"), 16);
}

fn many_peers_fill_no_disk_either(mut world: World) {
    world
        .phone
        .set(|config| config.policy.all_early_messages = 20);
    let peers = [1, 2, 3].map(|number| world.unregistered_channel(number));
    for peer in &peers {
        floods(&mut world, peer, 40);
        assert_eq!(kept_of(&world, peer), 16);
    }
    // What is gone is the oldest.
    let of_each = peers.map(|peer| kept_of(&world, &peer));
    assert_eq!(of_each, [0, 4, 16]);
}

/// How many messages of a peer are kept.
fn kept_of(world: &World, peer: &Channel) -> u32 {
    let db = Connection::open(&world.phone.config.database).expect("a second connection");
    let sql = "SELECT count(*) FROM early_message WHERE peer = ?1";
    let peer = peer.peer_node_id().serialize();
    db.query_row(sql, [peer], |row| row.get(0))
        .expect("good SQL")
}
