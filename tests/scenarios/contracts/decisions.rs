//! When an open channel goes to the chain: each row of the rules, one block before it applies and when it does, and what a
//! device does that has just woken.

use bitcoin::OutPoint;
use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::court::{
    Advice, ArbitratorState, CloseKind, CloseReason, EventKind, Outcome,
};
use lightning_arbitrator::Policy;
use testkit::gateway::{Fault, Scope};
use testkit::party::{Htlc, NewHtlc, Origin, Which};

use crate::support::{htlc_key, Told, World};

twins!(
    an_incoming_htlc_that_is_ours_goes_to_the_chain_at_the_margin,
    it_goes_there_a_wake_earlier_if_the_peer_cannot_be_reached,
    it_is_settled_off_chain_first_if_the_peer_can_be_reached,
    one_that_is_not_ours_is_failed_off_chain_and_never_goes_there,
    a_forwarded_htlc_goes_there_a_block_after_its_expiry,
    a_payment_of_our_own_goes_there_when_the_peer_was_reached_and_did_not_give_it_back,
    a_payment_of_our_own_goes_there_after_a_week_in_any_case,
    dust_goes_there_only_when_too_much_of_it_is_overdue,
    a_close_in_the_mempool_does_not_make_ours_superfluous,
    a_close_in_a_block_does,
    who_has_just_woken_looks_before_it_acts,
);

/// Blocks from now to the expiry of an HTLC.
const EXPIRY: u32 = 150;

/// Whether the peer was tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    NotTried,
    Reconnected,
    Unreachable,
}

impl World {
    fn in_flight(&mut self, htlc: fn(u64, u32) -> NewHtlc) -> Htlc {
        let expiry = self.chain.tip().height + EXPIRY;
        self.offers(htlc(30_000_000, expiry))
    }

    /// The phone wakes at this height, and has tried to reach the peer or not.
    fn wakes(&mut self, height: u32, peer: Peer) -> ResumeReport {
        self.mine(height - self.chain.tip().height);
        let id = [self.channel.terms().peer_keys.funding_pubkey].into();
        let options = match peer {
            Peer::NotTried => ResumeOptions::default(),
            Peer::Reconnected => ResumeOptions {
                reconnected_peers: id,
                ..ResumeOptions::default()
            },
            Peer::Unreachable => ResumeOptions {
                unreachable_peers: id,
                ..ResumeOptions::default()
            },
        };
        self.phone.resume_with(options).expect("a tick")
    }

    /// Why the channel goes to the chain, if it does: then our commitment is in the mempool.
    #[track_caller]
    fn goes_to_chain(&mut self) -> Option<CloseReason> {
        let channel = self.outpoint();
        let state = self.phone.report(channel).state;
        let told = self.phone.told();
        let reason = told.iter().find_map(|event| match event {
            EventKind::GoesToChain { reason, .. } => Some(*reason),
            _ => None,
        });
        let ours = self
            .channel
            .our_commitment_tx(Which::Current)
            .expect("signed");
        let is_out = self.chain.mempool() == [ours.compute_txid()];
        assert_eq!(is_out, reason.is_some());
        assert_eq!(state == ArbitratorState::CommitmentBroadcasted, is_out);
        reason
    }

    fn is_advised(&mut self, advice: Advice) -> bool {
        let told = self.phone.told();
        let mut advised = told.iter().filter_map(|event| match event {
            EventKind::Advice { advice, .. } => Some(*advice),
            _ => None,
        });
        advised.any(|it| it == advice)
    }

    fn is_due_to_us(&mut self) -> (Htlc, u32) {
        let htlc = self.in_flight(NewHtlc::incoming);
        self.tell(Told::Release(htlc_key(htlc.key)));
        let margin = Policy::default().fulfil_margin;
        let last = htlc.cltv_expiry - margin;
        (htlc, last)
    }
}

