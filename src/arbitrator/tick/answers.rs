//! What the court wants to go on with a case, made and signed: a commitment, claims, the child of a commitment.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint};

use super::super::core::Applied;
use super::{is_limit, is_limit_of, Tick};
use crate::court::{self, wants, BroadcastPurpose, Case, Dossier, Input, Reason, Want};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;

impl Tick<'_> {
    /// Answers what the court wants of a channel at this tip.
    pub(super) async fn answer_wants(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        dossier: &Dossier,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let policy = &self.core.policy;
        let case = self.core.store.case(row)?;
        let all = wants(&case, dossier, tip, policy);
        let signs = all.contains(&Want::SignCommitment);
        let answered = self.answer_all(row, channel, dossier, case, all, tip).await;
        if answered.as_ref().is_err_and(is_limit) {
            return answered;
        }
        if signs {
            // A commitment that is signed now may want a child now.
            let case = self.core.store.case(row)?;
            let child = court::cpfp(&case, dossier, tip, policy);
            let child = child.into_iter().map(|child| Want::Cpfp(Box::new(child)));
            let child = child.collect();
            self.answer_all(row, channel, dossier, case, child, tip)
                .await?;
        }
        answered
    }

    /// Answers what is wanted of the case as it stands.
    async fn answer_all(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        dossier: &Dossier,
        case: Case,
        wants: Vec<Want>,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let mut failed = None;
        let mut known = Some(case);
        for want in wants {
            // Read anew when the answer to the last want changed it: most of many wants change nothing.
            let case = match known.take() {
                Some(case) => case,
                None => self.core.store.case(row)?,
            };
            // One claim that cannot be made stops no other.
            match self.answer(row, channel, dossier, &case, want, tip).await {
                Ok(Applied::Nothing) => known = Some(case),
                Ok(Applied::Changed | Applied::NewsForOthers) => {}
                Err(error) if is_limit(&error) => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn answer(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        dossier: &Dossier,
        case: &Case,
        want: Want,
        tip: u32,
    ) -> Result<Applied, ArbitratorError> {
        let core = self.core;
        let answers = match want {
            Want::SignCommitment => {
                let permit = court::permit(channel, case)?;
                vec![Input::Signed {
                    purpose: BroadcastPurpose::Commitment,
                    transaction: core.sign_commitment(dossier, permit).await?,
                    coins: Vec::new(),
                    tip,
                }]
            }
            Want::Claim(claim) => {
                let estimates = self.estimates().await?;
                core.make_claim(row, case, dossier, &claim, &estimates, tip)
                    .await?
            }
            Want::Cpfp(child) => {
                let estimates = self.estimates().await?;
                let made = core.make_child(row, case, dossier, &child, &estimates, tip);
                made.await?.into_iter().collect()
            }
        };
        let mut applied = Applied::Nothing;
        for input in answers {
            if let Some(fee_sat) = reserve_needed(&input) {
                let what = format!("the wallet has no coin for a fee of {fee_sat} sat");
                self.tell_trouble(Some(channel), what);
            }
            match core.apply_with(row, channel, dossier, &input)?.1 {
                Applied::Nothing => {}
                changed @ (Applied::Changed | Applied::NewsForOthers) => {
                    self.report.changed.insert(channel);
                    applied = changed;
                }
            }
        }
        Ok(applied)
    }

    async fn estimates(&mut self) -> Result<BTreeMap<u16, FeeRate>, ArbitratorError> {
        if self.estimates.0.is_none() {
            // No estimate is no reason to wait: the policy says what is bid then.
            let estimates = match self.core.source.fee_estimates(&self.budget).await {
                Ok(estimates) => estimates,
                Err(error) if is_limit_of(&error) => return Err(error.into()),
                Err(error) => {
                    self.tell_trouble(None, format!("no fee estimates: {error}"));
                    BTreeMap::new()
                }
            };
            self.estimates.0 = Some(estimates);
        }
        Ok(self.estimates.0.clone().unwrap_or_default())
    }
}

/// The fee that an answer says no coin is there for.
fn reserve_needed(answer: &Input) -> Option<u64> {
    if let Input::NotClaimed {
        reason: Reason::ReserveNeeded { fee_sat },
        ..
    } = answer
    {
        return Some(*fee_sat);
    }
    None
}
