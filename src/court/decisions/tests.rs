//! Every row of the table on top of `decisions.rs`, one block before it applies and when it does, at the defaults of the
//! policy.

use super::super::fixtures::*;
use super::super::{advance, Case, Input, Latches, Step};
use super::*;

/// The expiry of the HTLCs.
const EXPIRY: u32 = 1_000;

/// What an open channel with these HTLCs comes to at this tip.
fn at(tip: u32, peer: PeerContact, lives: &[HtlcLife]) -> Step {
    step(&open(), tip, peer, lives)
}

fn step(case: &Case, tip: u32, peer: PeerContact, lives: &[HtlcLife]) -> Step {
    let facts = Facts { peer, ..quiet(tip) };
    let input = Input::Facts(Box::new(facts));
    advance(case, &dossier(lives), &input, &Policy::default()).expect("good terms")
}

/// Why it goes to the chain, if it does.
fn reason(step: &Step) -> Option<CloseReason> {
    let is_closing = step.case.state == ArbitratorState::BroadcastCommit;
    let told = step.events.iter().find_map(|event| match event.kind {
        EventKind::GoesToChain { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(is_closing, told.is_some(), "{step:?}");
    told
}

fn advice(step: &Step) -> Option<Advice> {
    step.events.iter().find_map(|event| match event.kind {
        EventKind::Advice { advice, .. } => Some(advice),
        _ => None,
    })
}

fn incoming() -> HtlcLife {
    htlc(Direction::Incoming, 0, EXPIRY)
}

fn outgoing() -> HtlcLife {
    htlc(Direction::Outgoing, 0, EXPIRY)
}

/// Below dust on every commitment.
const DUST_MSAT: u64 = 400_000;

#[test]
fn an_incoming_htlc_that_is_ours_goes_to_the_chain_a_margin_before_its_expiry() {
    let ours = released(incoming());
    let expires = CloseReason::IncomingExpires {
        htlc: ours.htlc_ref(),
    };
    use PeerContact::{Reconnected, Unknown, Unreachable};
    for (peer, tip, goes, advised) in [
        (Unknown, 927, None, None),
        (Unknown, 928, None, Some(Advice::Settle)),
        (Unknown, 963, None, Some(Advice::Settle)),
        (Unknown, 964, Some(expires), None),
        (Reconnected, 927, None, None),
        (Reconnected, 928, None, Some(Advice::Settle)),
        (Reconnected, 963, None, Some(Advice::Settle)),
        (Reconnected, 964, Some(expires), None),
        // There may be no other wake, and nobody to settle with.
        (Unreachable, 927, None, None),
        (Unreachable, 928, Some(expires), None),
        (Unreachable, 964, Some(expires), None),
    ] {
        let step = at(tip, peer, &[ours]);
        assert_eq!(reason(&step), goes, "{peer:?} {tip}");
        assert_eq!(advice(&step), advised, "{peer:?} {tip}");
    }
}

#[test]
fn an_incoming_htlc_that_is_not_ours_is_failed_off_chain_and_never_goes_to_the_chain() {
    for (tip, advised) in [
        (963, None),
        (964, Some(Advice::Fail)),
        (EXPIRY, Some(Advice::Fail)),
        (EXPIRY + 10_000, Some(Advice::Fail)),
    ] {
        let step = at(tip, PeerContact::Unreachable, &[incoming()]);
        assert_eq!((reason(&step), advice(&step)), (None, advised), "{tip}");
    }
}

#[test]
fn an_incoming_htlc_that_was_sent_on_is_not_failed_before_it_is_decided_there() {
    let sent_on = HtlcLife {
        forwarded_msat: Some(49_000_000),
        ..incoming()
    };
    let step = at(EXPIRY, PeerContact::Unknown, &[sent_on]);
    assert_eq!((reason(&step), advice(&step)), (None, None));
}

#[test]
fn an_outgoing_htlc_that_was_forwarded_goes_to_the_chain_a_block_after_its_expiry() {
    let sent_on = forwarded(outgoing(), EXPIRY + 100);
    let expired = CloseReason::OutgoingExpired {
        htlc: sent_on.htlc_ref(),
    };
    for peer in [
        PeerContact::Unknown,
        PeerContact::Reconnected,
        PeerContact::Unreachable,
    ] {
        assert_eq!(reason(&at(EXPIRY, peer, &[sent_on])), None);
        assert_eq!(reason(&at(EXPIRY + 1, peer, &[sent_on])), Some(expired));
    }
}

#[test]
fn a_payment_of_our_own_waits_for_the_peer_to_come_back_or_a_week() {
    let ours = outgoing();
    let expired = CloseReason::OutgoingExpired {
        htlc: ours.htlc_ref(),
    };
    use PeerContact::{Reconnected, Unknown, Unreachable};
    for (peer, tip, goes) in [
        (Reconnected, EXPIRY, None),
        (Reconnected, EXPIRY + 1, Some(expired)),
        (Unknown, EXPIRY + 1, None),
        (Unknown, EXPIRY + 1_008, None),
        (Unknown, EXPIRY + 1_009, Some(expired)),
        (Unreachable, EXPIRY + 1_008, None),
        (Unreachable, EXPIRY + 1_009, Some(expired)),
    ] {
        let found = reason(&at(tip, peer, &[ours]));
        assert_eq!(found, goes, "{peer:?} {tip}");
    }
}

#[test]
fn dust_goes_to_the_chain_only_when_more_than_may_be_risked_is_overdue() {
    let dust = |count: u64| -> Vec<HtlcLife> {
        let one = |id| {
            worth(
                forwarded(htlc(Direction::Outgoing, id, EXPIRY), 2_000),
                DUST_MSAT,
            )
        };
        (0..count).map(one).collect()
    };
    // 400 sat each; 50,000 may be risked.
    assert_eq!(
        reason(&at(EXPIRY + 1, PeerContact::Unknown, &dust(125))),
        None
    );
    assert_eq!(reason(&at(EXPIRY, PeerContact::Unknown, &dust(126))), None);
    let at_risk = CloseReason::DustAtRisk {
        amount_msat: 126 * DUST_MSAT,
    };
    let found = reason(&at(EXPIRY + 1, PeerContact::Unknown, &dust(126)));
    assert_eq!(found, Some(at_risk));
}

#[test]
fn advice_is_given_once() {
    let ours = released(incoming());
    let first = at(930, PeerContact::Unknown, &[ours]);
    assert_eq!(advice(&first), Some(Advice::Settle));
    let second = step(&first.case, 940, PeerContact::Unknown, &[ours]);
    assert_eq!(advice(&second), None);
}

#[test]
fn nothing_is_decided_of_a_channel_that_the_server_did_not_speak_of() {
    let facts = Facts {
        looked_at: [].into(),
        ..quiet(EXPIRY)
    };
    let dossier = dossier(&[released(incoming())]);
    let step = advance(
        &open(),
        &dossier,
        &Input::Facts(Box::new(facts)),
        &Policy::default(),
    );
    let step = step.expect("good terms");
    assert_eq!((reason(&step), advice(&step)), (None, None));
}

#[test]
fn nothing_of_ours_goes_out_after_data_was_lost() {
    let latches = Latches {
        data_loss: Some(7),
        ..Latches::default()
    };
    let lost = Case { latches, ..open() };
    let step = step(&lost, EXPIRY, PeerContact::Unknown, &[released(incoming())]);
    assert_eq!(reason(&step), None);
}
