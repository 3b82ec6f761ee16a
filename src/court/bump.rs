//! What the app asks of a claim of ours, or of the child of a commitment: a feerate, or to be confirmed by a height. It stays in
//! the case until the output is spent for good, so that a reorg finds it where it was.

use bitcoin::{FeeRate, OutPoint};
use serde::{Deserialize, Serialize};

use super::anchors::raisable_anchor;
use super::claims::{has_free_outputs, is_claimable, is_second_level};
use super::{Case, CourtError, Dossier, LogKind, Step};
use crate::config::Policy;
use crate::protocol::Party;

/// What is asked of a claim. Of two requests the later one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bump {
    /// To pay at least this: more than the policy's share if need be, and never more than what is claimed. When the market
    /// asks for more, more is bid.
    Feerate(FeeRate),
    /// To be confirmed by this height: it bids as a claim that another could take from then on.
    Deadline(u32),
}

/// What was asked of several outputs that one transaction takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bumped {
    /// The highest feerate that was asked for.
    pub feerate: Option<FeeRate>,
    /// The first height that was.
    pub deadline: Option<u32>,
}

impl Bumped {
    /// What was asked of any of these.
    pub(super) fn of<'a>(case: &Case, outpoints: impl Iterator<Item = &'a OutPoint>) -> Self {
        let asked = outpoints.filter_map(|outpoint| case.bump(outpoint));
        asked.fold(Self::default(), |bumped, bump| match bump {
            Bump::Feerate(feerate) => Bumped {
                feerate: bumped.feerate.max(Some(feerate)),
                ..bumped
            },
            Bump::Deadline(height) => Bumped {
                deadline: first([bumped.deadline, Some(height)]),
                ..bumped
            },
        })
    }

    /// Whether anything was.
    pub(super) fn is_any(&self) -> bool {
        self.feerate.is_some() || self.deadline.is_some()
    }
}

/// The first of the heights that there are.
pub(super) fn first(heights: [Option<u32>; 2]) -> Option<u32> {
    heights.into_iter().flatten().min()
}

impl Case {
    /// What the app has asked of the claim of an output, or of the child through an anchor.
    pub fn bump(&self, outpoint: &OutPoint) -> Option<Bump> {
        let asked = self.bumps.iter().find(|(of, _)| of == outpoint);
        asked.map(|(_, bump)| *bump)
    }
}

pub(super) fn on_bump(
    step: &mut Step,
    dossier: &Dossier,
    outpoint: OutPoint,
    bump: Bump,
    tip: u32,
    policy: &Policy,
) -> Result<(), CourtError> {
    let channel = dossier.channel();
    let outpoint = bumpable(&step.case, dossier, outpoint, policy)?;
    match bump {
        Bump::Feerate(feerate) => {
            let cap = FeeRate::from_sat_per_kwu(policy.feerate_cap.into());
            if feerate > cap {
                return Err(CourtError::AboveCap {
                    channel,
                    outpoint,
                    feerate,
                    cap,
                });
            }
        }
        Bump::Deadline(height) => {
            if height <= tip {
                return Err(CourtError::DeadlinePassed {
                    channel,
                    outpoint,
                    height,
                    tip,
                });
            }
        }
    }
    if step.case.bump(&outpoint) != Some(bump) {
        step.case.bumps.retain(|(of, _)| *of != outpoint);
        step.case.bumps.push((outpoint, bump));
        step.log(tip, LogKind::Bumped { outpoint, bump });
    }
    Ok(())
}

/// The output that a request is about: one that is claimed; the anchor of a commitment that waits, which may be named by the
/// funding output as well.
fn bumpable(
    case: &Case,
    dossier: &Dossier,
    outpoint: OutPoint,
    policy: &Policy,
) -> Result<OutPoint, CourtError> {
    let channel = dossier.channel();
    let unknown = CourtError::UnknownClaim { channel, outpoint };
    let fixed = CourtError::NotReplaceable { channel, outpoint };
    if case.close.is_none() {
        let (waiting, anchor) = raisable_anchor(case, dossier, policy).ok_or(unknown.clone())?;
        let is_meant = outpoint == channel || outpoint.txid == waiting;
        return match anchor {
            Some(anchor) if outpoint == channel || outpoint == anchor => Ok(anchor),
            // BOLT 3: without anchors a commitment is as both signed it.
            None if is_meant => Err(fixed),
            Some(_) | None => Err(unknown),
        };
    }
    let mut contracts = case.contracts.iter();
    let contract = contracts
        .find(|contract| contract.outpoint == outpoint && is_claimable(contract))
        .ok_or(unknown)?;
    let is_as_signed = contract.owner == Party::Local && !has_free_outputs(dossier);
    if is_second_level(contract) && is_as_signed {
        return Err(fixed);
    }
    Ok(outpoint)
}
