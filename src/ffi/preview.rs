//! What a close would come to, as records.

use bitcoin::FeeRate;

use super::arbitrator::channel;
use super::case_file::{OutputKind, OutputMoney};
use super::{ArbitratorError, ChainArbitrator, ClosingBalance, ContractReason, OutPoint};
use crate::sweep::preview;

/// How urgent a feerate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PriceLevel {
    /// What is enough within a week.
    Low,
    /// What is enough by the next wake.
    Medium,
    /// What is enough for one of the next blocks.
    High,
    /// The one that was asked for.
    Asked,
}

impl From<preview::PriceLevel> for PriceLevel {
    fn from(level: preview::PriceLevel) -> Self {
        match level {
            preview::PriceLevel::Low => PriceLevel::Low,
            preview::PriceLevel::Medium => PriceLevel::Medium,
            preview::PriceLevel::High => PriceLevel::High,
            preview::PriceLevel::Asked => PriceLevel::Asked,
        }
    }
}

/// Fees by what they are paid for, whoever pays them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CloseFees {
    /// In the commitment already: the opener of the channel pays it.
    pub commitment_sat: u64,
    /// For the child that raises the commitment.
    pub child_sat: u64,
    /// For sweeping our balance.
    pub balance_sat: u64,
    /// For taking HTLCs back, and for claiming them.
    pub htlcs_sat: u64,
    /// For sweeping what second-level transactions leave.
    pub second_level_sat: u64,
}

impl From<preview::CloseFees> for CloseFees {
    fn from(fees: preview::CloseFees) -> Self {
        CloseFees {
            commitment_sat: fees.commitment.to_sat(),
            child_sat: fees.child.to_sat(),
            balance_sat: fees.balance.to_sat(),
            htlcs_sat: fees.htlcs.to_sat(),
            second_level_sat: fees.second_level.to_sat(),
        }
    }
}

/// One output, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PreviewedOutput {
    /// The output; of what does not exist yet the name may change.
    pub outpoint: OutPoint,
    /// Its value.
    pub value_sat: u64,
    /// What it is.
    pub kind: OutputKind,
    /// What it comes to for us.
    pub money: OutputMoney,
    /// The tip at which its claim is made; nothing: there is none of ours.
    pub claimed_at: Option<u32>,
    /// The tip at which what it brings is settled.
    pub settled_at: Option<u32>,
    /// Why it is left where it is.
    pub left: Option<ContractReason>,
}

impl From<preview::PreviewedOutput> for PreviewedOutput {
    fn from(output: preview::PreviewedOutput) -> Self {
        PreviewedOutput {
            outpoint: output.outpoint.into(),
            value_sat: output.value.to_sat(),
            kind: output.kind.into(),
            money: output.money.into(),
            claimed_at: output.claimed_at,
            settled_at: output.settled_at,
            left: output.left.map(ContractReason::from),
        }
    }
}

/// The HTLCs in one direction that a commitment carries, those without an output included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HtlcStake {
    /// How many.
    pub count: u32,
    /// What they hold together.
    pub msat: u64,
    /// The first height at which one of them expires.
    pub first_expiry: Option<u32>,
}

impl From<preview::HtlcStake> for HtlcStake {
    fn from(stake: preview::HtlcStake) -> Self {
        HtlcStake {
            count: stake.count,
            msat: stake.msat,
            first_expiry: stake.first_expiry,
        }
    }
}

/// What one commitment comes to.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CloseOutlook {
    /// The commitment.
    pub commitment_txid: String,
    /// The books in the end; nothing in them is in limbo but what is not worth its fee.
    pub balance: ClosingBalance,
    /// Fees by what they are paid for. Their sum is that of the balance's.
    pub fees: CloseFees,
    /// What the wallet's coins have to pay. Each transaction that takes one needs a coin of its own until it is confirmed.
    pub reserve_sat: u64,
    /// Every output of the commitment, then what our second-level transactions leave.
    pub outputs: Vec<PreviewedOutput>,
    /// The tip at which the last of what is ours is settled; nothing: nothing is.
    pub settled_at: Option<u32>,
    /// HTLCs offered by us.
    pub outgoing: HtlcStake,
    /// HTLCs offered by the peer.
    pub incoming: HtlcStake,
}

impl From<preview::CloseOutlook> for CloseOutlook {
    fn from(outlook: preview::CloseOutlook) -> Self {
        let outputs = outlook.outputs.iter().copied();
        CloseOutlook {
            commitment_txid: outlook.commitment.to_string(),
            reserve_sat: outlook.reserve().to_sat(),
            fees: outlook.fees.into(),
            outputs: outputs.map(PreviewedOutput::from).collect(),
            settled_at: outlook.settled_at,
            outgoing: outlook.htlcs.outgoing.into(),
            incoming: outlook.htlcs.incoming.into(),
            balance: outlook.balance.into(),
        }
    }
}

/// What closing a channel would come to at one feerate.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PricedClose {
    /// How urgent the feerate is.
    pub level: PriceLevel,
    /// What the market asks for, in sat per 1000 weight units; 250 are one sat per virtual byte.
    pub feerate_per_kw: u64,
    /// With our commitment; nothing: we hold none that may go out.
    pub ours: Option<CloseOutlook>,
    /// If the peer closes now; nothing: it has no commitment yet.
    pub theirs: Option<CloseOutlook>,
}

/// What closing a channel would come to at several feerates.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ClosePreview {
    /// The channel.
    pub channel: OutPoint,
    /// The tip after which it is closed: the commitment stands in the next block.
    pub tip: u32,
    /// The lowest feerate first.
    pub prices: Vec<PricedClose>,
}

impl From<preview::ClosePreview> for ClosePreview {
    fn from(preview: preview::ClosePreview) -> Self {
        let prices = preview.prices.into_iter();
        ClosePreview {
            channel: preview.channel.into(),
            tip: preview.tip,
            prices: prices
                .map(|price| PricedClose {
                    level: price.level.into(),
                    feerate_per_kw: price.feerate.to_sat_per_kwu(),
                    ours: price.ours.map(CloseOutlook::from),
                    theirs: price.theirs.map(CloseOutlook::from),
                })
                .collect(),
        }
    }
}

#[uniffi::export]
impl ChainArbitrator {
    /// What closing a channel would come to, with our commitment and with the peer's: fees by kind, what comes home and when,
    /// what is not worth its fee, which HTLCs are at stake, and what the wallet's coins would have to pay. Closes nothing.
    ///
    /// At this feerate, in sat per 1000 weight units; unless one is given, at a low, a medium and a high one of the server's,
    /// or of the policy's where the server names none.
    #[uniffi::method(default(feerate_per_kw = None))]
    pub async fn preview_close(
        &self,
        channel: OutPoint,
        feerate_per_kw: Option<u64>,
    ) -> Result<ClosePreview, ArbitratorError> {
        let channel = self::channel(&channel)?;
        let pricing = match feerate_per_kw {
            Some(sat) => preview::Pricing::At(FeeRate::from_sat_per_kwu(sat)),
            None => preview::Pricing::Market,
        };
        Ok(self.core.preview_close(channel, pricing).await?.into())
    }
}
