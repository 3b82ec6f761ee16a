//! The list of channels: by state of life, by peer, page by page.

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint};
use futures::executor::block_on;
use lightning_arbitrator::channel::Lifecycle;
use lightning_arbitrator::store::queries::{
    ChannelFilter, ChannelOverview, Page, PageRequest, PendingHtlcs, MAX_PAGE,
};
use lightning_arbitrator::store::StoreError;
use lightning_arbitrator::ArbitratorError;
use rusqlite::Connection;
use testkit::party::{Channel, ChannelType, CooperativeClose, NewHtlc, Side};

use super::{list, overview, register_another, walk};
use crate::support::{number, retold, Nap, World};

twins!(
    channels_are_listed_by_their_state_of_life,
    an_overview_shows_what_the_newest_commitment_says,
    a_closed_channel_is_listed_without_a_standing,
);

const EVERY_LIFECYCLE: [Lifecycle; 4] = [
    Lifecycle::Pending,
    Lifecycle::Open,
    Lifecycle::Closing,
    Lifecycle::Closed,
];

/// A page of all channels.
fn page(world: &mut World, request: PageRequest) -> Result<Page<ChannelOverview>, ArbitratorError> {
    block_on(
        world
            .phone
            .on()
            .list_channels(ChannelFilter::default(), request),
    )
}

fn in_life(lifecycle: Lifecycle) -> ChannelFilter {
    ChannelFilter {
        lifecycle: Some(lifecycle),
        peer: None,
    }
}

fn outpoints(world: &mut World, filter: ChannelFilter) -> Vec<OutPoint> {
    let channels = list(world.phone.on(), filter);
    channels.into_iter().map(|it| it.channel).collect()
}

/// A channel whose funding is confirmed.
fn funded(world: &mut World, number: u64) -> Channel {
    let channel = world.unfunded_channel_numbered(number);
    world.submit(channel.funding_tx());
    world.mine(1);
    channel
}

/// Both sides have closed a channel, and nothing will change that.
fn closed(world: &mut World, number: u64) -> Channel {
    let channel = funded(world, number);
    world.phone.resume();
    let close = CooperativeClose::legacy(Amount::from_sat(500));
    let close = channel.cooperative_close(&close).expect("no HTLCs");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.phone.resume();
    channel
}

fn channels_are_listed_by_their_state_of_life(mut world: World) {
    let closed = closed(&mut world, 3).funding();
    let closing = funded(&mut world, 2).funding();
    let pending = world.unfunded_channel_numbered(1).funding();
    world.phone.resume();
    world.phone.force_close(closing).expect("a commitment");
    let open = world.outpoint();
    let listed: [Vec<OutPoint>; 4] = EVERY_LIFECYCLE.map(|lifecycle| {
        let channels = list(world.phone.on(), in_life(lifecycle));
        assert!(channels.iter().all(|it| it.lifecycle == lifecycle));
        channels.into_iter().map(|it| it.channel).collect()
    });
    assert_eq!(
        listed,
        [[pending], [open], [closing], [closed]].map(Vec::from)
    );
    assert_eq!(
        outpoints(&mut world, ChannelFilter::default()),
        [open, closed, closing, pending],
        "oldest first"
    );
}

#[test]
fn the_channels_with_a_peer_are_listed_in_every_state_or_in_one() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let stranger = world.second_channel().funding();
    let pending = register_another(&mut world, 2);
    world.phone.resume();
    let open = world.outpoint();
    let peer = Some(retold(&world.channel).peer);
    let mut listed = |lifecycle| outpoints(&mut world, ChannelFilter { lifecycle, peer });
    assert_eq!(listed(None), [open, pending]);
    assert_eq!(listed(Some(Lifecycle::Open)), [open]);
    assert_eq!(listed(Some(Lifecycle::Pending)), [pending]);
    assert_eq!(listed(Some(Lifecycle::Closed)), []);
    assert_eq!(
        outpoints(&mut world, in_life(Lifecycle::Open)),
        [open, stranger]
    );
}

