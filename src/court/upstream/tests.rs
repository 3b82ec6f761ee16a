//! Every row of the table, and every combination of where an HTLC has its output, what confirms, and what is known.

use bitcoin::secp256k1::{SecretKey, SECP256K1};
use bitcoin::{OutPoint, Txid};

use super::*;
use crate::channel::Candidate;
use crate::court::fixtures::outputs::{
    contract, dossier, htlc, life, preimage, spender, spent_by, EXPIRY, VALUE,
};
use crate::court::fixtures::{closed, quiet};
use crate::court::resolver::{Reason, Resolution};
use crate::court::Block;
use crate::protocol::{ChannelType, Party, SpendPath};

/// A settled close of this channel has this depth.
const SETTLED: u32 = 3;

/// Our HTLC.
fn outgoing() -> HtlcLife {
    life(Direction::Outgoing, 0)
}

/// A commitment that may confirm, with these HTLCs.
fn candidate(owner: Party, number: u64, htlcs: &[HtlcLife]) -> Candidate {
    let paid: u64 = htlcs.iter().map(|life| life.terms.amount_msat).sum();
    let point = SecretKey::from_slice(&[0x77; 32]).expect("a number below the order");
    Candidate {
        funding: OutPoint::null(),
        owner,
        number: CommitmentNumber::new(number).expect("a small number"),
        alternative: 0,
        feerate_per_kw: 500,
        local_msat: 500_000_000 - paid,
        remote_msat: 500_000_000,
        per_commitment_point: point.public_key(SECP256K1),
        txid: Txid::from_raw_hash(bitcoin::hashes::Hash::all_zeros()),
        signatures: None,
        htlcs: htlcs.iter().map(HtlcLife::htlc_ref).collect(),
    }
}

/// A closed channel in which our HTLC is open.
struct World {
    dossier: Dossier,
    case: Case,
    facts: Facts,
}

impl World {
    fn new(kind: CloseKind, life: HtlcLife, contracts: Vec<Contract>) -> Self {
        let mut dossier = dossier(ChannelType::AnchorsZeroFeeHtlc);
        dossier.htlcs.insert(life.htlc_ref(), life);
        let looked_at = contracts.iter().map(|it| it.outpoint).collect();
        let facts = Facts {
            looked_at,
            ..quiet(EXPIRY - 50)
        };
        World {
            dossier,
            case: closed(kind, contracts),
            facts,
        }
        .at_depth(1)
    }

    /// The peer's current commitment confirmed, with an output for our HTLC that has come so far.
    fn with_output(progress: Progress) -> Self {
        let contract = Contract {
            progress,
            ..htlc(Party::Remote, Direction::Outgoing)
        };
        Self::new(CloseKind::Remote { number: 0 }, outgoing(), vec![contract])
    }

    fn at_depth(mut self, depth: u32) -> Self {
        let terms = &self.dossier.terms;
        let any = contract(Party::Remote, ContractOutput::ToRemote, 9);
        let close = spent_by(spender(terms, &[&any], SpendPath::ToRemote), depth);
        self.facts.spends.insert(self.dossier.channel(), close);
        self
    }

    fn at(mut self, tip: u32) -> Self {
        self.facts.tip = tip;
        self
    }

    fn knowing(mut self) -> Self {
        self.facts.preimages.insert(preimage().hash(), preimage());
        self
    }

    fn verdict(&self) -> Option<Verdict> {
        let mut step = Step {
            case: self.case.clone(),
            ..Step::default()
        };
        let policy = Policy::default();
        upstream(&mut step, &self.dossier, &self.facts, &policy);
        step.case.verdict(outgoing().htlc_ref())
    }
}

/// Which commitments have an output for the HTLC, or carry it without.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Carried {
    No,
    AsDust,
    WithOutput,
}

const CARRIED: [Carried; 3] = [Carried::No, Carried::AsDust, Carried::WithOutput];

/// What confirms: index into our commitment, the peer's, and the peer's pending one.
const CLOSES: [CloseKind; 3] = [
    CloseKind::Local { number: 1 },
    CloseKind::Remote { number: 1 },
    CloseKind::RemotePending { number: 2 },
];

