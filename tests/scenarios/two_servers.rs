//! Scenario 26: the phone asks one server, then another that does not agree with it, or is of another network altogether.

use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::chain::Look;
use lightning_arbitrator::court::{CloseKind, EventKind};
use testkit::gateway::{Fault, Lie, Scope};
use testkit::party::Which;

use crate::support::{faults, serve, World};

twins!(
    a_server_of_another_network_is_noticed_before_anything_is_believed,
    a_server_that_knows_less_takes_nothing_back,
    a_server_on_a_branch_with_less_work_takes_nothing_back,
    a_server_on_a_branch_with_more_work_is_followed_and_left_again,
);

/// One tick, whatever comes of it.
fn tick(world: &mut World) -> ResumeReport {
    let report = world.phone.resume_with(ResumeOptions::default());
    report.expect("a bad server is no error")
}

fn close(world: &mut World) -> Option<CloseKind> {
    let report = world.phone.report(world.outpoint());
    report.close.map(|(kind, _)| kind)
}

const CLOSED: Option<CloseKind> = Some(CloseKind::Remote { number: 0 });

fn a_server_of_another_network_is_noticed_before_anything_is_believed(mut world: World) {
    let foreign = Fault::Lie(Lie::WrongNetwork);
    world.gateway().order(Scope::all(), foreign);
    let report = tick(&mut world);
    let because = report.stopped.expect("a reason");
    assert!(because.contains("does not serve the network regtest"));
    assert_eq!((report.complete, report.tip), (false, None));
    world.gateway().behave();
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
}

fn a_server_that_knows_less_takes_nothing_back(mut world: World) {
    let (good, bad) = (world.server.clone(), serve(&world.chain));
    let hidden = Lie::HideSpend {
        outpoint: world.outpoint(),
    };
    faults(&bad).order(Scope::all(), Fault::Lie(hidden));
    let height = world.chain.tip().height;
    let stale = Fault::Lie(Lie::Stale { height });
    world.phone.resume();
    world.peer_closes(Which::Current);
    for blocks in [0, 1, 1, 3, 100] {
        world.mine(blocks);
        world.phone.ask(bad.clone());
        tick(&mut world);
        world.phone.ask(good.clone());
        // What one server said of a tip holds until the tip moves, unless every output is asked about.
        world.phone.looks(Look::Mempool);
        assert_eq!(close(&mut world), CLOSED);
        world.phone.ask(bad.clone());
        faults(&bad).order(Scope::all(), stale.clone());
        assert!(tick(&mut world).server_behind);
        assert_eq!(close(&mut world), CLOSED);
    }
    world.assert_swept();
    world.phone.ask(good);
    world.resolve();
}

/// A world whose chain forks off now: all before is the same in both.
fn fork_of(world: &World) -> World {
    let nap = crate::support::Nap::Never;
    let fork = World::new(world.channel.setup().channel_type, nap);
    assert_eq!(fork.chain.tip(), world.chain.tip());
    fork
}

fn a_server_on_a_branch_with_less_work_takes_nothing_back(mut world: World) {
    let fork = fork_of(&world);
    let good = world.server.clone();
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    // As long as ours: there is no reason to leave it.
    fork.mine(1);
    world.phone.ask(fork.server.clone());
    let report = tick(&mut world);
    assert!(report.server_behind && !report.complete, "{report:?}");
    assert_eq!(close(&mut world), CLOSED);
    world.phone.ask(good);
    world.phone.resume();
    world.mine(1);
    world.assert_swept();
    world.resolve();
}

fn a_server_on_a_branch_with_more_work_is_followed_and_left_again(mut world: World) {
    let fork = fork_of(&world);
    let good = world.server.clone();
    world.phone.resume();
    let closing = world.peer_closes(Which::Current);
    world.phone.resume();
    // There the peer has not closed, and more miners agree.
    fork.mine(3);
    world.phone.ask(fork.server.clone());
    world.phone.resume();
    assert_eq!(close(&mut world), None);
    let reorged = |event: &EventKind| matches!(event, EventKind::CloseReorged { .. });
    assert!(world.phone.told().iter().any(reorged));
    // A close that was no breach is broadcast again, so that the fork gets it as well.
    assert_eq!(fork.chain.mempool(), vec![closing.compute_txid()]);
    fork.mine(1);
    world.phone.resume();
    assert_eq!(close(&mut world), CLOSED);
    world.phone.ask(good);
    assert!(tick(&mut world).server_behind);
    assert_eq!(close(&mut world), CLOSED);
    world.mine(10);
    world.phone.resume();
    assert_eq!(close(&mut world), CLOSED);
    world.mine(1);
    world.assert_swept();
    world.resolve();
}
