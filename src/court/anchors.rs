//! Which unconfirmed commitment is raised by a child that spends our anchor on it (CPFP), by when, and for how much.
//!
//! | the spend of the funding                              | the child is for           |
//! |-------------------------------------------------------|----------------------------|
//! | proven on the chain                                   | nobody                     |
//! | waits in a mempool, a commitment of ours or the peer's | that one                  |
//! | waits in a mempool, something else                    | nobody                     |
//! | waits in no mempool, the peer's commitment did once  | that one, unless the server refuses it and ours is due |
//! | waits in no mempool                                   | ours, if it is due for broadcast |
//!
//! | HTLCs on the commitment                               | through by                                   | for at most            |
//! |-------------------------------------------------------|----------------------------------------------|------------------------|
//! | one that is lost at a height                          | half the way to the first of these heights: the claims come after it | `budget_percent` of what is lost |
//! | none, and the server refuses the commitment as too cheap | whenever                                  | `stuck_percent` of our balance |
//! | none, and it waits                                    | no child: nothing is lost                    |                        |

mod stake;

use bitcoin::{Amount, FeeRate, OutPoint, Txid, Weight};
use serde::{Deserialize, Serialize};

use super::bump::{first, Bumped};
use super::case::total;
use super::permit::is_permitted;
use super::wants::is_due;
use super::watcher::is_signed_by_both;
use super::{
    Broadcast, BroadcastPurpose, Case, Contract, ContractRole, Dossier, Facts, Outcome, Progress,
    Raise, Step,
};
use crate::channel::{Candidate, HtlcRef};
use crate::config::{share, Policy};
use crate::protocol::{Commitment, ContractOutput, OutputRole, Party};
use stake::Stake;

/// A spend of the funding that a mempool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub txid: Txid,
    /// The tip when it was first seen there.
    pub since: u32,
}

/// A child that is to raise the fee of an unconfirmed commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpfp {
    /// Our anchor on the commitment.
    pub anchor: Contract,
    pub parent: Parent,
    /// The height by which the commitment has to be confirmed; `None`: nothing is lost by waiting.
    pub deadline: Option<u32>,
    /// The most that the child may pay.
    pub budget: Amount,
    /// The feerate that the app has asked for.
    pub floor: Option<FeeRate>,
    /// The child before, which did not help.
    pub raise: Option<Raise>,
}

/// What a child pays for beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// With its witness, at most.
    pub weight: Weight,
    pub fee: Amount,
    /// The tip when it began to wait.
    pub since: u32,
    pub reception: Reception,
}

/// What the server makes of a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It holds it.
    Held,
    /// It refused it as too cheap.
    TooCheap,
    /// It has not said, or refused it for another reason.
    Unknown,
}

/// Takes note of what waits in a mempool. What a server leaves unsaid in a tick changes nothing.
pub(super) fn unconfirmed(step: &mut Step, dossier: &Dossier, facts: &Facts) {
    let channel = dossier.channel();
    if !facts.looked_at.contains(&channel) {
        return;
    }
    let spend = facts.spends.get(&channel);
    let waiting = spend.filter(|spend| spend.confirmed.is_none());
    let before = step.case.unconfirmed;
    step.case.unconfirmed = waiting.and_then(|spend| {
        let txid = spend.txid;
        before.filter(|known| known.txid == txid).or_else(|| {
            let is_real = is_signed_by_both(&dossier.terms, &spend.transaction);
            let since = facts.tip;
            is_real.then_some(Unconfirmed { txid, since })
        })
    });
}

/// Whether a child through this anchor is for the commitment that may be raised now.
pub(super) fn is_raised(case: &Case, anchor: OutPoint) -> bool {
    raised(case).is_some_and(|parent| parent.txid == anchor.txid)
}

/// The commitment that a child may be for, whoever made it. None while nothing of ours may go out: what we hold for the
/// newest may be revoked.
pub(super) fn raised(case: &Case) -> Option<Unconfirmed> {
    if case.close.is_some() || !is_permitted(case) {
        return None;
    }
    let held = case.broadcasts.iter();
    let held = held.filter(|held| held.purpose.is_commitment() && is_due(case, held));
    let due: Vec<&Broadcast> = held.collect();
    match case.unconfirmed {
        // One that is held waits since then, wherever it was seen since.
        Some(seen) => {
            let mut due = due.iter();
            let held = due.find(|held| held.txid == seen.txid);
            let since = held.map_or(seen.since, |held| held.since.min(seen.since));
            Some(Unconfirmed { since, ..seen })
        }
        None => {
            let last = |purpose| due.iter().rfind(|held| held.purpose == purpose);
            let ours = last(BroadcastPurpose::Commitment);
            let theirs = last(BroadcastPurpose::PeerCommitment);
            // Other mempools may hold theirs still, and take ours beside it no more than this one did.
            let is_refused =
                |held: &Broadcast| held.outcome.as_ref().is_some_and(Outcome::is_refused);
            let theirs = theirs.filter(|theirs| ours.is_none() || !is_refused(theirs));
            theirs.or(ours).map(|held| Unconfirmed {
                txid: held.txid,
                since: held.since,
            })
        }
    }
}

