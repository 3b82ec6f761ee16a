//! When the halves of the proof are made, told and put together, and what a reorg makes of them.

use super::*;

fn half_said() -> Vec<Said> {
    vec![Said::AnnouncementSignatures(name())]
}

fn whole_said() -> Vec<Said> {
    vec![Said::ChannelAnnouncement(name())]
}

fn wants_signature(step: &Step) -> bool {
    step.want.iter().any(|want| matches!(want, Want::Sign(_)))
}

/// Usable, and both halves there.
fn announced() -> Desk {
    let mut desk = Desk::public().usable();
    desk.at_depth(6);
    assert_eq!(desk.says(desk.our_half(name())), half_said());
    assert_eq!(desk.says(desk.peer_half(name())), whole_said());
    desk
}

#[test]
fn our_half_is_wanted_of_a_usable_public_channel_at_six_confirmations() {
    let closing = Facts {
        closing: true,
        ..seen(6)
    };
    for (what, mut desk, facts, wanted) in [
        ("five", Desk::public().usable(), seen(5), false),
        ("six", Desk::public().usable(), seen(6), true),
        ("not usable", Desk::public(), seen(6), false),
        ("private", Desk::private().usable(), seen(6), false),
        ("closing", Desk::public().usable(), closing, false),
    ] {
        let step = desk.step(Input::Facts(facts));
        assert_eq!(wants_signature(&step), wanted, "{what}");
    }
}

#[test]
fn the_peers_half_is_kept_whenever_it_comes() {
    // Before the funding is anywhere.
    let mut early = Desk::public();
    early.step(early.peer_half(name()));
    let mut early = early.usable();
    early.at_depth(6);
    let said = early.says(early.our_half(name()));
    assert_eq!(said, [half_said(), whole_said()].concat());
    // Before six confirmations.
    let mut shallow = Desk::public().usable();
    assert_eq!(shallow.says(shallow.peer_half(name())), vec![]);
    shallow.at_depth(6);
    let said = shallow.says(shallow.our_half(name()));
    assert_eq!(said, [half_said(), whole_said()].concat());
}

#[test]
fn a_wrong_half_is_refused_where_it_can_be_and_dropped_where_it_shows_later() {
    let mut desk = Desk::public().usable();
    let wrong = Input::PeerHalf(desk.half(name(), PEER_NODE, OUR_FUNDING));
    let refused = desk.refuses(&wrong);
    assert!(matches!(refused, OpeningError::WrongHalf { .. }));
    desk.at_depth(0);
    desk.step(wrong);
    let dropped = OpeningNote::Dropped(Flaw::Half(WrongSignature::Bitcoin));
    assert_eq!(desk.notes(Input::Facts(seen(6)))[1..], [dropped]);
    let proof = desk.opening.proof.as_ref();
    assert_eq!(proof.and_then(|proof| proof.theirs), None);
}

#[test]
fn a_reorg_that_moves_the_funding_has_both_halves_made_anew() {
    let mut desk = announced();
    let moved = Place {
        position: 8,
        ..place(6)
    };
    let facts = Facts {
        place: Some(moved),
        ..seen(6)
    };
    let step = desk.step(Input::Facts(facts));
    assert!(wants_signature(&step));
    let name = moved.short_channel_id(channel()).expect("small numbers");
    let half = Said::AnnouncementSignatures(name);
    assert_eq!(desk.says(desk.our_half(name)), vec![half]);
    let whole = Said::ChannelAnnouncement(name);
    assert_eq!(desk.says(desk.peer_half(name)), vec![whole]);
}

#[test]
fn a_reorg_that_brings_the_funding_back_changes_nothing() {
    let mut desk = announced();
    assert_eq!(desk.at_depth(0), vec![]);
    assert_eq!(desk.at_depth(6), vec![]);
}

#[test]
fn a_signature_for_a_place_that_a_reorg_took_is_not_used() {
    let mut desk = Desk::public().usable();
    desk.at_depth(6);
    let late = desk.our_half(name());
    desk.at_depth(0);
    assert_eq!(desk.says(late), vec![]);
    let proof = desk.opening.proof.as_ref();
    assert_eq!(proof.and_then(|proof| proof.ours), None);
}

#[test]
fn a_reconnection_has_our_half_told_again_until_the_peers_is_there() {
    let mut desk = Desk::public().usable();
    desk.at_depth(6);
    assert_eq!(desk.says(reestablished(2, 2)), vec![], "it is not signed");
    desk.step(desk.our_half(name()));
    desk.hands_over(half_said()[0]);
    assert_eq!(desk.says(reestablished(2, 2)), half_said());
    desk.hands_over(half_said()[0]);
    desk.step(desk.peer_half(name()));
    assert_eq!(desk.says(reestablished(2, 2)), vec![]);
}

#[test]
fn a_half_that_waits_to_be_handed_over_is_not_told_twice() {
    let mut desk = Desk::public().usable();
    desk.at_depth(6);
    desk.step(reestablished(2, 2));
    desk.step(desk.our_half(name()));
    let step = desk.step(reestablished(2, 2));
    assert_eq!(said(&step), vec![]);
    assert_eq!(waiting(&step), half_said());
}

#[test]
fn channel_ready_is_told_again_before_our_half() {
    let mut desk = Desk::public().usable();
    desk.at_depth(6);
    desk.step(desk.our_half(name()));
    let both = vec![Said::ChannelReady, half_said()[0]];
    assert_eq!(desk.says(reestablished(1, 1)), both);
}

#[test]
fn a_peer_that_sends_its_half_again_is_answered_once_in_a_connection() {
    let mut desk = announced();
    let told = desk.says(desk.peer_half(name()));
    assert_eq!(told, vec![], "it was told just now");
    desk.hands_over(half_said()[0]);
    desk.step(reestablished(2, 2));
    assert_eq!(desk.says(desk.peer_half(name())), half_said());
    assert_eq!(desk.says(desk.peer_half(name())), vec![]);
    desk.hands_over(half_said()[0]);
    assert_eq!(desk.says(desk.peer_half(name())), vec![]);
}

#[test]
fn an_edge_that_the_graph_has_lost_is_handed_out_again_each_time() {
    let mut desk = announced();
    for time in 1..3 {
        let told = desk.step(Input::NotInGraph).tell;
        assert!(
            matches!(told.as_slice(), [EventKind::TellPeer { said, time: found, .. }]
                if *said == Said::ChannelAnnouncement(name()) && *found == time),
            "{told:?}"
        );
    }
    let mut private = Desk::private().usable();
    assert_eq!(private.says(Input::NotInGraph), vec![]);
}

#[test]
fn what_is_handed_out_is_the_whole_proof() {
    let desk = announced();
    let whole = desk
        .opening
        .announcement(&desk.dossier())
        .expect("both halves");
    assert_eq!(whole.contents, desk.contents(name()));
    assert_eq!(whole.verify(), Ok(()));
}

#[test]
fn a_channel_whose_funding_has_been_spent_for_seventy_two_blocks_is_forgotten() {
    let mut desk = announced();
    let spent = |spent_depth| {
        Input::Facts(Facts {
            spent_depth,
            closing: true,
            ..seen(90)
        })
    };
    desk.step(spent(71));
    assert!(desk.opening.announcement(&desk.dossier()).is_some());
    desk.step(spent(72));
    assert!(desk.opening.is_over && desk.opening.proof.is_none());
    assert_eq!(desk.opening.attention, Attention::Never);
}