fn an_incoming_htlc_that_is_ours_goes_to_the_chain_at_the_margin(mut world: World) {
    let (htlc, last) = world.is_due_to_us();
    world.wakes(last - 1, Peer::NotTried);
    assert_eq!(world.goes_to_chain(), None);
    world.wakes(last, Peer::NotTried);
    let Some(CloseReason::IncomingExpires { htlc: why }) = world.goes_to_chain() else {
        panic!("{:#?}", world.phone.told());
    };
    assert_eq!(why.key, htlc_key(htlc.key));
}

fn it_goes_there_a_wake_earlier_if_the_peer_cannot_be_reached(mut world: World) {
    let (_, last) = world.is_due_to_us();
    let soft = last - Policy::default().wake_interval;
    world.wakes(soft - 1, Peer::Unreachable);
    assert_eq!(world.goes_to_chain(), None);
    world.wakes(soft, Peer::Unreachable);
    assert!(world.goes_to_chain().is_some());
}

fn it_is_settled_off_chain_first_if_the_peer_can_be_reached(mut world: World) {
    let (_, last) = world.is_due_to_us();
    let soft = last - Policy::default().wake_interval;
    world.wakes(soft - 1, Peer::Reconnected);
    assert!(!world.is_advised(Advice::Settle));
    for height in [soft, last - 1] {
        world.wakes(height, Peer::Reconnected);
        assert!(world.is_advised(Advice::Settle));
        assert_eq!(world.goes_to_chain(), None);
    }
    world.wakes(last, Peer::Reconnected);
    assert!(world.goes_to_chain().is_some());
}

fn one_that_is_not_ours_is_failed_off_chain_and_never_goes_there(mut world: World) {
    let htlc = world.in_flight(NewHtlc::incoming);
    // Knowing the preimage is no permission.
    world.learns(&htlc);
    let last = htlc.cltv_expiry - Policy::default().fulfil_margin;
    world.wakes(last - 1, Peer::Unreachable);
    assert!(!world.is_advised(Advice::Fail));
    for height in [last, htlc.cltv_expiry, htlc.cltv_expiry + 200] {
        world.wakes(height, Peer::Unreachable);
        assert!(world.is_advised(Advice::Fail));
        assert_eq!(world.goes_to_chain(), None);
    }
}

fn forwarded(cltv_expiry: u32) -> Origin {
    Origin::Forwarded {
        channel: OutPoint::null().to_string(),
        id: 7,
        cltv_expiry,
    }
}

fn a_forwarded_htlc_goes_there_a_block_after_its_expiry(mut world: World) {
    let expiry = world.chain.tip().height + EXPIRY;
    let htlc = NewHtlc::outgoing(30_000_000, expiry).from(forwarded(expiry + 100));
    let htlc = world.offers(htlc);
    world.wakes(expiry, Peer::NotTried);
    assert_eq!(world.goes_to_chain(), None);
    world.wakes(expiry + 1, Peer::NotTried);
    let Some(CloseReason::OutgoingExpired { htlc: why }) = world.goes_to_chain() else {
        panic!("{:#?}", world.phone.told());
    };
    assert_eq!(why.key, htlc_key(htlc.key));
}

fn a_payment_of_our_own_goes_there_when_the_peer_was_reached_and_did_not_give_it_back(
    mut world: World,
) {
    let htlc = world.in_flight(NewHtlc::outgoing);
    world.wakes(htlc.cltv_expiry, Peer::Reconnected);
    world.wakes(htlc.cltv_expiry + 1, Peer::NotTried);
    world.wakes(htlc.cltv_expiry + 20, Peer::Unreachable);
    assert_eq!(world.goes_to_chain(), None);
    world.wakes(htlc.cltv_expiry + 21, Peer::Reconnected);
    assert!(world.goes_to_chain().is_some());
}

fn a_payment_of_our_own_goes_there_after_a_week_in_any_case(mut world: World) {
    let htlc = world.in_flight(NewHtlc::outgoing);
    let week = htlc.cltv_expiry + 1 + Policy::default().own_payment_patience;
    world.wakes(week - 1, Peer::Unreachable);
    assert_eq!(world.goes_to_chain(), None);
    world.wakes(week, Peer::Unreachable);
    assert!(world.goes_to_chain().is_some());
}

