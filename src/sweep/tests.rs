//! What a claim pays, with what, and what is left out of it.

mod weights;

use std::collections::BTreeMap;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, TxOut, Txid, WPubkeyHash, Weight, Witness};

use super::*;
use crate::channel::Direction;
use crate::config::Policy;
use crate::court::fixtures::outputs::{htlc_numbered, terms, EXPIRY, VALUE};
use crate::court::{Broadcast, BroadcastPurpose, Coin, Contract, Outcome, Raise};
use crate::protocol::{ChannelType, Party};

const ANCHORS: ChannelType = ChannelType::AnchorsZeroFeeHtlc;
const STATIC: ChannelType = ChannelType::StaticRemotekey;

/// The wallet's script: what is left goes there.
fn wallet() -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros())
}

fn coin(value: u64, vout: u32) -> Coin {
    Coin {
        outpoint: OutPoint::new(Txid::from_byte_array([6; 32]), vout),
        output: TxOut {
            value: Amount::from_sat(value),
            script_pubkey: wallet(),
        },
        witness_weight: Weight::from_wu(108),
    }
}

fn input(contract: Contract) -> ClaimInput {
    ClaimInput {
        contract,
        preimage: None,
        peer_signature: None,
        secret: None,
    }
}

/// So many expired HTLCs on a commitment of `owner`.
fn expired(owner: Party, count: u64) -> Vec<ClaimInput> {
    let of = |id| input(htlc_numbered(owner, Direction::Outgoing, id));
    (0..count).map(of).collect()
}

/// At so many sat/vB, whatever the urgency.
fn estimates(sat_per_vb: u64) -> BTreeMap<u16, FeeRate> {
    let rate = FeeRate::from_sat_per_vb(sat_per_vb).expect("a sane feerate");
    [(1, rate)].into()
}

/// A deadline that leaves time for a patient bid.
const SOON: Schedule = Schedule {
    tip: EXPIRY - 40,
    since: None,
    deadline: Some(EXPIRY),
};

fn bid<'a>(estimates: &'a BTreeMap<u16, FeeRate>, policy: &'a Policy) -> Bid<'a> {
    Bid {
        estimates,
        schedule: SOON,
        floor: None,
        raise: None,
        policy,
    }
}

fn second_level_of(
    channel_type: ChannelType,
    htlcs: u64,
    coins: Vec<Coin>,
    sat_per_vb: u64,
) -> Result<Unsigned, NotNow> {
    let (estimates, policy) = (estimates(sat_per_vb), Policy::default());
    let bid = bid(&estimates, &policy);
    let inputs = expired(Party::Local, htlcs);
    second_level(&terms(channel_type), inputs, 500, coins, wallet(), &bid).expect("good terms")
}

#[test]
fn with_anchors_htlcs_share_a_transaction_and_a_coin_pays_for_it() {
    let unsigned = second_level_of(ANCHORS, 2, vec![coin(50_000, 0)], 10).expect("a coin");
    let transaction = &unsigned.request.psbt.unsigned_tx;
    assert_eq!(transaction.lock_time, LockTime::from_consensus(EXPIRY));
    assert_eq!((transaction.input.len(), transaction.output.len()), (3, 3));
    // Each HTLC's output stands at its input's index, whole: the peer signed those two, and no more.
    for index in 0..2 {
        let vout = transaction.input[index].previous_output.vout;
        assert_eq!(usize::try_from(vout), Ok(index));
        assert_eq!(transaction.output[index].value.to_sat(), VALUE);
    }
    assert_eq!(transaction.output[2].script_pubkey, wallet());
    let fee = 50_000 - transaction.output[2].value.to_sat();
    // 10 sat/vB for some 500 vB.
    assert!((4_000..6_000).contains(&fee), "{fee}");
    assert_eq!(unsigned.coins, [coin(50_000, 0)]);
}

#[test]
fn coins_are_taken_in_their_order_until_the_fee_is_paid() {
    let coins = vec![
        coin(1_000, 0),
        coin(1_500, 1),
        coin(90_000, 2),
        coin(90_000, 3),
    ];
    let unsigned = second_level_of(ANCHORS, 1, coins, 10).expect("enough coins");
    let taken: Vec<u32> = unsigned.coins.iter().map(|it| it.outpoint.vout).collect();
    assert_eq!(taken, [0, 1, 2]);
}

