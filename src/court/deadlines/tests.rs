//! Every row of the table on top of `deadlines.rs`, at the defaults of the policy.

use bitcoin::hashes::Hash;
use bitcoin::Txid;

use super::super::fixtures::*;
use super::super::{Cancelled, CloseKind, ForceClose, Latches, Resolution, Unconfirmed};
use super::*;
use crate::protocol::{ContractOutput, HtlcKind};

const BREACH: CloseKind = CloseKind::Breach { number: 0 };
const REMOTE: CloseKind = CloseKind::Remote { number: 1 };
/// A tip at which nothing of the tests is near, unless they say so.
const TIP: u32 = 210;

/// Height and reason of the deadline of a channel with HTLCs.
fn of(case: &Case, lives: &[HtlcLife], tip: u32) -> Option<(u32, DeadlineReason)> {
    let dossier = dossier(lives);
    let policy = Policy::default();
    let outlook = Outlook::of(case, &dossier, Some(tip), tip, &policy);
    let deadline = outlook.deadline(&policy)?;
    Some((deadline.height, deadline.reason))
}

fn outgoing(id: u64, expiry: u32) -> HtlcLife {
    htlc(Direction::Outgoing, id, expiry)
}

fn incoming(id: u64, expiry: u32) -> HtlcLife {
    htlc(Direction::Incoming, id, expiry)
}

#[test]
fn an_open_channel_may_be_left_alone_for_the_peers_delay_but_for_what_justice_needs_of_it() {
    for (delay, height) in [
        // Half of the delay, at least 36 blocks, at most a day.
        (720, TIP + 720 - 144),
        (288, TIP + 288 - 144),
        (200, TIP + 200 - 100),
        (72, TIP + 72 - 36),
        (40, TIP + 4),
        (36, TIP),
        (6, TIP),
        (u16::MAX, TIP + 65_535 - 144),
    ] {
        let case = open();
        let outlook = Outlook::at_rest(&case, delay, Some(TIP), TIP);
        let found = outlook.deadline(&Policy::default()).expect("it is open");
        let expected = (height, DeadlineReason::Breach);
        assert_eq!((found.height, found.reason), expected, "delay {delay}");
    }
}

#[test]
fn what_counts_is_the_last_height_at_which_the_funding_was_proven_unspent() {
    let case = open();
    let policy = Policy::default();
    let at = |watched| {
        let outlook = Outlook::at_rest(&case, PEER_DELAY, watched, 300);
        outlook.deadline(&policy).map(|deadline| deadline.height)
    };
    assert_eq!(at(Some(250)), Some(250 + 576));
    assert_eq!(at(None), Some(FUNDED_AT + 576));
}

#[test]
fn the_device_is_woken_hours_before_the_deadline_and_never_before_the_next_block() {
    let case = open();
    let policy = Policy::default();
    for (watched, tip, wake_by) in [
        (200, 200, 758),
        (200, 757, 758),
        (200, 770, 771),
        (200, 900, 901),
    ] {
        let outlook = Outlook::at_rest(&case, PEER_DELAY, Some(watched), tip);
        let found = outlook.deadline(&policy).expect("it is open");
        assert_eq!((found.height, found.wake_by), (776, wake_by), "tip {tip}");
    }
}

#[test]
fn a_funding_that_may_confirm_unseen_is_a_deadline_of_its_own() {
    let found = of(&Case::default(), &[], TIP);
    assert_eq!(found, Some((TIP + 576, DeadlineReason::Funding)));
}

#[test]
fn an_incoming_htlc_that_is_ours_is_settled_a_margin_before_its_expiry() {
    let ours = released(incoming(0, 400));
    let expected = DeadlineReason::IncomingHtlc(ours.htlc_ref());
    assert_eq!(of(&open(), &[ours], TIP), Some((364, expected)));
}

