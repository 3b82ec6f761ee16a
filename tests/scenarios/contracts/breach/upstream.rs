//! What a breach means for those who wait upstream.

use lightning_arbitrator::chain::Look;
use lightning_arbitrator::court::EventKind;
use testkit::party::{NewHtlc, Origin, Side, Which};

use super::REVOKED;
use crate::support::{htlc_key, World};

twins!(
    a_preimage_that_the_cheater_reveals_is_passed_on_at_once,
    a_preimage_is_passed_on_when_it_is_only_in_the_mempool,
    it_is_failed_when_justice_is_settled_and_no_earlier,
    dust_is_failed_when_the_breach_is_settled,
);

impl World {
    /// Which HTLCs were fulfilled upstream, and which failed.
    fn upstream(&mut self) -> (Vec<u64>, Vec<u64>) {
        let told = self.phone.told();
        let mut verdicts = (Vec::new(), Vec::new());
        for event in &told {
            match event {
                EventKind::FulfillUpstream { htlc, .. } => verdicts.0.push(htlc.key.id),
                EventKind::FailUpstream { htlc, .. } => verdicts.1.push(htlc.key.id),
                _ => {}
            }
        }
        verdicts
    }
}

fn a_preimage_that_the_cheater_reveals_is_passed_on_at_once(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    world.cheated();
    let second = world.cheaters_second_level(&outgoing);
    world.chain.mine_txs(&[second]).expect("valid");
    world.phone.resume();
    assert_eq!(world.upstream(), (vec![outgoing.key.id], vec![]));
    world.mine(1);
    world.resolve();
    assert_eq!(world.upstream(), (vec![outgoing.key.id], vec![]));
}

fn a_preimage_is_passed_on_when_it_is_only_in_the_mempool(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    world.peer_closes(REVOKED);
    let second = world.cheaters_second_level(&outgoing);
    world.submit(&second);
    world.phone.looks(Look::Mempool);
    assert_eq!(world.upstream(), (vec![outgoing.key.id], vec![]));
}

fn it_is_failed_when_justice_is_settled_and_no_earlier(mut world: World) {
    let [outgoing, _] = world.revoked_with_htlcs();
    let breach = world.cheated();
    // However deep the breach is.
    world.chain.mine_empty(3);
    world.phone.resume();
    world.mine(1);
    world.assert_taken(&breach);
    world.mine(1);
    world.phone.resume();
    assert_eq!(world.upstream(), (vec![], vec![]), "two blocks deep");
    world.mine(1);
    world.phone.resume();
    assert_eq!(world.upstream(), (vec![], vec![outgoing.key.id]), "three");
    let expected = htlc_key(outgoing.key);
    let told = world.phone.told();
    let is_of_it = |event: &EventKind| matches!(event, EventKind::FailUpstream { htlc, .. } if htlc.key == expected);
    assert!(told.iter().any(is_of_it));
    world.resolve();
    assert_eq!(world.upstream(), (vec![], vec![outgoing.key.id]));
}

fn dust_is_failed_when_the_breach_is_settled(mut world: World) {
    let expiry = world.height() + 5_000;
    let forwarded = Origin::Forwarded {
        channel: bitcoin::OutPoint::null().to_string(),
        id: 9,
        cltv_expiry: expiry + 100,
    };
    // Above our dust limit and below the peer's: only our own commitment has an output for it.
    let htlc = world.add(NewHtlc::outgoing(900_000, expiry).from(forwarded));
    world.round();
    world.round();
    world.cheated();
    world.mine(1);
    world.phone.resume();
    // Ours might still confirm, with an output that the peer takes by the preimage.
    let ours = world
        .channel
        .htlc_output(Side::Us, Which::Current, htlc.key);
    assert!(ours.is_ok());
    assert_eq!(world.upstream(), (vec![], vec![]), "two blocks deep");
    world.mine(1);
    world.phone.resume();
    assert_eq!(world.upstream(), (vec![], vec![htlc.key.id]));
    world.resolve();
    assert_eq!(world.upstream(), (vec![], vec![htlc.key.id]));
}
