//! Scenario 21 with the embedded wallet: what is free is sent away, by a transaction that is kept until it is buried.

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{Emptied, ReserveLook, Trouble};
use lightning_arbitrator::court::Outcome;
use lightning_arbitrator::reserve::EmptyError;
use lightning_arbitrator::{ArbitratorError, ResumeOptions};
use testkit::chain::Orphaned;

use super::embedded::COIN;
use super::{with_anchors, On, HTLC_SAT};
use crate::support::World;

with_anchors!(
    everything_that_is_free_is_sent_away,
    what_the_server_did_not_take_is_offered_by_the_next_tick,
    what_a_reorg_takes_away_is_offered_again,
    what_is_buried_is_asked_for_no_more,
    a_claim_takes_no_coin_that_is_on_its_way,
    a_coin_that_a_claim_takes_stays,
    a_later_call_pays_for_what_it_replaces,
    the_same_call_again_gives_the_same_transaction,
    what_was_paid_in_meanwhile_goes_along_with_a_replacement,
    one_whose_coin_somebody_else_has_spent_is_dropped_and_said_so,
    one_whose_coin_a_reorg_took_away_is_dropped_and_said_so,
);

/// Another wallet of the user's.
fn home(world: &World) -> ScriptBuf {
    world.phone.wallet.sweep.clone()
}

fn try_empty(world: &mut World, sat_per_vb: u64) -> Result<Emptied, EmptyError> {
    let to = Address::from_script(&home(world), Network::Regtest).expect("P2WPKH");
    let to: Address<NetworkUnchecked> = to.into_unchecked();
    let feerate = FeeRate::from_sat_per_vb(sat_per_vb).expect("a sane feerate");
    match block_on(world.phone.on().empty_reserve(to, feerate)) {
        Ok(emptied) => Ok(emptied),
        Err(ArbitratorError::Empty(refused)) => Err(refused),
        Err(other) => panic!("{other}"),
    }
}

/// The transaction, which the network takes at once.
#[track_caller]
pub fn empties(world: &mut World, sat_per_vb: u64) -> Transaction {
    let emptied = try_empty(world, sat_per_vb).expect("coins are free");
    assert_eq!(emptied.outcome, Some(Outcome::Accepted));
    emptied.transaction
}

/// A wallet with so many coins, each deep enough.
fn filled(world: &mut World, coins: u32) {
    world.with_seed_wallet();
    for _ in 0..coins {
        world.pays_in(COIN, 6);
        world.balance_now();
    }
}

fn is_waiting(world: &World, transaction: &Transaction) -> bool {
    world.chain.mempool().contains(&transaction.compute_txid())
}

/// The only trouble of a tick.
#[track_caller]
fn trouble_of_a_tick(world: &mut World) -> String {
    let report = world.phone.resume();
    match report.troubles.as_slice() {
        [trouble] => trouble.what.clone(),
        _ => panic!("one trouble: {report:?}"),
    }
}

pub fn everything_that_is_free_is_sent_away(mut world: World) {
    world.with_seed_wallet();
    let refused = try_empty(&mut world, 2).expect_err("nothing is there");
    assert!(
        matches!(refused, EmptyError::NothingToSend { .. }),
        "{refused}"
    );
    for _ in 0..2 {
        world.pays_in(COIN, 1);
        world.balance_now();
    }
    let sent = empties(&mut world, 2);
    assert_eq!(sent.input.len(), 2);
    let fee = world.paid_by(&sent);
    let weight = sent.weight().to_wu();
    // To the weight of two signatures.
    assert!(
        (weight * 2 / 4..=weight * 2 / 4 + 4).contains(&fee),
        "{fee} for {weight}"
    );
    assert_eq!(world.balance_known().leaving, COIN * 2);
    world.mine(1);
    let left = world.balance_now();
    assert_eq!((left.confirmed, left.pending), (Amount::ZERO, Amount::ZERO));
    assert_eq!(left.leaving, Amount::ZERO);
    let home = home(&world);
    assert_eq!(world.balance(&home), (COIN * 2).to_sat() - fee);
}

fn what_the_server_did_not_take_is_offered_by_the_next_tick(mut world: World) {
    filled(&mut world, 1);
    world.refuses_broadcasts();
    let emptied = try_empty(&mut world, 2).expect("a coin is free");
    assert_ne!(emptied.outcome, Some(Outcome::Accepted));
    let report = world.phone.resume_with(Default::default());
    assert!(!report.expect("a tick").complete);
    assert!(!is_waiting(&world, &emptied.transaction));
    world.gateway().behave();
    world.phone.resume();
    assert!(is_waiting(&world, &emptied.transaction));
}

pub fn what_a_reorg_takes_away_is_offered_again(mut world: World) {
    filled(&mut world, 1);
    let sent = empties(&mut world, 2);
    world.mine(1);
    assert_eq!(world.balance_now().leaving, Amount::ZERO);
    world.reorg(1, Orphaned::Drop);
    assert!(!is_waiting(&world, &sent));
    world.phone.resume();
    assert!(is_waiting(&world, &sent));
    assert_eq!(world.balance_known().leaving, COIN);
}

