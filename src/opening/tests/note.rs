//! What the log tells of an opening, step by step, and how often.

use super::*;
use OpeningNote::{
    Dropped, Named, PeerHalf, PeerHalfKept, PeerReady, Tell, TellAgain, Told, Usable,
};
use Said::{AnnouncementSignatures, ChannelAnnouncement};

/// Another place than that of these tests.
fn elsewhere(height: u32) -> ShortChannelId {
    ShortChannelId::new(height, 3, 0).expect("small numbers")
}

#[test]
fn the_story_of_a_public_channel_is_told_from_its_name_to_its_announcement() {
    let mut desk = Desk::public();
    let (half, whole) = (AnnouncementSignatures(name()), ChannelAnnouncement(name()));
    let ready = Said::ChannelReady;
    let alias = None;
    for (input, expected) in [
        (Input::Facts(seen(1)), vec![]),
        (Input::Facts(seen(3)), vec![Named(name()), Tell(ready)]),
        (acknowledged(ready, 0), vec![Told(ready)]),
        (
            Input::PeerReady(peer_ready(0x66)),
            vec![PeerReady { alias }, Usable],
        ),
        (Input::Facts(seen(6)), vec![]),
        (desk.our_half(name()), vec![Tell(half)]),
        (acknowledged(half, 0), vec![Told(half)]),
        (desk.peer_half(name()), vec![PeerHalf(name()), Tell(whole)]),
        (acknowledged(whole, 0), vec![Told(whole)]),
        (Input::NotInGraph, vec![TellAgain(whole)]),
    ] {
        assert_eq!(desk.notes(input.clone()), expected, "{input:?}");
    }
}

#[test]
fn a_retransmission_is_one_note_and_its_acknowledgement_none() {
    let mut desk = Desk::private();
    let ready = Said::ChannelReady;
    desk.at_depth(3);
    desk.hands_over(ready);
    for time in 1..3 {
        assert_eq!(desk.notes(reestablished(1, 1)), [TellAgain(ready)]);
        assert_eq!(desk.notes(acknowledged(ready, time)), []);
    }
}

#[test]
fn a_half_for_another_place_is_kept_and_one_that_is_wrong_there_dropped() {
    let mut desk = Desk::public().usable();
    let there = elsewhere(9);
    assert_eq!(desk.notes(desk.peer_half(there)), [PeerHalfKept(there)]);
    let wrong = Input::PeerHalf(desk.half(there, PEER_NODE, OUR_FUNDING));
    assert_eq!(desk.notes(wrong), [PeerHalfKept(there)]);
    let mut place = place(6);
    place.block.height = 9;
    let moved = Facts {
        place: Some(place),
        ..seen(6)
    };
    let dropped = Dropped(Flaw::Half(WrongSignature::Bitcoin));
    let told = desk.notes(Input::Facts(moved));
    assert_eq!(told, [Named(there), dropped]);
}

#[test]
fn a_reorg_is_the_courts_to_tell_and_the_name_after_it_is_ours() {
    let mut desk = Desk::private();
    desk.at_depth(3);
    assert_eq!(desk.notes(Input::Facts(seen(0))), []);
    assert_eq!(desk.notes(Input::Facts(seen(2))), []);
    assert_eq!(desk.notes(Input::Facts(seen(3))), [Named(name())]);
}

#[test]
fn a_peer_that_talks_on_fills_no_log() {
    let mut desk = Desk::public().usable();
    desk.policy.peer_notes = 5;
    // One was its `channel_ready`.
    let heard = (0..10).map(|height| desk.notes(desk.peer_half(elsewhere(height))).len());
    assert_eq!(heard.sum::<usize>(), 4);
    for alias in 0..10 {
        let alias = Some(ShortChannelId::from_u64(alias));
        let another = ChannelReady {
            alias,
            ..peer_ready(0x66)
        };
        assert_eq!(desk.notes(Input::PeerReady(another)), []);
    }
    assert_eq!(desk.notes(reestablished(1, 1)), []);
    // What happens to us is told all the same.
    desk.at_depth(6);
    let half = AnnouncementSignatures(name());
    assert_eq!(desk.notes(desk.our_half(name())), [Tell(half)]);
}

#[test]
fn a_row_of_an_earlier_version_has_no_notes_of_the_peers() {
    let opening = Desk::public().usable().opening;
    let mut stored = serde_json::to_value(&opening).expect("plain data");
    let earlier = stored.as_object_mut().expect("a record");
    assert!(earlier.remove("peer_notes").is_some());
    let proof = earlier["proof"].as_object_mut().expect("public");
    for added in ["half_told", "whole_told"] {
        assert!(proof.remove(added).is_some());
    }
    let read: Opening = serde_json::from_value(stored).expect("an earlier row");
    let expected = Opening {
        peer_notes: 0,
        ..opening
    };
    assert_eq!(read, expected);
}

#[test]
fn each_note_is_one_line_whose_words_are_stable() {
    let alias = Some(ShortChannelId::from_u64(7));
    let half = AnnouncementSignatures(elsewhere(9));
    let whole = ChannelAnnouncement(elsewhere(9));
    for (note, line) in [
        (
            Named(elsewhere(9)),
            "deep enough: the chain calls the channel 9x3x0",
        ),
        (
            Tell(Said::ChannelReady),
            "the app was asked to send channel_ready",
        ),
        (
            TellAgain(half),
            "the app was asked to send announcement_signatures for 9x3x0 again",
        ),
        (
            Told(whole),
            "the app has sent channel_announcement for 9x3x0",
        ),
        (PeerReady { alias: None }, "the peer sent channel_ready"),
        (
            PeerReady { alias },
            "the peer sent channel_ready with alias 0x0x7",
        ),
        (
            PeerHalf(elsewhere(9)),
            "the peer sent announcement_signatures for 9x3x0",
        ),
        (
            PeerHalfKept(elsewhere(9)),
            "the peer sent announcement_signatures for 9x3x0, kept until the chain calls the channel so",
        ),
        (
            Dropped(Flaw::SecondPoint),
            "dropped the peer's channel_ready: the second per-commitment point is another one already",
        ),
        (
            Dropped(Flaw::Half(WrongSignature::Node)),
            "dropped the peer's announcement_signatures: node_signature of the channel announcement does not verify",
        ),
        (Usable, "the channel may be used"),
    ] {
        assert_eq!(note.to_string(), line);
    }
}
