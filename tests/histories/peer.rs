//! What the peers and the miners do on the chain, at any time, whether the phone is awake or not.

use bitcoin::{Amount, Transaction};
use testkit::chain::Orphaned;
use testkit::party::{Channel, ChannelType, Direction, HtlcKey, Side, Which};

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
        self.peer_submits(
            channel,
            &close.expect("signed"),
            "its commitment",
            number as usize,
        );
    }

    fn peer_submits(
        &mut self,
        channel: usize,
        transaction: &Transaction,
        what: &str,
        which: usize,
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
        let known = self.chain.transaction(spend.txid)?;
        self.lines[channel].named(&known.transaction)
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
        if self.is_revoked(channel, (owner, number)) {
            self.cheater_claims(channel, number, chance);
        }
    }

    /// What a cheater can take besides: several HTLCs at once, and what has waited for its delay.
    fn cheater_claims(&mut self, channel: usize, number: u64, chance: u32) {
        let (owner, which) = (Side::Peer, Which::Number(number));
        let keys = self.lines[channel].carried[&(owner, number)].clone();
        let party = self.lines[channel].party.clone();
        let has_output = |key: &&HtlcKey| party.htlc_output(owner, which, **key).is_ok();
        let known: Vec<HtlcKey> = keys.iter().filter(has_output).copied().collect();
        let paid: Vec<HtlcKey> = known
            .iter()
            .filter(|key| key.direction == Direction::Outgoing)
            .filter(|key| self.payments[self.index_of(channel, **key)].payee_knows)
            .copied()
            .collect();
        let pays_fee = party.setup().channel_type == ChannelType::AnchorsZeroFeeHtlc;
        if pays_fee && paid.len() > 1 && self.dice.percent(chance) && self.may_pass(1) {
            let chain = self.chain.as_ref();
            let all = party.aggregated_second_level_tx(chain, owner, which, &paid, FEE);
            let all = all.expect("each has an output");
            if self.peer_submits(
                channel,
                &all,
                "its claim of all in one, as many as",
                paid.len(),
            ) {
                self.saw("an aggregated second level");
                paid.iter()
                    .for_each(|key| self.reveals(self.index_of(channel, *key)));
            }
        }
        let balance = party.sweep_to_local(owner, which, FEE).ok();
        let second = known
            .iter()
            .filter_map(|key| self.second_level(&party, which, *key));
        for sweep in second.chain(balance).collect::<Vec<_>>() {
            if self.dice.percent(chance) && self.peer_submits(channel, &sweep, "a sweep", 0) {
                self.saw("a cheater's sweep");
            }
        }
    }

    /// The sweep of what a cheater's second-level transaction left it.
    fn second_level(&self, party: &Channel, which: Which, key: HtlcKey) -> Option<Transaction> {
        let (outpoint, _) = party.htlc_output(Side::Peer, which, key).ok()?;
        let spend = self.chain.outspend(outpoint)?;
        let spender = self.chain.transaction(spend.txid)?.transaction;
        let left = spender.output.get(spend.vin as usize)?;
        let is_delayed = left.script_pubkey.is_p2wsh() && !self.phone.is_ours(&left.script_pubkey);
        let vout = spend.vin;
        let sweep = party.sweep_second_level(Side::Peer, which, &spender, vout, FEE);
        sweep.ok().filter(|_| is_delayed)
    }

    fn index_of(&self, channel: usize, key: HtlcKey) -> usize {
        let is_it = |it: &crate::books::Payment| it.channel == channel && it.key == key;
        self.payments.iter().position(is_it).expect("one of ours")
    }

    fn peer_claims_htlc(&mut self, channel: usize, (owner, number): Signed, key: HtlcKey) {
        let index = self.index_of(channel, key);
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
        let is_taken = self.peer_submits(channel, &claim, "its claim of payment", index);
        if is_taken && key.direction == Direction::Outgoing {
            self.reveals(index);
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
