//! Both LDK nodes agree on the end of the channel.

use crate::world::{Who, World};

stories!(
    a_cooperative_close_of_ours_is_recognised,
    a_cooperative_close_of_the_peers_is_recognised,
);

fn a_cooperative_close_of_ours_is_recognised(world: World) {
    settled_and_agreed(world, Who::Us);
}

fn a_cooperative_close_of_the_peers_is_recognised(world: World) {
    settled_and_agreed(world, Who::Peer);
}

fn settled_and_agreed(mut world: World, who: Who) {
    let payments = world.payments();
    world.settles(&payments);
    world.agrees(who);
}
