//! What closing a channel would come to: which fees, how much of what is ours comes home, and when.
//!
//! There is no second formula. The close is played through (`play`) with the court that would resolve it and the builders
//! that would claim it, on a chain where every transaction of ours confirms in the next block, the market always asks for the
//! same, and the peer does nothing. What the books of that case say in the end is the preview. So an HTLC that we offered
//! comes back, one that we were offered is ours if it is ours to claim by now, and the wallet has a coin for every fee.

mod play;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, Txid};

use self::play::{Played, Playing};
use super::curve::market;
use crate::channel::{Candidate, Direction, UpdateError};
use crate::config::Policy;
use crate::court::case_file::{CaseFile, OutputFile};
use crate::court::{
    permit, Case, ClosingBalance, CourtError, Dossier, Money, OutputKind, Progress, Reason,
};
use crate::protocol::{ContractOutput, Party, PaymentHash, Preimage, ProtocolError};

/// Which feerates a preview is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pricing {
    /// Those that the server's estimates name now: a low, a medium and a high one.
    Market,
    /// This one.
    At(FeeRate),
}

/// How urgent a feerate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PriceLevel {
    /// The estimate for [`Policy::patient_target`] blocks.
    Low,
    /// The estimate for [`Policy::preview_medium_target`] blocks.
    Medium,
    /// The estimate for [`Policy::preview_high_target`] blocks.
    High,
    /// The one that was asked for.
    Asked,
}

/// What closing a channel would come to at several feerates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosePreview {
    pub channel: OutPoint,
    /// The tip after which it is closed: the commitment stands in the next block.
    pub tip: u32,
    /// The lowest feerate first.
    pub prices: Vec<PricedClose>,
}

/// What closing a channel would come to at one feerate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedClose {
    pub level: PriceLevel,
    /// What the market asks for, however long one waits. Claims that have a deadline bid a little more.
    pub feerate: FeeRate,
    /// With our commitment; `None`: we hold none that may go out.
    pub ours: Option<CloseOutlook>,
    /// If the peer closes now, with the commitment that is not revoked; `None`: it has none yet.
    pub theirs: Option<CloseOutlook>,
}

/// What one commitment comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseOutlook {
    pub commitment: Txid,
    /// The books in the end; nothing in them is in limbo but what is not worth its fee.
    pub balance: ClosingBalance,
    pub fees: CloseFees,
    /// Every output of the commitment, then what our second-level transactions leave.
    pub outputs: Vec<PreviewedOutput>,
    /// The tip at which the last of what is ours is settled; `None`: nothing is.
    pub settled_at: Option<u32>,
    /// The HTLCs that the commitment carries, those without an output included.
    pub htlcs: HtlcsAtStake,
}

impl CloseOutlook {
    /// What the wallet's coins have to pay. Each transaction that takes one needs a coin of its own until it is confirmed.
    pub fn reserve(&self) -> Amount {
        self.balance.wallet_fees
    }
}

/// Fees by what they are paid for, whoever pays them. Their sum is that of the balance's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CloseFees {
    /// In the commitment already: the opener of the channel pays it.
    pub commitment: Amount,
    /// For the child that raises the commitment.
    pub child: Amount,
    /// For sweeping our balance.
    pub balance: Amount,
    /// For taking HTLCs back, and for claiming them.
    pub htlcs: Amount,
    /// For sweeping what second-level transactions leave.
    pub second_level: Amount,
}

/// One output, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PreviewedOutput {
    pub outpoint: OutPoint,
    pub value: Amount,
    pub kind: OutputKind,
    /// What it comes to for us.
    pub money: Money,
    /// The tip at which its claim is made; `None`: there is none of ours.
    pub claimed_at: Option<u32>,
    /// The tip at which what it brings is settled.
    pub settled_at: Option<u32>,
    /// Why it is left where it is.
    pub left: Option<Reason>,
}

/// HTLCs that are not decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HtlcsAtStake {
    /// Offered by us.
    pub outgoing: HtlcStake,
    /// Offered by the peer.
    pub incoming: HtlcStake,
}

/// The HTLCs in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HtlcStake {
    pub count: u32,
    pub msat: u64,
    /// The first height at which one of them expires.
    pub first_expiry: Option<u32>,
}

