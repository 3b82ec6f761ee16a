//! What a peer's `channel_reestablish` has told again (BOLT 2 and 7), and what not. The peer makes it with LDK's types.

use futures::executor::block_on;
use lightning_arbitrator::arbitrator::ResumeOptions;
use testkit::party::Stands;

use super::*;
use crate::support::Nap;

twins!(
    channel_ready_is_told_again_while_both_expect_the_first_commitment_after_the_opening,
    a_commitment_of_the_peers_that_was_lost_on_the_way_has_channel_ready_told_again,
    a_commitment_of_ours_keeps_channel_ready_from_being_told_again,
    a_peer_that_expects_more_has_our_channel_ready,
    what_waits_to_be_handed_over_is_told_once,
    channel_ready_is_told_again_before_our_half,
    our_half_is_told_again_until_the_peers_is_there,
    a_peer_that_repeats_its_half_is_told_ours_again,
    a_channel_that_closes_is_told_nothing_again,
    the_options_of_a_tick_tell_nothing_again,
    a_peer_of_before_splicing_may_ask_for_the_rest_of_a_signing,
);

/// The peer is there again, and stands where it stood after the opening.
fn reconnects_as_new(world: &mut World, channel: &Channel) {
    let stands = Stands {
        next_commitment_number: 1,
        next_revocation_number: 0,
        last_secret: [0; 32],
    };
    let message = channel.peer_reestablish_with(Opened::V1, &stands);
    hears(world, channel, message);
}

fn channel_ready_is_told_again_while_both_expect_the_first_commitment_after_the_opening(
    mut world: World,
) {
    let channel = opens(&mut world, private());
    reconnects(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![], "it is too early");
    confirms(&mut world, DEEP);
    let first = only(&mut world, &channel);
    for _ in 0..2 {
        // BOLT 2: once on each connection. The bytes are those of the one before.
        reconnects(&mut world, &channel);
        let again = only(&mut world, &channel);
        assert_eq!(again.message, first.message);
        assert_ne!(again.id, first.id);
    }
}

fn a_commitment_of_the_peers_that_was_lost_on_the_way_has_channel_ready_told_again(
    mut world: World,
) {
    let mut channel = usable(&mut world, private());
    let lost = channel.their_commitment().expect("nothing is outstanding");
    let told = world.phone.tell_remote(channel.funding(), &lost);
    told.expect("a good commitment");
    world.phone.resume();
    reconnects_as_new(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
}

fn a_commitment_of_ours_keeps_channel_ready_from_being_told_again(mut world: World) {
    let mut channel = usable(&mut world, private());
    let update = channel.our_commitment();
    let told = world.phone.tell_local(channel.funding(), &update);
    told.expect("a good commitment");
    reconnects_as_new(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn a_peer_that_expects_more_has_our_channel_ready(mut world: World) {
    let mut channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hears_ready(&mut world, &channel);
    assert_eq!(stage(&mut world, &channel), Stage::AwaitingReady);
    // The app has sent ours and could not say so before it signed commitment 1.
    let signed = channel.their_commitment().expect("nothing is outstanding");
    let told = world.phone.tell_remote(channel.funding(), &signed);
    told.expect("a good commitment");
    reconnects(&mut world, &channel);
    let opening = world.phone.opening(channel.funding());
    assert!(opening.is_ready_told);
    assert_eq!(opening.stage, Stage::Usable);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady], "once");
}

fn what_waits_to_be_handed_over_is_told_once(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    reconnects(&mut world, &channel);
    let before = world.phone.tables();
    reconnects(&mut world, &channel);
    world.phone.tables().assert_are(&before);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
}

/// Usable, with our half of the proof waiting: six blocks deep.
fn with_our_half(world: &mut World) -> Channel {
    let channel = usable(world, public());
    ticks_after(world, 6 - DEEP);
    channel
}

/// The same with commitments above the first.
fn in_use(world: &mut World) -> Channel {
    let mut channel = with_our_half(world);
    first_commitments(world, &mut channel);
    channel
}

fn channel_ready_is_told_again_before_our_half(mut world: World) {
    let channel = with_our_half(&mut world);
    let half = only(&mut world, &channel).said;
    reconnects(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady, half]);
}

fn our_half_is_told_again_until_the_peers_is_there(mut world: World) {
    let channel = in_use(&mut world);
    let first = only(&mut world, &channel);
    reconnects(&mut world, &channel);
    let again = only(&mut world, &channel);
    assert_eq!(again.message, first.message);
    let name = name(&mut world, &channel);
    hears(&mut world, &channel, peer_half(&channel, name));
    hands_over(&mut world, &channel);
    reconnects(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn a_peer_that_repeats_its_half_is_told_ours_again(mut world: World) {
    let channel = in_use(&mut world);
    let name = name(&mut world, &channel);
    hears(&mut world, &channel, peer_half(&channel, name));
    hands_over(&mut world, &channel);
    reconnects(&mut world, &channel);
    for answered in [1, 0] {
        hears(&mut world, &channel, peer_half(&channel, name));
        assert_eq!(hands_over(&mut world, &channel).len(), answered);
    }
}

fn a_channel_that_closes_is_told_nothing_again(mut world: World) {
    let channel = with_our_half(&mut world);
    hands_over(&mut world, &channel);
    let closing = world.phone.force_close(channel.funding());
    closing.expect("a commitment");
    reconnects(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn the_options_of_a_tick_tell_nothing_again(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    let options = ResumeOptions {
        reconnected_peers: [channel.peer_node_id()].into(),
        ..ResumeOptions::default()
    };
    world.phone.resume_with(options).expect("a tick");
    assert_eq!(said(&mut world, &channel), vec![]);
}

/// BOLT 2: `next_funding_txid`, with a commitment number of 0 while not even our first signature is there.
fn a_peer_of_before_splicing_may_ask_for_the_rest_of_a_signing(mut world: World) {
    let channel = opens(&mut world, private());
    let stands = Stands {
        next_commitment_number: 0,
        ..channel.peer_stands()
    };
    let mut message = channel.peer_reestablish_with(Opened::V1, &stands);
    message.extend([0, 32]);
    message.extend([7; 32]);
    hears(&mut world, &channel, message);
    assert_eq!(said(&mut world, &channel), vec![]);
}

/// Whoever waits for the next event was handed the message while the peer was away.
#[test]
fn what_waits_is_an_event_once_more_when_the_peer_is_there_again() {
    let mut world = World::new(testkit::party::ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    let library = world.phone.shared();
    let next = || {
        let mut handed_out = block_on(library.next_event("listener".into()));
        while !handed_out.as_ref().is_ok_and(tells_peer) {
            handed_out = block_on(library.next_event("listener".into()));
        }
        handed_out.expect("open").id
    };
    let first = next();
    reconnects(&mut world, &channel);
    assert_eq!(next(), first);
}

fn tells_peer(stored: &lightning_arbitrator::store::StoredEvent) -> bool {
    matches!(stored.event.kind, EventKind::TellPeer { .. })
}