/// Whether a child of ours, through this anchor, belongs on the chain now: its parent may still confirm, and it is the newest.
pub(super) fn is_due_child(case: &Case, held: &Broadcast, anchor: OutPoint) -> bool {
    is_raised(case, anchor)
        && newest_child(case, anchor).is_some_and(|newest| newest.txid == held.txid)
}

/// Whether nobody waits for a child any more, and its coins are free: its parent is not raised as things stand, or a close is
/// proven, whether or not it was its parent that confirmed. A reorg, or a mempool, may give it back.
pub(super) fn is_void_child(case: &Case, held: &Broadcast) -> bool {
    let is_confirmed = || {
        let mut anchors = case.claimed_by(&held.transaction);
        anchors.any(|anchor| {
            let resolution = anchor.progress.resolution();
            resolution.is_some_and(|resolution| resolution.txid() == held.txid)
        })
    };
    match (&case.close, held.anchor()) {
        (Some(_), _) => !is_confirmed(),
        (None, anchor) => anchor.is_none_or(|anchor| !is_raised(case, anchor)),
    }
}

fn newest_child(case: &Case, anchor: OutPoint) -> Option<&Broadcast> {
    let purpose = BroadcastPurpose::Cpfp(anchor);
    case.broadcasts.iter().rfind(|held| held.purpose == purpose)
}

/// What the inputs of a child hold: the anchor, and coins.
pub fn spent_by_child(held: &Broadcast, dossier: &Dossier) -> Amount {
    // BOLT 3: both anchors hold the same.
    let anchor = dossier.terms.channel_type.format().anchors_cost() / 2;
    total(held.coin_values().chain([anchor]))
}

/// A commitment that may be raised, and what stands on it.
struct Raisable {
    waiting: Unconfirmed,
    commitment: Commitment,
    anchor: Contract,
    stake: Stake,
}

impl Raisable {
    fn of(case: &Case, dossier: &Dossier, policy: &Policy) -> Option<Self> {
        let waiting = raised(case)?;
        let mut candidates = dossier.candidates.iter();
        let candidate = candidates.find(|candidate| candidate.txid == waiting.txid)?;
        // One whose HTLCs cannot be read is reported elsewhere.
        let commitment = candidate.build(&dossier.terms, &dossier.htlcs).ok()?;
        Some(Raisable {
            anchor: our_anchor(candidate, &commitment)?,
            stake: Stake::of(case, dossier, candidate, &commitment, policy),
            waiting,
            commitment,
        })
    }

    /// The height by which it has to be confirmed, and the HTLC that says so: half of the blocks that are left when it begins
    /// to wait are its own, the rest is for what comes after it.
    fn deadline(&self) -> Option<(u32, HtlcRef)> {
        let (expiry, htlc) = self.stake.first_lost?;
        let since = self.waiting.since;
        let half = expiry.saturating_sub(since) / 2;
        Some((since.saturating_add(half.max(1)), htlc))
    }
}

/// The height by which a commitment that waits has to be confirmed, and the HTLC that says so.
pub(super) fn commitment_deadline(
    case: &Case,
    dossier: &Dossier,
    policy: &Policy,
) -> Option<(u32, HtlcRef)> {
    Raisable::of(case, dossier, policy)?.deadline()
}

