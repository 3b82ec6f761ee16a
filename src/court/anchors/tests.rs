//! Which commitment is raised, by when, for how much, and what becomes of its child.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Transaction, TxIn};

use super::*;
use crate::channel::Direction::{Incoming, Outgoing};
use crate::channel::HtlcLife;
use crate::court::fixtures::outputs::{contract, terms};
use crate::court::fixtures::{
    self, block, closed, forwarded, htlc, open, released, CLOSED_AT, FUNDED_AT,
};
use crate::court::{due_broadcasts, offers, ArbitratorState, CloseKind, Latches, Resolution};
use crate::protocol::{ChannelType, CommitmentNumber};

/// The tip when the commitment began to wait.
const SINCE: u32 = FUNDED_AT + 50;
const TIP: u32 = SINCE + 2;

fn txid(byte: u8) -> Txid {
    Txid::from_byte_array([byte; 32])
}

/// Ours, as the fixtures name it, and a commitment of the peer's.
const OURS: u8 = 1;
const THEIRS: u8 = 2;

/// A channel with these HTLCs on a commitment of either side.
fn dossier(lives: &[HtlcLife]) -> Dossier {
    let mut dossier = fixtures::dossier(lives);
    let ours = dossier.candidates[0].clone();
    dossier.candidates.push(Candidate {
        owner: Party::Remote,
        txid: txid(THEIRS),
        number: CommitmentNumber::new(1).expect("below 2^48"),
        ..ours
    });
    dossier
}

fn transaction(lock_time: u32) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(lock_time),
        input: vec![TxIn::default()],
        output: Vec::new(),
    }
}

fn held(txid: Txid, purpose: BroadcastPurpose, outcome: Option<Outcome>) -> Broadcast {
    Broadcast {
        txid,
        purpose,
        transaction: transaction(0),
        since: SINCE,
        outcome,
        coins: Vec::new(),
    }
}

/// Our commitment goes out, and this is what the server last said.
fn going_out(outcome: Option<Outcome>) -> Case {
    let ours = held(txid(OURS), BroadcastPurpose::Commitment, outcome);
    Case {
        state: ArbitratorState::CommitmentBroadcasted,
        broadcasts: vec![ours],
        ..open()
    }
}

/// The same, and a mempool holds this spend of the funding.
fn waiting(byte: u8) -> Case {
    Case {
        unconfirmed: Some(Unconfirmed {
            txid: txid(byte),
            since: SINCE,
        }),
        ..going_out(Some(Outcome::Accepted))
    }
}

fn wanted(case: &Case, lives: &[HtlcLife]) -> Option<Cpfp> {
    cpfp(case, &dossier(lives), TIP, &Policy::default())
}

fn to_us(expiry: u32) -> HtlcLife {
    released(htlc(Incoming, 0, expiry))
}

fn sent_on(expiry: u32) -> HtlcLife {
    forwarded(htlc(Outgoing, 1, expiry - 40), expiry)
}

#[test]
fn half_of_the_blocks_until_the_first_loss_are_the_commitments_and_half_of_what_is_lost() {
    let margin = Policy::default().upstream_margin;
    let expiry = SINCE + 40;
    for (lives, expected) in [
        (vec![to_us(expiry)], Some((SINCE + 20, 25_000))),
        (vec![sent_on(expiry + margin)], Some((SINCE + 20, 25_000))),
        (
            vec![to_us(expiry), sent_on(expiry)],
            Some((SINCE + 18, 50_000)),
        ),
        (vec![to_us(SINCE + 1)], Some((SINCE + 1, 25_000))),
        (vec![to_us(SINCE - 9)], Some((SINCE + 1, 25_000))),
        (vec![htlc(Incoming, 0, expiry)], None),
        (vec![htlc(Outgoing, 0, expiry)], None),
        (vec![], None),
    ] {
        let wanted = wanted(&going_out(None), &lives);
        let said = wanted.map(|it| (it.deadline.expect("a loss"), it.budget.to_sat()));
        assert_eq!(said, expected, "{lives:?}");
    }
}

