//! Scenarios 10–18 again on a real node: its consensus, its mempool's policy and its reorgs judge every claim.

use super::{reorgs, On};
use crate::node::{on_a_node, on_a_node_with_anchors};
use crate::support::World;

/// Reorgs of so many blocks, by `invalidateblock`.
const DEPTH: u32 = 6;

fn our_timeout_goes_and_comes_back(mut world: World) {
    world.with_reserve();
    reorgs::our_timeout_is_made_again(world, On::Ours, DEPTH);
}

fn our_success_goes_and_comes_back(mut world: World) {
    world.with_reserve();
    reorgs::our_success_is_made_again(world, On::Theirs, DEPTH);
}

fn the_peer_wins_the_second_time(mut world: World) {
    world.with_reserve();
    reorgs::the_peers_claim_takes_the_place_of_our_timeout(world, On::Theirs, 1);
}

fn another_commitment_takes_the_place(mut world: World) {
    world.with_reserve();
    reorgs::the_contest_ends_with_another_close(world, On::Ours, DEPTH);
}

/// A test for each file of scenarios, of all that a node can show.
macro_rules! on_a_node {
    ($run:ident: $($test:ident: $($part:ident)::+ { $($story:ident),* $(,)? })*) => {$(
        #[test]
        fn $test() {
            use super::$($part)::+ as stories;
            $run(&[$((stringify!($story), &stories::$story)),*]);
        }
    )*};
}

on_a_node! { on_a_node_with_anchors:
    raised: anchors::raising {
        ours_is_raised_when_an_htlc_is_about_to_expire,
        theirs_is_raised,
        a_child_is_raised_with_the_market,
        a_reorg_that_takes_the_commitment_away_gives_the_child_back,
    }
    refused_at_first: anchors::packages {
        below_the_mempools_minimum_it_goes_as_a_package,
        refused_at_first_it_is_raised_until_it_is_taken,
        purged_while_the_device_slept_it_goes_out_again,
    }
    theirs_that_a_mempool_forgot: anchors::again {
        theirs_goes_out_again_with_its_child,
        where_the_server_refuses_theirs_ours_is_raised_in_the_same_tick,
        what_the_peer_revoked_since_is_not_ours_to_repeat,
    }
    which_is_raised: anchors::which {
        a_commitment_that_confirms_alone_gives_the_child_back,
        after_sixteen_blocks_anybody_sweeps_the_anchors,
    }
    paid_by_a_bdk_wallet: bdk {
        its_coins_raise_a_force_close_and_claim_its_htlc,
        what_it_holds_for_a_claim_it_does_not_spend_itself,
    }
    paid_by_the_embedded_wallet: embedded {
        a_claim_finds_what_was_paid_in_while_the_device_slept,
        a_commitment_and_its_htlcs_are_paid_by_the_wallet_and_the_change_comes_back,
    }
    emptied: emptying {
        everything_that_is_free_is_sent_away,
        a_later_call_pays_for_what_it_replaces,
        what_a_reorg_takes_away_is_offered_again,
    }
    who_pays: anchors::reserve {
        without_coins_the_commitment_goes_alone_and_it_is_said_once,
        coins_that_arrive_later_pay_for_the_child,
    }
}

on_a_node! { on_a_node_with_anchors:
    children_asked_for_more: bump {
        a_commitment_without_haste_gets_a_child_when_it_is_asked_for,
        a_child_is_replaced_at_once,
    }
}

on_a_node! { on_a_node:
    asked_for_more: bump {
        a_claim_is_replaced_at_once_by_one_that_pays_what_was_asked,
    }
    fees: fees {
        what_the_peer_leaves_of_a_batch_goes_out_in_the_same_tick,
        in_a_market_above_its_budget_a_claim_pays_its_budget_and_no_more,
        what_our_second_level_left_goes_home_with_our_balance,
    }
    not_worth_their_fee: case_file::fees {
        what_is_not_worth_its_fee_is_declared_and_claimed_when_fees_fall,
        a_small_htlc_is_left_and_the_large_one_beside_it_is_claimed,
    }
    outgoing: outgoing {
        ours_times_out,
        theirs_times_out,
        their_pending_one_times_out,
        our_second_level_waits_for_its_delay,
        the_peer_takes_it_on_ours,
        the_peer_takes_it_on_theirs,
        in_the_mempool_on_theirs,
        the_peer_is_faster_on_ours,
        the_peer_is_faster_on_theirs,
    }
    incoming: incoming {
        before_ours_closes,
        before_theirs_closes,
        after_ours_closed,
        after_theirs_closed,
        after_their_pending_one_closed,
        never_released_on_ours,
        never_released_on_theirs,
        the_peer_is_faster_on_ours,
        the_peer_is_faster_on_theirs,
    }
    dangling: dangling {
        one_only_on_their_pending_commitment_is_failed_when_another_is_settled,
        dust_on_one_side_only_waits_until_the_close_is_settled,
    }
    linked: linked {
        a_preimage_from_downstream_claims_upstream_in_the_same_tick,
    }
    races_across_a_reorg: node {
        our_timeout_goes_and_comes_back,
        our_success_goes_and_comes_back,
        the_peer_wins_the_second_time,
        another_commitment_takes_the_place,
    }
    reorgs: reorgs {
        the_output_of_our_second_level_goes_and_comes_back,
        the_sweep_of_our_second_level_is_made_again,
    }
    breach: breach::outputs {
        htlcs_are_taken_in_a_transaction_of_their_own,
        an_old_state_whose_htlcs_are_long_past,
        two_htlcs_with_one_script,
        a_breach_found_on_the_last_block_of_the_delay,
    }
    cheaters: breach::second_level {
        taken_before_justice_is_made,
        taken_while_justice_waits,
        taken_back_after_the_expiry,
        several_taken_together,
        what_the_cheater_wins_after_its_delay_is_lost_alone,
    }
    prices: breach::pricing {
        after_four_blocks_it_is_taken_apart_and_pays_more,
        one_output_that_is_pinned_holds_up_no_other,
    }
    reorgs_of_a_breach: breach::reorgs {
        justice_that_a_reorg_took_away_is_broadcast_again,
        an_honest_close_takes_the_place_of_a_breach,
        a_second_level_that_a_reorg_took_away_leads_back_to_the_first,
    }
}