/// The child that has to be made, or made anew, at this tip. Whether the commitment needs one is for the market to say, and
/// none is made where its own fee is enough.
pub fn cpfp(case: &Case, dossier: &Dossier, tip: u32, policy: &Policy) -> Option<Cpfp> {
    let raisable = Raisable::of(case, dossier, policy)?;
    let own_deadline = raisable.deadline().map(|(height, _)| height);
    let bumped = Bumped::of(case, std::iter::once(&raisable.anchor.outpoint));
    let Raisable {
        waiting,
        commitment,
        anchor,
        stake,
    } = raisable;
    let parent = Parent {
        weight: commitment.weight(),
        fee: commitment.actual_fee(),
        since: waiting.since,
        reception: reception(case, waiting.txid),
    };
    let all = total([stake.htlcs, stake.balance].into_iter());
    let stuck = share(stake.balance, policy.stuck_percent);
    let budget = match (own_deadline, parent.reception, bumped) {
        (
            _,
            _,
            Bumped {
                feerate: Some(_), ..
            },
        ) => all,
        (Some(_), _, _) => share(stake.htlcs, policy.budget_percent),
        (None, Reception::TooCheap, _) => stuck,
        (None, Reception::Held | Reception::Unknown, asked) if asked.is_any() => stuck,
        (None, Reception::Held | Reception::Unknown, _) => return None,
    };
    let raise = match newest_child(case, anchor.outpoint) {
        None => None,
        Some(held) => Some(raise(case, held, bumped, tip)?),
    };
    Some(Cpfp {
        anchor,
        parent,
        deadline: first([own_deadline, bumped.deadline]),
        budget,
        floor: bumped.feerate,
        raise,
    })
}

/// The commitment that waits, and our anchor on it; `None` without anchor: its format has none, or it has no output for us.
pub(super) fn raisable_anchor(
    case: &Case,
    dossier: &Dossier,
    policy: &Policy,
) -> Option<(Txid, Option<OutPoint>)> {
    let waiting = raised(case)?;
    let raisable = Raisable::of(case, dossier, policy);
    Some((waiting.txid, raisable.map(|it| it.anchor.outpoint)))
}

/// Our anchor on a commitment of either side. BOLT 3: there is none where we have no output and no HTLC has.
pub(super) fn our_anchor(candidate: &Candidate, commitment: &Commitment) -> Option<Contract> {
    let (ours, output) = match candidate.owner {
        Party::Local => (OutputRole::OwnerAnchor, ContractOutput::OwnerAnchor),
        Party::Remote => (
            OutputRole::CounterpartyAnchor,
            ContractOutput::CounterpartyAnchor,
        ),
    };
    let mut outputs = (0u32..).zip(&commitment.outputs);
    let (vout, found) = outputs.find(|(_, output)| output.role == ours)?;
    Some(Contract {
        outpoint: OutPoint::new(candidate.txid, vout),
        value_sat: found.value.to_sat(),
        owner: candidate.owner,
        per_commitment_point: candidate.per_commitment_point,
        output,
        htlc: None,
        version: None,
        parent: None,
        created: None,
        role: ContractRole::Anchor,
        progress: Progress::Claimable,
    })
}

fn reception(case: &Case, txid: Txid) -> Reception {
    if case.unconfirmed.is_some_and(|waiting| waiting.txid == txid) {
        return Reception::Held;
    }
    let mut ours = case.broadcasts.iter().filter(|held| held.txid == txid);
    match ours.next().and_then(|held| held.outcome.as_ref()) {
        Some(Outcome::Accepted | Outcome::AlreadyKnown) => Reception::Held,
        Some(Outcome::FeeTooLow) => Reception::TooCheap,
        Some(Outcome::Conflict(_) | Outcome::Unreachable | Outcome::Other(_)) | None => {
            Reception::Unknown
        }
    }
}

/// How a child is made anew; `None`: it stays as it is.
fn raise(case: &Case, held: &Broadcast, bumped: Bumped, tip: u32) -> Option<Raise> {
    let txid = held.anchor()?.txid;
    match &held.outcome {
        Some(Outcome::FeeTooLow) => Some(Raise::Replace(held.clone())),
        // Without its parent it spends what does not exist: that says nothing of its coins.
        Some(Outcome::Conflict(_)) if !was_there(case, txid, tip) => None,
        Some(Outcome::Conflict(_)) => Some(Raise::Replace(held.clone())),
        Some(
            Outcome::Accepted | Outcome::AlreadyKnown | Outcome::Unreachable | Outcome::Other(_),
        )
        | None => (tip > held.since || bumped.is_any()).then(|| Raise::Reprice(held.clone())),
    }
}

/// Whether a commitment was in the server's mempool when its child was last offered.
fn was_there(case: &Case, txid: Txid, tip: u32) -> bool {
    let mut ours = case.broadcasts.iter().filter(|held| held.txid == txid);
    match ours.next() {
        Some(ours) => ours.outcome.as_ref().is_some_and(Outcome::is_held),
        None => {
            let waits = |it: Unconfirmed| it.txid == txid && it.since < tip;
            case.unconfirmed.is_some_and(waits)
        }
    }
}

#[cfg(test)]
mod tests;
