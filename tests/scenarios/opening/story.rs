//! The case file tells an opening: every message and every milestone is a line of the channel's log.

use futures::executor::block_on;
use lightning_arbitrator::court::LogKind;
use lightning_arbitrator::opening::{Flaw, OpeningNote};
use lightning_arbitrator::protocol::{ChannelId, Message};
use lightning_arbitrator::store::EarlyLimits;

use super::*;
use OpeningNote::{Dropped, Named, PeerHalf, PeerReady, Tell, TellAgain, Told, Usable};
use Said::{AnnouncementSignatures, ChannelAnnouncement, ChannelReady};

twins!(
    the_case_file_tells_an_opening_to_its_announcement,
    a_tick_in_which_nothing_happens_tells_nothing,
    a_retransmission_is_one_line,
    an_edge_that_the_graph_lost_is_one_line,
    a_wrong_message_from_before_the_registration_is_told_of_once,
    the_story_outlives_the_opening,
);

/// What the case file tells of the opening, oldest first.
fn story(world: &mut World, channel: &Channel) -> Vec<OpeningNote> {
    let file = block_on(world.phone.on().case_file(channel.funding()));
    let timeline = file.expect("a registered channel").timeline.into_iter();
    let notes = timeline.filter_map(|entry| match entry.kind {
        LogKind::Opening(note) => Some(note),
        _courts => None,
    });
    notes.collect()
}

/// What it tells that it did not tell before.
fn news(world: &mut World, channel: &Channel, before: &[OpeningNote]) -> Vec<OpeningNote> {
    let now = story(world, channel);
    let news = now.strip_prefix(before).expect("a log only grows");
    news.to_vec()
}

fn announced(world: &mut World) -> (Channel, ShortChannelId) {
    let channel = usable(world, public());
    let name = name(world, &channel);
    ticks_after(world, 6 - DEEP);
    hands_over(world, &channel);
    hears(world, &channel, peer_half(&channel, name));
    hands_over(world, &channel);
    (channel, name)
}

fn the_case_file_tells_an_opening_to_its_announcement(mut world: World) {
    let (channel, name) = announced(&mut world);
    let (half, whole) = (AnnouncementSignatures(name), ChannelAnnouncement(name));
    let expected = [
        Named(name),
        Tell(ChannelReady),
        Told(ChannelReady),
        PeerReady { alias: None },
        Usable,
        Tell(half),
        Told(half),
        PeerHalf(name),
        Tell(whole),
        Told(whole),
    ];
    assert_eq!(story(&mut world, &channel), expected);
    let file = block_on(world.phone.on().case_file(channel.funding()));
    let text = file.expect("a registered channel").to_string();
    let at = world.chain.tip().height;
    let last = format!("{at}: the app has sent channel_announcement for {name}");
    assert_eq!(text.lines().last(), Some(last.as_str()), "{text}");
}

fn a_tick_in_which_nothing_happens_tells_nothing(mut world: World) {
    let (channel, _) = announced(&mut world);
    let before = story(&mut world, &channel);
    world.phone.resume();
    ticks_after(&mut world, 50);
    assert_eq!(story(&mut world, &channel), before);
}

fn a_retransmission_is_one_line(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    let before = story(&mut world, &channel);
    for _ in 0..2 {
        reconnects(&mut world, &channel);
        hands_over(&mut world, &channel);
    }
    let again = TellAgain(ChannelReady);
    assert_eq!(news(&mut world, &channel, &before), [again, again]);
}

fn an_edge_that_the_graph_lost_is_one_line(mut world: World) {
    let (channel, name) = announced(&mut world);
    let before = story(&mut world, &channel);
    let graph = Arc::new(crate::support::Graph::default());
    world.phone.set(|config| config.graph = Some(graph));
    world.phone.resume();
    hands_over(&mut world, &channel);
    let again = TellAgain(ChannelAnnouncement(name));
    assert_eq!(news(&mut world, &channel, &before), [again]);
}

fn a_wrong_message_from_before_the_registration_is_told_of_once(mut world: World) {
    let channel = opens(&mut world, private());
    hears_ready(&mut world, &channel);
    let before = story(&mut world, &channel);
    // The app was killed before the registration had taken what was kept for it.
    let other = channel.terms().our_first_points[0];
    let early = channel.peer_ready_with(Opened::V1, other, None);
    let early = Message::decode(&early).expect("LDK made it");
    let limits = EarlyLimits {
        of_peer: 1,
        of_all: 1,
    };
    let id = ChannelId(channel.channel_id(Opened::V1));
    let store = world.phone.opened();
    let kept = store.keep_early(&channel.peer_node_id(), id, &early, limits);
    kept.expect("written");
    drop(store);
    for _ in 0..2 {
        let again = world.phone.open_channel(retold(&channel), private());
        again.expect("the same");
    }
    let dropped = Dropped(Flaw::SecondPoint);
    assert_eq!(news(&mut world, &channel, &before), [dropped]);
}

fn the_story_outlives_the_opening(mut world: World) {
    let channel = opens(&mut world, private());
    let outpoint = channel.funding();
    hears_ready(&mut world, &channel);
    let before = story(&mut world, &channel);
    assert_eq!(before, [PeerReady { alias: None }]);
    world.phone.cancel_funding(outpoint).expect("it is pending");
    world.phone.resume();
    ticks_after(&mut world, 100);
    assert_eq!(world.phone.tables().rows("opening"), 0);
    assert_eq!(story(&mut world, &channel), before);
}
