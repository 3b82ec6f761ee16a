//! The case file: whatever state a case is in, every output is in it, and every satoshi of the channel.

use bitcoin::Amount;
use futures::executor::block_on;
use lightning_arbitrator::court::case_file::{CaseFile, OutputFile};
use lightning_arbitrator::court::{
    ArbitratorState, LogKind, Outcome, OutputKind, Progress, Reason, Resolution, Waiting, Who,
};
use lightning_arbitrator::protocol::{ContractOutput, Party};
use testkit::party::{ChannelType, CooperativeClose, Which};

use super::On;
use crate::support::World;

twins!(
    an_open_channel_has_a_file_with_its_history,
    every_output_of_the_peers_close_is_listed_with_who_could_have_it,
    every_output_of_our_close_is_listed_and_ours_ripen_at_their_heights,
    a_cooperative_close_is_listed_too,
    the_claim_that_is_out_is_told_with_what_became_of_it,
    an_htlc_that_times_out_is_told_from_contest_to_verdict,
    the_file_outlives_the_case,
    what_is_not_worth_its_fee_is_declared_and_claimed_when_fees_fall,
    what_never_was_worth_its_fee_is_left_when_patience_ends,
    a_small_htlc_is_left_and_the_large_one_beside_it_is_claimed,
    what_a_second_level_left_is_an_output_of_its_own,
);

fn file(world: &mut World) -> CaseFile {
    let channel = world.outpoint();
    let file = block_on(world.phone.on().case_file(channel)).expect("a registered channel");
    if let Some(close) = &file.close {
        let (balance, capacity) = (&file.balance, world.channel.terms().capacity);
        assert_eq!(balance.total(), capacity, "{file}");
        let of_close = file.outputs.iter();
        let of_close = of_close.filter(|output| output.outpoint.txid == close.txid);
        let listed: Amount = of_close.map(|output| output.value).sum();
        assert_eq!(listed + balance.closing_fee, capacity, "{file}");
        let money = file.outputs.iter().map(|output| output.money);
        let ours: u64 = money.map(|it| it.in_limbo_sat + it.recovered_sat).sum();
        let in_sums = balance.settled + balance.in_limbo();
        assert_eq!(ours, in_sums.to_sat(), "{file}");
    }
    let text = file.to_string();
    let output_lines = text.lines().filter(|line| line.starts_with("output "));
    assert_eq!(output_lines.count(), file.outputs.len(), "{text}");
    file
}

/// The outputs of this kind.
fn of(file: &CaseFile, is_wanted: fn(&OutputKind) -> bool) -> Vec<&OutputFile> {
    let outputs = file.outputs.iter();
    outputs.filter(|output| is_wanted(&output.kind)).collect()
}

fn only(file: &CaseFile, is_wanted: fn(&OutputKind) -> bool) -> &OutputFile {
    match of(file, is_wanted)[..] {
        [output] => output,
        _ => panic!("one output expected\n{file}"),
    }
}

fn is_htlc(kind: &OutputKind) -> bool {
    matches!(
        kind,
        OutputKind::Contract {
            output: ContractOutput::Htlc { .. },
            ..
        }
    )
}

fn is_to_local(kind: &OutputKind) -> bool {
    matches!(
        kind,
        OutputKind::Contract {
            output: ContractOutput::ToLocal,
            ..
        }
    )
}

fn is_to_remote(kind: &OutputKind) -> bool {
    matches!(
        kind,
        OutputKind::Contract {
            output: ContractOutput::ToRemote,
            ..
        }
    )
}

/// Who could have an output, the first one first.
fn who(output: &OutputFile) -> Vec<(Who, u32)> {
    let claimants = output.claimants.iter();
    claimants.map(|it| (it.who, it.from)).collect()
}

fn an_open_channel_has_a_file_with_its_history(mut world: World) {
    world.phone.resume();
    let file = file(&mut world);
    assert_eq!(file.state, ArbitratorState::Default);
    assert!(file.close.is_none() && file.outputs.is_empty());
    let is_funding = |kind: &LogKind| matches!(kind, LogKind::Funding(_));
    assert!(file.timeline.iter().any(|entry| is_funding(&entry.kind)));
}