#[test]
fn an_incoming_htlc_that_may_not_be_claimed_costs_nothing() {
    let found = of(&open(), &[incoming(0, 400)], TIP);
    assert_eq!(found, Some((TIP + 576, DeadlineReason::Breach)));
}

#[test]
fn an_outgoing_htlc_that_was_forwarded_has_its_own_expiry_and_that_upstream() {
    let late = forwarded(outgoing(0, 300), 500);
    let own = DeadlineReason::OutgoingHtlc(late.htlc_ref());
    assert_eq!(of(&open(), &[late], TIP), Some((301, own)));
    let early = forwarded(outgoing(0, 400), 320);
    let upstream = DeadlineReason::UpstreamHtlc(early.htlc_ref());
    assert_eq!(of(&open(), &[early], TIP), Some((317, upstream)));
}

#[test]
fn a_payment_of_our_own_may_be_overdue_for_a_week() {
    let ours = outgoing(0, 220);
    let tip = 1_000;
    let expected = DeadlineReason::OutgoingHtlc(ours.htlc_ref());
    assert_eq!(of(&open(), &[ours], tip), Some((220 + 1 + 1_008, expected)));
}

#[test]
fn dust_wakes_nobody() {
    let dust = worth(forwarded(outgoing(0, 300), 500), 100_000);
    let found = of(&open(), &[dust], TIP);
    assert_eq!(found, Some((TIP + 576, DeadlineReason::Breach)));
}

#[test]
fn where_nothing_of_ours_may_go_out_no_htlc_is_a_reason_to_wake() {
    let latches = Latches {
        data_loss: Some(7),
        ..Latches::default()
    };
    let lost = Case { latches, ..open() };
    let found = of(&lost, &[released(incoming(0, 400))], TIP);
    assert_eq!(found, Some((TIP + 576, DeadlineReason::Breach)));
}

#[test]
fn the_first_of_several_deadlines_counts() {
    let lives = [
        released(incoming(0, 500)),
        forwarded(outgoing(1, 450), 600),
        released(incoming(2, 480)),
    ];
    let expected = DeadlineReason::IncomingHtlc(lives[2].htlc_ref());
    assert_eq!(of(&open(), &lives, TIP), Some((444, expected)));
}

#[test]
fn an_output_of_a_breach_is_claimed_before_the_cheaters_delay_is_over() {
    let output = contract(
        ContractRole::Breach,
        ContractOutput::ToLocal,
        Progress::Claimable,
    );
    let reason = DeadlineReason::Claim(output.outpoint);
    let case = closed(BREACH, vec![output]);
    let end = CLOSED_AT + 720;
    assert_eq!(of(&case, &[], TIP), Some((end - 144, reason)));
    // Later on every block of it counts.
    assert_eq!(of(&case, &[], end - 100), Some((end, reason)));
}

#[test]
fn the_cheaters_second_level_begins_its_delay_anew() {
    let output = Contract {
        created: Some(block(300)),
        ..contract(
            ContractRole::Breach,
            ContractOutput::SecondLevel,
            Progress::Claimable,
        )
    };
    let reason = DeadlineReason::Claim(output.outpoint);
    let case = closed(BREACH, vec![output]);
    // At a tip at which the close itself is final.
    assert_eq!(of(&case, &[], 310), Some((300 + 576, reason)));
}

#[test]
fn justice_that_is_not_settled_may_be_taken_back_by_a_reorg() {
    let spent = |settled| Progress::Spent {
        resolution: Resolution::Claimed {
            txid: Txid::all_zeros(),
        },
        block: block(CLOSED_AT + 1),
        settled,
    };
    let output = |settled| {
        contract(
            ContractRole::Breach,
            ContractOutput::ToLocal,
            spent(settled),
        )
    };
    let reason = DeadlineReason::Claim(output(false).outpoint);
    let case = closed(BREACH, vec![output(false)]);
    assert_eq!(of(&case, &[], TIP), Some((CLOSED_AT + 576, reason)));
    let case = closed(BREACH, vec![output(true)]);
    assert_eq!(of(&case, &[], 400), None);
}