#[test]
fn one_that_no_mempool_takes_is_raised_without_haste_for_a_tenth_of_our_balance() {
    let wanted = wanted(&going_out(Some(Outcome::FeeTooLow)), &[]).expect("stuck");
    assert_eq!((wanted.deadline, wanted.budget.to_sat()), (None, 100_000));
    assert_eq!(wanted.parent.reception, Reception::TooCheap);
}

#[test]
fn an_htlc_that_was_told_upstream_makes_no_haste() {
    let life = sent_on(SINCE + 40);
    let mut case = going_out(None);
    assert!(wanted(&case, &[life]).is_some());
    let verdict = crate::court::Verdict::Failed;
    case.verdicts.push((life.htlc_ref(), verdict));
    assert!(wanted(&case, &[life]).is_none());
}

#[test]
fn dust_is_not_at_stake() {
    let dust = fixtures::worth(to_us(SINCE + 40), 300_000);
    assert!(wanted(&going_out(None), &[dust]).is_none());
}

#[test]
fn the_commitment_that_waits_in_a_mempool_is_raised_else_ours() {
    let lives = [to_us(SINCE + 40)];
    let raised = |case: &Case| wanted(case, &lives).map(|it| it.anchor);
    let ours = raised(&going_out(None)).expect("due");
    assert_eq!(ours.outpoint.txid, txid(OURS));
    assert_eq!(ours.output, ContractOutput::OwnerAnchor);
    let theirs = raised(&waiting(THEIRS)).expect("it waits");
    assert_eq!(theirs.outpoint.txid, txid(THEIRS));
    assert_eq!(theirs.output, ContractOutput::CounterpartyAnchor);
    assert_eq!(theirs.value_sat, 330);
    for case in [
        // A cooperative close, or nothing that we know.
        waiting(7),
        open(),
        closed(CloseKind::Local { number: 1 }, Vec::new()),
        Case {
            latches: Latches {
                data_loss: Some(7),
                ..Latches::default()
            },
            ..waiting(THEIRS)
        },
    ] {
        assert_eq!(raised(&case), None, "{case:?}");
    }
}

#[test]
fn theirs_that_a_mempool_forgot_is_raised_first_until_the_server_refuses_it_and_ours_is_due() {
    let refused = || Some(Outcome::FeeTooLow);
    for (theirs, ours, expected) in [
        (None, None, THEIRS),
        (Some(Outcome::Accepted), None, THEIRS),
        (Some(Outcome::Unreachable), Some(refused()), THEIRS),
        (refused(), None, THEIRS),
        (refused(), Some(None), OURS),
        (refused(), Some(refused()), OURS),
    ] {
        let theirs = held(txid(THEIRS), BroadcastPurpose::PeerCommitment, theirs);
        let mut case = ours.map_or(open(), going_out);
        case.broadcasts.push(theirs);
        let raised = raised(&case).map(|it| it.txid);
        assert_eq!(raised, Some(txid(expected)), "{case:?}");
        let first = offers(&case)[0].txid;
        assert_eq!(first, txid(expected), "the other would be in its way");
        let all = due_broadcasts(&case).count();
        assert_eq!(all, case.broadcasts.len(), "none silences the other");
    }
}

#[test]
fn ours_waits_since_it_was_signed_however_late_it_is_seen() {
    let mut case = waiting(OURS);
    case.unconfirmed = Some(Unconfirmed {
        txid: txid(OURS),
        since: TIP,
    });
    let wanted = wanted(&case, &[to_us(SINCE + 40)]).expect("a loss");
    assert_eq!(wanted.parent.since, SINCE);
    assert_eq!(wanted.deadline, Some(SINCE + 20));
}