fn what_is_buried_is_asked_for_no_more(mut world: World) {
    filled(&mut world, 1);
    empties(&mut world, 2);
    world.mine(1);
    let spends = |world: &mut World| {
        world.gateway().reset();
        world.phone.resume();
        let paths = world.gateway().paths();
        paths.iter().filter(|it| it.contains("/outspend/")).count()
    };
    assert_eq!(spends(&mut world), 2, "the funding's and the coin's");
    world.mine(99);
    world.phone.resume();
    world.mine(1);
    assert_eq!(spends(&mut world), 1, "the funding's");
    let refused = try_empty(&mut world, 2).expect_err("nothing is there");
    assert!(
        matches!(refused, EmptyError::NothingToSend { .. }),
        "{refused}"
    );
}

fn a_claim_takes_no_coin_that_is_on_its_way(mut world: World) {
    world.fees_are(1.0);
    filled(&mut world, 1);
    let htlc = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    world.balance_now();
    let sent = empties(&mut world, 2);
    let blocks = htlc.cltv_expiry - world.chain.tip().height;
    world.chain.mine_empty(blocks);
    world.phone.resume();
    assert_eq!(world.claim_in_mempool(&htlc, On::Ours), None);
    assert!(world.lacked_coins());
    assert!(is_waiting(&world, &sent));
}

fn a_coin_that_a_claim_takes_stays(mut world: World) {
    filled(&mut world, 1);
    let (htlc, _) = world.has_a_claim();
    assert!(world.claim_in_mempool(&htlc, On::Ours).is_some());
    let refused = try_empty(&mut world, 2).expect_err("it is in use");
    assert!(
        matches!(refused, EmptyError::NothingToSend { .. }),
        "{refused}"
    );
}

pub fn a_later_call_pays_for_what_it_replaces(mut world: World) {
    filled(&mut world, 2);
    let first = empties(&mut world, 2);
    // It is seen in the mempool, which makes no difference.
    world.balance_now();
    // What it pays above the first is less than its own relay.
    for too_little in [1, 3] {
        let refused = try_empty(&mut world, too_little).expect_err("it pays no more");
        let EmptyError::FeeTooLow { txid, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(txid, first.compute_txid());
    }
    let second = empties(&mut world, 5);
    assert!(!is_waiting(&world, &first));
    world.phone.resume();
    assert!(is_waiting(&world, &second));
    assert_eq!(world.balance_known().leaving, COIN * 2);
}

fn the_same_call_again_gives_the_same_transaction(mut world: World) {
    filled(&mut world, 2);
    let first = empties(&mut world, 2);
    let again = try_empty(&mut world, 2).expect("nothing new");
    assert_eq!(again.transaction, first);
    assert!(again.outcome.is_some_and(|outcome| outcome.is_held()));
}

fn what_was_paid_in_meanwhile_goes_along_with_a_replacement(mut world: World) {
    filled(&mut world, 1);
    empties(&mut world, 2);
    world.pays_in(COIN, 1);
    world.balance_now();
    assert_eq!(empties(&mut world, 5).input.len(), 2);
}

fn one_whose_coin_somebody_else_has_spent_is_dropped_and_said_so(mut world: World) {
    filled(&mut world, 1);
    let database = world.phone.config.database.clone();
    let elsewhere = database.with_file_name("elsewhere.sqlite");
    // The same seed on another device, which knows of a single coin.
    world
        .phone
        .set(|config| config.database = elsewhere.clone());
    world.balance_now();
    world.phone.set(|config| config.database = database.clone());
    world.pays_in(COIN, 6);
    world.balance_now();
    let ours = empties(&mut world, 2);
    world.phone.set(|config| config.database = elsewhere);
    let theirs = empties(&mut world, 20);
    assert!(!is_waiting(&world, &ours), "replaced");
    world.phone.set(|config| config.database = database);
    world.mine(1);
    let trouble = trouble_of_a_tick(&mut world);
    assert!(
        trouble.contains(&theirs.compute_txid().to_string()),
        "{trouble}"
    );
    assert_eq!(
        world.balance_now().confirmed,
        COIN,
        "the other coin is free"
    );
    assert_eq!(empties(&mut world, 2).input.len(), 1);
}

fn one_whose_coin_a_reorg_took_away_is_dropped_and_said_so(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 1);
    world.balance_now();
    let sent = empties(&mut world, 2);
    world.reorg(1, Orphaned::Drop);
    let options = ResumeOptions {
        reserve: ReserveLook::Now,
        ..ResumeOptions::default()
    };
    let report = world.phone.resume_with(options).expect("a tick");
    let txid = sent.compute_txid().to_string();
    let names_it = |trouble: &Trouble| trouble.what.contains(&txid);
    assert!(report.troubles.iter().any(names_it), "{report:?}");
    assert_eq!(world.balance_known().leaving, Amount::ZERO);
}
