//! The integrity check: silent about what is sound, and by name about what is not.

use bitcoin::Amount;
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::IntegrityReport;
use rusqlite::types::Value;
use rusqlite::Connection;
use testkit::party::{ChannelType, CooperativeClose, NewHtlc, Settlement, Which};

use crate::support::{Nap, Told, World};

twins!(
    an_open_channel_is_sound,
    a_channel_closed_by_the_peer_is_sound,
    a_channel_closed_by_us_is_sound,
    a_channel_that_both_agreed_to_close_is_sound,
    an_abandoned_channel_is_sound,
    a_resolved_channel_is_sound,
    a_restored_channel_is_sound,
);

fn check(world: &mut World) -> IntegrityReport {
    block_on(world.phone.on().integrity_check()).expect("readable")
}

#[track_caller]
fn assert_sound(world: &mut World) {
    let report = check(world);
    assert_eq!(report.findings, []);
    assert_eq!(report.unchecked, [""; 0]);
    assert!(report.channels > 0);
}

/// Live HTLCs, past ones, and revoked states.
fn lively(world: &mut World) {
    let expiry = world.chain.tip().height + 500;
    let settled = world.add(NewHtlc::incoming(25_000_000, expiry));
    world.round();
    let key = settled.key;
    world
        .channel
        .settle_htlc(key, Settlement::Fulfil)
        .expect("live");
    world.round();
    world.round();
    world.add(NewHtlc::outgoing(20_000_000, expiry));
    world.add(NewHtlc::incoming(30_000_000, expiry + 5));
    world.add(NewHtlc::outgoing(200_000, expiry + 6));
    world.round();
    world.phone.resume();
}

pub fn an_open_channel_is_sound(mut world: World) {
    lively(&mut world);
    assert_sound(&mut world);
}

fn a_channel_closed_by_the_peer_is_sound(mut world: World) {
    lively(&mut world);
    world.peer_closes(Which::Current);
    for _ in 0..3 {
        world.phone.resume();
        assert_sound(&mut world);
        world.mine(1);
    }
}

fn a_channel_closed_by_us_is_sound(mut world: World) {
    lively(&mut world);
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    assert_sound(&mut world);
    world.mine(150);
    for _ in 0..3 {
        world.phone.resume();
        assert_sound(&mut world);
        world.mine(1);
    }
}

fn a_channel_that_both_agreed_to_close_is_sound(mut world: World) {
    world.round();
    world.phone.resume();
    let fee = CooperativeClose::legacy(Amount::from_sat(500));
    let close = world.channel.cooperative_close(&fee).expect("no HTLCs");
    world.tell(Told::Close(close));
    assert_sound(&mut world);
}

fn an_abandoned_channel_is_sound(mut world: World) {
    lively(&mut world);
    let channel = world.outpoint();
    block_on(world.phone.on().abandon(channel)).expect("as asked");
    assert_sound(&mut world);
    world.phone.resume();
    assert_sound(&mut world);
}

fn a_resolved_channel_is_sound(mut world: World) {
    world.round();
    world.phone.resume();
    let fee = CooperativeClose::legacy(Amount::from_sat(500));
    let close = world.channel.cooperative_close(&fee).expect("no HTLCs");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.resolve();
    assert_sound(&mut world);
}

fn a_restored_channel_is_sound(mut world: World) {
    lively(&mut world);
    let path = world.phone.config.database.with_file_name("backup.sqlite");
    block_on(world.phone.on().backup(&path)).expect("ours");
    world.phone.set(|config| config.database = path);
    assert_sound(&mut world);
}

