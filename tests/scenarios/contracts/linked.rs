//! Scenario 28: what one channel learns moves the channels that it is linked to, in the same tick.

use lightning_arbitrator::court::{
    Advice, ArbitratorState, EventKind, Progress, Resolution, Verdict,
};
use lightning_arbitrator::Policy;
use testkit::party::{Channel, Htlc, NewHtlc, Origin};

use super::{On, EXPIRY, HTLC_SAT, SETTLE_DEPTH};
use crate::support::{htlc_key, World};

twins!(
    a_preimage_from_downstream_claims_upstream_in_the_same_tick,
    a_preimage_from_downstream_releases_an_open_channel_upstream,
    a_preimage_inside_the_margin_closes_the_channel_upstream_in_the_same_tick,
    a_preimage_goes_through_three_channels_in_one_tick,
    one_that_was_sent_on_is_not_failed_before_downstream_is_decided,
    a_timeout_downstream_claims_nothing_upstream,
    a_just_woken_phone_looks_before_it_fails,
);

/// Blocks between the expiries of what comes in and what goes out.
const DELTA: u32 = 40;

/// A payment on its way through us: in by the world's channel, out by another.
struct Forwarded {
    incoming: Htlc,
    outgoing: Htlc,
    down: Channel,
}

impl Forwarded {
    fn new(world: &mut World) -> Self {
        world.with_reserve();
        let mut down = world.second_channel();
        let incoming = comes_in(world);
        let outgoing = goes_out(world, &mut down, &incoming);
        Forwarded {
            incoming,
            outgoing,
            down,
        }
    }

    /// Something happens to the channel downstream.
    fn downstream<T>(&mut self, world: &mut World, happens: impl FnOnce(&mut World) -> T) -> T {
        std::mem::swap(&mut world.channel, &mut self.down);
        let value = happens(world);
        std::mem::swap(&mut world.channel, &mut self.down);
        value
    }

    /// The peer downstream takes the payment in a block that the phone has not seen yet.
    fn is_taken_downstream(&mut self, world: &mut World, on: On) {
        let outgoing = self.outgoing.clone();
        self.downstream(world, |world| {
            let claim = world.peers_claim(&outgoing, on);
            world.submit(&claim);
        });
        world.mine(1);
    }

    fn verdict(&mut self, world: &mut World) -> Option<Verdict> {
        let outgoing = self.outgoing.clone();
        self.downstream(world, |world| world.verdict(&outgoing))
    }
}

fn comes_in(world: &mut World) -> Htlc {
    let expiry = world.chain.tip().height + EXPIRY + DELTA;
    world.offers(NewHtlc::incoming(HTLC_SAT * 1_000, expiry))
}

/// The payment goes on over `down`, with the same hash and an earlier expiry.
fn goes_out(world: &mut World, down: &mut Channel, incoming: &Htlc) -> Htlc {
    let origin = Origin::Forwarded {
        channel: world.outpoint().to_string(),
        id: incoming.key.id,
        cltv_expiry: incoming.cltv_expiry,
    };
    let preimage = world.channel.preimage(&incoming.payment_hash);
    let outgoing = NewHtlc::outgoing(HTLC_SAT * 1_000, incoming.cltv_expiry - DELTA)
        .from(origin)
        .with_preimage(preimage.expect("the channel knows it"));
    let outgoing = down.add_htlc(outgoing).expect("affordable");
    let round = down.commit_both().expect("nothing is outstanding");
    world.phone.told_round(down.funding(), &round);
    outgoing
}

pub fn a_preimage_from_downstream_claims_upstream_in_the_same_tick(mut world: World) {
    let mut payment = Forwarded::new(&mut world);
    payment.downstream(&mut world, |world| world.closes(On::Theirs));
    world.closes(On::Ours);
    payment.is_taken_downstream(&mut world, On::Theirs);
    world.phone.resume();
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Fulfilled));
    let claim = world.claim_in_mempool(&payment.incoming, On::Ours);
    let txid = claim.expect("in the same tick").compute_txid();
    world.wakes_after(1);
    let claimed = Resolution::Claimed { txid };
    assert_eq!(world.resolution_of(&payment.incoming, On::Ours), claimed);
    world.comes_to_an_end();
    payment.downstream(&mut world, World::comes_to_an_end);
}

fn a_preimage_from_downstream_releases_an_open_channel_upstream(mut world: World) {
    let mut payment = Forwarded::new(&mut world);
    // One coin raises the commitment, the other pays for the claim.
    world.with_reserve();
    payment.downstream(&mut world, |world| world.closes(On::Theirs));
    payment.is_taken_downstream(&mut world, On::Theirs);
    world.phone.resume();
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Fulfilled));
    let channel = world.outpoint();
    assert_eq!(world.phone.report(channel).state, ArbitratorState::Default);
    // The engine settles it off-chain, or it is claimed before its expiry.
    let margin = Policy::default().fulfil_margin;
    world.wakes_at(payment.incoming.cltv_expiry - margin - 1);
    assert_eq!(world.phone.report(channel).state, ArbitratorState::Default);
    world.wakes_after(1);
    world.wakes_after(1);
    let ours = world.claim_in_mempool(&payment.incoming, On::Ours);
    assert!(ours.is_some(), "released by what happened downstream");
    world.comes_to_an_end();
}

