//! The tables of the case file: who could spend which output from when on, what is awaited, and the text word for word.

use bitcoin::hashes::Hash;
use bitcoin::{Amount, ScriptBuf, Sequence, TxIn, TxOut, Txid, Witness};

use super::*;
use crate::channel::Direction;
use crate::court::fixtures::outputs::{self, htlc, terms, DELAY, EXPIRY, VALUE};
use crate::court::fixtures::{block, closed, CLOSED_AT, PEER_DELAY};
use crate::court::output::{claimants, Standing};
use crate::court::{
    Broadcast, CloseOutput, Contract, LogKind, Means, Money, Outcome, OutputKind, Progress, Reason,
    Resolution, Waiting, Who,
};
use crate::protocol::{ChannelType, ContractOutput, Party};

const ANCHORS: ChannelType = ChannelType::AnchorsZeroFeeHtlc;

fn dossier() -> Dossier {
    outputs::dossier(ANCHORS)
}

fn file(case: &Case, log: Vec<LogEntry>, tip: u32) -> CaseFile {
    CaseFile::of(case, &dossier(), log, tip, &Policy::default())
}

/// An output that the claimants are asked for: of whose commitment, which, and whether that is revoked.
type Asked = (Party, ContractOutput, Standing);

/// From when on who could have it, and with what.
type Answer = (u32, Who, Means);

#[test]
fn everybody_who_could_spend_an_output_is_named_from_the_first_height_on() {
    use ContractOutput::{CounterpartyAnchor, OwnerAnchor, SecondLevel, ToLocal, ToRemote};
    use Means::{Expiry, Plain, Preimage, Revocation};
    use Party::{Local, Remote};
    use Standing::{Revoked, Valid};
    use Who::{Anyone, Peer, Us};
    let offered = htlc(Local, Direction::Outgoing).output;
    let received = htlc(Local, Direction::Incoming).output;
    let at = CLOSED_AT;
    let ripe = CLOSED_AT + u32::from(DELAY) - 1;
    let theirs = CLOSED_AT + u32::from(PEER_DELAY) - 1;
    let for_all = CLOSED_AT + 15;
    let table: [(Asked, &[Answer]); 13] = [
        ((Local, ToLocal, Valid), &[(ripe, Us, Plain)]),
        (
            (Local, ToLocal, Revoked),
            &[(at, Peer, Revocation), (ripe, Us, Plain)],
        ),
        ((Remote, ToLocal, Valid), &[(theirs, Peer, Plain)]),
        (
            (Remote, ToLocal, Revoked),
            &[(at, Us, Revocation), (theirs, Peer, Plain)],
        ),
        ((Local, ToRemote, Valid), &[(at, Peer, Plain)]),
        ((Remote, ToRemote, Valid), &[(at, Us, Plain)]),
        (
            (Local, OwnerAnchor, Valid),
            &[(at, Us, Plain), (for_all, Anyone, Plain)],
        ),
        (
            (Local, CounterpartyAnchor, Valid),
            &[(at, Peer, Plain), (for_all, Anyone, Plain)],
        ),
        (
            (Local, offered, Valid),
            &[(at, Peer, Preimage), (EXPIRY, Us, Expiry)],
        ),
        (
            (Local, received, Valid),
            &[(at, Us, Preimage), (EXPIRY, Peer, Expiry)],
        ),
        (
            (Remote, received, Valid),
            &[(at, Peer, Preimage), (EXPIRY, Us, Expiry)],
        ),
        (
            (Remote, offered, Revoked),
            &[
                (at, Us, Preimage),
                (at, Us, Revocation),
                (EXPIRY, Peer, Expiry),
            ],
        ),
        (
            (Remote, SecondLevel, Revoked),
            &[(at, Us, Revocation), (theirs, Peer, Plain)],
        ),
    ];
    for ((owner, output, standing), expected) in table {
        let found = claimants(&terms(ANCHORS), owner, &output, CLOSED_AT, standing);
        let found: Vec<_> = found.iter().map(|it| (it.from, it.who, it.means)).collect();
        assert_eq!(found, expected, "{owner:?} {output:?} {standing:?}");
    }
}

fn claimed() -> Resolution {
    Resolution::Claimed {
        txid: Txid::from_byte_array([6; 32]),
    }
}

