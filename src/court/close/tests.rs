//! Any kind of close at any depth, taken away and followed by any other, any number of times: what stands in the end is what
//! would stand if only the last had been seen, and nobody upstream is told two things.

use std::collections::BTreeMap;

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut};
use proptest::prelude::*;

use crate::channel::{Candidate, Direction, HtlcLife, HtlcRef};
use crate::config::Policy;
use crate::court::fixtures::{
    block, channel, dossier, forwarded, htlc, open, point, quiet, released, worth,
};
use crate::court::{
    advance, Case, CloseKind, Dossier, EventKind, Facts, Input, Spend, SpendContext, Verdict,
};
use crate::protocol::{CommitmentNumber, CommitmentSecret, Party};

/// The tip at the first look.
const BEGIN: u32 = 400;
/// One case takes fewer steps with one set of facts.
const MOST_STEPS: usize = 16;

/// What can spend the funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cooperative,
    Ours,
    Theirs,
    TheirPending,
    Revoked,
    Unknown,
}

const KINDS: [Kind; 6] = [
    Kind::Cooperative,
    Kind::Ours,
    Kind::Theirs,
    Kind::TheirPending,
    Kind::Revoked,
    Kind::Unknown,
];

/// The secret of the peer's commitment 0.
fn secret() -> CommitmentSecret {
    CommitmentSecret::new([0x41; 32])
}

fn number(number: u64) -> CommitmentNumber {
    CommitmentNumber::new(number).expect("below 2^48")
}

/// HTLCs that make a difference: our own and forwarded, released or not, with and without an output.
fn lives() -> Vec<HtlcLife> {
    vec![
        htlc(Direction::Outgoing, 0, 500),
        forwarded(htlc(Direction::Outgoing, 1, 450), 700),
        worth(forwarded(htlc(Direction::Outgoing, 2, 470), 700), 300_000),
        released(htlc(Direction::Incoming, 3, 600)),
        htlc(Direction::Incoming, 4, 440),
    ]
}

/// A channel whose commitments are real transactions; the peer's newest is pending.
fn a_channel() -> Dossier {
    let mut all = dossier(&lives());
    all.feed.remote = Some(number(2));
    let ours = all.candidates.remove(0);
    let theirs = |number, byte| Candidate {
        owner: Party::Remote,
        number,
        per_commitment_point: point(byte),
        ..ours.clone()
    };
    all.candidates = vec![
        ours.clone(),
        theirs(number(1), 0x32),
        theirs(number(2), 0x33),
    ];
    let built: Vec<_> = all
        .candidates
        .iter()
        .map(|candidate| commitment(&all, candidate).compute_txid())
        .collect();
    for (candidate, txid) in all.candidates.iter_mut().zip(built) {
        candidate.txid = txid;
    }
    all.cooperative = vec![spending(900_000)];
    all
}

fn commitment(dossier: &Dossier, candidate: &Candidate) -> Transaction {
    let built = candidate.build(&dossier.terms, &dossier.htlcs);
    built.expect("the figures make a transaction").tx
}

/// A spend of the funding that pays so much to a script of nobody's.
fn spending(sat: u64) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: channel(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(sat),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }],
    }
}

impl Kind {
    fn transaction(self, dossier: &Dossier) -> Transaction {
        match self {
            Kind::Cooperative => spending(900_000),
            Kind::Ours => commitment(dossier, &dossier.candidates[0]),
            Kind::Theirs => commitment(dossier, &dossier.candidates[1]),
            Kind::TheirPending => commitment(dossier, &dossier.candidates[2]),
            Kind::Revoked => {
                let revoked = Candidate {
                    number: CommitmentNumber::ZERO,
                    per_commitment_point: secret().point().expect("a good secret"),
                    htlcs: Vec::new(),
                    local_msat: 500_000_000,
                    remote_msat: 450_000_000,
                    ..dossier.candidates[1].clone()
                };
                commitment(dossier, &revoked)
            }
            Kind::Unknown => spending(800_000),
        }
    }

