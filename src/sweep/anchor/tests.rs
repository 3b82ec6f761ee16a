//! What a child pays: the lack of two, never less than nodes relay, never more than it may.

use std::collections::BTreeMap;

use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, TxOut, Txid, WPubkeyHash, Witness};

use super::*;
use crate::config::Policy;
use crate::court::fixtures::outputs::{contract, terms};
use crate::court::{Broadcast, BroadcastPurpose, Outcome, Parent};
use crate::protocol::{ChannelType, ContractOutput, Party};
use crate::sweep::Schedule;

const ANCHOR: u64 = 330;
/// What the commitment here weighs, and what it pays: 2 sat/vB.
const WEIGHT: u64 = 1_296;
const FEE: u64 = 648;

fn wallet() -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros())
}

fn coin(value: u64) -> Coin {
    Coin {
        outpoint: OutPoint::new(Txid::from_byte_array([6; 32]), 0),
        output: TxOut {
            value: Amount::from_sat(value),
            script_pubkey: wallet(),
        },
        witness_weight: Weight::from_wu(108),
    }
}

/// A child for at most so much.
fn child(budget: u64) -> Cpfp {
    let mut anchor = contract(Party::Local, ContractOutput::OwnerAnchor, 0);
    anchor.value_sat = ANCHOR;
    Cpfp {
        anchor,
        parent: Parent {
            weight: Weight::from_wu(WEIGHT),
            fee: Amount::from_sat(FEE),
            since: 100,
            reception: Reception::Held,
        },
        deadline: Some(140),
        budget: Amount::from_sat(budget),
        floor: None,
        raise: None,
    }
}

/// The child, at this tip, where the market asks for so many sat/vB for every target.
fn made(child: &Cpfp, tip: u32, sat_per_vb: u64, coins: Vec<Coin>) -> Result<Unsigned, NotNow> {
    let rate = FeeRate::from_sat_per_vb(sat_per_vb).expect("a sane feerate");
    let (estimates, policy) = (BTreeMap::from([(1, rate)]), Policy::default());
    let raise = child.raise.as_ref();
    let bid = Bid {
        estimates: &estimates,
        schedule: Schedule {
            tip,
            since: Some(child.parent.since),
            deadline: child.deadline,
        },
        floor: child.floor,
        raise: raise.map(|raise| (raise, Amount::from_sat(ANCHOR + 100_000))),
        policy: &policy,
    };
    let terms = terms(ChannelType::AnchorsZeroFeeHtlc);
    anchor(&terms, child, coins, wallet(), &bid).expect("good terms")
}

/// What a child with a coin of 100,000 sat pays, and what it weighs with its witnesses at most.
fn paid(child: &Cpfp, tip: u32, sat_per_vb: u64) -> Result<(u64, u64), NotNow> {
    let unsigned = made(child, tip, sat_per_vb, vec![coin(100_000)])?;
    let transaction = unsigned.transaction();
    let left = transaction.output[0].value.to_sat();
    // Marker and flag; the anchor's witness: its count, a signature, the script of 40 bytes.
    let witnesses = 2 + (1 + 73 + 41) + 108;
    Ok((
        ANCHOR + 100_000 - left,
        transaction.weight().to_wu() + witnesses,
    ))
}

#[test]
fn the_two_together_reach_the_markets_feerate_and_its_margin() {
    let (fee, weight) = paid(&child(50_000), 100, 10).expect("a coin");
    // 10 sat/vB and a tenth, which is 2,750 sat per 1,000 weight units.
    let both = (WEIGHT + weight) * 2_750;
    assert_eq!(fee, both.div_ceil(1_000) - FEE);
}

#[test]
fn a_parent_whose_own_fee_is_enough_has_no_child() {
    assert_eq!(paid(&child(50_000), 100, 1), Err(NotNow::HighEnough));
    let mut fair = child(50_000);
    fair.parent.fee = Amount::from_sat(WEIGHT * 2_500 / 1_000);
    // The margin above the market's 10 sat/vB is for what is bid anew.
    assert_eq!(paid(&fair, 100, 10), Err(NotNow::HighEnough));
    fair.parent.fee -= Amount::from_sat(1);
    assert!(paid(&fair, 100, 10).is_ok());
}

#[test]
fn a_parent_that_no_block_takes_at_the_markets_price_is_raised_in_the_last_blocks() {
    let mut fair = child(50_000);
    fair.parent.fee = Amount::from_sat(WEIGHT * 2_500 / 1_000);
    assert_eq!(paid(&fair, 122, 10), Err(NotNow::HighEnough));
    assert!(paid(&fair, 123, 10).is_ok());
}

