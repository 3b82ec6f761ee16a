//! What an app says when it opens the arbitrator.

use std::time::Duration;

use super::input::{self, Invalid};
use crate::config;

/// Which chain the money is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Network {
    /// The main network.
    Bitcoin,
    /// The third test network.
    Testnet,
    /// The fourth test network.
    Testnet4,
    /// The test network with signed blocks.
    Signet,
    /// A private test chain.
    Regtest,
}

impl From<Network> for bitcoin::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::Bitcoin => bitcoin::Network::Bitcoin,
            Network::Testnet => bitcoin::Network::Testnet,
            Network::Testnet4 => bitcoin::Network::Testnet4,
            Network::Signet => bitcoin::Network::Signet,
            Network::Regtest => bitcoin::Network::Regtest,
        }
    }
}

/// Where the data lies, and whom to ask about the chain.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ArbitratorConfig {
    /// The chain. A database belongs to the network it was created for.
    pub network: Network,
    /// Path of the SQLite file; created if it is not there. One arbitrator at a time may have it open.
    pub database_path: String,
    /// Base URL of an Esplora server, `http://` or `https://`, with the prefix of its API if it has one.
    pub esplora_url: String,
    /// The numbers of the rules; those of `default_policy()` unless given.
    #[uniffi(default = None)]
    pub policy: Option<Policy>,
    /// Milliseconds that opening waits for another process that has the database open; unless given, it does not wait.
    #[uniffi(default = None)]
    pub wait_for_lock_ms: Option<u64>,
}

/// The numbers of the rules. An app changes them knowing why: start from `default_policy()`.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Policy {
    /// Depth, in blocks, from which a spend allows irreversible off-chain acts, for the smallest channels.
    pub min_settle_depth: u32,
    /// The same for channels of `full_settle_capacity_sat` and above.
    pub max_settle_depth: u32,
    /// Capacity from which `max_settle_depth` is asked for.
    pub full_settle_capacity_sat: u64,
    /// Depth, in blocks, at which a spend is irrevocable.
    pub final_depth: u32,
    /// Blocks for which a close that a reorg took away is given the time to confirm again, before ours goes out.
    pub orphan_patience: u32,
    /// Blocks for which a fully signed cooperative close is preferred to our commitment.
    pub cooperative_patience: u32,
    /// A peer's `to_self_delay` below this many blocks is warned of at registration.
    pub short_peer_delay: u16,
    /// Confirmation target, in blocks, of a claim without a deadline.
    pub patient_target: u16,
    /// Lowest feerate, in satoshi per 1000 weight units, used when the server gives no estimate.
    pub feerate_floor_per_kw: u32,
    /// Highest feerate, in satoshi per 1000 weight units.
    pub feerate_cap_per_kw: u32,
    /// By how much, in percent, a claim that was refused as too cheap is raised on the next tick.
    pub refused_raise_percent: u32,
    /// Greatest share of an output's value, in percent, that its sweep may cost.
    pub budget_percent: u32,
    /// Greatest share of our balance, in percent, that is paid for a commitment which no mempool takes, when no HTLC makes
    /// haste.
    pub stuck_percent: u32,
    /// Blocks before the expiry of an incoming HTLC that is ours to claim, at which the channel goes to the chain.
    pub fulfil_margin: u32,
    /// Blocks between two wakes of the device that are counted on.
    pub wake_interval: u32,
    /// Blocks after the expiry of an outgoing HTLC at which the channel goes to the chain.
    pub expiry_grace: u32,
    /// Blocks for which an overdue payment of our own waits for the peer to come back.
    pub own_payment_patience: u32,
    /// What overdue HTLCs too small for an output may be worth together, before the channel is closed.
    pub max_dust_at_risk_sat: u64,
    /// Blocks before an upstream HTLC expires at which it is failed, whatever may still be won downstream.
    pub upstream_margin: u32,
    /// `min_final_cltv_expiry_delta` for invoices of ours, in blocks.
    pub min_final_cltv: u32,
    /// Blocks before the cheater can take an output at which each gets a justice transaction of its own.
    pub justice_split_margin: u32,
    /// Most inputs of one claim.
    pub max_claim_inputs: u32,
    /// Blocks for which a case waits for an output that is left where it is: for lower fees, for a coin, or for the peer.
    pub end_patience: u32,
    /// Blocks after which an output that was not worth its fee is priced again, if no tick comes before.
    pub reprice_interval: u32,
    /// Blocks for which a contested claim stays unconfirmed before it is priced anew.
    pub claim_patience: u32,
    /// Least blocks kept of the peer's delay for getting a justice transaction confirmed.
    pub min_breach_margin: u32,
    /// Most blocks kept of it.
    pub max_breach_margin: u32,
    /// Blocks before a deadline at which the device should be awake.
    pub wake_margin: u32,
    /// A claim with a deadline bids the estimate for this part of the blocks that are left when the device is next awake.
    pub bid_share: u32,
    /// The same when the device may not be awake again before the deadline.
    pub last_bid_share: u32,
    /// By how much, in percent, a claim with a deadline bids above the estimate.
    pub bid_margin_percent: u32,
    /// Blocks before its deadline in which an unconfirmed claim climbs up to its budget.
    pub climb_blocks: u32,
    /// What a claim with a deadline bids when the server has no estimates, in sat per 1000 weight units.
    pub fallback_feerate: u32,
    /// Confirmation target, in blocks, of the medium price in a preview of a close.
    pub preview_medium_target: u16,
    /// The same of the high price.
    pub preview_high_target: u16,
    /// The high price of a preview when the server has no estimates, in sat per 1000 weight units.
    pub fallback_high_feerate: u32,
    /// What a replacement pays above what it replaces, in sat per 1000 weight units of its own.
    pub replacement_feerate: u32,
    /// Depth of the funding from which a public channel is announced.
    pub announce_depth: u32,
    /// Blocks for which a channel that a coinbase funds stays unused.
    pub coinbase_depth: u32,
    /// Blocks for which a funding that is the peer's is waited for.
    pub fundee_patience: u32,
    /// Depth of the spend of a funding output from which the channel's announcement is forgotten.
    pub forget_spent_depth: u32,
    /// Messages of one peer that are kept for channels which are not registered yet.
    pub early_messages: u32,
    /// The same of all peers together.
    pub all_early_messages: u32,
    /// Entries in a channel's log that its peer's messages and reconnections make while it opens, at most.
    pub peer_notes: u32,
    /// Least that the wallet should have ready for each channel with anchors.
    pub reserve_floor_sat: u64,
    /// What all channels' floors come to together, at most.
    pub reserve_floor_cap_sat: u64,
    /// Scripts of the embedded wallet that are asked for behind the last one that was used.
    pub reserve_gap_limit: u32,
    /// Milliseconds that a callback into the app may take.
    pub callback_limit_ms: u64,
}