    fn is(self, kind: CloseKind) -> bool {
        match kind {
            CloseKind::Cooperative => self == Kind::Cooperative,
            CloseKind::Local { .. } => self == Kind::Ours,
            CloseKind::Remote { .. } => self == Kind::Theirs,
            CloseKind::RemotePending { .. } => self == Kind::TheirPending,
            CloseKind::Breach { .. } => self == Kind::Revoked,
            CloseKind::Unknown => self == Kind::Unknown,
            CloseKind::LocalOther { .. } | CloseKind::RemoteFuture { .. } => false,
        }
    }
}

/// What a look at the chain shows: so many blocks after the last one, a close at this depth, or none.
#[derive(Clone, Copy, Debug)]
struct Look {
    blocks: u32,
    close: Option<(Kind, u32)>,
}

fn looks() -> impl Strategy<Value = Look> {
    let close = (0..KINDS.len(), 1..=99u32).prop_map(|(kind, depth)| (KINDS[kind], depth));
    (0..8u32, proptest::option::weighted(0.8, close))
        .prop_map(|(blocks, close)| Look { blocks, close })
}

/// A case, and what was told of it.
struct Story {
    case: Case,
    tip: u32,
    verdicts: BTreeMap<HtlcRef, Vec<Verdict>>,
}

impl Story {
    fn new(tip: u32) -> Self {
        Story {
            case: open(),
            tip,
            verdicts: BTreeMap::new(),
        }
    }

    /// Looks, and goes as far as the case goes with what is seen.
    fn looks(&mut self, dossier: &Dossier, look: Look) {
        self.tip += look.blocks;
        for _ in 0..MOST_STEPS {
            let facts = Input::Facts(Box::new(self.facts(dossier, look)));
            let step = advance(&self.case, dossier, &facts, &Policy::default());
            let step = step.expect("the facts are possible");
            for event in &step.events {
                let (htlc, told) = match event.kind {
                    EventKind::FulfillUpstream { htlc, .. } => (htlc, Verdict::Fulfilled),
                    EventKind::FailUpstream { htlc, .. } => (htlc, Verdict::Failed),
                    _ => continue,
                };
                self.verdicts.entry(htlc).or_default().push(told);
            }
            if step.is_empty(&self.case) {
                return;
            }
            self.case = step.case;
        }
        panic!("it does not come to rest");
    }

    fn facts(&self, dossier: &Dossier, look: Look) -> Facts {
        let mut facts = quiet(self.tip);
        let contracts = self.case.contracts.iter();
        let outputs = contracts.map(|contract| contract.outpoint);
        facts.looked_at.extend(outputs);
        if let Some((kind, depth)) = look.close {
            let transaction = kind.transaction(dossier);
            let spend = Spend {
                txid: transaction.compute_txid(),
                transaction,
                confirmed: Some((block(self.tip + 1 - depth), depth)),
            };
            facts.spends = BTreeMap::<OutPoint, Spend>::from([(channel(), spend)]);
            facts.context = SpendContext {
                our_point: Some(point(0x31)),
                peer_secret: (kind == Kind::Revoked).then(secret),
                ..SpendContext::default()
            };
        }
        facts
    }
}

proptest! {
    #[test]
    fn after_any_reorgs_a_case_stands_where_the_last_close_alone_would_have_put_it(
        before in proptest::collection::vec(looks(), 0..6),
        kind in 0..KINDS.len(), depth in 1..=99u32,
    ) {
        let dossier = a_channel();
        let mut story = Story::new(BEGIN);
        for look in before {
            story.looks(&dossier, look);
        }
        let last = Look { blocks: 1, close: Some((KINDS[kind], depth)) };
        let mut fresh = Story::new(story.tip);
        story.looks(&dossier, last);
        fresh.looks(&dossier, last);

        let close = story.case.close.as_ref().expect("it is proven");
        prop_assert!(KINDS[kind].is(close.kind), "{:?}", close.kind);
        prop_assert_eq!(Some(close), fresh.case.close.as_ref());
        prop_assert_eq!(story.case.state, fresh.case.state);
        prop_assert_eq!(&story.case.contracts, &fresh.case.contracts);
        prop_assert_eq!(story.case.orphan, None);
        for (htlc, told) in &story.verdicts {
            prop_assert_eq!(told.len(), 1, "{:?} was told {:?}", htlc, told);
        }
    }
}