fn every_output_of_the_peers_close_is_listed_with_who_could_have_it(mut world: World) {
    let expiry = world.pays(20_000).cltv_expiry;
    assert_eq!(world.is_paid(30_000).cltv_expiry, expiry);
    world.phone.resume();
    let close = world.peer_closes(Which::Current);
    let at = world.chain.tip().height;
    world.phone.resume();
    let file = file(&mut world);
    let values: Vec<Amount> = close.output.iter().map(|output| output.value).collect();
    let listed: Vec<Amount> = file.outputs.iter().map(|output| output.value).collect();
    assert_eq!(listed, values);
    assert!(of(&file, |kind| *kind == OutputKind::Unrecognised).is_empty());
    let peers_delay: u32 = world.channel.terms().peer_delay.into();
    let theirs = only(&file, is_to_local);
    assert_eq!(who(theirs), [(Who::Peer, at + peers_delay - 1)]);
    assert_eq!((theirs.progress, theirs.waiting), (None, Waiting::Nothing));
    let [outgoing, incoming] = &of(&file, is_htlc)[..] else {
        panic!("two HTLCs\n{file}");
    };
    assert_eq!(who(outgoing), [(Who::Peer, at), (Who::Us, expiry)]);
    assert_eq!(outgoing.waiting, Waiting::PeersPreimage { until: expiry });
    assert_eq!(who(incoming), [(Who::Us, at), (Who::Peer, expiry)]);
    assert_eq!(incoming.waiting, Waiting::Release { until: expiry });
    assert_eq!(file.balance.contested.to_sat(), 50_000);
}

fn every_output_of_our_close_is_listed_and_ours_ripen_at_their_heights(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    let before = file(&mut world);
    let [commitment] = &before.broadcasts[..] else {
        panic!("our commitment is out\n{before}");
    };
    assert_eq!(commitment.outcome, Some(Outcome::Accepted));
    assert!(commitment.fee.is_some_and(|fee| fee > Amount::ZERO));

    world.mine(1);
    let at = world.chain.tip().height;
    world.phone.resume();
    let file = file(&mut world);
    let ours = only(&file, is_to_local);
    let ripe = at + u32::from(world.channel.setup().our_delay) - 1;
    assert_eq!(who(ours), [(Who::Us, ripe)]);
    assert_eq!(ours.waiting, Waiting::Height { height: ripe });
    assert_eq!(ours.next_height, Some(ripe));
    assert_eq!(ours.money.in_limbo_sat, ours.value.to_sat());
    let maturing: Vec<_> = file.balance.maturing.clone().into_iter().collect();
    assert_eq!(maturing, [(ripe, ours.value)]);
    let theirs = only(&file, is_to_remote);
    assert!(who(theirs).iter().all(|(who, _)| *who == Who::Peer));
    assert_eq!(file.balance.others - theirs.value, peers_anchor(&file));
}

/// What the peer's anchor holds, if there is one.
fn peers_anchor(file: &CaseFile) -> Amount {
    let anchors = of(file, |kind| {
        matches!(
            kind,
            OutputKind::Contract {
                owner: Party::Local,
                output: ContractOutput::CounterpartyAnchor,
                ..
            }
        )
    });
    anchors.iter().map(|anchor| anchor.value).sum()
}

fn a_cooperative_close_is_listed_too(mut world: World) {
    world.phone.resume();
    let close = CooperativeClose::legacy(Amount::from_sat(500));
    let close = world.channel.cooperative_close(&close).expect("no HTLCs");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    let file = file(&mut world);
    let ours = only(&file, |kind| *kind == OutputKind::OurWallet);
    let theirs = only(&file, |kind| *kind == OutputKind::PeersWallet);
    assert_eq!(file.balance.settled, ours.value);
    assert_eq!(file.balance.others, theirs.value);
    assert_eq!(file.balance.closing_fee.to_sat(), 500);
    assert!(matches!(ours.waiting, Waiting::Burial { .. }));
}

