//! The judge: what a close is worth to us by LDK's own monitor of our channel, what it has brought by the chain, and what the
//! arbitrator's books say of it. All three agree to the satoshi.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Transaction, Txid};
use lightning::chain::channelmonitor::Balance;
use lightning_arbitrator::protocol::Party;

use crate::world::World;

/// What an anchor is worth (BOLT 3).
const ANCHOR_SAT: u64 = 330;

/// From here on an output is worth its fee at these feerates. Below, it is taken or left, and neither is wrong.
const LEAST_WORTH_SAT: u64 = 2_000;

/// What came of a close on the chain, in satoshi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What is at our wallet now, less the coins that it spent for it.
    pub brought: u64,
    /// What our transactions left to their miners.
    pub fees: u64,
    /// What was in the small outputs that we took, our anchor among them.
    pub small: u64,
    /// What our second-level transactions left that was not worth a further fee.
    pub left: u64,
    /// How many transactions of the peer's are behind the close.
    pub peers: usize,
    /// What a cheater left to miners out of outputs that were ours.
    pub burnt: u64,
}

impl World {
    /// What LDK says the close is worth to us, as soon as it is in a block; small outputs apart.
    pub fn worth(&self) -> u64 {
        let balances = self.ours.balances();
        let ours = balances.iter().map(|balance| self.ours_of(balance));
        ours.filter(is_worth_its_fee).sum()
    }

    fn ours_of(&self, balance: &Balance) -> u64 {
        match balance {
            Balance::ClaimableAwaitingConfirmations {
                amount_satoshis, ..
            }
            | Balance::ContentiousClaimable {
                amount_satoshis, ..
            }
            | Balance::CounterpartyRevokedOutputClaimable { amount_satoshis } => *amount_satoshis,
            // Ours at its expiry, if the peer does not show the preimage before.
            Balance::MaybeTimeoutClaimableHTLC {
                amount_satoshis,
                payment_hash,
                ..
            } => match self.peer_takes.contains(payment_hash) {
                true => 0,
                false => *amount_satoshis,
            },
            // We have not decided to take it, so the peer takes it back.
            Balance::MaybePreimageClaimableHTLC { .. } => 0,
            Balance::ClaimableOnChannelClose { .. } => panic!("LDK sees no close: {balance:?}"),
        }
    }

    /// Our balance in an open channel without HTLCs, as LDK's channel engine has it.
    pub fn our_balance(&self) -> u64 {
        let channel = &self.ours.manager.list_channels()[0];
        let reserve = channel
            .unspendable_punishment_reserve
            .expect("it is funded");
        // BOLT 3: its opener pays for both anchors, which LDK takes off what can be sent.
        let features = channel.channel_type.as_ref().expect("it is agreed on");
        let anchors = match channel.is_outbound && features.supports_anchors_zero_fee_htlc_tx() {
            true => 2 * ANCHOR_SAT,
            false => 0,
        };
        channel.outbound_capacity_msat / 1_000 + reserve + anchors
    }

    /// What the close leaves to its miner, if it comes off our side.
    pub fn our_closing_fee(&self) -> u64 {
        let terms = self.recorder.terms().expect("it was open");
        let close = self.close();
        let outputs = close.output.iter().map(|output| output.value.to_sat());
        match terms.opener {
            Party::Local => terms.funding.capacity.to_sat() - outputs.sum::<u64>(),
            Party::Remote => 0,
        }
    }

    /// The transaction that closed the channel.
    pub fn close(&self) -> Transaction {
        let spend = self.chain.outspend(self.channel()).expect("it is closed");
        self.confirmed(spend.txid).expect("in a block")
    }

    fn confirmed(&self, txid: Txid) -> Option<Transaction> {
        let known = self.chain.transaction(txid)?;
        known.block.is_some().then_some(known.transaction)
    }

    fn spender(&self, outpoint: OutPoint) -> Option<Transaction> {
        self.confirmed(self.chain.outspend(outpoint)?.txid)
    }

