//! Pending, open, closing, closed: in the report, and in a column that can be asked for.

use lightning_arbitrator::channel::Lifecycle;
use rusqlite::Connection;
use testkit::chain::Orphaned;
use testkit::party::{ChannelType, Which};

use super::{ask, closes_cooperatively, cooperative, ticks_after};
use crate::support::{Nap, Told, World};

twins!(
    a_channel_is_pending_until_its_funding_is_proven,
    a_channel_is_open_until_it_is_to_close,
    a_channel_is_closing_until_its_end_is_irrevocable,
    a_channel_whose_cooperative_close_is_signed_is_closing,
    a_reorg_of_the_close_does_not_open_the_channel_again,
    a_reorg_of_the_funding_makes_the_channel_pending_again,
    a_channel_with_lost_data_is_closing,
);

/// The stage of the first channel, which its report and its column agree on.
#[track_caller]
fn assert_stage(world: &mut World, stage: Lifecycle) {
    let channel = world.outpoint();
    assert_eq!(world.phone.report(channel).lifecycle, stage);
    let column = match stage {
        Lifecycle::Pending => 0,
        Lifecycle::Open => 1,
        Lifecycle::Closing => 2,
        Lifecycle::Closed => 3,
    };
    let found = ask(world, "SELECT lifecycle FROM court_case WHERE channel = 1");
    assert_eq!(found, column, "{stage:?}");
}

fn a_channel_is_pending_until_its_funding_is_proven(mut world: World) {
    assert_stage(&mut world, Lifecycle::Pending);
    world.phone.resume();
    assert_stage(&mut world, Lifecycle::Open);
}

fn a_channel_is_open_until_it_is_to_close(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    assert_stage(&mut world, Lifecycle::Open);
    world.phone.force_close(channel).expect("a commitment");
    assert_stage(&mut world, Lifecycle::Closing);
}

fn a_channel_is_closing_until_its_end_is_irrevocable(mut world: World) {
    closes_cooperatively(&mut world);
    assert_stage(&mut world, Lifecycle::Closing);
    ticks_after(&mut world, 98);
    assert_stage(&mut world, Lifecycle::Closing);
    ticks_after(&mut world, 1);
    assert_stage(&mut world, Lifecycle::Closed);
}

fn a_channel_whose_cooperative_close_is_signed_is_closing(mut world: World) {
    world.phone.resume();
    let closing = cooperative(&world);
    world.tell(Told::Close(closing));
    assert_stage(&mut world, Lifecycle::Closing);
}

fn a_reorg_of_the_close_does_not_open_the_channel_again(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_stage(&mut world, Lifecycle::Closing);
}

fn a_reorg_of_the_funding_makes_the_channel_pending_again(mut world: World) {
    world.phone.resume();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_stage(&mut world, Lifecycle::Pending);
}

fn a_channel_with_lost_data_is_closing(mut world: World) {
    world.round();
    world.phone.resume();
    let loss = world.channel.data_loss(2).expect("two rounds");
    world.tell(Told::data_loss(&loss));
    assert_stage(&mut world, Lifecycle::Closing);
}

/// What the migration makes of the rows of older versions is what the library would have written.
#[test]
fn the_migration_gives_every_row_the_stage_that_the_library_gives_it() {
    let stories: [fn(World); 6] = [
        a_channel_is_pending_until_its_funding_is_proven,
        a_channel_is_open_until_it_is_to_close,
        a_channel_is_closing_until_its_end_is_irrevocable,
        a_reorg_of_the_close_does_not_open_the_channel_again,
        a_reorg_of_the_funding_makes_the_channel_pending_again,
        a_channel_with_lost_data_is_closing,
    ];
    const MIGRATION: &str = include_str!("../../../src/store/migrations/0004_life.sql");
    let update = MIGRATION.find("UPDATE court_case").expect("it fills them");
    let update = MIGRATION[update..].split_inclusive(';').next();
    let update = update.expect("a statement");
    for (number, story) in stories.into_iter().enumerate() {
        let world = World::new(ChannelType::StaticRemotekey, Nap::Never);
        let database = world.phone.config.database.clone();
        let kept = world.phone.directory();
        story(world);
        let db = Connection::open(&database).expect("it is free");
        let stages = || -> i64 {
            db.query_row("SELECT lifecycle FROM court_case", [], |row| row.get(0))
                .expect("one channel")
        };
        let before = stages();
        db.execute("UPDATE court_case SET lifecycle = 9", [])
            .expect("writable");
        db.execute_batch(update).expect("good SQL");
        assert_eq!(stages(), before, "story {number}");
        drop(kept);
    }
}