/// What is found when a column of the channel's rows says something else, which it still could.
#[track_caller]
fn assert_finds(world: &mut World, sql: &str, table: &str) {
    world.phone.switch_off();
    let path = world.phone.config.database.clone();
    let intact = std::fs::read(&path).expect("readable");
    let db = Connection::open(&path).expect("it is free");
    db.pragma_update(None, "foreign_keys", false).expect("off");
    let changed = db.execute(sql, []).expect("good SQL");
    assert!(changed > 0, "{sql}");
    drop(db);
    let report = check(world);
    let found = |it: &lightning_arbitrator::store::Finding| it.table.contains(table);
    assert!(report.findings.iter().any(found), "{sql}: {report:?}");
    world.phone.switch_off();
    std::fs::write(&path, intact).expect("writable");
}

#[test]
fn a_figure_that_was_never_signed_is_found() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    lively(&mut world);
    for (table, change) in [
        ("commitment", "local_msat = local_msat + 1000"),
        ("commitment", "feerate_per_kw = feerate_per_kw + 4"),
        ("commitment", "number = number + 1"),
        ("commitment", "signature = zeroblob(64)"),
        ("feed", "local_number = local_number - 1"),
        ("feed", "remote_number = remote_number + 1"),
        ("feed", "remote_revoked = remote_revoked - 1"),
        ("party", "to_self_delay = to_self_delay + 1"),
        ("party", "dust_limit = 1000000"),
        ("party", "initial_balance_msat = initial_balance_msat + 1"),
        ("channel", "keys_id = zeroblob(32)"),
        ("funding", "capacity = capacity + 1"),
        ("funding", "script_pubkey = zeroblob(34)"),
        ("htlc", "amount_msat = amount_msat + 1"),
        ("htlc", "last_remote = first_remote"),
        ("past_htlc", "class = class + 1"),
        ("chain_tip", "height = height - 1"),
        ("event", "id = id || '/again'"),
    ] {
        // What is the matter shows wherever it is compared.
        let shows_in = match table {
            "party" | "channel" | "funding" | "htlc" | "feed" => "",
            other => other,
        };
        assert_finds(
            &mut world,
            &format!("UPDATE {table} SET {change}"),
            shows_in,
        );
    }
}

#[test]
fn a_row_that_is_gone_is_found() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    lively(&mut world);
    for table in [
        "party",
        "feed",
        "court_case",
        "commitment",
        "htlc",
        "revocation_secret",
    ] {
        assert_finds(&mut world, &format!("DELETE FROM {table}"), "");
    }
    assert_finds(&mut world, "DELETE FROM channel", "");
}

#[test]
fn a_value_of_another_kind_is_found_with_its_column() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    lively(&mut world);
    world.phone.switch_off();
    let path = world.phone.config.database.clone();
    let db = Connection::open(&path).expect("it is free");
    let value = Value::Text("many".into());
    let sql = "UPDATE commitment SET local_msat = ?1 WHERE owner = 0";
    db.execute(sql, [value]).expect("good SQL");
    drop(db);
    let report = check(&mut world);
    let named = report
        .findings
        .iter()
        .find(|it| it.column.as_deref() == Some("local_msat"));
    let channel = world.outpoint();
    let finding = named.unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!(finding.channel, Some(channel));
    assert_eq!(finding.table, "commitment");
}

#[test]
fn a_name_under_which_the_signer_has_other_keys_is_found() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    world.phone.set(|config| {
        let other = lightning_arbitrator::SeedSigner::new(&[8; 32]).expect("32 bytes");
        config.signer = std::sync::Arc::new(other);
    });
    let report = check(&mut world);
    let named = report.findings.iter().map(|it| it.table.as_str());
    assert_eq!(named.collect::<Vec<_>>(), ["channel", "party"]);
}

#[test]
fn commands_go_on_meanwhile() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    let on = world.phone.shared();
    std::thread::scope(|scope| {
        let checks = scope.spawn(|| {
            let checks = (0..5).map(|_| block_on(on.integrity_check()).expect("readable"));
            checks
                .flat_map(|report| report.findings)
                .collect::<Vec<_>>()
        });
        while !checks.is_finished() {
            world.round();
        }
        assert_eq!(checks.join().expect("no panic"), []);
    });
}
