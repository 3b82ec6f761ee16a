//! How deep is deep enough, what the chain calls the channel, what is wanted of the chain, and when it is given up.

use bitcoin::Amount;

use super::*;
use crate::protocol::Party;

#[test]
fn the_depth_that_is_needed_follows_the_agreement_the_capacity_and_the_coinbase() {
    use MinimumDepth::{Blocks, ByCapacity, ZeroConf};
    for (minimum_depth, capacity, position, needed) in [
        (ByCapacity, 1_000_000, 3, 3),
        (ByCapacity, 16_777_215, 3, 6),
        (Blocks(1), 16_777_215, 3, 1),
        (Blocks(0), 1_000_000, 3, 1),
        (Blocks(30), 1_000_000, 3, 30),
        (ZeroConf, 1_000_000, 3, 0),
        (ByCapacity, 1_000_000, 0, 100),
        (ZeroConf, 1_000_000, 0, 100),
        (Blocks(144), 1_000_000, 0, 144),
    ] {
        let mut desk = Desk::private();
        desk.opening.terms.minimum_depth = minimum_depth;
        desk.terms.funding.capacity = Amount::from_sat(capacity);
        desk.opening.place = Some(Place {
            position,
            ..place(1)
        });
        let found = desk.opening.needed_depth(&desk.terms, &desk.policy);
        assert_eq!(found, needed, "{minimum_depth:?} {capacity} {position}");
    }
}

#[test]
fn the_chain_names_the_channel_once_it_is_deep_enough_and_until_a_reorg() {
    let mut desk = Desk::private();
    let named = |desk: &Desk| desk.opening.short_channel_id(&desk.terms, &desk.policy);
    for (depth, expected) in [
        (1, None),
        (2, None),
        (3, Some(name())),
        (1_000, Some(name())),
        (0, None),
        (2, None),
        (4, Some(name())),
    ] {
        desk.at_depth(depth);
        assert_eq!(named(&desk), expected, "{depth}");
    }
}

#[test]
fn our_funding_is_broadcast_when_the_first_commitment_is_signed_and_until_it_confirms() {
    for (is_ours, commitments, depth, closing, wanted) in [
        (true, Commitments::None, 0, false, false),
        (true, Commitments::First, 0, false, true),
        (true, Commitments::Further, 0, false, true),
        (true, Commitments::First, 1, false, false),
        (true, Commitments::First, 0, true, false),
        (false, Commitments::First, 0, false, false),
    ] {
        let mut desk = Desk::private();
        if is_ours {
            desk.terms.funding.transaction = Some(any_transaction());
        }
        let facts = Facts {
            commitments,
            closing,
            ..seen(depth)
        };
        let want = desk.step(Input::Facts(facts)).want;
        let is_wanted = want.contains(&Want::BroadcastFunding);
        assert_eq!(is_wanted, wanted, "{is_ours} {facts:?}");
    }
}

/// Whether the channel is given up so many blocks after the first look.
fn gives_up(mut desk: Desk, after: u32) -> bool {
    desk.at_depth(0);
    let facts = Facts {
        tip: desk.opening.since.expect("a look") + after,
        ..seen(0)
    };
    desk.step(Input::Facts(facts)).want.contains(&Want::GiveUp)
}

#[test]
fn the_fundee_gives_up_after_two_thousand_and_sixteen_blocks_and_the_funder_never() {
    let fundee = || {
        let mut desk = Desk::private();
        desk.terms.opener = Party::Remote;
        desk
    };
    assert!(!gives_up(fundee(), 2_015));
    assert!(gives_up(fundee(), 2_016));
    assert!(!gives_up(Desk::private(), 1_000_000));
    // Both pay for the funding of open_channel2, and both have it.
    let mut both = fundee();
    both.terms.funding.transaction = Some(any_transaction());
    assert!(!gives_up(both, 1_000_000));
}

#[test]
fn a_zero_conf_channel_in_use_is_not_given_up() {
    let mut desk = Desk::private();
    desk.terms.opener = Party::Remote;
    desk.opening.ready.is_usable = true;
    assert!(!gives_up(desk, 1_000_000));
}

#[test]
fn an_opening_is_looked_at_until_nothing_is_awaited_and_no_reorg_can_undo_it() {
    let mut desk = Desk::private().usable();
    desk.at_depth(99);
    assert_eq!(desk.opening.attention, Attention::EveryTick);
    desk.at_depth(100);
    assert_eq!(desk.opening.attention, Attention::Never);
    // Nobody has acknowledged that the peer has ours.
    let mut waiting = Desk::private();
    waiting.at_depth(100);
    assert_eq!(waiting.opening.attention, Attention::EveryTick);
}
