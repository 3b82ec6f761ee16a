//! Close summaries: what they say of each kind of close, and what a peer that comes back is answered from them.

use bitcoin::{Amount, OutPoint, Transaction};
use lightning_arbitrator::channel::{CloseSummary, Reestablish, SummaryKind};
use lightning_arbitrator::protocol::{CommitmentSecret, Party};
use testkit::chain::Orphaned;
use testkit::party::{Channel, Side, Which};

use super::{closes_cooperatively, ticks_after};
use crate::support::{Told, World};

twins!(
    a_cooperative_close_is_summed_up,
    a_close_by_the_peer_is_summed_up,
    a_close_of_ours_is_summed_up,
    a_peer_that_revoked_nothing_has_no_secret_to_be_shown,
    a_returning_peer_is_answered_when_all_else_is_purged,
    a_secret_revealed_while_the_channel_closes_is_in_the_final_summary,
    a_reorg_that_takes_the_close_withdraws_the_summary,
    a_reorg_that_swaps_the_close_replaces_the_summary,
);

fn summary(world: &mut World) -> CloseSummary {
    let channel = world.outpoint();
    world.phone.summary(channel).expect("the channel is closed")
}

fn left_to_the_miner(channel: &Channel, closing: &Transaction) -> Amount {
    let paid: Amount = closing.output.iter().map(|output| output.value).sum();
    channel.setup().capacity - paid
}

/// What every summary says of the channel and its close.
#[track_caller]
fn assert_names(summary: &CloseSummary, channel: &Channel, closing: &Transaction, height: u32) {
    assert_eq!(summary.channel, channel.funding());
    assert_eq!(summary.peer, channel.terms().peer_keys.funding_pubkey);
    assert_eq!(summary.capacity, channel.setup().capacity);
    assert_eq!(summary.opener, Party::Local);
    assert_eq!(summary.closing_txid, Some(closing.compute_txid()));
    assert_eq!(summary.close_height, Some(height));
}

fn a_cooperative_close_is_summed_up(mut world: World) {
    let closing = closes_cooperatively(&mut world);
    let height = world.chain.tip().height;
    let summary = summary(&mut world);
    assert_names(&summary, &world.channel, &closing, height);
    assert_eq!(summary.kind, SummaryKind::Cooperative);
    // The opener, which is us, pays a legacy close.
    assert_eq!(summary.closing_fee, Amount::from_sat(1_000));
    let ours = world.balance(&world.channel.setup().our_shutdown_script);
    assert_eq!(summary.settled_balance, Amount::from_sat(ours));
    assert_eq!(summary.time_locked_balance, Amount::ZERO);
    assert!(!summary.is_final);
}

fn a_close_by_the_peer_is_summed_up(mut world: World) {
    let closing = world.peer_closes(Which::Current);
    let height = world.chain.tip().height;
    world.phone.resume();
    let first = summary(&mut world);
    assert_names(&first, &world.channel, &closing, height);
    assert_eq!(first.kind, SummaryKind::Remote);
    assert_eq!(
        first.closing_fee,
        left_to_the_miner(&world.channel, &closing)
    );
    assert_eq!(first.settled_balance, Amount::ZERO);
    let ours = first.time_locked_balance;
    ticks_after(&mut world, 1);
    ticks_after(&mut world, 1);
    let swept = summary(&mut world);
    let home = Amount::from_sat(world.balance(&world.phone.wallet.sweep));
    assert_eq!(swept.settled_balance, home);
    assert_eq!(swept.sweep_fees, ours - home);
    assert_eq!(swept.time_locked_balance, Amount::ZERO);
}

fn a_close_of_ours_is_summed_up(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    ticks_after(&mut world, 1);
    let closing = world
        .channel
        .our_commitment_tx(Which::Current)
        .expect("signed");
    let height = world.chain.tip().height;
    let summary = summary(&mut world);
    assert_names(&summary, &world.channel, &closing, height);
    assert_eq!(summary.kind, SummaryKind::Local);
    assert_eq!(
        summary.closing_fee,
        left_to_the_miner(&world.channel, &closing)
    );
    let balance = Amount::from_sat(world.channel.balance_msat(Side::Us) / 1000);
    assert!(summary.time_locked_balance < balance, "the fee came off it");
}

/// BOLT 2, after `rounds` exchanges of commitments: the peer has revoked all of its own but the newest.
fn expected(channel: &Channel, rounds: u64) -> Reestablish {
    let revealed = rounds.checked_sub(2).map(|last| channel.revocation(last));
    Reestablish {
        next_commitment_number: rounds,
        next_revocation_number: rounds - 1,
        your_last_per_commitment_secret: revealed.map(|it| CommitmentSecret::new(it.secret)),
        my_current_per_commitment_point: channel.setup().ours.per_commitment_point(rounds - 1),
    }
}

fn a_peer_that_revoked_nothing_has_no_secret_to_be_shown(mut world: World) {
    closes_cooperatively(&mut world);
    let fields = summary(&mut world).reestablish.expect("kept");
    assert_eq!(fields, expected(&world.channel, 1));
    assert_eq!(fields.your_last_per_commitment_secret, None);
}

fn a_returning_peer_is_answered_when_all_else_is_purged(mut world: World) {
    for _ in 0..3 {
        world.round();
    }
    closes_cooperatively(&mut world);
    ticks_after(&mut world, 99);
    assert_eq!(world.phone.tables().rows("revocation_secret"), 0);
    let last = summary(&mut world);
    assert!(last.is_final);
    let fields = last.reestablish.expect("kept");
    assert_eq!(fields, expected(&world.channel, 4));
    assert!(fields.your_last_per_commitment_secret.is_some());
}

fn a_secret_revealed_while_the_channel_closes_is_in_the_final_summary(mut world: World) {
    world.round();
    let closing = super::cooperative(&world);
    world.sign_for_peer();
    world.submit(&closing);
    ticks_after(&mut world, 1);
    let revocation = world.channel.peer_revokes().expect("one is pending");
    world.tell(Told::Revocation(revocation.clone()));
    ticks_after(&mut world, 99);
    let fields = summary(&mut world).reestablish.expect("kept");
    assert_eq!(fields.next_revocation_number, revocation.number + 1);
    let secret = CommitmentSecret::new(revocation.secret);
    assert_eq!(fields.your_last_per_commitment_secret, Some(secret));
}

fn a_reorg_that_takes_the_close_withdraws_the_summary(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    summary(&mut world);
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    let channel: OutPoint = world.outpoint();
    assert_eq!(world.phone.summary(channel), None);
    // Our copy of it confirms again.
    ticks_after(&mut world, 1);
    assert_eq!(summary(&mut world).kind, SummaryKind::Remote);
}

fn a_reorg_that_swaps_the_close_replaces_the_summary(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    let closing = super::cooperative(&world);
    world.reorg(1, Orphaned::Replace(vec![closing.clone()]));
    world.phone.resume();
    let summary = summary(&mut world);
    assert_eq!(summary.kind, SummaryKind::Cooperative);
    assert_eq!(summary.closing_txid, Some(closing.compute_txid()));
    assert_eq!(summary.time_locked_balance, Amount::ZERO);
}
