//! Openings on a real node, whose reorgs are its own (`invalidateblock`).

use super::{announcement, double_spend, funding, ready};
use crate::node::on_a_node;

#[test]
fn openings_on_a_node() {
    on_a_node(&[
        (
            "our funding goes out when our first commitment is signed",
            &funding::our_funding_goes_out_when_our_first_commitment_is_signed,
        ),
        (
            "a funding that mempools forget goes out again",
            &funding::a_funding_that_mempools_forget_goes_out_again,
        ),
        (
            "the chain names the channel when it is deep enough",
            &funding::the_chain_names_the_channel_when_it_is_deep_enough,
        ),
        (
            "a reorg that moves the funding moves the name",
            &funding::a_reorg_that_moves_the_funding_moves_the_name,
        ),
        (
            "a funding that a reorg takes goes out again",
            &funding::a_funding_that_a_reorg_takes_goes_out_again_and_what_was_told_stays_told,
        ),
        (
            "channel_ready is told at the agreed depth",
            &ready::it_is_told_at_the_agreed_depth_and_not_before,
        ),
        (
            "a public channel is announced with both halves",
            &announcement::a_public_channel_is_announced_with_both_halves,
        ),
        (
            "a funding whose coin is spent ends when that is final",
            &double_spend::a_funding_whose_coin_is_spent_ends_when_that_is_final,
        ),
        (
            "a reorg gives the coin back",
            &double_spend::a_reorg_gives_the_coin_back_and_the_funding_confirms,
        ),
        (
            "a reorg has the halves made anew",
            &announcement::a_reorg_has_the_halves_made_anew,
        ),
    ]);
}