#[test]
fn what_an_output_waits_for_follows_from_how_far_it_is() {
    let outgoing = htlc(Party::Remote, Direction::Outgoing).output;
    let incoming = htlc(Party::Remote, Direction::Incoming).output;
    let ours = ContractOutput::ToRemote;
    let spent = |settled| Progress::Spent {
        resolution: claimed(),
        block: block(449),
        settled,
    };
    let uneconomic = |reason| Progress::Uneconomic { reason };
    let patience = Policy::default().end_patience;
    let left = CLOSED_AT + patience;
    // The settle depth of a million satoshi is 3.
    let table = [
        (
            outgoing,
            Progress::Contested { until: 490 },
            Waiting::PeersPreimage { until: 490 },
            Some(490),
        ),
        (
            incoming,
            Progress::Contested { until: EXPIRY },
            Waiting::Release { until: EXPIRY },
            Some(EXPIRY),
        ),
        (
            incoming,
            Progress::Contested { until: EXPIRY + 9 },
            Waiting::PeersTimeout { until: EXPIRY + 9 },
            Some(EXPIRY + 9),
        ),
        (
            ours,
            Progress::Maturing { claimable_at: 490 },
            Waiting::Height { height: 490 },
            Some(490),
        ),
        (ours, Progress::Claimable, Waiting::Claim, Some(451)),
        (
            ours,
            uneconomic(Reason::FeeAboveValue { fee_sat: 9 }),
            Waiting::LowerFees {
                again: 450 + 144,
                until: left,
            },
            Some(450 + 144),
        ),
        (
            ours,
            uneconomic(Reason::AnchorAlone),
            Waiting::Nothing,
            None,
        ),
        (
            ours,
            spent(false),
            Waiting::Burial {
                settled_at: Some(451),
                final_at: 548,
            },
            Some(451),
        ),
        (
            ours,
            spent(true),
            Waiting::Burial {
                settled_at: None,
                final_at: 548,
            },
            Some(548),
        ),
        (
            ours,
            Progress::Resolved {
                resolution: claimed(),
            },
            Waiting::Nothing,
            None,
        ),
    ];
    for (output, progress, waiting, next) in table {
        let contract = Contract {
            output,
            ..to_remote(progress)
        };
        let case = on_the_chain(CloseKind::Remote { number: 1 }, vec![contract]);
        let [.., found] = &file(&case, Vec::new(), 450).outputs[..] else {
            panic!("an output");
        };
        assert_eq!((found.waiting, found.next_height), (waiting, next));
    }
}

/// The case after a close whose outputs are these contracts.
fn on_the_chain(kind: CloseKind, contracts: Vec<Contract>) -> Case {
    let mut case = closed(kind, Vec::new());
    let close = case.close.as_mut().expect("just closed");
    close.txid = Txid::from_byte_array([5; 32]);
    let pays = |contract: &Contract| TxOut {
        value: Amount::from_sat(contract.value_sat),
        script_pubkey: ScriptBuf::new(),
    };
    close.transaction.output = contracts.iter().map(pays).collect();
    case.contracts = (0u32..)
        .zip(contracts)
        .map(|(vout, contract)| Contract {
            outpoint: OutPoint::new(close.txid, vout),
            ..contract
        })
        .collect();
    case
}

/// A claim of the case's first contract, for a fee of 700 sat.
fn claim_of(case: &Case) -> Broadcast {
    let contract = case.contracts.first().expect("there is one");
    let close = case.close.as_ref().expect("it is closed");
    let mut transaction = close.transaction.clone();
    transaction.input = vec![TxIn {
        previous_output: contract.outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    }];
    transaction.output = vec![TxOut {
        value: Amount::from_sat(contract.value_sat - 700),
        script_pubkey: ScriptBuf::new(),
    }];
    Broadcast {
        txid: transaction.compute_txid(),
        purpose: BroadcastPurpose::Sweep(contract.outpoint),
        transaction,
        since: 410,
        outcome: Some(Outcome::FeeTooLow),
        coins: Vec::new(),
    }
}

fn to_remote(progress: Progress) -> Contract {
    Contract {
        progress,
        ..outputs::contract(Party::Remote, ContractOutput::ToRemote, 0)
    }
}

#[test]
fn the_claim_that_is_out_is_told_with_its_fee_and_what_became_of_it() {
    let mut case = on_the_chain(
        CloseKind::Remote { number: 1 },
        vec![to_remote(Progress::Claimable)],
    );
    let held = claim_of(&case);
    case.broadcasts.push(held.clone());
    let file = file(&case, Vec::new(), 420);
    let output = &file.outputs[0];
    assert_eq!(output.waiting, Waiting::Confirmation { txid: held.txid });
    let claim = output.claim.as_ref().expect("it is out");
    assert_eq!((claim.txid, claim.since), (held.txid, 410));
    assert_eq!(claim.fee, Some(Amount::from_sat(700)));
    assert_eq!(claim.outcome, Some(Outcome::FeeTooLow));
    assert!(file.broadcasts.is_empty(), "a claim stands at its output");
}

#[test]
fn an_amount_is_in_limbo_until_its_claim_has_settled() {
    let claim = |settled| Progress::Spent {
        resolution: claimed(),
        block: block(600),
        settled,
    };
    let money = |progress| {
        let kind = CloseKind::Remote { number: 1 };
        let case = on_the_chain(kind, vec![to_remote(progress)]);
        file(&case, Vec::new(), 610).outputs[0].money
    };
    let in_limbo = Money {
        in_limbo_sat: VALUE,
        ..Money::default()
    };
    let recovered = Money {
        recovered_sat: VALUE,
        ..Money::default()
    };
    assert_eq!(money(Progress::Claimable), in_limbo);
    assert_eq!(money(claim(false)), in_limbo);
    assert_eq!(money(claim(true)), recovered);
}

fn found(outpoint: OutPoint, value_sat: u64, kind: OutputKind) -> LogEntry {
    entry(LogKind::Output(CloseOutput {
        outpoint,
        value_sat,
        kind,
    }))
}