/// An HTLC carried so by each of the three commitments, one of which confirmed.
fn dangling(carried: [Carried; 3], confirmed: usize) -> World {
    let mut life = outgoing();
    // Every side's dust limit decides by itself; an amount below them all, and the other amount above.
    if carried.contains(&Carried::AsDust) {
        life.terms.amount_msat = 100_000;
    }
    let owners = [Party::Local, Party::Remote, Party::Remote];
    let has_output = carried[confirmed] == Carried::WithOutput;
    let contracts = has_output.then(|| htlc(owners[confirmed], Direction::Outgoing));
    let mut world = World::new(CLOSES[confirmed], life, contracts.into_iter().collect());
    for (index, owner) in owners.into_iter().enumerate() {
        let with = carried[index] != Carried::No;
        let htlcs = with.then_some(life);
        let number = if index == 2 { 2 } else { 1 };
        let candidate = candidate(owner, number, htlcs.as_slice());
        world.dossier.candidates.push(candidate);
    }
    world
}

#[test]
fn where_it_has_its_output_what_confirms_and_what_is_known_decide_together() {
    let mut judged = 0;
    for local in CARRIED {
        for remote in CARRIED {
            for pending in CARRIED {
                let carried = [local, remote, pending];
                let mixed =
                    carried.contains(&Carried::AsDust) && carried.contains(&Carried::WithOutput);
                // One amount cannot be both here: the dust limits are the same.
                if mixed {
                    continue;
                }
                for confirmed in 0..3 {
                    for tip in [EXPIRY - 50, EXPIRY + 50] {
                        judged += 1;
                        judge(carried, confirmed, tip);
                    }
                }
            }
        }
    }
    assert_eq!(judged, 15 * 3 * 2);
}

fn judge(carried: [Carried; 3], confirmed: usize, tip: u32) {
    let what = format!("{carried:?}, {confirmed} confirmed, tip {tip}");
    let world = |depth| dangling(carried, confirmed).at(tip).at_depth(depth);
    for depth in [1, SETTLED] {
        let known = world(depth).knowing().verdict();
        assert_eq!(known, Some(Verdict::Fulfilled), "{what}");
    }
    let has_output = carried[confirmed] == Carried::WithOutput;
    let is_elsewhere = carried.contains(&Carried::WithOutput);
    let (at_once, when_settled) = match (has_output, is_elsewhere) {
        // Its output decides.
        (true, _) => (None, None),
        (false, true) => (None, Some(Verdict::Failed)),
        (false, false) => (Some(Verdict::Failed), Some(Verdict::Failed)),
    };
    assert_eq!(world(1).verdict(), at_once, "{what}");
    assert_eq!(world(SETTLED - 1).verdict(), at_once, "{what}");
    assert_eq!(world(SETTLED).verdict(), when_settled, "{what}");
}

fn spent(settled: bool) -> Progress {
    Progress::Spent {
        resolution: Resolution::Claimed {
            txid: htlc(Party::Remote, Direction::Outgoing).outpoint.txid,
        },
        block: Block {
            height: EXPIRY,
            hash: bitcoin::hashes::Hash::all_zeros(),
        },
        settled,
    }
}

#[test]
fn an_output_decides_when_its_spend_is_settled() {
    let contested = Progress::Contested { until: EXPIRY };
    for (progress, expected) in [
        (contested, None),
        (Progress::Claimable, None),
        (spent(false), None),
        (spent(true), Some(Verdict::Failed)),
    ] {
        let world = World::with_output(progress).at_depth(100);
        assert_eq!(world.verdict(), expected, "{progress:?}");
    }
}

#[test]
fn an_output_that_is_left_decides_when_the_patience_with_the_peer_ends() {
    let patience = EXPIRY + Policy::default().end_patience;
    let fee = Reason::FeeAboveValue { fee_sat: VALUE };
    for progress in [
        Progress::Uneconomic { reason: fee },
        Progress::GivenUp {
            reason: Reason::NoPeerSignature,
        },
    ] {
        let at = |tip| World::with_output(progress).at_depth(100).at(tip).verdict();
        assert_eq!(at(patience - 1), None, "{progress:?}");
        assert_eq!(at(patience), Some(Verdict::Failed), "{progress:?}");
    }
}