#[test]
fn without_anchors_nothing_is_raised() {
    let mut dossier = dossier(&[to_us(SINCE + 40)]);
    dossier.terms = terms(ChannelType::StaticRemotekey);
    let policy = Policy::default();
    assert_eq!(cpfp(&going_out(None), &dossier, TIP, &policy), None);
}

/// A child of ours through the anchor that it is for, and what the server last said of both.
fn with_child(commitment: Outcome, child: Outcome) -> (Case, Vec<HtlcLife>) {
    let lives = vec![to_us(SINCE + 40)];
    let mut case = going_out(Some(commitment));
    let anchor = wanted(&case, &lives).expect("due").anchor.outpoint;
    let purpose = BroadcastPurpose::Cpfp(anchor);
    case.broadcasts.push(held(txid(3), purpose, Some(child)));
    (case, lives)
}

#[test]
fn a_child_is_made_anew_when_a_block_left_it_out_or_the_server_refused_it() {
    let gone = || Outcome::Conflict(String::new());
    let accepted = Outcome::Accepted;
    let reprice: fn(Broadcast) -> Raise = Raise::Reprice;
    let replace: fn(Broadcast) -> Raise = Raise::Replace;
    for (commitment, child, how) in [
        (accepted.clone(), accepted.clone(), Some(reprice)),
        (accepted.clone(), Outcome::Unreachable, Some(reprice)),
        (accepted.clone(), Outcome::FeeTooLow, Some(replace)),
        // Its coin is gone.
        (accepted.clone(), gone(), Some(replace)),
        // Its parent is not there.
        (Outcome::FeeTooLow, gone(), None),
    ] {
        let (case, lives) = with_child(commitment, child.clone());
        let expected = how.map(|how| Some(how(case.broadcasts[1].clone())));
        let said = wanted(&case, &lives).map(|it| it.raise);
        assert_eq!(said, expected, "{child:?}");
    }
    let (mut case, lives) = with_child(accepted.clone(), accepted);
    case.broadcasts[1].since = TIP;
    assert_eq!(wanted(&case, &lives), None, "no block since");
}

#[test]
fn of_several_children_the_newest_goes_out_as_long_as_its_parent_is_raised() {
    let (mut case, _) = with_child(Outcome::Accepted, Outcome::Accepted);
    let mut newer = case.broadcasts[1].clone();
    newer.txid = txid(4);
    case.broadcasts.push(newer);
    let due = |case: &Case| due_broadcasts(case).map(|it| it.txid).collect::<Vec<_>>();
    assert_eq!(due(&case), [txid(OURS), txid(4)]);
    let since = SINCE;
    case.unconfirmed = Some(Unconfirmed {
        txid: txid(THEIRS),
        since,
    });
    assert_eq!(due(&case), [txid(OURS)]);
}

#[test]
fn a_childs_coins_are_free_when_its_parent_is_gone_or_confirmed_without_it() {
    let mut child = held(txid(3), BroadcastPurpose::Commitment, None);
    let mut anchor = contract(Party::Local, ContractOutput::OwnerAnchor, 0);
    child.purpose = BroadcastPurpose::Cpfp(anchor.outpoint);
    child.transaction.input[0].previous_output = anchor.outpoint;
    assert!(open().is_void(&child), "its parent is gone");
    let mut raised = waiting(THEIRS);
    raised.unconfirmed = Some(Unconfirmed {
        txid: anchor.outpoint.txid,
        since: SINCE,
    });
    assert!(!raised.is_void(&child), "it may confirm");
    let kind = CloseKind::Local { number: 1 };
    assert!(closed(kind, Vec::new()).is_void(&child));
    assert!(closed(kind, vec![anchor.clone()]).is_void(&child));
    for (by, expected) in [(child.txid, false), (txid(8), true)] {
        anchor.progress = Progress::Spent {
            resolution: Resolution::Claimed { txid: by },
            block: block(CLOSED_AT),
            settled: false,
        };
        assert_eq!(closed(kind, vec![anchor.clone()]).is_void(&child), expected);
    }
}
