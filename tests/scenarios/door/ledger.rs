//! What HTLCs leave behind: sums, used-up ids, and rows in the archive; nothing in the rows that updates touch.

use lightning_arbitrator::channel::{
    Direction, Ledger, RemoteUpdate, Totals, UpdateError, UsedIds,
};
use lightning_arbitrator::protocol::Party;
use testkit::party::{HtlcKey, NewHtlc, Origin, Settlement};

use super::add_htlcs;
use crate::support::{htlc_key, retold, Told, World};

twins!(
    settled_htlcs_are_summed_up_and_archived,
    a_forwarded_htlc_leaves_its_fee,
    an_id_is_not_used_again,
    a_late_release_of_a_settled_htlc_changes_nothing,
);

fn expiry(world: &World) -> u32 {
    world.chain.tip().height + 500
}

fn settle(world: &mut World, key: HtlcKey, how: Settlement) {
    if how == Settlement::Fulfil && htlc_key(key).direction == Direction::Incoming {
        world.tell(Told::Release(htlc_key(key)));
    }
    world.channel.settle_htlc(key, how).expect("it is there");
}

fn ledger(world: &mut World) -> Ledger {
    let channel = world.outpoint();
    let store = world.phone.opened();
    let row = store.find(channel).expect("readable").expect("registered");
    store.ledger(row).expect("readable")
}

fn settled_htlcs_are_summed_up_and_archived(mut world: World) {
    let [sent, received, failed, dust] = add_htlcs(&mut world);
    let carried_by = world.round().remote.number;
    settle(&mut world, sent.key, Settlement::Fulfil);
    settle(&mut world, received.key, Settlement::Fulfil);
    settle(&mut world, failed.key, Settlement::Fail);
    settle(&mut world, dust.key, Settlement::Fail);
    world.round();
    assert_eq!(
        ledger(&mut world),
        Ledger {
            totals: Totals {
                sent_msat: 20_000_000,
                received_msat: 30_000_000,
                net_fees_msat: 0
            },
            used: UsedIds {
                outgoing: 2,
                incoming: 2
            },
        }
    );
    let channel = world.outpoint();
    let store = world.phone.opened();
    let row = store.find(channel).expect("readable").expect("registered");
    assert!(!store.carries_htlcs(row).expect("readable"));
    let past = store
        .past_htlcs_at(row, Party::Remote, carried_by, &mut Default::default())
        .expect("readable");
    let mut keys: Vec<_> = past.iter().map(|past| past.terms.key).collect();
    keys.sort_unstable();
    let mut expected = [sent, received, failed, dust].map(|htlc| htlc_key(htlc.key));
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

fn a_forwarded_htlc_leaves_its_fee(mut world: World) {
    let height = expiry(&world);
    let mut onward = world.second_channel();
    let came_in = world.add(NewHtlc::incoming(30_000_000, height + 40));
    world.round();
    let went_on = onward
        .add_htlc(
            NewHtlc::outgoing(29_990_000, height).from(Origin::Forwarded {
                channel: world.outpoint().to_string(),
                id: came_in.key.id,
                cltv_expiry: height + 40,
            }),
        )
        .expect("affordable");
    for settled in [false, true] {
        if settled {
            onward
                .settle_htlc(went_on.key, Settlement::Fulfil)
                .expect("it is there");
        }
        let round = onward.commit_both().expect("nothing is outstanding");
        world.phone.told_round(onward.funding(), &round);
    }
    settle(&mut world, came_in.key, Settlement::Fulfil);
    world.round();
    let totals = ledger(&mut world).totals;
    assert_eq!(
        (totals.received_msat, totals.net_fees_msat),
        (30_000_000, 10_000)
    );
}

fn an_id_is_not_used_again(mut world: World) {
    let height = expiry(&world);
    let gone = world.add(NewHtlc::outgoing(20_000_000, height));
    world.round();
    settle(&mut world, gone.key, Settlement::Fail);
    world.round();
    world.add(NewHtlc::outgoing(20_000_000, height));
    let mut lie: RemoteUpdate = retold(
        &world
            .channel
            .their_commitment()
            .expect("nothing is outstanding"),
    );
    lie.commitment.htlcs[0].key = htlc_key(gone.key);
    assert!(matches!(
        world.refusal(Told::Remote(lie)),
        UpdateError::Htlc { htlc, field: "id", .. } if htlc == htlc_key(gone.key)
    ));
}

fn a_late_release_of_a_settled_htlc_changes_nothing(mut world: World) {
    let height = expiry(&world);
    let came_in = world.add(NewHtlc::incoming(30_000_000, height));
    world.round();
    settle(&mut world, came_in.key, Settlement::Fulfil);
    world.round();
    world.repeats(Told::Release(htlc_key(came_in.key)));
}