#[test]
fn a_close_that_is_not_final_may_give_way_to_a_breach() {
    let case = closed(CloseKind::Cooperative, Vec::new());
    let last = CLOSED_AT + 98;
    assert_eq!(
        of(&case, &[], last),
        Some((last + 576, DeadlineReason::Breach))
    );
    assert_eq!(of(&case, &[], last + 1), None);
}

#[test]
fn an_htlc_that_is_ours_on_the_chain_is_claimed_before_its_expiry() {
    let output = contract(
        ContractRole::IncomingSuccess,
        htlc_output(HtlcKind::Offered, 350),
        Progress::Claimable,
    );
    let reason = DeadlineReason::Claim(output.outpoint);
    assert_eq!(
        of(&closed(REMOTE, vec![output]), &[], TIP),
        Some((350, reason))
    );
}

#[test]
fn a_claim_that_nobody_else_can_make_waits_a_week() {
    for (progress, height) in [
        (Progress::Claimable, 400 + 1_008),
        (Progress::Maturing { claimable_at: 500 }, 500 + 1_008),
        (Progress::Maturing { claimable_at: 390 }, 400 + 1_008),
    ] {
        let output = contract(
            ContractRole::CommitSweep,
            ContractOutput::ToRemote,
            progress,
        );
        let case = closed(REMOTE, vec![output]);
        let expected = (height, DeadlineReason::Unfinished);
        assert_eq!(of(&case, &[], 400), Some(expected), "{progress:?}");
    }
}

#[test]
fn who_waits_upstream_of_a_closed_channel_is_told_in_time() {
    let waiting = forwarded(outgoing(0, 500), 450);
    let mut case = closed(REMOTE, Vec::new());
    let upstream = DeadlineReason::UpstreamHtlc(waiting.htlc_ref());
    assert_eq!(of(&case, &[waiting], 400), Some((447, upstream)));
    case.verdicts
        .push((waiting.htlc_ref(), crate::court::Verdict::Fulfilled));
    assert_eq!(of(&case, &[waiting], 400), None);
}

#[test]
fn a_close_of_ours_that_does_not_confirm_is_looked_after_within_a_week() {
    let latches = Latches {
        force_close: Some(ForceClose { since: 200 }),
        ..Latches::default()
    };
    let case = Case { latches, ..open() };
    let outlook = Outlook::at_rest(&case, u16::MAX, Some(TIP), TIP);
    let found = outlook.deadline(&Policy::default()).expect("it is closing");
    let expected = (TIP + 1_008, DeadlineReason::Unfinished);
    assert_eq!((found.height, found.reason), expected);
}

#[test]
fn what_has_ended_costs_nothing() {
    let ended = Case {
        state: ArbitratorState::FullyResolved,
        ..open()
    };
    let cancelled = Case {
        cancelled: Some(Cancelled::default()),
        ..Case::default()
    };
    for case in [ended, cancelled] {
        assert_eq!(of(&case, &[released(incoming(0, 400))], TIP), None);
    }
}

#[test]
fn a_commitment_that_waits_has_half_of_the_blocks_until_an_htlc_is_lost() {
    let life = released(incoming(0, TIP + 400));
    let case = Case {
        unconfirmed: Some(Unconfirmed {
            txid: dossier(&[]).candidates[0].txid,
            since: TIP,
        }),
        ..open()
    };
    let reason = DeadlineReason::IncomingHtlc(life.htlc_ref());
    assert_eq!(of(&open(), &[life], TIP), Some((TIP + 400 - 36, reason)));
    assert_eq!(of(&case, &[life], TIP), Some((TIP + 200, reason)));
    assert_eq!(of(&case, &[life], TIP + 50), Some((TIP + 200, reason)));
}
