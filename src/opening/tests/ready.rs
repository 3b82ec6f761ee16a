//! When `channel_ready` is told, told again, and what makes the channel usable.

use super::*;

#[test]
fn it_is_told_once_as_deep_as_was_agreed() {
    let mut desk = Desk::private();
    for (depth, told) in [(0, false), (1, false), (2, false), (3, true), (4, false)] {
        let said = desk.at_depth(depth);
        assert_eq!(said.contains(&Said::ChannelReady), told, "{depth}");
    }
}

#[test]
fn it_is_told_at_once_of_a_zero_conf_channel_whose_commitment_is_signed() {
    let mut desk = Desk::private();
    desk.opening.terms.minimum_depth = MinimumDepth::ZeroConf;
    let unsigned = Facts {
        commitments: Commitments::None,
        ..seen(0)
    };
    assert_eq!(desk.says(Input::Facts(unsigned)), vec![]);
    assert_eq!(desk.at_depth(0), vec![Said::ChannelReady]);
}

#[test]
fn what_was_told_stays_told_when_a_reorg_takes_the_funding() {
    let mut desk = Desk::private();
    desk.at_depth(3);
    assert_eq!(desk.at_depth(0), vec![]);
    assert_eq!(desk.at_depth(3), vec![]);
}

#[test]
fn nothing_is_told_of_a_channel_that_is_closing() {
    let mut desk = Desk::private();
    let closing = Facts {
        closing: true,
        ..seen(10)
    };
    assert_eq!(desk.says(Input::Facts(closing)), vec![]);
    assert_eq!(desk.says(reestablished(1, 1)), vec![]);
}

#[test]
fn a_reconnection_has_it_told_again_while_both_expect_the_first_commitment_after_the_opening() {
    for (ours, theirs, again) in [
        (1, 1, true),
        (2, 1, false),
        (1, 2, false),
        (2, 2, false),
        (1, 0, false),
    ] {
        let mut desk = Desk::private();
        assert_eq!(desk.says(reestablished(ours, theirs)), vec![], "too early");
        desk.at_depth(3);
        desk.hands_over(Said::ChannelReady);
        let said = desk.says(reestablished(ours, theirs));
        assert_eq!(said.contains(&Said::ChannelReady), again, "{ours} {theirs}");
    }
}

#[test]
fn a_commitment_that_never_reached_the_peer_does_not_keep_it_from_being_told_again() {
    let mut desk = Desk::private().usable();
    desk.step(Input::Facts(Facts {
        commitments: Commitments::Further,
        ..seen(4)
    }));
    assert_eq!(desk.says(reestablished(1, 1)), vec![Said::ChannelReady]);
}

#[test]
fn a_peer_that_expects_more_has_ours() {
    for (theirs, told) in [(1, false), (2, true)] {
        let mut desk = Desk::private();
        desk.step(reestablished(1, theirs));
        assert!(!desk.opening.ready.is_told, "there was nothing to be had");
        desk.at_depth(3);
        desk.step(reestablished(1, theirs));
        assert_eq!(desk.opening.ready.is_told, told, "{theirs}");
    }
}

/// BOLT 2: one `channel_reestablish` on each connection. What was handed over was in an earlier one.
#[test]
fn what_waits_to_be_handed_over_is_not_told_twice() {
    let mut desk = Desk::private();
    desk.at_depth(3);
    for time in 0..3 {
        let step = desk.step(reestablished(1, 1));
        let repeat = desk.step(reestablished(1, 1));
        assert_eq!(said(&repeat), vec![]);
        assert_eq!(waiting(&repeat), vec![Said::ChannelReady]);
        // That the app had handed it over does not say that the peer has read it.
        assert_eq!(said(&step).is_empty(), time == 0, "{time}");
        desk.hands_over(Said::ChannelReady);
    }
}

#[test]
fn what_is_handed_over_late_was_said_in_an_earlier_connection() {
    let mut desk = Desk::private();
    desk.at_depth(3);
    desk.hands_over(Said::ChannelReady);
    desk.step(reestablished(1, 1));
    desk.step(acknowledged(Said::ChannelReady, 0));
    assert_eq!(desk.says(reestablished(1, 1)), vec![], "it still waits");
}

/// Whether these inputs, in this order, make the channel usable, and only the last of them.
fn becomes_usable(inputs: Vec<Input>) -> bool {
    let mut desk = Desk::private();
    let last = inputs.len() - 1;
    let told = |step: Step| step.tell.contains(&EventKind::ChannelUsable);
    let mut when = inputs.into_iter().map(|input| told(desk.step(input)));
    let before: Vec<bool> = when.by_ref().take(last).collect();
    let at_last = when.next();
    !before.contains(&true) && at_last == Some(true)
}

#[test]
fn both_make_the_channel_usable_in_either_order() {
    let deep = || Input::Facts(seen(3));
    let told = || acknowledged(Said::ChannelReady, 0);
    let theirs = || Input::PeerReady(peer_ready(0x66));
    assert!(becomes_usable(vec![deep(), told(), theirs()]));
    assert!(becomes_usable(vec![deep(), theirs(), told()]));
    assert!(becomes_usable(vec![theirs(), deep(), told()]));
    assert!(!becomes_usable(vec![deep(), theirs()]));
    assert!(!becomes_usable(vec![deep(), told()]));
}

#[test]
fn a_further_commitment_proves_that_both_were_exchanged() {
    let further = Facts {
        commitments: Commitments::Further,
        ..seen(3)
    };
    assert!(becomes_usable(vec![Input::Facts(further)]));
}

#[test]
fn a_second_one_of_the_peer_may_bring_an_alias_but_no_other_point() {
    let mut desk = Desk::private();
    desk.step(Input::PeerReady(peer_ready(0x66)));
    let alias = Some(ShortChannelId::from_u64(7));
    let with_alias = ChannelReady {
        alias,
        ..peer_ready(0x66)
    };
    desk.step(Input::PeerReady(with_alias));
    desk.step(Input::PeerReady(peer_ready(0x66)));
    assert_eq!(desk.opening.ready.theirs, Some(with_alias));
    let refused = desk.refuses(&Input::PeerReady(peer_ready(0x67)));
    assert!(matches!(refused, OpeningError::SecondPoint { .. }));
}

#[test]
fn it_tells_our_second_point_and_our_alias() {
    let mut desk = Desk::private();
    let alias = Some(ShortChannelId::from_u64(99));
    desk.opening.terms.alias = alias;
    let told = desk.step(Input::Facts(seen(3))).tell;
    let [EventKind::TellPeer { message, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    let expected = ChannelReady {
        channel_id: desk.opening.channel_id(&desk.terms).expect("output 0"),
        second_per_commitment_point: desk.opening.second_point,
        alias,
    };
    assert_eq!(*message, expected.encode());
}