fn entry(kind: LogKind) -> LogEntry {
    LogEntry { height: 401, kind }
}

#[test]
fn outputs_that_are_not_ours_are_listed_too() {
    let mut case = on_the_chain(
        CloseKind::Remote { number: 1 },
        vec![
            to_remote(Progress::Claimable),
            to_remote(Progress::Claimable),
        ],
    );
    case.contracts.pop();
    let close = case.close.as_ref().expect("it is closed");
    let outpoint = OutPoint::new(close.txid, 1);
    let kind = OutputKind::Contract {
        owner: Party::Remote,
        output: ContractOutput::ToLocal,
        htlc: None,
    };
    let log = vec![found(outpoint, VALUE, kind)];
    let file = file(&case, log, 420);
    let theirs = &file.outputs[1];
    assert_eq!((theirs.kind, theirs.progress), (kind, None));
    assert_eq!(theirs.claimants.len(), 1, "the peer, after its delay");
    assert_eq!(
        (theirs.waiting, theirs.money),
        (Waiting::Nothing, Money::default())
    );
}

#[test]
fn what_the_log_does_not_tell_of_is_unrecognised() {
    let mut case = on_the_chain(CloseKind::Unknown, vec![to_remote(Progress::Claimable)]);
    case.contracts.clear();
    let file = file(&case, Vec::new(), 420);
    assert_eq!(file.outputs[0].kind, OutputKind::Unrecognised);
    assert!(file.outputs[0].claimants.is_empty());
}

/// A case that has ended: its contracts are purged, and its log says what became of them.
fn ended() -> (Case, Vec<LogEntry>) {
    let kind = CloseKind::Remote { number: 1 };
    let mut case = on_the_chain(kind, vec![to_remote(Progress::Claimable)]);
    let contract = case.contracts.pop().expect("there is one");
    case.state = ArbitratorState::FullyResolved;
    case.funding = FundingState::Open(block(100));
    let outpoint = contract.outpoint;
    let progress = Progress::Resolved {
        resolution: claimed(),
    };
    let money = Money {
        recovered_sat: 19_300,
        fees_sat: 700,
        ..Money::default()
    };
    let log = vec![
        found(outpoint, VALUE, OutputKind::from(&contract)),
        entry(LogKind::Contract { outpoint, progress }),
        entry(LogKind::Account { outpoint, money }),
    ];
    (case, log)
}

#[test]
fn the_file_of_a_case_that_has_ended_still_says_what_became_of_every_output() {
    let (case, log) = ended();
    let file = file(&case, log, 600);
    let [output] = &file.outputs[..] else {
        panic!("{file}");
    };
    assert_eq!(output.money.recovered_sat, 19_300);
    assert_eq!(
        output.progress.and_then(|it| it.resolution()),
        Some(claimed())
    );
    assert!(output.claimants.is_empty());
    let balance = &file.balance;
    assert_eq!(balance.settled, Amount::from_sat(19_300));
    assert_eq!(balance.total(), Amount::from_sat(1_000_000));
}

#[test]
fn the_text_is_a_line_an_output_and_a_line_an_event() {
    let (case, log) = ended();
    let channel = dossier().channel();
    let close = case.close.as_ref().expect("it is closed");
    let (txid, by, hash) = (close.txid, claimed().txid(), block(100).hash);
    let expected = format!(
        "channel {channel}: closed, FullyResolved
tip: 600
funding: the funding is in block {hash} at height 100
close: {txid} at height 200, not settled yet: the peer's commitment 1
balance: 1000000 sat: 19300 settled, 980000 closing fee, 700 claims' fees
next height: none
output {txid}:0: 20000 sat, to_remote, our balance; claimed by {by}, irrevocably; 19300 sat recovered, 0 in limbo, 0 lost, 700 of fees
401: output {txid}:0: 20000 sat, to_remote, our balance
401: output {txid}:0: claimed by {by}, irrevocably
401: output {txid}:0: 19300 sat recovered, 0 in limbo, 0 lost, 700 of fees
"
    );
    assert_eq!(file(&case, log, 600).to_string(), expected);
}

#[test]
fn an_output_that_is_open_says_who_could_have_it_and_what_is_awaited() {
    let mut case = on_the_chain(
        CloseKind::Remote { number: 1 },
        vec![to_remote(Progress::Claimable)],
    );
    let held = claim_of(&case);
    case.broadcasts.push(held.clone());
    let (outpoint, by) = (case.contracts[0].outpoint, held.txid);
    let weight = held.transaction.weight().to_wu();
    let feerate = 700_000 / weight;
    let expected = format!(
        "{outpoint}: 20000 sat, to_remote, our balance; ours, the claim is not confirmed; \
         open to us from height 200; waits for {by} to confirm; \
         claim {by} for 700 sat ({feerate} sat per 1000 weight) since height 410, \
         last broadcast: fee too low; 0 sat recovered, 20000 in limbo, 0 lost, 0 of fees"
    );
    let file = file(&case, Vec::new(), 420);
    assert_eq!(file.outputs[0].to_string(), expected);
}