fn the_claim_that_is_out_is_told_with_what_became_of_it(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    let signed_at = world.chain.tip().height;
    let in_mempool = world.chain.mempool();
    let first = file(&mut world);
    let ours = only(&first, is_to_remote);
    let claim = ours.claim.as_ref().expect("it is out");
    assert_eq!(vec![claim.txid], in_mempool);
    assert_eq!(claim.since, signed_at);
    assert_eq!(claim.outcome, Some(Outcome::Accepted));
    assert_eq!(ours.waiting, Waiting::Confirmation { txid: claim.txid });
    let fee = claim.fee.expect("it spends nothing but the channel's");

    world.mine(1);
    world.phone.resume();
    let unsettled = file(&mut world);
    assert_eq!(only(&unsettled, is_to_remote).money.recovered_sat, 0);
    world.mine(5);
    world.phone.resume();
    let settled = file(&mut world);
    let money = only(&settled, is_to_remote).money;
    let swept = world.balance(&world.phone.wallet.sweep);
    assert_eq!((money.recovered_sat, money.fees_sat), (swept, fee.to_sat()));
    assert_eq!(settled.balance.sweep_fees, fee);
}

fn an_htlc_that_times_out_is_told_from_contest_to_verdict(mut world: World) {
    let expiry = world.pays(20_000).cltv_expiry;
    world.closes(On::Theirs);
    world.wakes_at(expiry);
    world.wakes_after(6);
    let file = file(&mut world);
    let htlc = only(&file, is_htlc);
    let claimed = htlc.progress.and_then(|it| it.settled());
    assert!(matches!(claimed, Some(Resolution::Claimed { .. })));
    assert!(htlc.claimants.is_empty() && htlc.money.lost_sat == 0);
    let steps = [
        "contested, decided at height",
        "now in the hands of outgoing timeout",
        "ours, the claim is not confirmed",
        "signed",
        "accepted",
        "claimed by",
        "is failed upstream",
    ];
    let mut lines = file.timeline.iter().map(ToString::to_string);
    for step in steps {
        assert!(lines.any(|line| line.contains(step)), "{step}:\n{file}");
    }
}

fn the_file_outlives_the_case(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.mine(1);
    world.phone.resume();
    let before = file(&mut world);
    world.mine(100);
    world.phone.resume();
    let after = file(&mut world);
    assert_eq!(after.state, ArbitratorState::FullyResolved);
    let kinds = |file: &CaseFile| -> Vec<OutputKind> {
        file.outputs.iter().map(|output| output.kind).collect()
    };
    assert_eq!(kinds(&after), kinds(&before));
    assert_eq!(after.balance, before.balance);
    let ours = only(&after, is_to_remote);
    let swept = world.balance(&world.phone.wallet.sweep);
    assert_eq!(ours.money.recovered_sat, swept);
    assert!(matches!(ours.progress, Some(Progress::Resolved { .. })));
    assert_eq!(after.next_height, None);
    assert_eq!(after.timeline[..before.timeline.len()], before.timeline);
}

/// What the server says a claim would have to pay, in sat/vB, however long it may wait.
fn fees_are(world: &World, sat_per_vb: f64) {
    let estimates = [(1, sat_per_vb), (1008, sat_per_vb)];
    world.chain.set_fee_estimates(estimates.into());
}

fn what_is_not_worth_its_fee_is_declared_and_claimed_when_fees_fall(mut world: World) {
    let expiry = world.pays(20_000).cltv_expiry;
    world.closes(On::Theirs);
    fees_are(&world, 500.0);
    world.wakes_at(expiry);
    let spike = file(&mut world);
    let htlc = only(&spike, is_htlc);
    assert!(matches!(
        htlc.progress,
        Some(Progress::Uneconomic {
            reason: Reason::FeeAboveValue { fee_sat: 10_000.. }
        })
    ));
    assert!(matches!(htlc.waiting, Waiting::LowerFees { .. }));
    assert_eq!(spike.balance.uneconomic.to_sat() % 20_000, anchors(&world));

    // The case does not end with it, and looks again once a day.
    world.wakes_after(200);
    let waits = file(&mut world);
    assert_eq!(waits.state, ArbitratorState::WaitingFullResolution);
    assert_eq!(only(&waits, is_htlc).next_height, Some(waits.tip + 144));

    fees_are(&world, 5.0);
    world.phone.resume();
    world.wakes_after(6);
    let calm = file(&mut world);
    let htlc = only(&calm, is_htlc);
    assert!(htlc.money.recovered_sat > 10_000, "{calm}");
}

