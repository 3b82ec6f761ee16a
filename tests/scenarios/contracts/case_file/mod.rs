//! The case file: whatever state a case is in, every output is in it, and every satoshi of the channel.

pub mod fees;

use bitcoin::Amount;
use futures::executor::block_on;
use lightning_arbitrator::court::case_file::{CaseFile, OutputFile};
use lightning_arbitrator::court::{
    ArbitratorState, LogKind, Means, Outcome, OutputKind, Progress, Resolution, Waiting, Who,
};
use lightning_arbitrator::protocol::{ContractOutput, Party};
use testkit::chain::Orphaned;
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
    what_a_second_level_left_is_an_output_of_its_own,
    every_output_of_a_breach_is_ours_from_the_first_block_on,
    a_reorg_takes_the_outputs_and_leaves_the_history,
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

fn every_output_of_a_breach_is_ours_from_the_first_block_on(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    world.phone.resume();
    let breach = world.cheated();
    let at = world.height();
    let first = file(&mut world);
    for output in of(&first, |kind| is_htlc(kind) || is_to_local(kind)) {
        let claimants = output.claimants.iter();
        let mut ours = claimants.filter(|it| it.means == Means::Revocation);
        let by_penalty = ours.next().expect("the penalty");
        assert_eq!((by_penalty.who, by_penalty.from), (Who::Us, at));
    }
    assert_eq!(of(&first, is_htlc).len(), 2);

    // The cheater takes one of them through its second level: what that leaves is ours too.
    let taken = world.second_level(&[outgoing.key]);
    world.chain.mine_txs(&taken).expect("valid");
    world.phone.resume();
    let followed = file(&mut world);
    assert!(followed.outputs.len() > breach.output.len(), "{followed}");
    world.wakes_after(6);
    let settled = file(&mut world);
    assert_eq!(settled.balance.lost, Amount::ZERO);
    assert_eq!(settled.balance.contested, Amount::ZERO);
}

fn a_reorg_takes_the_outputs_and_leaves_the_history(mut world: World) {
    world.phone.resume();
    world.peer_closes(Which::Current);
    world.phone.resume();
    let before = file(&mut world);
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    let after = file(&mut world);
    assert!(after.close.is_none() && after.outputs.is_empty(), "{after}");
    assert_eq!(after.timeline[..before.timeline.len()], before.timeline);
    let is_reorg = |kind: &LogKind| matches!(kind, LogKind::CloseReorged { .. });
    assert!(after.timeline.iter().any(|entry| is_reorg(&entry.kind)));
    world.mine(1);
    world.phone.resume();
    let again = file(&mut world);
    let kinds = |file: &CaseFile| -> Vec<OutputKind> {
        file.outputs.iter().map(|output| output.kind).collect()
    };
    assert_eq!(kinds(&again), kinds(&before));
}