fn an_overview_shows_what_the_newest_commitment_says(mut world: World) {
    let expiry = world.chain.tip().height + 500;
    world.add(NewHtlc::outgoing(20_000_000, expiry));
    world.add(NewHtlc::incoming(30_000_000, expiry));
    // Trimmed from both commitments, and pending all the same.
    world.add(NewHtlc::incoming(1_000, expiry));
    let round = world.round();
    world.phone.resume();
    let shown = overview(&mut world);
    let terms = retold(&world.channel);
    assert_eq!(
        (shown.peer, shown.capacity, shown.channel_type, shown.opener),
        (
            terms.peer,
            terms.funding.capacity,
            terms.channel_type,
            terms.opener
        )
    );
    assert_eq!(shown.feed.local, Some(number(round.local.number)));
    assert_eq!(shown.feed.remote, Some(number(round.remote.number)));
    let standing = shown.standing.expect("the channel is open");
    assert_eq!(standing.local_msat, world.channel.balance_msat(Side::Us));
    assert_eq!(standing.remote_msat, world.channel.balance_msat(Side::Peer));
    let pending = |count, msat| PendingHtlcs { count, msat };
    assert_eq!(standing.outgoing, pending(1, 20_000_000));
    assert_eq!(standing.incoming, pending(2, 30_001_000));
}

fn a_closed_channel_is_listed_without_a_standing(mut world: World) {
    let gone = closed(&mut world, 1).funding();
    let all = list(world.phone.on(), in_life(Lifecycle::Closed));
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].channel, all[0].standing), (gone, None));
    assert!(all[0].latches.updates_refused);
}

#[test]
fn a_channel_without_a_commitment_stands_as_its_terms_say() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    register_another(&mut world, 1);
    let pending = list(world.phone.on(), in_life(Lifecycle::Pending));
    let fresh = pending.last().expect("registered last");
    let standing = fresh.standing.expect("it has begun");
    assert_eq!(fresh.feed.local, None);
    assert_eq!(standing.local_msat, 600_000_000);
    assert_eq!(standing.remote_msat, 400_000_000);
}

#[test]
fn a_walk_meets_every_channel_once_while_others_are_added() {
    const CHANNELS: u32 = 250;
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let mut registered = vec![world.outpoint()];
    for number in 1..CHANNELS {
        registered.push(register_another(&mut world, number));
    }
    let peer = Some(retold(&world.channel).peer);
    for (index, filter) in [
        ChannelFilter::default(),
        in_life(Lifecycle::Pending),
        ChannelFilter {
            lifecycle: None,
            peer,
        },
        ChannelFilter {
            lifecycle: Some(Lifecycle::Pending),
            peer,
        },
    ]
    .into_iter()
    .enumerate()
    {
        let mut added = 1_000 * (index as u32 + 1);
        let met = walk(7, |request| {
            let page = block_on(world.phone.on().list_channels(filter, request));
            if added % 1_000 < 5 {
                added += 1;
                registered.push(register_another(&mut world, added));
            }
            page.expect("readable")
        });
        let met: Vec<OutPoint> = met.into_iter().map(|it| it.channel).collect();
        assert!(met == registered, "{filter:?}: {} met", met.len());
    }
}

#[test]
fn a_page_is_never_greater_than_the_greatest() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    for number in 0..=MAX_PAGE {
        register_another(&mut world, number + 1);
    }
    let request = PageRequest::first(u32::MAX);
    let page = page(&mut world, request).expect("readable");
    assert_eq!(page.rows.len(), MAX_PAGE as usize);
    assert!(page.next.is_some());
}

#[test]
fn a_cursor_of_another_query_is_refused() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    world.second_channel();
    world.phone.resume();
    let one = PageRequest::first(1);
    let history = block_on(world.phone.on().history(None, one.clone())).expect("readable");
    let foreign = one.after(history.next.expect("two channels were opened"));
    assert!(matches!(
        page(&mut world, foreign),
        Err(ArbitratorError::Store(StoreError::Cursor {
            query: "channels"
        }))
    ));
}

#[test]
fn a_channel_whose_rows_cannot_be_read_is_named_and_hides_no_other() {
    let mut world = World::new(ChannelType::StaticRemotekey, Nap::Never);
    let intact = world.second_channel().funding();
    let mut reasons = BTreeSet::new();
    for damage in [
        "UPDATE commitment SET local_msat = -1 WHERE channel = 1",
        "UPDATE court_case SET detail = '{' WHERE channel = 1",
        "UPDATE channel SET peer = x'ff' WHERE id = 1",
        "DELETE FROM funding WHERE channel = 1",
    ] {
        world.phone.switch_off();
        let db = Connection::open(&world.phone.config.database).expect("it is free");
        assert_ne!(db.execute(damage, []), Ok(0), "{damage}");
        drop(db);
        let page = page(&mut world, PageRequest::first(9)).expect("the other is readable");
        assert_eq!(page.rows.len(), 1, "{damage}");
        assert_eq!(page.rows[0].channel, intact);
        reasons.extend(page.unreadable.reasons().iter().map(ToString::to_string));
    }
    assert_eq!(reasons.len(), 4, "{reasons:?}");
}
