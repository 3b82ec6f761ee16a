//! Short channel ids and aliases: names by which the gossip and routes know a channel.

use std::collections::BTreeSet;

use bitcoin::OutPoint;
use futures::executor::block_on;
use lightning_arbitrator::channel::UpdateError;
use lightning_arbitrator::protocol::ShortChannelId;
use lightning_arbitrator::store::ShortChannelIds;
use lightning_arbitrator::ArbitratorError;
use testkit::party::Which;

use super::overview;
use crate::support::World;

twins!(
    a_channel_is_found_by_its_id_and_by_every_alias,
    names_that_were_taken_from_a_channel_find_nothing,
    the_name_of_another_channel_is_refused,
    a_channel_that_is_closing_takes_names,
);

fn id(text: &str) -> ShortChannelId {
    text.parse().expect("an id")
}

/// A real id, and aliases, of which one uses all 64 bits.
fn names() -> ShortChannelIds {
    ShortChannelIds {
        confirmed: Some(id("700000x1x0")),
        aliases: BTreeSet::from([id("16000000x0x7"), ShortChannelId::from_u64(u64::MAX)]),
    }
}

fn give(world: &mut World, ids: &ShortChannelIds) -> Result<(), ArbitratorError> {
    let channel = world.outpoint();
    block_on(world.phone.on().set_short_channel_ids(channel, ids.clone()))
}

fn named(world: &mut World, id: ShortChannelId) -> Option<OutPoint> {
    block_on(world.phone.on().channel_by_short_id(id)).expect("readable")
}

fn a_channel_is_found_by_its_id_and_by_every_alias(mut world: World) {
    let channel = world.outpoint();
    give(&mut world, &names()).expect("free names");
    for name in names().aliases.into_iter().chain(names().confirmed) {
        assert_eq!(named(&mut world, name), Some(channel), "{name}");
    }
    assert_eq!(named(&mut world, id("700000x1x1")), None);
    assert_eq!(overview(&mut world).ids, names());
    let before = world.phone.tables();
    give(&mut world, &names()).expect("a repeat");
    world.phone.tables().assert_are(&before);
}

fn names_that_were_taken_from_a_channel_find_nothing(mut world: World) {
    give(&mut world, &names()).expect("free names");
    // A reorg has moved the funding; one alias is kept.
    let after = ShortChannelIds {
        confirmed: Some(id("700001x2x0")),
        aliases: BTreeSet::from([id("16000000x0x7")]),
    };
    give(&mut world, &after).expect("free names");
    assert_eq!(overview(&mut world).ids, after);
    assert_eq!(named(&mut world, id("700000x1x0")), None);
    assert_eq!(named(&mut world, ShortChannelId::from_u64(u64::MAX)), None);
}

fn the_name_of_another_channel_is_refused(mut world: World) {
    let other = world.second_channel().funding();
    block_on(world.phone.on().set_short_channel_ids(other, names())).expect("free names");
    let before = world.phone.tables();
    for taken in names().aliases.into_iter().chain(names().confirmed) {
        let ids = ShortChannelIds {
            confirmed: Some(id("5x5x5")),
            aliases: BTreeSet::from([taken]),
        };
        let refused = give(&mut world, &ids);
        assert!(
            matches!(
                refused,
                Err(ArbitratorError::Update(UpdateError::ShortChannelIdTaken { id, taken_by, .. }))
                    if id == taken && taken_by == other
            ),
            "{refused:?}"
        );
    }
    world.phone.tables().assert_are(&before);
}

fn a_channel_that_is_closing_takes_names(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    give(&mut world, &names()).expect("free names");
    assert_eq!(overview(&mut world).ids, names());
}