#[test]
fn what_we_may_not_know_whole_decides_when_the_patience_with_the_peer_ends() {
    let patience = EXPIRY + Policy::default().end_patience;
    for kind in [
        CloseKind::RemoteFuture { number: 7 },
        CloseKind::LocalOther { number: 7 },
    ] {
        let at = |tip| {
            let world = World::new(kind, outgoing(), Vec::new());
            world.at_depth(100).at(tip).verdict()
        };
        assert_eq!(at(patience - 1), None, "{kind:?}");
        assert_eq!(at(patience), Some(Verdict::Failed), "{kind:?}");
    }
}

#[test]
fn an_older_commitment_of_ours_is_known_whole() {
    let kind = CloseKind::LocalOther { number: 1 };
    let mut world = World::new(kind, outgoing(), Vec::new());
    world.dossier.feed.local = CommitmentNumber::new(2).ok();
    let world = world.at_depth(SETTLED);
    assert_eq!(world.verdict(), Some(Verdict::Failed));
}

#[test]
fn what_nobody_understands_decides_nothing() {
    let world = World::new(CloseKind::Unknown, outgoing(), Vec::new());
    let world = world.at_depth(100).at(EXPIRY + 100_000);
    assert_eq!(world.verdict(), None);
}

fn forwarded(expiry: u32) -> HtlcLife {
    let mut life = outgoing();
    life.terms.origin = HtlcOrigin::Forwarded {
        channel: OutPoint::null(),
        id: 0,
        expiry,
    };
    life
}

#[test]
fn an_upstream_expiry_within_the_margin_decides_whatever_stands() {
    let margin = Policy::default().upstream_margin;
    let upstream = EXPIRY + 40;
    for kind in [CloseKind::Remote { number: 0 }, CloseKind::Unknown] {
        let at = |tip| {
            let contract = htlc(Party::Remote, Direction::Outgoing);
            let world = World::new(kind, forwarded(upstream), vec![contract]);
            world.at(tip).verdict()
        };
        assert_eq!(at(upstream - margin - 1), None, "{kind:?}");
        assert_eq!(at(upstream - margin), Some(Verdict::Failed), "{kind:?}");
    }
}

#[test]
fn nothing_is_failed_before_its_output_was_looked_at() {
    let contract = htlc(Party::Remote, Direction::Outgoing);
    let kind = CloseKind::Remote { number: 0 };
    let mut world = World::new(kind, forwarded(EXPIRY), vec![contract]).at(EXPIRY);
    world.facts.looked_at.clear();
    assert_eq!(world.verdict(), None);
}

#[test]
fn a_preimage_that_this_very_step_found_is_known() {
    let world = World::with_output(spent(true));
    let mut step = Step {
        case: world.case.clone(),
        learned: vec![preimage()],
        ..Step::default()
    };
    upstream(&mut step, &world.dossier, &world.facts, &Policy::default());
    let verdict = step.case.verdict(outgoing().htlc_ref());
    assert_eq!(verdict, Some(Verdict::Fulfilled));
}

#[test]
fn what_was_told_is_told_once_and_stays() {
    for told in [Verdict::Fulfilled, Verdict::Failed] {
        let mut world = World::with_output(spent(true)).knowing();
        world.case.verdicts.push((outgoing().htlc_ref(), told));
        let mut step = Step {
            case: world.case.clone(),
            ..Step::default()
        };
        upstream(&mut step, &world.dossier, &world.facts, &Policy::default());
        assert!(step.events.is_empty() && step.case == world.case);
    }
}

#[test]
fn what_went_out_releases_what_came_in() {
    let mut world = World::with_output(Progress::Claimable).knowing();
    let life = forwarded(EXPIRY + 40);
    world.dossier.htlcs.insert(life.htlc_ref(), life);
    let mut step = Step {
        case: world.case.clone(),
        ..Step::default()
    };
    upstream(&mut step, &world.dossier, &world.facts, &Policy::default());
    let key = HtlcKey {
        direction: Direction::Incoming,
        id: 0,
    };
    assert_eq!(step.releases, vec![(OutPoint::null(), key)]);
}

#[test]
fn an_incoming_htlc_has_no_verdict() {
    let received = life(Direction::Incoming, 0);
    let world = World::new(CloseKind::Remote { number: 0 }, received, Vec::new());
    let mut step = Step {
        case: world.case.clone(),
        ..Step::default()
    };
    upstream(&mut step, &world.dossier, &world.facts, &Policy::default());
    assert!(step.events.is_empty() && step.case.verdicts.is_empty());
}
