//! The channel arbitrator: one input moves one case one step.
//!
//! Each question has a small function of its own; [`advance`] asks them in the order in which facts build on each
//! other: funding, one whose coins are spent, a cancelled one, close, contracts, what they mean upstream, what to do about an absent close, whether an HTLC
//! makes an open channel go to the chain, and whether the case has ended.

use super::anchors::unconfirmed;
use super::bump::on_bump;
use super::close::{absent_close, closing};
use super::commands::{
    on_broadcast_funding, on_data_loss, on_force_close, on_not_claimed, on_outcome, on_signed,
};
use super::contracts::{contracts, resolution};
use super::decisions::decisions;
use super::ending::{
    cancelled_funding, on_abandon, on_cancel_funding, on_closing_signed, on_void_funding,
};
use super::funding::{double_spent_funding, funding};
use super::restored::on_confirmed;
use super::upstream::upstream;
use super::{ArbitratorState, Case, CourtError, Dossier, Facts, Input, LogKind, Step};
use crate::config::Policy;

/// Moves a case one step.
///
/// # Errors
/// [`CourtError`]; the case stays as it is.
pub fn advance(
    case: &Case,
    dossier: &Dossier,
    input: &Input,
    policy: &Policy,
) -> Result<Step, CourtError> {
    let mut step = Step {
        case: case.clone(),
        ..Step::default()
    };
    if case.state != ArbitratorState::FullyResolved {
        match input {
            Input::Facts(facts) => on_facts(&mut step, dossier, facts, policy)?,
            Input::ForceClose { tip } => on_force_close(&mut step, dossier, *tip)?,
            Input::ClosingSigned { transaction, tip } => {
                on_closing_signed(&mut step, dossier, transaction, *tip);
            }
            Input::CancelFunding { tip } => on_cancel_funding(&mut step, dossier, *tip)?,
            Input::BroadcastFunding { tip } => on_broadcast_funding(&mut step, dossier, *tip),
            Input::VoidFunding { why, tip } => on_void_funding(&mut step, dossier, *why, *tip),
            Input::Abandon { tip } => on_abandon(&mut step, dossier, *tip),
            Input::Signed {
                purpose,
                transaction,
                coins,
                tip,
            } => on_signed(&mut step, *purpose, transaction, coins, *tip),
            Input::NotClaimed {
                outpoints,
                reason,
                tip,
            } => on_not_claimed(&mut step, dossier.channel(), outpoints, *reason, *tip),
            Input::Bump {
                outpoint,
                bump,
                tip,
            } => on_bump(&mut step, dossier, *outpoint, *bump, *tip, policy)?,
            Input::Broadcast { txid, outcome, tip } => on_outcome(&mut step, txid, outcome, *tip),
            Input::DataLoss { number, tip } => on_data_loss(&mut step, dossier, *number, *tip),
            Input::RestoredConfirmed { tip } => on_confirmed(&mut step, dossier.channel(), *tip)?,
        }
    }
    if !step.is_empty(case) {
        step.case.revision = case.revision.saturating_add(1);
    }
    Ok(step)
}

fn on_facts(
    step: &mut Step,
    dossier: &Dossier,
    facts: &Facts,
    policy: &Policy,
) -> Result<(), CourtError> {
    funding(step, dossier, facts);
    double_spent_funding(step, dossier, facts, policy);
    cancelled_funding(step, dossier, facts, policy);
    if step.case.state == ArbitratorState::FullyResolved {
        return Ok(());
    }
    closing(step, dossier, facts)?;
    unconfirmed(step, dossier, facts);
    let before = step.case.clone();
    contracts(step, dossier, facts, policy);
    upstream(step, dossier, facts, policy);
    absent_close(step, dossier, facts, policy);
    decisions(step, dossier, facts, policy);
    // A state is left only in the step after the one that entered it: what entering produced is stored first.
    if before.state == ArbitratorState::ContractClosed && entered_now(step) {
        return Ok(());
    }
    resolution(step, dossier, facts, policy);
    Ok(())
}

/// Whether this very step entered its state.
fn entered_now(step: &Step) -> bool {
    step.log
        .iter()
        .any(|entry| matches!(entry.kind, LogKind::State { to, .. } if to == step.case.state))
}
