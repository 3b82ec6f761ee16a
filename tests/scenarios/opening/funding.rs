//! The funding: broadcast when it may be, again until it is there, and named by where it stands.

use futures::executor::block_on;
use lightning_arbitrator::channel::Lifecycle;
use lightning_arbitrator::opening::Stage;
use lightning_arbitrator::protocol::ShortChannelId;
use testkit::chain::Orphaned;

use super::*;

twins!(
    our_funding_goes_out_when_our_first_commitment_is_signed,
    a_funding_that_mempools_forget_goes_out_again,
    the_chain_names_the_channel_when_it_is_deep_enough,
    a_reorg_that_moves_the_funding_moves_the_name,
    a_funding_that_a_reorg_takes_goes_out_again_and_what_was_told_stays_told,
    a_funding_that_pays_something_else_is_never_ready,
    a_repeat_of_the_registration_changes_nothing,
);

pub(super) fn our_funding_goes_out_when_our_first_commitment_is_signed(mut world: World) {
    let mut channel = world.unregistered_channel(1);
    let registered = world.phone.open_channel(retold(&channel), private());
    registered.expect("good terms");
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![]);
    first_commitments(&mut world, &mut channel);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![channel.funding().txid]);
    assert_eq!(stage(&mut world, &channel), Stage::Unconfirmed);
}

pub(super) fn a_funding_that_mempools_forget_goes_out_again(mut world: World) {
    let channel = opens(&mut world, private());
    world.phone.resume();
    for _ in 0..2 {
        world.chain.evict(channel.funding().txid);
        world.chain.mine_empty(1);
        world.phone.resume();
        assert_eq!(world.chain.mempool(), vec![channel.funding().txid]);
    }
    ticks_after(&mut world, 1);
    assert_eq!(stage(&mut world, &channel), Stage::Confirming);
}

/// The channel of this name, as queries know it.
fn named(world: &mut World, name: ShortChannelId) -> Option<OutPoint> {
    block_on(world.phone.on().channel_by_short_id(name)).expect("readable")
}

/// Where the chain holds the funding.
fn stands_at(world: &World, channel: &Channel) -> ShortChannelId {
    let outpoint = channel.funding();
    let known = world.chain.transaction(outpoint.txid).expect("it is there");
    let block = known.block.expect("confirmed");
    let in_block = world.chain.block(block.hash).expect("it is there");
    let mut all = in_block.block.txdata.iter();
    let position = all.position(|it| it.compute_txid() == outpoint.txid);
    let position = u32::try_from(position.expect("in its block")).expect("a small block");
    ShortChannelId::new(block.height, position, 0).expect("small numbers")
}

pub(super) fn the_chain_names_the_channel_when_it_is_deep_enough(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP - 1);
    let where_it_stands = stands_at(&world, &channel);
    assert_eq!(named(&mut world, where_it_stands), None);
    ticks_after(&mut world, 1);
    assert_eq!(name(&mut world, &channel), where_it_stands);
    assert_eq!(named(&mut world, where_it_stands), Some(channel.funding()));
}

pub(super) fn a_reorg_that_moves_the_funding_moves_the_name(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    let before = name(&mut world, &channel);
    world.reorg(DEEP, Orphaned::Keep);
    world.phone.resume();
    assert_eq!(named(&mut world, before), None);
    ticks_after(&mut world, DEEP);
    let now = name(&mut world, &channel);
    assert_ne!(now, before);
    assert_eq!(now, stands_at(&world, &channel));
    assert_eq!(named(&mut world, now), Some(channel.funding()));
}

pub(super) fn a_funding_that_a_reorg_takes_goes_out_again_and_what_was_told_stays_told(
    mut world: World,
) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    world.reorg(DEEP, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![channel.funding().txid]);
    let opening = world.phone.opening(channel.funding());
    assert!(opening.is_ready_told && opening.short_channel_id.is_none());
    ticks_after(&mut world, DEEP);
    assert_eq!(said(&mut world, &channel), vec![], "it was told");
    hears_ready(&mut world, &channel);
    assert_eq!(stage(&mut world, &channel), Stage::Usable);
}

fn a_funding_that_pays_something_else_is_never_ready(mut world: World) {
    let channel = world.unregistered_channel(1);
    let mut terms = retold(&channel);
    terms.funding.transaction = None;
    // The peer funds it with less than was agreed.
    terms.funding.capacity += bitcoin::Amount::from_sat(1);
    terms.local.initial_balance_msat += 1_000;
    world.phone.open_channel(terms, private()).expect("good");
    world.submit(channel.funding_tx());
    ticks_after(&mut world, 10);
    assert_eq!(said(&mut world, &channel), vec![]);
    let report = world.phone.report(channel.funding());
    assert_eq!(report.lifecycle, Lifecycle::Pending);
    assert_eq!(stage(&mut world, &channel), Stage::Unconfirmed);
}

fn a_repeat_of_the_registration_changes_nothing(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    let before = world.phone.tables();
    let again = world.phone.open_channel(retold(&channel), private());
    again.expect("the same");
    world.phone.tables().assert_are(&before);
    let other = world.phone.open_channel(retold(&channel), public());
    other.expect_err("another opening");
    world.phone.tables().assert_are(&before);
}