/// The numbers that the library uses unless it is told others.
#[uniffi::export]
pub fn default_policy() -> Policy {
    config::Policy::default().into()
}

impl From<config::Policy> for Policy {
    fn from(policy: config::Policy) -> Self {
        Policy {
            min_settle_depth: policy.min_settle_depth,
            max_settle_depth: policy.max_settle_depth,
            full_settle_capacity_sat: policy.full_settle_capacity.to_sat(),
            final_depth: policy.final_depth,
            orphan_patience: policy.orphan_patience,
            cooperative_patience: policy.cooperative_patience,
            short_peer_delay: policy.short_peer_delay,
            patient_target: policy.patient_target,
            feerate_floor_per_kw: policy.feerate_floor,
            feerate_cap_per_kw: policy.feerate_cap,
            refused_raise_percent: policy.refused_raise_percent,
            budget_percent: policy.budget_percent,
            stuck_percent: policy.stuck_percent,
            fulfil_margin: policy.fulfil_margin,
            wake_interval: policy.wake_interval,
            expiry_grace: policy.expiry_grace,
            own_payment_patience: policy.own_payment_patience,
            max_dust_at_risk_sat: policy.max_dust_at_risk.to_sat(),
            upstream_margin: policy.upstream_margin,
            min_final_cltv: policy.min_final_cltv,
            justice_split_margin: policy.justice_split_margin,
            max_claim_inputs: u32::try_from(policy.max_claim_inputs).unwrap_or(u32::MAX),
            end_patience: policy.end_patience,
            reprice_interval: policy.reprice_interval,
            claim_patience: policy.claim_patience,
            min_breach_margin: policy.min_breach_margin,
            max_breach_margin: policy.max_breach_margin,
            wake_margin: policy.wake_margin,
            bid_share: policy.bid_share,
            last_bid_share: policy.last_bid_share,
            bid_margin_percent: policy.bid_margin_percent,
            climb_blocks: policy.climb_blocks,
            fallback_feerate: policy.fallback_feerate,
            preview_medium_target: policy.preview_medium_target,
            preview_high_target: policy.preview_high_target,
            fallback_high_feerate: policy.fallback_high_feerate,
            replacement_feerate: policy.replacement_feerate,
            announce_depth: policy.announce_depth,
            coinbase_depth: policy.coinbase_depth,
            fundee_patience: policy.fundee_patience,
            forget_spent_depth: policy.forget_spent_depth,
            early_messages: policy.early_messages,
            all_early_messages: policy.all_early_messages,
            peer_notes: policy.peer_notes,
            reserve_floor_sat: policy.reserve_floor.to_sat(),
            reserve_floor_cap_sat: policy.reserve_floor_cap.to_sat(),
            reserve_gap_limit: policy.reserve_gap_limit,
            callback_limit_ms: u64::try_from(policy.callback_limit.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Policy {
    pub(super) fn to_core(&self) -> Result<config::Policy, Invalid> {
        let refuse = |field, reason| Err(Invalid::new(field, reason));
        if self.min_settle_depth == 0 {
            return refuse(
                "min_settle_depth",
                "0: an unconfirmed spend settles nothing",
            );
        }
        if self.max_settle_depth < self.min_settle_depth {
            return refuse("max_settle_depth", "below min_settle_depth");
        }
        if self.final_depth < self.max_settle_depth {
            return refuse("final_depth", "below max_settle_depth");
        }
        if self.feerate_cap_per_kw < self.feerate_floor_per_kw {
            return refuse("feerate_cap_per_kw", "below feerate_floor_per_kw");
        }
        if self.budget_percent > 100 {
            return refuse("budget_percent", "above 100");
        }
        if self.stuck_percent > 100 {
            return refuse("stuck_percent", "above 100");
        }
        if self.callback_limit_ms == 0 {
            return refuse("callback_limit_ms", "0: no callback could ever answer");
        }
        Ok(config::Policy {
            min_settle_depth: self.min_settle_depth,
            max_settle_depth: self.max_settle_depth,
            full_settle_capacity: input::amount(
                "full_settle_capacity_sat",
                self.full_settle_capacity_sat,
            )?,
            final_depth: self.final_depth,
            orphan_patience: self.orphan_patience,
            cooperative_patience: self.cooperative_patience,
            short_peer_delay: self.short_peer_delay,
            patient_target: self.patient_target,
            feerate_floor: self.feerate_floor_per_kw,
            feerate_cap: self.feerate_cap_per_kw,
            refused_raise_percent: self.refused_raise_percent,
            budget_percent: self.budget_percent,
            stuck_percent: self.stuck_percent,
            fulfil_margin: self.fulfil_margin,
            wake_interval: self.wake_interval,
            expiry_grace: self.expiry_grace,
            own_payment_patience: self.own_payment_patience,
            max_dust_at_risk: input::amount("max_dust_at_risk_sat", self.max_dust_at_risk_sat)?,
            upstream_margin: self.upstream_margin,
            min_final_cltv: self.min_final_cltv,
            justice_split_margin: self.justice_split_margin,
            max_claim_inputs: usize::try_from(self.max_claim_inputs).unwrap_or(usize::MAX),
            end_patience: self.end_patience,
            reprice_interval: self.reprice_interval,
            claim_patience: self.claim_patience,
            min_breach_margin: self.min_breach_margin,
            max_breach_margin: self.max_breach_margin,
            wake_margin: self.wake_margin,
            bid_share: self.bid_share,
            last_bid_share: self.last_bid_share,
            bid_margin_percent: self.bid_margin_percent,
            climb_blocks: self.climb_blocks,
            fallback_feerate: self.fallback_feerate,
            preview_medium_target: self.preview_medium_target,
            preview_high_target: self.preview_high_target,
            fallback_high_feerate: self.fallback_high_feerate,
            replacement_feerate: self.replacement_feerate,
            announce_depth: self.announce_depth,
            coinbase_depth: self.coinbase_depth,
            fundee_patience: self.fundee_patience,
            forget_spent_depth: self.forget_spent_depth,
            early_messages: self.early_messages,
            all_early_messages: self.all_early_messages,
            peer_notes: self.peer_notes,
            reserve_floor: input::amount("reserve_floor_sat", self.reserve_floor_sat)?,
            reserve_floor_cap: input::amount("reserve_floor_cap_sat", self.reserve_floor_cap_sat)?,
            reserve_gap_limit: self.reserve_gap_limit,
            callback_limit: Duration::from_millis(self.callback_limit_ms),
        })
    }
}
