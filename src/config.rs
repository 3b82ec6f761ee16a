//! Every number the library decides with, each with its reason. Nothing else holds a bare block count.

use std::time::Duration;

use bitcoin::Amount;

/// The numbers of the rules. The defaults are those of the design; an app changes them knowing why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Depth from which a spend allows irreversible off-chain acts, for the smallest channels. A reorg of three
    /// blocks is rare enough for small amounts.
    pub min_settle_depth: u32,
    /// The same for channels of [`Policy::full_settle_capacity`] and above: six blocks, as exchanges use.
    pub max_settle_depth: u32,
    /// Capacity from which [`Policy::max_settle_depth`] is asked for: 2^24 - 1 sat, the largest channel of BOLT 2
    /// without `option_support_large_channel`.
    pub full_settle_capacity: Amount,
    /// Depth at which a spend is irrevocable (BOLT 5: 100 blocks).
    pub final_depth: u32,
    /// Blocks for which a close that a reorg took away is given the time to confirm again, before ours goes out:
    /// six, so that an ordinary reorg ends by itself.
    pub orphan_patience: u32,
    /// Blocks for which a fully signed cooperative close is preferred to our commitment: a day. It has no HTLCs that
    /// could expire, and a fixed fee that may need a quiet hour.
    pub cooperative_patience: u32,
    /// Peer delays below this many blocks are warned of at registration: five days, so that a phone that wakes
    /// daily can miss several wakes.
    pub short_peer_delay: u16,
    /// Confirmation target, in blocks, for a claim without a deadline: a week.
    pub patient_target: u16,
    /// Lowest feerate, in sat per 1000 weight units, used when the server gives no estimate: what a node relays
    /// (1000 sat/kvB), rounded up (BOLT 2 calls it `FEERATE_FLOOR`).
    pub feerate_floor: u32,
    /// Highest feerate in sat per 1000 weight units: 1,000 sat/vB, several times the highest week on record.
    pub feerate_cap: u32,
    /// By how much, in percent, a claim that was refused as too cheap is raised on the next tick.
    pub refused_raise_percent: u32,
    /// Greatest share of an output's value, in percent, that its sweep may cost; above it waits for lower fees.
    pub budget_percent: u32,
    /// Greatest share of our balance, in percent, that is paid for a commitment which no mempool takes, when no HTLC on it
    /// makes haste: a tenth. Nothing of it is lost by waiting for lower fees, and nothing of it can be had without.
    pub stuck_percent: u32,
    /// Blocks before the expiry of an incoming HTLC that is ours to claim, at which the channel goes to the chain: a
    /// commitment and an HTLC-success have to confirm, and the device sleeps between them. Two wakes of six hours, and a
    /// few hours for each confirmation.
    pub fulfil_margin: u32,
    /// Blocks between two wakes of the device that are counted on: six hours.
    pub wake_interval: u32,
    /// Blocks after the expiry of an outgoing HTLC at which the channel goes to the chain: the peer gets one block to
    /// fail it off-chain.
    pub expiry_grace: u32,
    /// Blocks for which an overdue payment of our own waits for the peer to come back, before the channel goes to the
    /// chain for it: a week. Nobody upstream waits, and the peer cannot gain by waiting.
    pub own_payment_patience: u32,
    /// What HTLCs too small for an output may be worth together when they are overdue, before the channel is closed to
    /// stop more of them.
    pub max_dust_at_risk: Amount,
    /// Blocks before an upstream HTLC expires at which it is failed, whatever may still be won downstream: the upstream
    /// peer would close the channel.
    pub upstream_margin: u32,
    /// `min_final_cltv_expiry_delta` for invoices of ours, in blocks: a day, so that a device that wakes four times a day
    /// settles in time (see [`Policy::fulfil_margin`]).
    pub min_final_cltv: u32,
    /// Blocks before somebody else can take an output at which it gets a claim of its own, that of no other output's fate
    /// depends on: three hours.
    pub justice_split_margin: u32,
    /// Most inputs of one claim: far below what nodes relay, and little lost if one of them is taken by the peer.
    pub max_claim_inputs: usize,
    /// Blocks for which a case is kept open, after its outputs could have been resolved, for one that is not worth its fee,
    /// or that the peer does not take back: two weeks, in which fees fall at least once.
    pub end_patience: u32,
    /// Blocks after which an output that was not worth its fee is priced again, if no tick comes before: a day, in which
    /// fees have a quiet hour.
    pub reprice_interval: u32,
    /// Blocks for which the claim of outputs that a cheater can take stays unconfirmed before each gets one of its own, and
    /// in which a claim that is late bids up to its budget: an honest one confirms within the hour.
    pub claim_patience: u32,
    /// Least blocks kept of the peer's delay for getting a justice transaction confirmed: six hours.
    pub min_breach_margin: u32,
    /// Most blocks kept of it: a day.
    pub max_breach_margin: u32,
    /// Blocks before a deadline at which the device should be awake: jobs of a sleeping phone run hours late.
    pub wake_margin: u32,
    /// A claim with a deadline bids the estimate for this part of the blocks that are left when the device is next awake:
    /// there are several chances, and a market that begins to rise does not leave it behind.
    pub bid_share: u32,
    /// The same when the device may not be awake again before the deadline: nothing can be corrected then.
    pub last_bid_share: u32,
    /// By how much, in percent, a claim with a deadline bids above the estimate: estimates follow the market.
    pub bid_margin_percent: u32,
    /// Blocks before its deadline in which an unconfirmed claim climbs from the market's price to its budget: as long as the
    /// device is asked to be awake for it (see [`Policy::wake_margin`]).
    pub climb_blocks: u32,
    /// What a claim with a deadline bids, in sat per 1000 weight units, when the server has no estimates: 10 sat/vB, which
    /// most weeks of most years is enough; later the claim climbs by itself.
    pub fallback_feerate: u32,
    /// Confirmation target, in blocks, of the medium price in a preview of a close: by the next wake.
    pub preview_medium_target: u16,
    /// The same of the high price: in the next block but one, which is as soon as estimates can promise.
    pub preview_high_target: u16,
    /// The high price of a preview, in sat per 1000 weight units, when the server has no estimates: 50 sat/vB, what busy weeks
    /// ask for. The low one is then [`Policy::feerate_floor`], the medium one [`Policy::fallback_feerate`].
    pub fallback_high_feerate: u32,
    /// What a replacement pays above all that it replaces, in sat per 1000 weight units of its own: what nodes ask for
    /// (Bitcoin Core's `-incrementalrelayfee` up to version 29, 1000 sat/kvB), rounded up.
    pub replacement_feerate: u32,
    /// Depth of the funding from which a public channel is announced (BOLT 7: six).
    pub announce_depth: u32,
    /// Blocks after which the outputs of a coinbase can be spent (consensus: 100): BOLT 2 keeps a channel that one funds
    /// unused for as long.
    pub coinbase_depth: u32,
    /// Blocks for which a funding that is the peer's is waited for (BOLT 2: 2,016, two weeks).
    pub fundee_patience: u32,
    /// Depth of the spend of a funding output from which the channel's announcement is forgotten (BOLT 7: 72).
    pub forget_spent_depth: u32,
    /// Messages of one peer that are kept for channels which are not registered yet, the oldest given up for more: as many
    /// as a peer opens channels at once, and far too few to fill a disk.
    pub early_messages: u32,
    /// The same of all peers together: whoever makes many keys is many peers. Some 400 kB at most, and the few peers that an app
    /// opens channels with at once are far from it.
    pub all_early_messages: u32,
    /// Entries in a channel's log that its peer's messages and reconnections make while it opens, at most: an honest opening
    /// makes a handful, a bad connection some dozens, and a peer that talks on fills no disk.
    pub peer_notes: u32,
    /// Least that the wallet should have ready for each channel with anchors: markets rise above what was asked for, and HTLCs
    /// come that are not there yet. Ten thousand satoshi raise a commitment of a few HTLCs to some 30 sat/vB.
    pub reserve_floor: Amount,
    /// What all channels' floors come to together, at most: they do not all go to the chain at once.
    pub reserve_floor_cap: Amount,
    /// Scripts of the embedded wallet that are asked for behind the last one that was used, when its coins are looked for from the
    /// seed alone, and that it knows as its own: the gap that other wallets leave (BIP 44).
    pub reserve_gap_limit: u32,
    /// How long a foreign callback (signer, wallet) may take: a key store that asks for a fingerprint is slow.
    pub callback_limit: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            min_settle_depth: 3,
            max_settle_depth: 6,
            full_settle_capacity: Amount::from_sat(16_777_215),
            final_depth: 100,
            orphan_patience: 6,
            cooperative_patience: 144,
            short_peer_delay: 720,
            patient_target: 1008,
            feerate_floor: 253,
            feerate_cap: 250_000,
            refused_raise_percent: 25,
            budget_percent: 50,
            stuck_percent: 10,
            fulfil_margin: 36,
            wake_interval: 36,
            expiry_grace: 1,
            own_payment_patience: 1_008,
            max_dust_at_risk: Amount::from_sat(50_000),
            upstream_margin: 3,
            min_final_cltv: 144,
            justice_split_margin: 18,
            max_claim_inputs: 100,
            end_patience: 2_016,
            reprice_interval: 144,
            claim_patience: 4,
            min_breach_margin: 36,
            max_breach_margin: 144,
            wake_margin: 18,
            bid_share: 8,
            last_bid_share: 2,
            bid_margin_percent: 10,
            climb_blocks: 18,
            fallback_feerate: 2_500,
            preview_medium_target: 36,
            preview_high_target: 2,
            fallback_high_feerate: 12_500,
            replacement_feerate: 253,
            announce_depth: 6,
            coinbase_depth: 100,
            fundee_patience: 2_016,
            forget_spent_depth: 72,
            early_messages: 16,
            all_early_messages: 1_024,
            peer_notes: 100,
            reserve_floor: Amount::from_sat(10_000),
            reserve_floor_cap: Amount::from_sat(100_000),
            reserve_gap_limit: 20,
            callback_limit: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// The depth from which a spend in a channel of this capacity counts as settled: it grows linearly between
    /// the two bounds.
    pub fn settle_depth(&self, capacity: Amount) -> u32 {
        let full = self.full_settle_capacity.to_sat().max(1);
        let span = u64::from(self.max_settle_depth.saturating_sub(self.min_settle_depth));
        let share = span.saturating_mul(capacity.to_sat().min(full)) / full;
        self.min_settle_depth
            .saturating_add(u32::try_from(share).unwrap_or(u32::MAX))
    }
}

/// So many percent of an amount.
pub(crate) fn share(amount: Amount, percent: u32) -> Amount {
    Amount::from_sat(amount.to_sat().saturating_mul(percent.into()) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settle_depth_grows_from_three_to_six_with_the_capacity() {
        let depth = |sat| Policy::default().settle_depth(Amount::from_sat(sat));
        assert_eq!(
            [
                0,
                1_000_000,
                5_592_405,
                11_184_810,
                16_777_214,
                16_777_215,
                u64::MAX
            ]
            .map(depth),
            [3, 3, 4, 5, 5, 6, 6]
        );
    }
}