fn what_never_was_worth_its_fee_is_left_when_patience_ends(mut world: World) {
    let expiry = world.pays(20_000).cltv_expiry;
    world.closes(On::Theirs);
    fees_are(&world, 500.0);
    let patience = world.phone.config.policy.end_patience;
    world.wakes_at(expiry + patience - 1);
    let before = file(&mut world);
    assert_eq!(before.state, ArbitratorState::WaitingFullResolution);
    assert_eq!(before.next_height, Some(expiry + patience));
    world.wakes_after(1);
    let after = file(&mut world);
    assert_eq!(after.state, ArbitratorState::FullyResolved);
    let htlc = only(&after, is_htlc);
    assert!(matches!(htlc.progress, Some(Progress::Uneconomic { .. })));
    assert_eq!(htlc.money.in_limbo_sat, 20_000);
    assert_eq!(after.balance.uneconomic.to_sat(), 20_000 + anchors(&world));
}

fn a_small_htlc_is_left_and_the_large_one_beside_it_is_claimed(mut world: World) {
    let expiry = world.pays(200_000).cltv_expiry;
    world.pays(5_000);
    world.closes(On::Theirs);
    fees_are(&world, 100.0);
    world.wakes_at(expiry);
    world.wakes_after(6);
    let file = file(&mut world);
    for output in of(&file, is_htlc) {
        let is_left = matches!(output.progress, Some(Progress::Uneconomic { .. }));
        assert_eq!(is_left, output.value.to_sat() == 5_000, "{file}");
    }
    assert_eq!(of(&file, is_htlc).len(), 2);
}

fn what_a_second_level_left_is_an_output_of_its_own(mut world: World) {
    world.with_reserve();
    let expiry = world.pays(20_000).cltv_expiry;
    world.closes(On::Ours);
    world.wakes_at(expiry);
    world.wakes_after(1);
    let ripe = world.chain.tip().height + u32::from(world.channel.setup().our_delay) - 1;
    let file = file(&mut world);
    let htlc = only(&file, is_htlc);
    let left = file.outputs.last().expect("there are some");
    assert_eq!(left.waiting, Waiting::Height { height: ripe });
    let fee = htlc.value - left.value;
    assert_eq!(htlc.money.fees_sat, fee.to_sat());
    assert_eq!(left.money.in_limbo_sat, left.value.to_sat());
    // BOLT 3: with anchors the second level has no fee of its own.
    let is_free = world.channel.setup().channel_type == ChannelType::AnchorsZeroFeeHtlc;
    assert_eq!(fee == Amount::ZERO, is_free);
    assert_eq!(file.balance.wallet_fees > Amount::ZERO, is_free);

    world.wakes_at(ripe);
    world.wakes_after(1);
    world.wakes_after(100);
    let ended = self::file(&mut world);
    assert_eq!(ended.state, ArbitratorState::FullyResolved, "{ended}");
    assert_eq!(ended.outputs.len(), file.outputs.len());
    let left = ended.outputs.last().expect("there are some");
    assert!(left.money.recovered_sat > 15_000, "{ended}");
    assert_eq!(ended.balance.wallet_fees, file.balance.wallet_fees);
}

/// What stands in our anchor, if there is one: never worth its fee.
fn anchors(world: &World) -> u64 {
    match world.channel.setup().channel_type {
        ChannelType::StaticRemotekey => 0,
        ChannelType::AnchorsZeroFeeHtlc => 330,
    }
}