#[test]
fn without_enough_coins_the_fee_is_named() {
    for coins in [vec![], vec![coin(1_000, 0)]] {
        match second_level_of(ANCHORS, 1, coins.clone(), 10) {
            Err(NotNow::ReserveNeeded { fee }) => assert!(fee.to_sat() > 1_000, "{fee}"),
            other => panic!("{coins:?}: {other:?}"),
        }
    }
}

#[test]
fn a_fee_above_half_of_the_value_is_not_worth_it() {
    let made = second_level_of(ANCHORS, 1, vec![coin(500_000, 0)], 200);
    match made {
        Err(NotNow::Uneconomic(Uneconomic { value, fee })) => {
            assert_eq!(value.to_sat(), VALUE);
            assert!(fee > value / 2, "{fee}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_anchors_it_is_as_the_peer_signed_it_whatever_the_fees_are() {
    for (coins, sat_per_vb) in [(vec![], 1), (vec![coin(50_000, 0)], 500)] {
        let unsigned = second_level_of(STATIC, 1, coins, sat_per_vb).expect("nothing is needed");
        let transaction = &unsigned.request.psbt.unsigned_tx;
        assert_eq!((transaction.input.len(), transaction.output.len()), (1, 1));
        // BOLT 3: 663 weight units at the commitment's 500 sat per 1000.
        assert_eq!(transaction.output[0].value.to_sat(), VALUE - 331);
        assert!(unsigned.coins.is_empty());
    }
}

#[test]
fn an_output_that_costs_more_than_it_may_is_left_out_of_a_claim_for_several() {
    let (estimates, policy) = (estimates(10), Policy::default());
    let mut inputs = expired(Party::Remote, 3);
    inputs[1].contract.value_sat = 1_000;
    let terms = terms(ANCHORS);
    let worth = worthwhile(&terms, inputs.clone(), &bid(&estimates, &policy)).expect("good terms");
    let vout = |input: &ClaimInput| input.contract.outpoint.vout;
    assert_eq!(worth.taken.iter().map(vout).collect::<Vec<_>>(), [0, 2]);
    let [(left, fee)] = worth.left.as_slice() else {
        panic!("one is left: {worth:?}");
    };
    assert_eq!(*left, inputs[1].contract.outpoint);
    assert!(fee.to_sat() > 500, "{fee}");
}

/// Two expired HTLCs claimed at so many sat/vB, as the claim that is to be raised.
fn held(sat_per_vb: u64, outcome: Option<Outcome>) -> Broadcast {
    let (estimates, policy) = (estimates(sat_per_vb), Policy::default());
    let inputs = expired(Party::Remote, 2);
    let made = claim(&terms(ANCHORS), inputs, wallet(), &bid(&estimates, &policy));
    let unsigned = made.expect("good terms").expect("worth it");
    let mut transaction = unsigned.transaction().clone();
    for (input, psbt) in transaction
        .input
        .iter_mut()
        .zip(&unsigned.request.psbt.inputs)
    {
        // As large as a signature, no preimage, and the script.
        let script = psbt.witness_script.as_ref().expect("an HTLC's");
        input.witness = Witness::from_slice(&[&[0; 72], &[][..], script.as_bytes()]);
    }
    Broadcast {
        txid: transaction.compute_txid(),
        purpose: BroadcastPurpose::Sweep(OutPoint::null()),
        transaction,
        since: EXPIRY - 60,
        outcome,
        coins: Vec::new(),
    }
}

/// The fee of the claim that follows on `raise`, at so many sat/vB.
fn raised(raise: &Raise, sat_per_vb: u64) -> Result<Amount, NotNow> {
    let (estimates, policy) = (estimates(sat_per_vb), Policy::default());
    let value = Amount::from_sat(2 * VALUE);
    let bid = Bid {
        raise: Some((raise, value)),
        ..bid(&estimates, &policy)
    };
    let inputs = expired(Party::Remote, 2);
    let made = claim(&terms(ANCHORS), inputs, wallet(), &bid).expect("good terms")?;
    Ok(value - made.transaction().output[0].value)
}

fn fee(held: &Broadcast) -> Amount {
    Amount::from_sat(2 * VALUE) - held.transaction.output[0].value
}

#[test]
fn a_claim_that_waits_is_bid_for_anew_when_the_market_asks_for_more_than_a_replacement_costs() {
    let waits = held(10, Some(Outcome::Accepted));
    let raise = Raise::Reprice(waits.clone());
    for sat_per_vb in [1, 9, 10] {
        assert_eq!(raised(&raise, sat_per_vb), Err(NotNow::HighEnough));
    }
    let higher = raised(&raise, 12).expect("worth it");
    // BIP 125: all that it replaces, and a sat for each byte of its own.
    let vsize = waits.transaction.vsize() as u64;
    assert!(higher >= fee(&waits) + Amount::from_sat(vsize), "{higher}");
    assert!(higher < fee(&waits) * 13 / 10, "{higher}");
}

#[test]
fn what_takes_the_place_of_a_claim_pays_for_it_even_when_the_market_has_fallen() {
    let waits = held(10, Some(Outcome::AlreadyKnown));
    let least = raised(&Raise::Replace(waits.clone()), 1).expect("worth it");
    let vsize = waits.transaction.vsize() as u64;
    let by_rules = fee(&waits) + Amount::from_sat(vsize);
    assert!(least >= by_rules && least < by_rules * 11 / 10, "{least}");
}

#[test]
fn one_that_was_refused_is_raised_by_a_share_and_one_whose_input_is_gone_is_bid_for_anew() {
    let refused = Raise::Replace(held(10, Some(Outcome::FeeTooLow)));
    let paid = fee(refused.held());
    let more = raised(&refused, 1).expect("worth it");
    assert!(
        more >= paid * 124 / 100 && more <= paid * 126 / 100,
        "{more}"
    );
    let gone = Raise::Replace(held(10, Some(Outcome::Conflict("spent".into()))));
    let anew = raised(&gone, 1).expect("worth it");
    assert!(anew < paid / 5, "{anew}");
}

#[test]
fn a_market_above_the_budget_gets_the_budget_as_long_as_a_patient_bid_is_within_it() {
    let policy = Policy::default();
    let urgent = FeeRate::from_sat_per_vb(400).expect("sane");
    let patient = FeeRate::from_sat_per_vb(5).expect("sane");
    let estimates: BTreeMap<u16, FeeRate> = [(1, urgent), (144, patient)].into();
    let value = Amount::from_sat(2 * VALUE);
    let made = claim(
        &terms(ANCHORS),
        expired(Party::Remote, 2),
        wallet(),
        &bid(&estimates, &policy),
    );
    let unsigned = made.expect("good terms").expect("worth it");
    assert_eq!(value - unsigned.transaction().output[0].value, value / 2);
}

/// What a claim of two expired HTLCs pays for this feerate, at 2 sat/vB, and what it weighs.
fn asked(sat_per_vb: u64) -> (Amount, Weight) {
    let (estimates, policy) = (estimates(2), Policy::default());
    let bid = Bid {
        floor: FeeRate::from_sat_per_vb(sat_per_vb),
        ..bid(&estimates, &policy)
    };
    let inputs = expired(Party::Remote, 2);
    let made = claim(&terms(ANCHORS), inputs, wallet(), &bid).expect("good terms");
    let unsigned = made.expect("worth it");
    (unsigned.fee(), unsigned.weight())
}

#[test]
fn what_the_app_asks_for_is_paid_above_the_share_and_never_above_what_is_claimed() {
    let value = Amount::from_sat(2 * VALUE);
    let at = |sat_per_vb| {
        let rate = FeeRate::from_sat_per_vb(sat_per_vb).expect("sane");
        rate.fee_wu(asked(sat_per_vb).1).expect("no overflow")
    };
    for sat_per_vb in [10, 80, 150] {
        assert_eq!(asked(sat_per_vb).0, at(sat_per_vb), "{sat_per_vb}");
    }
    assert!(at(150) > value / 2 && at(200) > value);
    // More than there is is not tried: the curve goes on.
    assert!(asked(200).0 < at(3), "{}", asked(200).0);
    // Less than the market is no less.
    assert_eq!(asked(1).0, asked(0).0);
}
