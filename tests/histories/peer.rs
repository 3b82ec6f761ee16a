//! What the peers and the miners do on the chain, at any time, whether the phone is awake or not.

use bitcoin::{Amount, Transaction};
use testkit::chain::Orphaned;
use testkit::party::{ChannelType, Direction, HtlcKey, Side, Which};

use crate::books::Signed;
use crate::story::Story;

/// What a peer pays for a claim.
const FEE: Amount = Amount::from_sat(1_000);

impl Story {
    /// The peer broadcasts a commitment of its own: the current one, the pending one, or one that it revoked.
    pub fn peer_closes(&mut self, channel: usize) {
        let Some(newest) = self.lines[channel].newest(Side::Peer) else {
            return;
        };
        let newest = u32::try_from(newest).expect("small");
        let number = if self.dice.percent(60) {
            newest
        } else {
            self.dice.among(0..=newest)
        };
        let which = Which::Number(number.into());
        let close = self.lines[channel].party.peer_commitment_tx(which);
        self.peer_submits(channel, &close.expect("signed"), "its commitment", number);
    }

    fn peer_submits(
        &mut self,
        channel: usize,
        transaction: &Transaction,
        what: &str,
        which: u32,
    ) -> bool {
        let sent = self.chain.submit(transaction);
        let answer = match &sent {
            Ok(_) => "taken".to_owned(),
            Err(refused) => refused.text.clone(),
        };
        let txid = transaction.compute_txid();
        self.note(format!(
            "{channel}: the peer sends {what} {which}, {txid}: {answer}"
        ));
        sent.is_ok()
    }

    /// The commitment that spends a channel's funding, confirmed or not.
    pub fn closing_commitment(&mut self, channel: usize) -> Option<Signed> {
        let spend = self.chain.outspend(self.lines[channel].outpoint())?;
        self.lines[channel].named(spend.txid)
    }

    /// The peer takes what it can of the commitment that closed a channel, each with this chance in a hundred.
    pub fn peer_claims(&mut self, channel: usize, chance: u32) {
        let Some((owner, number)) = self.closing_commitment(channel) else {
            return;
        };
        for key in self.lines[channel].carried[&(owner, number)].clone() {
            if self.dice.percent(chance) {
                self.peer_claims_htlc(channel, (owner, number), key);
            }
        }
        let is_revoked = owner == Side::Peer && number < self.lines[channel].peer_revoked;
        if is_revoked && self.dice.percent(chance) {
            let party = &self.lines[channel].party;
            let swept = party.sweep_to_local(owner, Which::Number(number), FEE);
            if let Ok(swept) = swept {
                self.peer_submits(channel, &swept, "the sweep of its balance", 0);
            }
        }
    }

    fn peer_claims_htlc(&mut self, channel: usize, (owner, number): Signed, key: HtlcKey) {
        let is_it = |it: &crate::books::Payment| it.channel == channel && it.key == key;
        let index = self.payments.iter().position(is_it).expect("ours");
        let payment = &self.payments[index];
        let has_expired = self.chain.tip().height >= payment.expiry;
        let can = match key.direction {
            Direction::Outgoing => payment.payee_knows,
            Direction::Incoming => has_expired,
        };
        let which = Which::Number(number);
        // The coin that pays the fee of an anchors channel is confirmed in a block of its own.
        let setup = self.lines[channel].party.setup();
        let pays_fee = setup.channel_type == ChannelType::AnchorsZeroFeeHtlc;
        let costs_a_block = owner == Side::Peer && pays_fee;
        if !can || (costs_a_block && !self.may_pass(1)) {
            return;
        }
        let party = &self.lines[channel].party;
        let chain = self.chain.as_ref();
        let claim = match owner {
            Side::Us => party.claim_htlc(owner, which, key, FEE),
            Side::Peer if pays_fee => party.second_level_tx_with_fee(chain, owner, which, key, FEE),
            Side::Peer => party.second_level_tx(owner, which, key),
        };
        let Ok(claim) = claim else { return };
        let is_taken = self.peer_submits(channel, &claim, "its claim of payment", index as u32);
        if is_taken && key.direction == Direction::Outgoing {
            self.payments[index].revealed = true;
        }
    }

    /// A reorg of so many blocks. What it takes away comes back, or is forgotten; deeper than what counts as settled the
    /// peers get no chance to make something else of it.
    pub fn reorg(&mut self) {
        let depth = self.dice.among(1..=6);
        let is_deep = depth >= self.settle_depth();
        let blocks = if is_deep { 2 } else { 1 };
        if !self.may_pass(blocks) {
            return;
        }
        let orphaned = if is_deep || self.dice.percent(50) {
            Orphaned::Keep
        } else {
            Orphaned::Drop
        };
        self.saw("reorg");
        self.note(format!("a reorg of depth {depth}, {orphaned:?}"));
        let done = self.chain.reorg(depth, depth + 1, orphaned);
        done.expect("nothing is put in instead");
        if is_deep {
            self.chain.mine(1);
            self.wakes();
            self.mines(1);
            self.wakes();
        }
    }
}
