//! What the court wants to go on with a case, made and signed: a commitment, claims, the child of a commitment.

use std::collections::BTreeMap;

use bitcoin::FeeRate;

use super::super::core::Applied;
use super::{is_limit, is_limit_of, Tick};
use crate::court::{self, wants, BroadcastPurpose, Case, Dossier, Input, Reason, Want};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;

impl Tick<'_> {
    /// Answers what the court wants of a channel at this tip, whose case was just read.
    pub(super) async fn answer_wants(
        &mut self,
        row: ChannelRow,
        case: Case,
        dossier: &Dossier,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let policy = &self.core.policy;
        let all = wants(&case, dossier, tip, policy);
        let signs = all.contains(&Want::SignCommitment);
        let answered = self.answer_all(row, dossier, case, all, tip).await;
        if answered.as_ref().is_err_and(is_limit) {
            return answered;
        }
        if signs {
            // A commitment that is signed now may want a child now.
            let case = self.core.store.case(row)?;
            let child = court::cpfp(&case, dossier, tip, policy);
            let child = child.into_iter().map(|child| Want::Cpfp(Box::new(child)));
            let child = child.collect();
            self.answer_all(row, dossier, case, child, tip).await?;
        }
        answered
    }

    /// Answers what is wanted of the case as it stands.
    async fn answer_all(
        &mut self,
        row: ChannelRow,
        dossier: &Dossier,
        mut case: Case,
        wants: Vec<Want>,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let mut failed = None;
        for want in wants {
            // One claim that cannot be made stops no other.
            match self.answer(row, dossier, &case, want, tip).await {
                Ok(answers) => {
                    for input in answers {
                        case = self.take_answer(row, case, dossier, &input)?;
                    }
                }
                Err(error) if is_limit(&error) => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// What the court is to be told in answer to what it wants.
    async fn answer(
        &mut self,
        row: ChannelRow,
        dossier: &Dossier,
        case: &Case,
        want: Want,
        tip: u32,
    ) -> Result<Vec<Input>, ArbitratorError> {
        let core = self.core;
        Ok(match want {
            Want::SignCommitment => {
                let permit = court::permit(dossier.channel(), case)?;
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
                core.make_child(row, case, dossier, &child, &estimates, tip)
                    .await?
            }
        })
    }

    /// Tells the court an answer. Gives the case after it.
    fn take_answer(
        &mut self,
        row: ChannelRow,
        case: Case,
        dossier: &Dossier,
        input: &Input,
    ) -> Result<Case, ArbitratorError> {
        let channel = dossier.channel();
        if let Some(fee_sat) = reserve_needed(input) {
            let what = format!("the wallet has no coin for a fee of {fee_sat} sat");
            self.tell_trouble(Some(channel), what);
        }
        let (case, applied) = self.core.apply_to(row, case, dossier, input)?;
        match applied {
            Applied::Nothing => {}
            Applied::Changed | Applied::NewsForOthers => {
                self.report.changed.insert(channel);
            }
        }
        Ok(case)
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
