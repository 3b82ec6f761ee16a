//! What all channels hold, and what went through them.

use super::page::reasons;
use super::PendingHtlcs;
use crate::court;
use crate::store::queries;

/// The sums over some channels, by our newest commitments, before fees and anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelSums {
    /// How many channels.
    pub channels: u32,
    /// Ours, outside HTLCs.
    pub local_msat: u64,
    /// The peers', outside HTLCs.
    pub remote_msat: u64,
    /// Offered by us.
    pub outgoing: PendingHtlcs,
    /// Offered by the peers.
    pub incoming: PendingHtlcs,
}

impl From<queries::ChannelSums> for ChannelSums {
    fn from(sums: queries::ChannelSums) -> Self {
        ChannelSums {
            channels: sums.channels,
            local_msat: sums.local_msat,
            remote_msat: sums.remote_msat,
            outgoing: sums.outgoing.into(),
            incoming: sums.incoming.into(),
        }
    }
}

/// An amount that is ours from a height on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct AmountAtHeight {
    /// The tip has to reach it.
    pub height: u32,
    /// The amount.
    pub amount_sat: u64,
}

/// The money of channels whose close is proven: every satoshi of their capacities in exactly one of the sums,
/// `time_locked_sat` and `wallet_fees_sat` apart.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ClosingBalance {
    /// Ours without waiting: paid to our scripts by the close itself, or claimed since.
    pub settled_sat: u64,
    /// Ours now, and its claim is not confirmed.
    pub claimable_sat: u64,
    /// Ours from a height on, lowest height first.
    pub maturing: Vec<AmountAtHeight>,
    /// What is claimable and what is maturing, once more, together.
    pub time_locked_sat: u64,
    /// In outputs of which it is open who gets them.
    pub contested_sat: u64,
    /// Ours, and not worth its fee for now.
    pub uneconomic_sat: u64,
    /// It would be ours, and there are no means to claim it.
    pub given_up_sat: u64,
    /// In outputs that were ours, and that somebody else has spent.
    pub lost_sat: u64,
    /// The peer's, or in outputs that fit nothing we know.
    pub others_sat: u64,
    /// What the closing transaction left to its miner, whoever paid it.
    pub closing_fee_sat: u64,
    /// Paid out of our outputs for claiming them.
    pub sweep_fees_sat: u64,
    /// Paid for the same out of the wallet's coins, which are no part of the capacities.
    pub wallet_fees_sat: u64,
}

impl From<court::ClosingBalance> for ClosingBalance {
    fn from(balance: court::ClosingBalance) -> Self {
        ClosingBalance {
            settled_sat: balance.settled.to_sat(),
            claimable_sat: balance.claimable.to_sat(),
            time_locked_sat: balance.time_locked().to_sat(),
            contested_sat: balance.contested.to_sat(),
            uneconomic_sat: balance.uneconomic.to_sat(),
            given_up_sat: balance.given_up.to_sat(),
            lost_sat: balance.lost.to_sat(),
            others_sat: balance.others.to_sat(),
            closing_fee_sat: balance.closing_fee.to_sat(),
            maturing: balance
                .maturing
                .into_iter()
                .map(|(height, amount)| AmountAtHeight {
                    height,
                    amount_sat: amount.to_sat(),
                })
                .collect(),
            sweep_fees_sat: balance.sweep_fees.to_sat(),
            wallet_fees_sat: balance.wallet_fees.to_sat(),
        }
    }
}

/// The money in all channels that are not closed, by how safe it is to count on.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Balances {
    /// Fundings that are not proven to be on the chain.
    pub pending: ChannelSums,
    /// Open channels.
    pub open: ChannelSums,
    /// Of what is ours in open channels: all but the reserves. The fee of a further HTLC is not taken off.
    pub spendable_msat: u64,
    /// Channels that are to be closed, while no close is proven.
    pub closing: ChannelSums,
    /// Closes that are proven, while their outputs are being resolved.
    pub on_chain: ClosingBalance,
    /// What could not be read and is in no sum, for people.
    pub unreadable: Vec<String>,
}

impl From<queries::Balances> for Balances {
    fn from(balances: queries::Balances) -> Self {
        Balances {
            pending: balances.pending.into(),
            open: balances.open.into(),
            spendable_msat: balances.spendable_msat,
            closing: balances.closing.into(),
            on_chain: balances.on_chain.into(),
            unreadable: reasons(&balances.unreadable),
        }
    }
}

/// What went through one channel, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Traffic {
    /// What the peer got from us in HTLCs, as of our newest commitment.
    pub sent_msat: u64,
    /// What we got from the peer in HTLCs that are past.
    pub received_msat: u64,
    /// What we kept of HTLCs that came in here and were forwarded.
    pub net_fees_msat: u64,
    /// Commitments made, those of both sides together.
    pub commitments: u64,
}

impl From<queries::Traffic> for Traffic {
    fn from(traffic: queries::Traffic) -> Self {
        Traffic {
            sent_msat: traffic.totals.sent_msat,
            received_msat: traffic.totals.received_msat,
            net_fees_msat: traffic.totals.net_fees_msat,
            commitments: traffic.commitments,
        }
    }
}

/// What went through all channels ever registered.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct AllTraffic {
    /// Open and closed channels together.
    pub sum: Traffic,
    /// What could not be read and is not in the sum, for people.
    pub unreadable: Vec<String>,
}

impl From<queries::AllTraffic> for AllTraffic {
    fn from(all: queries::AllTraffic) -> Self {
        AllTraffic {
            sum: all.sum.into(),
            unreadable: reasons(&all.unreadable),
        }
    }
}
