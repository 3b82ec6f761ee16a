//! A claim, or the child of a commitment, is asked for more: judged, kept, signed and broadcast in one call.

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate, OutPoint, Txid};

use super::claims::{Built, Draft};
use super::core::Core;
use super::ChainArbitrator;
use crate::court::{self, wants, Bump, Case, CourtError, Dossier, Input, Outcome, Reason, Want};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;
use crate::sweep::Bid;

/// The answer to a wish for more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BumpStatus {
    /// The transaction that claims the output now, or raises the commitment; `None`: none could be made yet.
    pub txid: Option<Txid>,
    /// What became of its last broadcast.
    pub outcome: Option<Outcome>,
    /// Why nothing could be done now; it is tried on every tick.
    pub delayed: Option<String>,
}

impl ChainArbitrator {
    /// Asks that the claim of `output` pays a feerate, or is confirmed by a height; and with it that of every output which the
    /// same transaction takes. For an unconfirmed commitment `output` is our anchor on it, or the funding output: its child is
    /// asked then, and made if there was none.
    ///
    /// The wish is durable when this returns, and stays until the output is spent for good; a later one takes its place. The
    /// replacement, which follows BIP 125, is made, stored and broadcast at once; nothing is replaced by one that pays less.
    /// A feerate may take more than the policy's share of what is claimed, but never more than that; a deadline keeps to it.
    ///
    /// # Errors
    /// [`CourtError::UnknownClaim`], [`CourtError::NotReplaceable`], [`CourtError::AboveCap`], [`CourtError::AboveValue`],
    /// [`CourtError::DeadlinePassed`]: nothing has changed then.
    pub async fn bump(
        &self,
        channel: OutPoint,
        output: OutPoint,
        bump: Bump,
    ) -> Result<BumpStatus, ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.bump(channel, output, bump).await }))
            .await
    }
}

impl Core {
    async fn bump(
        &self,
        channel: OutPoint,
        outpoint: OutPoint,
        bump: Bump,
    ) -> Result<BumpStatus, ArbitratorError> {
        let row = self.row(channel)?;
        let tip = self.tip_height()?;
        let input = Input::Bump {
            outpoint,
            bump,
            tip,
        };
        let case = self.store.case(row)?;
        let (dossier, _) = self.dossier(row)?;
        let asked = court::advance(&case, &dossier, &input, &self.policy)?.case;
        // What the wallet said in the last tick is long ago.
        self.ask_for_coins_again();
        let estimates = self.estimates_or_none().await;
        // Built before anything is kept: what would cost more than it brings is refused, and a wallet that fails is no reason
        // to forget the wish.
        let built = self
            .build_bumped(row, &asked, &dossier, outpoint, &estimates, tip)
            .await;
        if let Err(ArbitratorError::Court(refused)) = built {
            return Err(refused.into());
        }
        let (case, _) = self.apply_to(row, case, &dossier, &input)?;
        let delayed = self.bump_now(row, case, &dossier, built, tip).await.err();
        let case = self.store.case(row)?;
        let newest = case.broadcasts.iter().rfind(|held| {
            let mut inputs = held.transaction.input.iter();
            let is_child = outpoint == channel && held.anchor().is_some();
            is_child || inputs.any(|input| input.previous_output == outpoint && outpoint != channel)
        });
        Ok(BumpStatus {
            txid: newest.map(|held| held.txid),
            outcome: newest.and_then(|held| held.outcome.clone()),
            delayed: delayed.map(|error| error.to_string()),
        })
    }

    /// The transaction that the case wants for an output once it is asked for more. Whether the wish is for more than it brings
    /// is seen of one that replaces nothing: a replacement that cannot be afforded is only left for now.
    async fn build_bumped(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        outpoint: OutPoint,
        estimates: &BTreeMap<u16, FeeRate>,
        tip: u32,
    ) -> Result<Built, ArbitratorError> {
        let channel = dossier.channel();
        for want in wants(case, dossier, tip, &self.policy) {
            match want {
                Want::Claim(claim) if claim.contracts.iter().any(|it| it.outpoint == outpoint) => {
                    let bid = Bid::of_claim(&claim, case, tip, estimates, &self.policy);
                    let first = Bid { raise: None, ..bid };
                    let built = self.build_claim(row, case, dossier, &claim, &first).await?;
                    let lacks = match &built.draft {
                        Some(draft) => draft.unsigned.lacks(&bid, None),
                        None => too_dear(&built, outpoint).filter(|_| bid.floor.is_some()),
                    };
                    let value = claim.contracts.iter().map(|it| it.value_sat).sum();
                    enough(lacks, (channel, outpoint), Amount::from_sat(value))?;
                    return self.build_claim(row, case, dossier, &claim, &bid).await;
                }
                Want::Cpfp(child) if outpoint == channel || child.anchor.outpoint == outpoint => {
                    let bid = Bid::of_child(&child, dossier, tip, estimates, &self.policy);
                    let first = Bid { raise: None, ..bid };
                    let built = self.build_child(row, case, dossier, &child, &first).await?;
                    let lacks = |draft: &Draft| draft.unsigned.lacks(&bid, Some(&child.parent));
                    let lacks = built.draft.as_ref().and_then(lacks);
                    enough(lacks, (channel, outpoint), child.budget)?;
                    return self.build_child(row, case, dossier, &child, &bid).await;
                }
                Want::Claim(_) | Want::Cpfp(_) | Want::SignCommitment => {}
            }
        }
        Ok(Built::default())
    }

    async fn bump_now(
        &self,
        row: ChannelRow,
        mut case: Case,
        dossier: &Dossier,
        built: Result<Built, ArbitratorError>,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let Built { draft, left } = built?;
        let channel = dossier.channel();
        for left in left {
            (case, _) = self.apply_to(row, case, dossier, &left.told(tip))?;
        }
        if let Some(draft) = draft {
            let signed = self.signed(channel, draft, tip).await?;
            self.apply_to(row, case, dossier, &signed)?;
        }
        self.send_now(row, channel, tip).await
    }
}

/// What the claim of an output would cost, if that is why it is left.
fn too_dear(built: &Built, outpoint: OutPoint) -> Option<Amount> {
    let mut left = built.left.iter();
    let left = left.find(|left| left.outpoints.contains(&outpoint))?;
    match left.reason {
        Reason::FeeAboveValue { fee_sat } => Some(Amount::from_sat(fee_sat)),
        Reason::ReserveNeeded { fee_sat: _ }
        | Reason::AnchorAlone
        | Reason::NoPeerSignature
        | Reason::NotOurs => None,
    }
}

/// Refuses what would have to pay more than it brings.
fn enough(
    lacks: Option<Amount>,
    (channel, outpoint): (OutPoint, OutPoint),
    value: Amount,
) -> Result<(), CourtError> {
    match lacks {
        Some(fee) => Err(CourtError::AboveValue {
            channel,
            outpoint,
            fee,
            value,
        }),
        None => Ok(()),
    }
}
