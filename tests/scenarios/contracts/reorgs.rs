//! Scenario 8, in every stage of an HTLC: a reorg takes it back, and the same or something else confirms afterwards.

use bitcoin::Transaction;
use lightning_arbitrator::court::{EventKind, Progress, Resolution, Verdict};
use testkit::chain::Orphaned;
use testkit::party::{ChannelType, Htlc};

use super::{On, HTLC_SAT, SETTLE_DEPTH};
use crate::support::{Nap, World};

/// Blocks that a reorg takes: one, and as many as exchanges wait for.
const DEPTHS: [u32; 2] = [1, 6];

/// A stage in an HTLC's life, from the block that a reorg takes away on.
type Stage = fn(World, On, u32);

/// Makes the twins of each stage: on our commitment and the peer's, at each depth.
macro_rules! stages {
    ($($stage:ident),* $(,)?) => {$(
        mod $stage {
            use super::*;

            #[test]
            fn static_remotekey() {
                at_every_depth(super::$stage, ChannelType::StaticRemotekey, Nap::Never);
            }

            #[test]
            fn static_remotekey_restarted() {
                at_every_depth(super::$stage, ChannelType::StaticRemotekey, Nap::BeforeEveryStep);
            }

            #[test]
            fn anchors() {
                at_every_depth(super::$stage, ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
            }

            #[test]
            fn anchors_restarted() {
                at_every_depth(super::$stage, ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep);
            }
        }
    )*};
}

stages!(
    the_contest_begins_again_with_the_same_close,
    the_contest_ends_with_another_close,
    our_timeout_is_made_again,
    the_peers_claim_takes_the_place_of_our_timeout,
    our_timeout_takes_the_place_of_the_peers_claim,
    our_success_is_made_again,
    the_peers_timeout_takes_the_place_of_our_success,
);

twins!(
    the_output_of_our_second_level_goes_and_comes_back,
    the_sweep_of_our_second_level_is_made_again,
);

fn at_every_depth(stage: Stage, channel_type: ChannelType, nap: Nap) {
    for depth in DEPTHS {
        for on in [On::Ours, On::Theirs] {
            println!("{on:?}, {depth} blocks");
            let mut world = World::new(channel_type, nap);
            // One coin raises our commitment, the other pays for the claim.
            world.with_reserve();
            world.with_reserve();
            stage(world, on, depth);
        }
    }
}

impl World {
    /// These blocks are replaced, their first by one with this transaction; the phone sees both.
    fn sees_instead(&mut self, depth: u32, transaction: &Transaction) {
        self.wakes_after(depth - 1);
        self.reorg(depth, Orphaned::Replace(vec![transaction.clone()]));
        self.phone.resume();
    }

    /// These blocks are replaced by empty ones, and nobody remembers what was in them.
    fn forgets(&mut self, depth: u32) {
        self.wakes_after(depth - 1);
        self.reorg(depth, Orphaned::Drop);
        self.phone.resume();
    }

    /// The HTLC's claim of ours confirms.
    #[track_caller]
    fn claims(&mut self, htlc: &Htlc, on: On) -> Transaction {
        let claim = self.claim_in_mempool(htlc, on).expect("it is due");
        self.wakes_after(1);
        let txid = claim.compute_txid();
        let claimed = Resolution::Claimed { txid };
        assert_eq!(self.resolution_of(htlc, on), claimed);
        claim
    }

    /// Our claim of the HTLC is in the mempool again.
    #[track_caller]
    fn is_claiming(&self, htlc: &Htlc, on: On) {
        assert!(self.claim_in_mempool(htlc, on).is_some(), "made again");
    }
}

/// What was told upstream of an HTLC whose failure was settled before the reorg, or was not.
fn told_at(depth: u32, now: Verdict) -> Option<Verdict> {
    // A latch: what was told is not taken back, and nothing else is told.
    Some(if depth < SETTLE_DEPTH {
        now
    } else {
        Verdict::Failed
    })
}

fn the_contest_begins_again_with_the_same_close(mut world: World, on: On, depth: u32) {
    let sent = world.pays(HTLC_SAT);
    let received = world.is_paid(HTLC_SAT);
    // A coin for each of the two.
    world.with_reserve();
    world.closes(on);
    let close = world.chain.transaction(world.output_of(&sent, on).txid);
    let close = close.expect("it confirmed").transaction;
    world.sees_instead(depth, &close);
    let until = sent.cltv_expiry;
    assert_eq!(world.progress_of(&sent, on), Progress::Contested { until });
    world.released(&received);
    world.phone.resume();
    world.claims(&received, on);
    world.comes_to(2 * HTLC_SAT);
}

pub fn the_contest_ends_with_another_close(mut world: World, on: On, depth: u32) {
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    let (other, close) = match on {
        On::Ours => (
            On::Theirs,
            world.channel.peer_commitment_tx(On::Theirs.which()),
        ),
        On::Theirs | On::TheirPending => {
            (On::Ours, world.channel.our_commitment_tx(On::Ours.which()))
        }
    };
    world.sees_instead(depth, &close.expect("signed"));
    let gone = world.output_of(&sent, on);
    assert!(world.contract(gone).is_none(), "the first close is no more");
    world.wakes_at(sent.cltv_expiry);
    world.claims(&sent, other);
    world.comes_to(HTLC_SAT);
    assert_eq!(world.verdict(&sent), Some(Verdict::Failed));
}

pub fn our_timeout_is_made_again(mut world: World, on: On, depth: u32) {
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    world.wakes_at(sent.cltv_expiry);
    world.claims(&sent, on);
    world.forgets(depth);
    world.is_claiming(&sent, on);
    world.claims(&sent, on);
    world.comes_to(HTLC_SAT);
    assert_eq!(world.verdict(&sent), Some(Verdict::Failed));
}

pub fn the_peers_claim_takes_the_place_of_our_timeout(mut world: World, on: On, depth: u32) {
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    let theirs = world.peers_claim(&sent, on);
    world.wakes_at(sent.cltv_expiry);
    world.claims(&sent, on);
    world.sees_instead(depth, &theirs);
    let txid = theirs.compute_txid();
    let taken = Resolution::Fulfilled { txid };
    assert_eq!(world.resolution_of(&sent, on), taken);
    let told = told_at(depth, Verdict::Fulfilled);
    assert_eq!(world.verdict(&sent), told);
    world.comes_to(0);
    assert_eq!(world.verdict(&sent), told);
}

fn our_timeout_takes_the_place_of_the_peers_claim(mut world: World, on: On, depth: u32) {
    let sent = world.pays(HTLC_SAT);
    world.closes(on);
    let theirs = world.peers_claim(&sent, on);
    world.mine(sent.cltv_expiry - world.chain.tip().height);
    world.submit(&theirs);
    world.wakes_after(1);
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
    world.forgets(depth);
    world.claims(&sent, on);
    world.comes_to(HTLC_SAT);
    assert_eq!(world.verdict(&sent), Some(Verdict::Fulfilled));
}

pub fn our_success_is_made_again(mut world: World, on: On, depth: u32) {
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.closes(on);
    world.claims(&received, on);
    world.forgets(depth);
    world.is_claiming(&received, on);
    world.claims(&received, on);
    world.comes_to(HTLC_SAT);
}

fn the_peers_timeout_takes_the_place_of_our_success(mut world: World, on: On, depth: u32) {
    let received = world.is_paid(HTLC_SAT);
    world.closes(on);
    world.wakes_at(received.cltv_expiry);
    world.released(&received);
    let theirs = world.peers_claim(&received, on);
    world.phone.resume();
    world.claims(&received, on);
    world.sees_instead(depth, &theirs);
    let txid = theirs.compute_txid();
    let back = Resolution::TimedOut { txid };
    assert_eq!(world.resolution_of(&received, on), back);
    world.comes_to(0);
}

/// Our HTLC-timeout is on the chain; gives its output, which waits for its delay.
fn second_level(world: &mut World) -> (Htlc, bitcoin::OutPoint) {
    world.with_reserve();
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    world.wakes_at(sent.cltv_expiry);
    let claim = world.claims(&sent, On::Ours);
    (sent, bitcoin::OutPoint::new(claim.compute_txid(), 0))
}

pub fn the_output_of_our_second_level_goes_and_comes_back(mut world: World) {
    let (sent, left) = second_level(&mut world);
    assert!(world.contract(left).is_some());
    world.forgets(1);
    assert!(world.contract(left).is_none(), "gone with its transaction");
    world.claims(&sent, On::Ours);
    let output = world.contract(left).expect("there again");
    let claimable_at = world.chain.tip().height + u32::from(world.channel.setup().our_delay) - 1;
    assert_eq!(output.progress, Progress::Maturing { claimable_at });
    world.comes_to(HTLC_SAT);
}

pub fn the_sweep_of_our_second_level_is_made_again(mut world: World) {
    let (_, left) = second_level(&mut world);
    world.wakes_after(143);
    let sweep = world.chain.outspend(left).expect("its delay is over");
    world.wakes_after(1);
    world.forgets(1);
    let again = world.chain.outspend(left).expect("made again");
    assert_eq!(again.txid, sweep.txid, "the same, which pays no less");
    world.comes_to(HTLC_SAT);
    let recovered = |kind: &EventKind| matches!(kind, EventKind::FundsRecovered { txid, .. } if *txid == sweep.txid);
    assert_eq!(
        world.phone.told().iter().filter(|it| recovered(it)).count(),
        1
    );
}
