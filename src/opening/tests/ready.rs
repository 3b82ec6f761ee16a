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
    assert_eq!(desk.says(Input::Reconnected), vec![]);
}

#[test]
fn a_reconnection_has_it_told_again_until_a_further_commitment_is_signed() {
    let mut desk = Desk::private();
    assert_eq!(desk.says(Input::Reconnected), vec![], "it was never told");
    desk.at_depth(3);
    assert_eq!(desk.says(Input::Reconnected), vec![Said::ChannelReady]);
    // That the app had handed it over does not say that the peer has read it.
    desk.step(Input::Acknowledged(Said::ChannelReady));
    assert_eq!(desk.says(Input::Reconnected), vec![Said::ChannelReady]);
    desk.says(Input::Facts(Facts {
        commitments: Commitments::Further,
        ..seen(4)
    }));
    assert_eq!(desk.says(Input::Reconnected), vec![]);
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
    let told = || Input::Acknowledged(Said::ChannelReady);
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