fn dust_goes_there_only_when_too_much_of_it_is_overdue(mut world: World) {
    let expiry = world.chain.tip().height + EXPIRY;
    // Below both sides' dust limits.
    let dust = |msat: u64| NewHtlc::outgoing(msat, expiry).from(forwarded(expiry + 100));
    for index in 0..3 {
        world.add(dust(340_000 + index));
    }
    world.round();
    world.phone.set(|config| {
        config.policy.max_dust_at_risk = bitcoin::Amount::from_sat(1_020);
    });
    world.wakes(expiry + 1, Peer::NotTried);
    assert_eq!(world.goes_to_chain(), None);
    world.phone.set(|config| {
        config.policy.max_dust_at_risk = bitcoin::Amount::from_sat(1_019);
    });
    world.wakes(expiry + 1, Peer::NotTried);
    let reason = CloseReason::DustAtRisk {
        amount_msat: 1_020_003,
    };
    assert_eq!(world.goes_to_chain(), Some(reason));
}

fn a_close_in_the_mempool_does_not_make_ours_superfluous(mut world: World) {
    let (_, last) = world.is_due_to_us();
    world.wakes(last - 1, Peer::NotTried);
    let theirs = world
        .channel
        .peer_commitment_tx(Which::Current)
        .expect("signed");
    world.chain.mine_empty(1);
    world.submit(&theirs);
    world.wakes(last, Peer::NotTried);
    let channel = world.outpoint();
    let state = world.phone.report(channel).state;
    assert_eq!(state, ArbitratorState::CommitmentBroadcasted);
    assert_eq!(world.chain.mempool(), [theirs.compute_txid()]);
    // Should it leave the mempool, both are offered; of the two one that pays no less stays.
    world.chain.evict(theirs.compute_txid());
    world.phone.resume();
    assert_eq!(world.chain.mempool(), [theirs.compute_txid()]);
    let status = world.phone.force_close(channel).expect("it is under way");
    let ours = status.broadcasts[0].1.as_ref();
    assert!(ours.is_some_and(Outcome::is_refused), "{status:?}");
}

fn a_close_in_a_block_does(mut world: World) {
    let (_, last) = world.is_due_to_us();
    world.wakes(last - 1, Peer::NotTried);
    world.peer_closes(Which::Current);
    world.wakes(last, Peer::NotTried);
    let told = world.phone.told();
    let goes = |event: &EventKind| matches!(event, EventKind::GoesToChain { .. });
    assert!(!told.iter().any(goes));
}

fn who_has_just_woken_looks_before_it_acts(mut world: World) {
    let (_, last) = world.is_due_to_us();
    let other = world.second_channel();
    world.phone.resume();
    // While the device slept the peer has closed, and the server says nothing of that channel.
    world.peer_closes(Which::Current);
    let path = format!("/tx/{}/outspend/", world.outpoint().txid);
    let silent = Fault::Status {
        code: 503,
        body: "later".into(),
    };
    world.gateway().order(Scope::containing(&path), silent);
    let theirs = other.peer_commitment_tx(Which::Current).expect("signed");
    world.submit(&theirs);
    let report = world.wakes(last, Peer::Unreachable);
    assert!(!report.complete);
    let channel = world.outpoint();
    assert_eq!(world.phone.report(channel).state, ArbitratorState::Default);
    // The others go on.
    let closed = world.phone.report(other.funding()).close;
    assert!(closed.is_some());
    world.gateway().behave();
    world.phone.resume();
    let close = world.phone.report(channel).close.map(|(kind, _)| kind);
    assert_eq!(close, Some(CloseKind::Remote { number: 1 }));
    let told = world.phone.told();
    let goes = |event: &EventKind| matches!(event, EventKind::GoesToChain { .. });
    assert!(!told.iter().any(goes));
}
