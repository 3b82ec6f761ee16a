//! Balances and totals: where the money of all channels is, and what went through them.

use futures::executor::block_on;
use lightning_arbitrator::channel::{Direction, Totals};
use lightning_arbitrator::court::ClosingBalance;
use lightning_arbitrator::store::queries::{Balances, ChannelSums, PendingHtlcs, Traffic};
use rusqlite::Connection;
use testkit::party::{ChannelType, HtlcKey, NewHtlc, Settlement, Which};

use crate::support::{htlc_key, Nap, Told, World};

twins!(
    money_moves_from_pending_to_open_to_closing_to_the_chain,
    an_htlc_on_the_chain_is_contested,
    what_went_through_is_told_per_channel_and_of_all,
);

fn balances(world: &mut World) -> Balances {
    let balances = block_on(world.phone.on().balances()).expect("readable");
    assert!(balances.unreadable.reasons().is_empty());
    balances
}

/// One channel of the testkit's, as it begins.
const ONE_CHANNEL: ChannelSums = ChannelSums {
    channels: 1,
    local_msat: 600_000_000,
    remote_msat: 400_000_000,
    outgoing: PendingHtlcs { count: 0, msat: 0 },
    incoming: PendingHtlcs { count: 0, msat: 0 },
};

fn money_moves_from_pending_to_open_to_closing_to_the_chain(mut world: World) {
    let nothing = ChannelSums::default();
    let channel = world.outpoint();
    let pending = balances(&mut world);
    assert_eq!((pending.pending, pending.open), (ONE_CHANNEL, nothing));
    assert_eq!(pending.spendable_msat, 0);

    world.phone.resume();
    let open = balances(&mut world);
    assert_eq!((open.pending, open.open), (nothing, ONE_CHANNEL));
    assert_eq!(open.spendable_msat, 590_000_000, "less the reserve");

    world.phone.force_close(channel).expect("a commitment");
    let closing = balances(&mut world);
    assert_eq!((closing.open, closing.closing), (nothing, ONE_CHANNEL));
    assert_eq!(closing.on_chain, ClosingBalance::default());

    world.mine(1);
    world.phone.resume();
    let proven = balances(&mut world);
    assert_eq!(proven.closing, nothing);
    let waiting = proven.on_chain.time_locked().to_sat();
    assert!((590_000..600_000).contains(&waiting), "less fees");
    assert_eq!(proven.on_chain.settled.to_sat(), 0);

    world.mine(144);
    world.phone.resume();
    world.mine(1);
    world.phone.resume();
    let swept = balances(&mut world).on_chain;
    let ours = world.balance(&world.phone.wallet.sweep);
    assert_eq!(
        (swept.settled.to_sat(), swept.time_locked().to_sat()),
        (ours, 0)
    );
    assert_eq!(swept.lost.to_sat(), 0);
}

fn an_htlc_on_the_chain_is_contested(mut world: World) {
    let expiry = world.chain.tip().height + 500;
    world.add(NewHtlc::outgoing(20_000_000, expiry));
    world.round();
    world.phone.resume();
    let open = balances(&mut world).open;
    let on_its_way = PendingHtlcs {
        count: 1,
        msat: 20_000_000,
    };
    assert_eq!((open.local_msat, open.outgoing), (580_000_000, on_its_way));
    world.peer_closes(Which::Current);
    world.phone.resume();
    // Nobody should count on an anchor.
    let contested = balances(&mut world).on_chain.contested.to_sat();
    assert_eq!(contested, 20_000);
}

#[test]
fn a_channel_that_cannot_be_read_is_named_and_in_no_sum() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    world.second_channel();
    world.phone.resume();
    world.phone.switch_off();
    let db = Connection::open(&world.phone.config.database).expect("it is free");
    let damage = "UPDATE commitment SET local_msat = -1 WHERE channel = 1";
    db.execute(damage, []).expect("good SQL");
    drop(db);
    let balances = block_on(world.phone.on().balances()).expect("the other one is readable");
    assert_eq!(balances.open, ONE_CHANNEL);
    let [reason] = balances.unreadable.reasons() else {
        panic!("one channel is damaged: {balances:?}");
    };
    assert!(reason.to_string().contains("local_msat"), "{reason}");
}

fn settle(world: &mut World, key: HtlcKey) {
    if htlc_key(key).direction == Direction::Incoming {
        world.tell(Told::Release(htlc_key(key)));
    }
    let settled = world.channel.settle_htlc(key, Settlement::Fulfil);
    settled.expect("it is there");
}

fn what_went_through_is_told_per_channel_and_of_all(mut world: World) {
    let other = world.second_channel().funding();
    let expiry = world.chain.tip().height + 500;
    let sent = world.add(NewHtlc::outgoing(20_000_000, expiry));
    let received = world.add(NewHtlc::incoming(30_000_000, expiry));
    world.round();
    settle(&mut world, sent.key);
    settle(&mut world, received.key);
    world.round();
    let channel = world.outpoint();
    let on = world.phone.on();
    let this = block_on(on.channel_totals(channel)).expect("registered");
    let totals = Totals {
        sent_msat: 20_000_000,
        received_msat: 30_000_000,
        net_fees_msat: 0,
    };
    // Three rounds, each with a commitment for either side.
    let expected = |totals, commitments| Traffic {
        totals,
        commitments,
    };
    assert_eq!(this, expected(totals, 6));
    let other = block_on(on.channel_totals(other)).expect("registered");
    assert_eq!(other, expected(Totals::default(), 2));
    let all = block_on(on.totals()).expect("readable");
    assert_eq!(all.sum, expected(totals, 8));
}