/// Why there is no preview.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The court could not decide.
    #[error(transparent)]
    Court(#[from] CourtError),
    /// What is stored of a commitment makes no transaction.
    #[error(transparent)]
    Commitment(#[from] UpdateError),
    /// What is stored of the channel makes no transaction.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// What a preview is made from, beside the feerates.
#[derive(Clone, Debug)]
pub struct Known {
    pub case: Case,
    pub dossier: Dossier,
    pub tip: u32,
    /// The known preimages among the hashes of the channel's HTLCs.
    pub preimages: BTreeMap<PaymentHash, Preimage>,
    /// What the channel's sweeps pay.
    pub script: ScriptBuf,
}

/// What closing the channel would come to.
///
/// # Errors
/// [`CourtError::AlreadyClosed`]; the stored terms make no transaction.
pub fn preview(
    known: &Known,
    pricing: Pricing,
    estimates: &BTreeMap<u16, FeeRate>,
    policy: &Policy,
) -> Result<ClosePreview, PreviewError> {
    let channel = known.dossier.channel();
    if known.case.state.is_closed() {
        return Err(CourtError::AlreadyClosed { channel }.into());
    }
    let may_close = permit(channel, &known.case).is_ok();
    let ours = known.dossier.local_commitment().filter(|_| may_close);
    let theirs = current_of_peer(&known.dossier);
    let mut prices = Vec::new();
    for (level, feerate) in priced(pricing, estimates, policy) {
        let outlook = |candidate: &Candidate| outlook(known, candidate, feerate, policy);
        prices.push(PricedClose {
            level,
            feerate,
            ours: ours.map(outlook).transpose()?,
            theirs: theirs.map(outlook).transpose()?,
        });
    }
    Ok(ClosePreview {
        channel,
        tip: known.tip,
        prices,
    })
}

/// The feerates of a preview, the lowest first.
fn priced(
    pricing: Pricing,
    estimates: &BTreeMap<u16, FeeRate>,
    policy: &Policy,
) -> Vec<(PriceLevel, FeeRate)> {
    let at = |level, target, otherwise: u32| (level, market(estimates, target, otherwise, policy));
    match pricing {
        Pricing::At(feerate) => vec![(PriceLevel::Asked, feerate)],
        Pricing::Market => vec![
            at(PriceLevel::Low, policy.patient_target, policy.feerate_floor),
            at(
                PriceLevel::Medium,
                policy.preview_medium_target,
                policy.fallback_feerate,
            ),
            at(
                PriceLevel::High,
                policy.preview_high_target,
                policy.fallback_high_feerate,
            ),
        ],
    }
}

/// The oldest commitment of the peer's that is not revoked: its next one is not valid everywhere yet.
fn current_of_peer(dossier: &Dossier) -> Option<&Candidate> {
    let revoked = dossier.feed.remote_revoked;
    let theirs = dossier.candidates.iter().filter(|candidate| {
        let is_revoked = revoked.is_some_and(|revoked| candidate.number <= revoked);
        candidate.owner == Party::Remote && !is_revoked
    });
    theirs.min_by_key(|candidate| (candidate.number, std::cmp::Reverse(candidate.alternative)))
}

fn outlook(
    known: &Known,
    candidate: &Candidate,
    feerate: FeeRate,
    policy: &Policy,
) -> Result<CloseOutlook, PreviewError> {
    let played = Playing::begin(known, candidate, feerate, policy)?.play()?;
    let file = &played.file;
    let outputs: Vec<PreviewedOutput> = file
        .outputs
        .iter()
        .map(|output| previewed(output, &played))
        .collect();
    Ok(CloseOutlook {
        commitment: candidate.txid,
        balance: file.balance.clone(),
        fees: fees(file),
        settled_at: outputs.iter().filter_map(|output| output.settled_at).max(),
        outputs,
        htlcs: at_stake(&known.dossier, candidate),
    })
}

fn previewed(output: &OutputFile, played: &Played) -> PreviewedOutput {
    let brings = output.money.recovered_sat > 0;
    let settled_at = match output.kind {
        OutputKind::OurWallet => played.close_settled_at,
        OutputKind::Contract { .. } => played.settled_at.get(&output.outpoint).copied(),
        OutputKind::PeersWallet | OutputKind::Unrecognised => None,
    };
    PreviewedOutput {
        outpoint: output.outpoint,
        value: output.value,
        kind: output.kind,
        money: output.money,
        claimed_at: output.claim.as_ref().map(|claim| claim.since),
        settled_at: settled_at.filter(|_| brings),
        left: output.progress.and_then(left),
    }
}

fn left(progress: Progress) -> Option<Reason> {
    match progress {
        Progress::Uneconomic { reason } | Progress::GivenUp { reason } => Some(reason),
        Progress::Contested { .. }
        | Progress::Maturing { .. }
        | Progress::Claimable
        | Progress::Spent { .. }
        | Progress::Resolved { .. } => None,
    }
}

fn fees(file: &CaseFile) -> CloseFees {
    let mut fees = CloseFees {
        commitment: file.balance.closing_fee,
        ..CloseFees::default()
    };
    for output in &file.outputs {
        let Money {
            fees_sat,
            wallet_fees_sat,
            ..
        } = output.money;
        let paid = Amount::from_sat(fees_sat.saturating_add(wallet_fees_sat));
        let sum = match output.kind {
            OutputKind::Contract { output, .. } => match output {
                ContractOutput::ToLocal | ContractOutput::ToRemote => &mut fees.balance,
                ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => &mut fees.child,
                ContractOutput::Htlc { .. } => &mut fees.htlcs,
                ContractOutput::SecondLevel => &mut fees.second_level,
            },
            OutputKind::OurWallet | OutputKind::PeersWallet | OutputKind::Unrecognised => continue,
        };
        *sum = sum.checked_add(paid).unwrap_or(Amount::MAX_MONEY);
    }
    fees
}

fn at_stake(dossier: &Dossier, candidate: &Candidate) -> HtlcsAtStake {
    let mut all = HtlcsAtStake::default();
    for htlc in &candidate.htlcs {
        let Some(life) = dossier.htlcs.get(htlc) else {
            continue;
        };
        let stake = match htlc.key.direction {
            Direction::Outgoing => &mut all.outgoing,
            Direction::Incoming => &mut all.incoming,
        };
        let expiry = life.terms.cltv_expiry;
        stake.count = stake.count.saturating_add(1);
        stake.msat = stake.msat.saturating_add(life.terms.amount_msat);
        stake.first_expiry = Some(stake.first_expiry.map_or(expiry, |first| first.min(expiry)));
    }
    all
}