    /// Follows every output of the close to its end.
    pub fn outcome(&self) -> Outcome {
        let close = self.close();
        let received = self.chain.received(&self.wallet.sweep);
        let mut outcome = Outcome {
            brought: (received - self.wallet.paid_out()).to_sat(),
            ..Outcome::default()
        };
        outcome.small = self.small_ones_taken(&close);
        let mut seen = BTreeSet::new();
        let mut left = spenders(self, &close);
        while let Some(spender) = left.pop() {
            if !seen.insert(spender.compute_txid()) {
                continue;
            }
            if self.peer_sent.contains_key(&spender.compute_txid()) {
                outcome.peers += 1;
                outcome.burnt += self.burnt_by(&spender);
            } else {
                outcome.fees += self.fee_of(&spender);
                outcome.left += self.left_of(&spender);
            }
            left.extend(spenders(self, &spender));
        }
        outcome
    }

    /// What all outputs of the close hold that are worth their fee.
    pub fn all_of_it(&self) -> u64 {
        let close = self.close();
        let values = close.output.iter().map(|output| output.value.to_sat());
        values.filter(is_worth_its_fee).sum()
    }

    fn value_of(&self, outpoint: OutPoint) -> u64 {
        let parent = self.confirmed(outpoint.txid).expect("it is spent");
        parent.output[outpoint.vout as usize].value.to_sat()
    }

    fn fee_of(&self, transaction: &Transaction) -> u64 {
        let inputs = transaction.input.iter();
        let paid_in: u64 = inputs
            .map(|input| self.value_of(input.previous_output))
            .sum();
        let outputs = transaction.output.iter();
        paid_in - outputs.map(|output| output.value.to_sat()).sum::<u64>()
    }

    fn left_of(&self, transaction: &Transaction) -> u64 {
        let txid = transaction.compute_txid();
        let outputs = (0..).zip(&transaction.output);
        let left = outputs.filter(|(vout, output)| {
            let is_home = output.script_pubkey == self.wallet.sweep;
            !is_home && self.spender(OutPoint { txid, vout: *vout }).is_none()
        });
        left.map(|(_, output)| output.value.to_sat())
            .inspect(|value| assert!(!is_worth_its_fee(value), "{value} sat are left in {txid}"))
            .sum()
    }

    fn small_ones_taken(&self, close: &Transaction) -> u64 {
        let txid = close.compute_txid();
        let outputs = (0..).zip(&close.output);
        let taken = outputs.filter(|(vout, _)| self.is_taken(OutPoint { txid, vout: *vout }));
        let values = taken.map(|(_, output)| output.value.to_sat());
        values.filter(|value| !is_worth_its_fee(value)).sum()
    }

    /// Whether we have an output in the end, if only behind a second-level transaction of the peer's (BOLT 3: input and
    /// output stand at one index).
    fn is_taken(&self, outpoint: OutPoint) -> bool {
        let Some(spender) = self.spender(outpoint) else {
            return false;
        };
        let txid = spender.compute_txid();
        if !self.peer_sent.contains_key(&txid) {
            return true;
        }
        let mut inputs = (0..).zip(&spender.input);
        let at = inputs.find(|(_, input)| input.previous_output == outpoint);
        let (vout, _) = at.expect("it spends it");
        let behind = self.spender(OutPoint { txid, vout });
        behind.is_some_and(|it| !self.peer_sent.contains_key(&it.compute_txid()))
    }

    /// What a transaction of the peer's took from outputs whose rest we took.
    fn burnt_by(&self, transaction: &Transaction) -> u64 {
        let pairs = transaction.input.iter().zip(&transaction.output);
        let burnt = pairs.map(
            |(input, output)| match self.is_taken(input.previous_output) {
                true => self.value_of(input.previous_output) - output.value.to_sat(),
                false => 0,
            },
        );
        burnt.sum()
    }
}

fn is_worth_its_fee(sat: &u64) -> bool {
    *sat >= LEAST_WORTH_SAT
}

fn spenders(world: &World, parent: &Transaction) -> Vec<Transaction> {
    let txid = parent.compute_txid();
    let outputs = (0..parent.output.len() as u32).map(|vout| OutPoint { txid, vout });
    outputs
        .filter_map(|outpoint| world.spender(outpoint))
        .collect()
}
