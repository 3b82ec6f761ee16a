//! Both LDK nodes agree on the end of the channel.

use lightning_arbitrator::court::CloseKind;

use crate::world::{Who, World};

stories!(
    a_cooperative_close_of_ours_is_recognised,
    a_cooperative_close_of_the_peers_is_recognised,
);

fn a_cooperative_close_of_ours_is_recognised(world: World) {
    agrees(world, Who::Us);
}

fn a_cooperative_close_of_the_peers_is_recognised(world: World) {
    agrees(world, Who::Peer);
}

/// LDK's books of the channel are exact to the end; the closing transaction's fee comes off its opener's side.
fn agrees(mut world: World, who: Who) {
    let payments = world.payments();
    world.settles(&payments);
    let balance = world.our_balance();
    world.closes_together(who);
    world.mines(1);
    let worth = balance - world.our_closing_fee();
    world.phone.wakes();
    world.ends_with(CloseKind::Cooperative, worth);
}
