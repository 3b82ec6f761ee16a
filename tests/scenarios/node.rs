//! The scenarios again on a real node: its consensus and its mempool policy, and the Esplora server that the environment names,
//! or the gateway. Starting a node takes longer than a scenario, so those of one kind share one.

use std::sync::Arc;

use testkit::chain::{Chain, FeeEstimates};
use testkit::party::ChannelType;
use testkit::regtest::Bitcoind;

use crate::reorgs::{self, After, Kind};
use crate::support::{Nap, World};

/// A scenario by its name, which a failing test shows.
pub type Named<'n> = (&'n str, &'n dyn Fn(World));

/// Runs scenarios on one node, for every channel type, once restarted before every step; says so where there is no node.
pub fn on_a_node(scenarios: &[Named<'_>]) {
    let kinds = [
        (ChannelType::StaticRemotekey, Nap::Never),
        (ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep),
    ];
    on_a_node_as(&kinds, scenarios);
}

/// The same of scenarios that need anchors, straight through and restarted.
pub fn on_a_node_with_anchors(scenarios: &[Named<'_>]) {
    let kinds =
        [Nap::Never, Nap::BeforeEveryStep].map(|nap| (ChannelType::AnchorsZeroFeeHtlc, nap));
    on_a_node_as(&kinds, scenarios);
}

fn on_a_node_as(kinds: &[(ChannelType, Nap)], scenarios: &[Named<'_>]) {
    let chain: Arc<dyn Chain> = match Bitcoind::start() {
        Ok(node) => Arc::new(node),
        Err(reason) => return reason.say(),
    };
    let mut number = 0;
    for (name, scenario) in scenarios {
        for &(channel_type, nap) in kinds {
            println!("{name}, {channel_type:?}, {nap:?}");
            scenario(World::on(chain.clone(), number, channel_type, nap));
            tidy(chain.as_ref());
            number += 1;
        }
    }
}

/// Leaves nothing of one scenario to the next.
fn tidy(chain: &dyn Chain) {
    chain.set_min_fee(1_000);
    chain.set_fee_estimates(FeeEstimates::new());
    for txid in chain.mempool() {
        chain.evict(txid);
    }
}

macro_rules! on_a_node {
    ($($module:ident::{$($name:ident),* $(,)?}),* $(,)?) => {$(
        #[test]
        fn $module() {
            on_a_node(&[$((stringify!($name), &crate::$module::$name)),*]);
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
    reorgs::{
        a_reorg_of_the_funding_is_noticed_and_healed,
        a_reorg_takes_the_sweep_and_it_is_made_again,
    },
);

/// Scenario 8: every kind of close with one of the aftermaths.
fn reorgs_of_depth(depth: u32, aftermaths: [(Kind, After); 5]) {
    let stories = aftermaths.map(|(kind, after)| {
        let name = format!("{kind:?}, depth {depth}, {after:?}");
        (name, move |world| reorgs::story(world, kind, depth, after))
    });
    on_a_node(
        &stories
            .each_ref()
            .map(|(name, story)| -> Named<'_> { (name, story) }),
    );
}

#[test]
fn reorgs_of_depth_1() {
    reorgs_of_depth(
        1,
        [
            (Kind::Cooperative, After::SameAgain),
            (Kind::Local, After::AnotherClose),
            (Kind::Remote, After::Nothing),
            (Kind::RemotePending, After::SameAgain),
            (Kind::Future, After::AnotherClose),
        ],
    );
}

#[test]
fn reorgs_of_depth_6() {
    reorgs_of_depth(
        6,
        [
            (Kind::Cooperative, After::AnotherClose),
            (Kind::Local, After::Nothing),
            (Kind::Remote, After::SameAgain),
            (Kind::RemotePending, After::AnotherClose),
            (Kind::Future, After::Nothing),
        ],
    );
}
