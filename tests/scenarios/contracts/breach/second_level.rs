//! The cheater takes HTLCs through the second level before justice does: the claim follows to what that leaves.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction};
use lightning_arbitrator::court::{EventKind, Progress, Resolution};
use testkit::party::{ChannelType, Htlc, HtlcKey, NewHtlc, Side};

use super::{inputs, worth_having, FEE, REVOKED};
use crate::support::World;

twins!(
    taken_before_justice_is_made,
    taken_while_justice_waits,
    taken_after_the_balances_are_punished,
    taken_back_after_the_expiry,
    several_taken_together,
    what_the_cheater_wins_after_its_delay_is_lost_alone,
    a_second_level_output_that_the_cheater_wins_is_lost_alone,
    what_it_shows_of_a_payment_long_past_is_learnt_once,
);

impl World {
    /// The cheater's second-level transactions of these HTLCs, all by preimage: one for all of them, with a coin before
    /// them, where the format allows it.
    pub fn second_level(&self, htlcs: &[HtlcKey]) -> Vec<Transaction> {
        let (chain, channel) = (self.chain.as_ref(), &self.channel);
        let peer = Side::Peer;
        match channel.setup().channel_type {
            ChannelType::StaticRemotekey => {
                let alone = |key: &HtlcKey| channel.second_level_tx(peer, REVOKED, *key);
                htlcs
                    .iter()
                    .map(|key| alone(key).expect("an output"))
                    .collect()
            }
            ChannelType::AnchorsZeroFeeHtlc => {
                let all = channel.aggregated_second_level_tx(chain, peer, REVOKED, htlcs, FEE);
                vec![all.expect("outputs")]
            }
        }
    }

    /// The output that a second-level transaction left of an HTLC.
    fn left_of(&self, htlc: HtlcKey, transactions: &[Transaction]) -> OutPoint {
        let found = self.channel.htlc_output(Side::Peer, REVOKED, htlc);
        let (spent, _) = found.expect("an output");
        let places = transactions.iter().flat_map(|transaction| {
            let txid = transaction.compute_txid();
            let inputs = (0..).zip(&transaction.input);
            inputs.map(move |(vout, input)| (input.previous_output, OutPoint { txid, vout }))
        });
        let mut of_it = places.filter(|(input, _)| *input == spent);
        of_it.next().expect("one of them spends it").1
    }

    #[track_caller]
    fn assert_is_ours(&self, outpoint: OutPoint) {
        let spender = self.spender(outpoint).expect("it is spent");
        assert!(self.is_ours(&spender), "{outpoint} went to {spender:?}");
    }

    /// All that is not behind the second level is ours, and so is what the second level left; and the case ends.
    fn is_punished_at_both_levels(&mut self, breach: &Transaction, left: &[OutPoint]) {
        self.mine(1);
        for outpoint in left {
            self.assert_is_ours(*outpoint);
        }
        for outpoint in worth_having(breach) {
            let spender = self.spender(outpoint).expect("it is spent");
            let leads_to_us = left.iter().any(|it| it.txid == spender.compute_txid());
            assert!(leads_to_us || self.is_ours(&spender), "{outpoint}");
        }
        self.resolve();
        let lost = |event: &EventKind| matches!(event, EventKind::SweptByAnother { .. });
        assert!(!self.phone.told().iter().any(lost));
    }
}

pub fn taken_before_justice_is_made(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    let breach = world.peer_closes(REVOKED);
    let second = world.second_level(&[outgoing.key]);
    second.iter().for_each(|it| world.submit(it));
    world.mine(1);
    world.phone.resume();
    let left = world.left_of(outgoing.key, &second);
    world.is_punished_at_both_levels(&breach, &[left]);
}

pub fn taken_while_justice_waits(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    let breach = world.cheated();
    let second = world.second_level(&[outgoing.key]);
    world.chain.mine_txs(&second).expect("valid");
    world.phone.resume();
    let left = world.left_of(outgoing.key, &second);
    world.is_punished_at_both_levels(&breach, &[left]);
}

fn taken_after_the_balances_are_punished(mut world: World) {
    let [outgoing, incoming] = world.revoked_with_htlcs();
    let breach = world.cheated();
    let pinnable = |htlc: &Htlc| {
        let found = world.channel.htlc_output(Side::Peer, REVOKED, htlc.key);
        found.expect("an output").0
    };
    let htlcs = [pinnable(&outgoing), pinnable(&incoming)];
    let mut waiting = world.waiting();
    waiting.retain(|justice| inputs(justice).is_disjoint(&htlcs.into()));
    let second = world.second_level(&[outgoing.key]);
    waiting.extend(second.clone());
    world.chain.mine_txs(&waiting).expect("valid");
    world.phone.resume();
    let left = world.left_of(outgoing.key, &second);
    world.is_punished_at_both_levels(&breach, &[left]);
}

