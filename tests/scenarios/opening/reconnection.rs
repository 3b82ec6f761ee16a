//! What a reconnection has told again (BOLT 2 and 7), and what not.

use lightning_arbitrator::arbitrator::ResumeOptions;

use super::*;

twins!(
    channel_ready_is_told_again_while_both_are_at_the_first_commitment,
    channel_ready_is_not_told_again_once_a_further_commitment_is_signed,
    our_half_is_told_again_until_the_peers_is_there,
    a_peer_that_repeats_its_half_is_told_ours_again,
    a_tick_that_is_told_of_a_reconnection_does_the_same,
);

fn channel_ready_is_told_again_while_both_are_at_the_first_commitment(mut world: World) {
    let channel = opens(&mut world, private());
    world.phone.reconnects(&channel);
    assert_eq!(said(&mut world, &channel), vec![], "it is too early");
    confirms(&mut world, DEEP);
    let first = only(&mut world, &channel);
    for _ in 0..2 {
        world.phone.reconnects(&channel);
        let again = only(&mut world, &channel);
        assert_eq!(again.message, first.message);
        assert_ne!(again.id, first.id);
    }
}

fn channel_ready_is_not_told_again_once_a_further_commitment_is_signed(mut world: World) {
    let mut channel = usable(&mut world, private());
    first_commitments(&mut world, &mut channel);
    world.phone.resume();
    world.phone.reconnects(&channel);
    assert_eq!(said(&mut world, &channel), vec![]);
}

/// Usable, with commitments above the first, six blocks deep: our half waits.
fn in_use(world: &mut World) -> Channel {
    let mut channel = usable(world, public());
    first_commitments(world, &mut channel);
    ticks_after(world, 6 - DEEP);
    channel
}

fn our_half_is_told_again_until_the_peers_is_there(mut world: World) {
    let channel = in_use(&mut world);
    let first = only(&mut world, &channel);
    world.phone.reconnects(&channel);
    let again = only(&mut world, &channel);
    assert_eq!(again.message, first.message);
    let name = name(&mut world, &channel);
    hears(&mut world, &channel, peer_half(&channel, name));
    hands_over(&mut world, &channel);
    world.phone.reconnects(&channel);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn a_peer_that_repeats_its_half_is_told_ours_again(mut world: World) {
    let channel = in_use(&mut world);
    let name = name(&mut world, &channel);
    hears(&mut world, &channel, peer_half(&channel, name));
    hands_over(&mut world, &channel);
    world.phone.reconnects(&channel);
    for answered in [1, 0] {
        hears(&mut world, &channel, peer_half(&channel, name));
        assert_eq!(hands_over(&mut world, &channel).len(), answered);
    }
}

fn a_tick_that_is_told_of_a_reconnection_does_the_same(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    let options = ResumeOptions {
        reconnected_peers: [channel.peer_node_id()].into(),
        ..ResumeOptions::default()
    };
    world.phone.resume_with(options).expect("a tick");
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
}
