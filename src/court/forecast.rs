//! What a force close of an open channel would bring about: the child of our commitment and the HTLCs that would be claimed
//! behind it. Nothing is decided here; it tells what the wallet should have ready.

use bitcoin::{Amount, OutPoint};

use super::anchors::our_anchor;
use super::{Contract, ContractRole, Cpfp, Dossier, Parent, Progress, Reception};
use crate::channel::{Candidate, Direction};
use crate::config::{share, Policy};
use crate::protocol::{Commitment, CommitmentOutput, OutputRole, Party};

/// What the wallet's coins would pay for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The child of our newest commitment, for as much as it may cost.
    pub child: Cpfp,
    /// The HTLCs on it whose second-level transactions have no fee of their own.
    pub htlcs: Vec<Contract>,
    /// Satoshi per 1000 weight units that our commitment was built with.
    pub feerate_per_kw: u32,
}

/// What a force close at this tip would need; `None`: nothing of the wallet's. Without anchors the peer signed every fee, and
/// where there is no commitment there is nothing to close with.
pub fn forecast(dossier: &Dossier, tip: u32, policy: &Policy) -> Option<Forecast> {
    let candidate = dossier.local_commitment()?;
    // One whose HTLCs cannot be read is reported elsewhere.
    let commitment = candidate.build(&dossier.terms, &dossier.htlcs).ok()?;
    let anchor = our_anchor(candidate, &commitment)?;
    let htlcs = htlcs(candidate, &commitment, dossier);
    let at_stake = htlcs.iter().map(|htlc| htlc.value_sat).sum();
    // As if each of them were lost with the commitment: an HTLC that is contested today may be ours to claim tomorrow.
    let for_htlcs = share(Amount::from_sat(at_stake), policy.budget_percent);
    let balance = Amount::from_sat(candidate.local_msat / 1_000);
    let child = Cpfp {
        anchor,
        parent: Parent {
            weight: commitment.weight(),
            fee: commitment.actual_fee(),
            since: tip,
            reception: Reception::Unknown,
        },
        deadline: None,
        budget: for_htlcs.max(share(balance, policy.stuck_percent)),
        floor: None,
        raise: None,
    };
    Some(Forecast {
        child,
        htlcs,
        feerate_per_kw: candidate.feerate_per_kw,
    })
}

/// The HTLC outputs of our commitment.
fn htlcs(candidate: &Candidate, commitment: &Commitment, dossier: &Dossier) -> Vec<Contract> {
    let outputs = (0u32..).zip(&commitment.outputs);
    outputs
        .filter_map(|(vout, output)| htlc(candidate, vout, output, dossier))
        .collect()
}

fn htlc(
    candidate: &Candidate,
    vout: u32,
    output: &CommitmentOutput,
    dossier: &Dossier,
) -> Option<Contract> {
    let index = match output.role {
        OutputRole::Htlc(index) => index,
        OutputRole::ToLocal
        | OutputRole::ToRemote
        | OutputRole::OwnerAnchor
        | OutputRole::CounterpartyAnchor => return None,
    };
    let life = dossier.htlcs.get(candidate.htlcs.get(index)?)?;
    Some(Contract {
        outpoint: OutPoint::new(candidate.txid, vout),
        value_sat: output.value.to_sat(),
        owner: Party::Local,
        per_commitment_point: candidate.per_commitment_point,
        output: output.contract,
        htlc: Some(life.terms.key),
        version: None,
        parent: None,
        created: None,
        role: match life.terms.key.direction {
            Direction::Incoming => ContractRole::IncomingSuccess,
            Direction::Outgoing => ContractRole::OutgoingTimeout,
        },
        progress: Progress::Claimable,
    })
}