#[test]
fn a_child_that_has_little_to_add_pays_what_nodes_relay() {
    let mut child = child(9_000);
    child.parent.fee = Amount::from_sat(5_500);
    // The market asks for less than the parent pays, and no block has taken it. It has climbed for one block: 27 sat.
    let (fee, weight) = paid(&child, 123, 10).expect("a coin");
    let floor = u64::from(Policy::default().feerate_floor);
    assert_eq!(fee, (weight * floor).div_ceil(1_000));
}

#[test]
fn it_climbs_to_its_budget_and_no_further() {
    let child = child(9_000);
    let at = |tip| paid(&child, tip, 10).expect("a coin").0;
    let bids = [100, 122, 131, 140, 150].map(at);
    assert!(bids.is_sorted(), "{bids:?}");
    assert!(bids[0] < bids[2] && bids[2] < 9_000, "{bids:?}");
    assert_eq!(bids[3..], [9_000, 9_000]);
    assert_eq!(paid(&child, 100, 500).expect("all it may").0, 9_000);
}

#[test]
fn one_that_may_not_even_be_relayed_is_not_made() {
    let made = paid(&child(100), 100, 10);
    assert!(matches!(made, Err(NotNow::Uneconomic(_))), "{made:?}");
}

#[test]
fn a_feerate_that_is_asked_for_is_paid_by_the_two_together_up_to_all_that_they_hold() {
    let mut child = child(50_000);
    child.floor = Some(FeeRate::from_sat_per_kwu(5_000));
    let (fee, weight) = paid(&child, 100, 1).expect("a coin");
    assert_eq!(fee, (WEIGHT + weight) * 5 - FEE);
    child.budget = Amount::from_sat(3_000);
    let (fee, _) = paid(&child, 100, 1).expect("a coin");
    assert_eq!(fee, 3_000);
}

#[test]
fn a_parent_that_was_refused_is_raised_above_its_own_feerate_whatever_the_server_estimates() {
    let mut child = child(50_000);
    child.deadline = None;
    child.parent.reception = Reception::TooCheap;
    let (fee, weight) = paid(&child, 100, 1).expect("a coin");
    // A quarter more than 500 sat per 1,000 weight units.
    let both = (WEIGHT + weight) * 625;
    assert_eq!(fee, both.div_ceil(1_000) - FEE);
}

/// The child before paid so much, and this is what the server said.
fn raised(fee: u64, outcome: Outcome, how: fn(Broadcast) -> Raise) -> Cpfp {
    let mut child = child(50_000);
    let unsigned = made(&child, 100, 10, vec![coin(100_000)]).expect("a coin");
    let mut transaction = unsigned.transaction().clone();
    transaction.output[0].value = Amount::from_sat(ANCHOR + 100_000 - fee);
    let [signature, script, key] = [72, 40, 33].map(|length| vec![7; length]);
    transaction.input[0].witness = Witness::from_slice(&[&signature, &script]);
    transaction.input[1].witness = Witness::from_slice(&[&signature, &key]);
    child.raise = Some(how(Broadcast {
        txid: transaction.compute_txid(),
        purpose: BroadcastPurpose::Cpfp(child.anchor.outpoint),
        transaction,
        since: 100,
        outcome: Some(outcome),
        coins: unsigned.coins,
    }));
    child
}

#[test]
fn a_replacement_pays_for_what_it_replaces_and_for_its_own_relay() {
    let accepted = || Outcome::Accepted;
    let (market, weight) = paid(&child(50_000), 101, 10).expect("a coin");
    let relay = u64::from(Policy::default().replacement_feerate) * weight;
    let most = market - relay.div_ceil(1_000);
    for (before, expected) in [(most - 300, Ok(market)), (market, Err(NotNow::HighEnough))] {
        let child = raised(before, accepted(), Raise::Reprice);
        let fee = paid(&child, 101, 10).map(|(fee, _)| fee);
        assert_eq!(fee, expected, "{before}");
    }
}

#[test]
fn one_that_was_refused_as_too_cheap_is_raised_by_a_quarter() {
    let child = raised(8_000, Outcome::FeeTooLow, Raise::Replace);
    let (fee, _) = paid(&child, 101, 10).expect("a coin");
    assert!((10_000..=13_500).contains(&fee), "{fee}");
}

#[test]
fn without_enough_coins_the_fee_is_named() {
    for coins in [vec![], vec![coin(1_000)]] {
        let made = made(&child(50_000), 100, 10, coins);
        let Err(NotNow::ReserveNeeded { fee }) = made else {
            panic!("{made:?}");
        };
        assert!(fee.to_sat() > 3_000, "{fee}");
    }
}
