//! The scenarios again on a real node: its consensus and its mempool policy, and the Esplora server that the environment names,
//! or the gateway. Each scenario has a node of its own for every channel type.

use std::sync::Arc;

use testkit::party::ChannelType;
use testkit::regtest::Bitcoind;

use crate::support::{Nap, World};

/// Runs a scenario on a node for every channel type, once restarted before every step; says so where there is no node.
fn on_a_node(scenario: impl Fn(World)) {
    for (channel_type, nap) in [
        (ChannelType::StaticRemotekey, Nap::Never),
        (ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep),
    ] {
        match Bitcoind::start() {
            Ok(node) => scenario(World::on(Arc::new(node), channel_type, nap)),
            Err(reason) => return reason.say(),
        }
    }
}

macro_rules! on_a_node {
    ($($module:ident::{$($name:ident),* $(,)?}),* $(,)?) => {$(
        mod $module {
            $(
                #[test]
                fn $name() {
                    super::on_a_node(crate::$module::$name);
                }
            )*
        }
    )*};
}

on_a_node!(
    cooperative::{
        a_registered_close_is_recognised,
        a_close_that_nobody_registered_is_recognised_by_its_outputs,
        one_of_several_live_closing_transactions_wins,
        a_close_that_a_reorg_takes_for_good_is_broadcast_again,
        a_force_close_prefers_the_cooperative_one_that_is_held,
    },
    local_close::{
        our_balance_waits_for_its_delay_and_no_longer,
        while_the_peers_commitment_is_in_the_mempool,
        after_the_peers_commitment_confirmed_unseen,
        the_peers_commitment_confirms_instead,
        a_mempool_that_forgot_it_gets_it_again,
        a_refusal_for_a_low_fee_is_recorded_and_tried_again,
        the_funding_goes_out_first,
    },
    remote_close::{
        the_current_commitment,
        the_pending_commitment,
        the_current_one_while_another_is_pending,
        an_output_that_somebody_else_swept,
        an_unknown_spend_puts_the_funds_at_risk_and_stops_nothing_else,
    },
    data_loss::{
        the_peer_is_one_state_ahead_on_chain,
        an_older_state_of_ours_is_on_chain,
        a_newer_state_of_ours_is_on_chain,
    },
    unresolved::{
        htlcs_on_the_peers_commitment,
        htlcs_on_our_commitment,
        a_breach,
    },
    reorgs::{
        a_reorg_of_the_funding_is_noticed_and_healed,
        a_reorg_takes_the_sweep_and_it_is_made_again,
    },
);

/// Scenario 8 on a node: each kind of close, each aftermath, at the least and at the usual depth.
mod closes_that_a_reorg_takes {
    use crate::reorgs::{story, After, Kind};

    macro_rules! reorgs {
        ($($name:ident = $kind:ident, $depth:expr, $after:ident;)*) => {$(
            #[test]
            fn $name() {
                super::on_a_node(|world| story(world, Kind::$kind, $depth, After::$after));
            }
        )*};
    }

    reorgs! {
        a_cooperative_one_of_depth_1_comes_again = Cooperative, 1, SameAgain;
        a_local_one_of_depth_1_gives_way_to_another = Local, 1, AnotherClose;
        a_remote_one_of_depth_1_stays_away = Remote, 1, Nothing;
        a_pending_one_of_depth_1_comes_again = RemotePending, 1, SameAgain;
        a_future_one_of_depth_1_gives_way_to_another = Future, 1, AnotherClose;
        a_cooperative_one_of_depth_6_gives_way_to_another = Cooperative, 6, AnotherClose;
        a_local_one_of_depth_6_stays_away = Local, 6, Nothing;
        a_remote_one_of_depth_6_comes_again = Remote, 6, SameAgain;
        a_pending_one_of_depth_6_gives_way_to_another = RemotePending, 6, AnotherClose;
        a_future_one_of_depth_6_stays_away = Future, 6, Nothing;
    }
}