fn a_preimage_inside_the_margin_closes_the_channel_upstream_in_the_same_tick(mut world: World) {
    let mut payment = Forwarded::new(&mut world);
    // A coin for each of the two commitments, and one for the claim.
    world.with_reserve();
    world.with_reserve();
    payment.downstream(&mut world, |world| world.closes(On::Ours));
    let margin = Policy::default().fulfil_margin;
    world.mine(payment.incoming.cltv_expiry - margin + 5 - world.chain.tip().height);
    payment.is_taken_downstream(&mut world, On::Ours);
    world.phone.resume();
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Fulfilled));
    let report = world.phone.report(world.outpoint());
    assert_eq!(report.state, ArbitratorState::CommitmentBroadcasted);
    world.wakes_after(1);
    assert!(world
        .claim_in_mempool(&payment.incoming, On::Ours)
        .is_some());
    world.comes_to_an_end();
}

fn a_preimage_goes_through_three_channels_in_one_tick(mut world: World) {
    // In by the first, out by the second, whose peer sends it on to us, and out by the third.
    let mut payment = Forwarded::new(&mut world);
    let mut third = world.unfunded_channel_numbered(2);
    world.submit(third.funding_tx());
    world.mine(1);
    let outgoing = payment.outgoing.clone();
    let (back, last) = payment.downstream(&mut world, |world| {
        let preimage = world.channel.preimage(&outgoing.payment_hash);
        let back = NewHtlc::incoming(HTLC_SAT * 1_000, outgoing.cltv_expiry - 1)
            .with_preimage(preimage.expect("the channel knows it"));
        let back = world.offers(back);
        let last = goes_out(world, &mut third, &back);
        (back, last)
    });
    world.closes(On::Theirs);
    payment.downstream(&mut world, |world| world.closes(On::Theirs));
    std::mem::swap(&mut world.channel, &mut third);
    world.closes(On::Theirs);
    let claim = world.peers_claim(&last, On::Theirs);
    world.submit(&claim);
    world.mine(1);
    std::mem::swap(&mut world.channel, &mut third);
    world.phone.resume();
    assert!(world
        .claim_in_mempool(&payment.incoming, On::Theirs)
        .is_some());
    let claims_back = |world: &mut World| world.claim_in_mempool(&back, On::Theirs).is_some();
    assert!(payment.downstream(&mut world, claims_back));
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Fulfilled));
    assert_eq!(world.verdicts().len(), 2);
    world.comes_to_an_end();
}

fn one_that_was_sent_on_is_not_failed_before_downstream_is_decided(mut world: World) {
    let mut payment = Forwarded::new(&mut world);
    world.with_reserve();
    payment.downstream(&mut world, |world| world.closes(On::Ours));
    let margin = Policy::default().fulfil_margin;
    world.wakes_at(payment.incoming.cltv_expiry - margin + 1);
    // The engine is told to fail what nobody may claim; this one the peer downstream still may.
    let htlc = htlc_key(payment.incoming.key);
    let is_advised = |kind: &EventKind| matches!(kind, EventKind::Advice { htlc: told, advice: Advice::Fail } if told.key == htlc);
    assert!(!world.phone.told().iter().any(is_advised));
    assert_eq!(payment.verdict(&mut world), None);
}

fn a_timeout_downstream_claims_nothing_upstream(mut world: World) {
    let mut payment = Forwarded::new(&mut world);
    world.closes(On::Theirs);
    payment.downstream(&mut world, |world| world.closes(On::Theirs));
    world.wakes_at(payment.outgoing.cltv_expiry);
    world.wakes_after(SETTLE_DEPTH);
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Failed));
    let until = payment.incoming.cltv_expiry;
    let untouched = Progress::Contested { until };
    assert_eq!(world.progress_of(&payment.incoming, On::Theirs), untouched);
    // Whoever knows its preimage now: it was failed, and nothing else is told.
    world.learns(&payment.incoming);
    world.phone.resume();
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Failed));
    assert_eq!(world.claim_in_mempool(&payment.incoming, On::Theirs), None);
}

fn a_just_woken_phone_looks_before_it_fails(mut world: World) {
    let mut payment = Forwarded::new(&mut world);
    world.phone.resume();
    let outgoing = payment.outgoing.clone();
    payment.downstream(&mut world, |world| {
        world.peer_closes(On::Theirs.which());
        let claim = world.peers_claim(&outgoing, On::Theirs);
        world.submit(&claim);
    });
    // The upstream HTLC is about to expire when the phone sees the close for the first time.
    world.wakes_at(payment.incoming.cltv_expiry - 1);
    assert_eq!(payment.verdict(&mut world), Some(Verdict::Fulfilled));
}