pub fn taken_back_after_the_expiry(mut world: World) {
    let expiry = world.height() + 20;
    let htlc = world.add(NewHtlc::incoming(40_000_000, expiry));
    world.round();
    world.round();
    world.mine(20);
    let breach = world.cheated();
    let second = world.cheaters_second_level(&htlc);
    let second = [second];
    world.chain.mine_txs(&second).expect("valid");
    world.phone.resume();
    let left = world.left_of(htlc.key, &second);
    world.is_punished_at_both_levels(&breach, &[left]);
}

pub fn several_taken_together(mut world: World) {
    let expiry = world.height() + 5_000;
    let amounts = [21_000_000, 22_000_000, 23_000_000];
    let htlcs = amounts.map(|msat| world.add(NewHtlc::outgoing(msat, expiry)).key);
    world.add(NewHtlc::incoming(40_000_000, expiry));
    world.round();
    world.round();
    let breach = world.cheated();
    let second = world.second_level(&htlcs);
    world.chain.mine_txs(&second).expect("valid");
    world.phone.resume();
    let left = htlcs.map(|key| world.left_of(key, &second));
    world.is_punished_at_both_levels(&breach, &left);
}

/// The one output that the cheater has taken is lost; everything else is ours.
fn is_lost_alone(world: &mut World, outpoint: OutPoint, sweep: &Transaction) {
    world.phone.resume();
    world.mine(6);
    world.phone.resume();
    let told = world.phone.told();
    let lost: Vec<OutPoint> = told
        .iter()
        .filter_map(|event| match event {
            EventKind::SweptByAnother { outpoint, .. } => Some(*outpoint),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [outpoint]);
    let channel = world.outpoint();
    let report = world.phone.report(channel);
    let by = Resolution::SweptByAnother {
        txid: sweep.compute_txid(),
    };
    let went = report.contracts.iter().filter(|contract| {
        matches!(contract.progress, Progress::Spent { resolution, .. } if resolution == by)
    });
    assert_eq!(went.count(), 1);
    world.resolve();
}

pub fn what_the_cheater_wins_after_its_delay_is_lost_alone(mut world: World) {
    world.revoked_with_htlcs();
    let breach = world.cheated();
    // No miner takes what we sent, until the cheater's delay is over.
    let delay = u32::from(world.channel.setup().peer_delay);
    world.chain.mine_empty(delay - 1);
    let sweep = world.channel.sweep_to_local(Side::Peer, REVOKED, FEE);
    let sweep = sweep.expect("an output");
    world
        .chain
        .mine_txs(std::slice::from_ref(&sweep))
        .expect("valid");
    let taken = *inputs(&sweep).first().expect("one");
    is_lost_alone(&mut world, taken, &sweep);
    for outpoint in worth_having(&breach) {
        if outpoint != taken {
            world.assert_is_ours(outpoint);
        }
    }
}

fn a_second_level_output_that_the_cheater_wins_is_lost_alone(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    let breach = world.cheated();
    let second = world.second_level(&[outgoing.key]);
    world.chain.mine_txs(&second).expect("valid");
    let delay = u32::from(world.channel.setup().peer_delay);
    world.chain.mine_empty(delay - 1);
    let left = world.left_of(outgoing.key, &second);
    let transaction = second.first().expect("one");
    let sweep = world
        .channel
        .sweep_second_level(Side::Peer, REVOKED, transaction, left.vout, FEE)
        .expect("an output");
    world
        .chain
        .mine_txs(std::slice::from_ref(&sweep))
        .expect("valid");
    is_lost_alone(&mut world, left, &sweep);
    for outpoint in worth_having(&breach) {
        let spender = world.spender(outpoint).expect("it is spent");
        assert!(
            spender == *transaction || world.is_ours(&spender),
            "{outpoint}"
        );
    }
}

pub fn what_it_shows_of_a_payment_long_past_is_learnt_once(mut world: World) {
    let [outgoing, _] = world.revoked_long_ago();
    world.peer_closes(REVOKED);
    for second in world.second_level(&[outgoing.key]) {
        world.submit(&second);
    }
    world.mine(1);
    world.phone.resume();
    let again = world.phone.resume();
    assert_eq!(again.changed, BTreeSet::new());
}
