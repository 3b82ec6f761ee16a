//! The summary is written in the transaction that stores what the close leaves to resolve: neither is ever there alone.

use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::court::ArbitratorState;
use rusqlite::Connection;
use testkit::party::Which;

use crate::support::World;

twins!(
    a_summary_that_cannot_be_written_leaves_no_contracts,
    contracts_that_cannot_be_written_leave_no_summary,
);

/// The peer has closed, and the database refuses rows of one table until it is told otherwise.
fn closes_while_refusing(world: &mut World, table: &str) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    let refuse = format!(
        "CREATE TRIGGER refused BEFORE INSERT ON {table} BEGIN SELECT raise(ABORT, 'refused'); END"
    );
    change(world, &refuse);
    let report = world.phone.resume_with(ResumeOptions::default());
    assert!(!report.expect("one channel's trouble").complete);
    let channel = world.outpoint();
    assert_eq!(world.phone.report(channel).state, ArbitratorState::Default);
    assert_eq!(world.phone.tables().rows("contract"), 0);
    assert_eq!(world.phone.summary(channel), None);
    change(world, "DROP TRIGGER refused");
    world.phone.resume();
    assert!(world.phone.tables().rows("contract") > 0);
    assert!(world.phone.summary(channel).is_some());
}

fn change(world: &mut World, sql: &str) {
    world.phone.switch_off();
    let db = Connection::open(&world.phone.config.database).expect("it is free");
    db.execute_batch(sql).expect("good SQL");
}

fn a_summary_that_cannot_be_written_leaves_no_contracts(mut world: World) {
    closes_while_refusing(&mut world, "close_summary");
}

fn contracts_that_cannot_be_written_leave_no_summary(mut world: World) {
    closes_while_refusing(&mut world, "contract");
}
