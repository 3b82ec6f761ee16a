//! Questions of people: lists page by page, sums, and the history; whatever ticks and writes are going on.

mod channels;
mod history;
mod htlcs;
mod money;
mod names;
mod reader;

use bitcoin::OutPoint;
use futures::executor::block_on;
use lightning_arbitrator::channel::ChannelTerms;
use lightning_arbitrator::store::queries::{ChannelFilter, ChannelOverview, Page, PageRequest};
use lightning_arbitrator::ChainArbitrator;

use crate::support::{retold, Told, World};

/// Every row, from the first page to the last; `ask` gives a page.
fn walk<T>(limit: u32, mut ask: impl FnMut(PageRequest) -> Page<T>) -> Vec<T> {
    let mut request = PageRequest::first(limit);
    let mut all = Vec::new();
    loop {
        let page = ask(request.clone());
        assert!(
            page.unreadable.reasons().is_empty(),
            "{:?}",
            page.unreadable
        );
        assert!(page.rows.len() <= limit as usize);
        all.extend(page.rows);
        match page.next {
            Some(next) => request = request.after(next),
            None => return all,
        }
    }
}

/// The channels that a filter leaves, all on one page.
fn list(on: &ChainArbitrator, filter: ChannelFilter) -> Vec<ChannelOverview> {
    let page = block_on(on.list_channels(filter, PageRequest::first(u32::MAX)));
    let page = page.expect("readable");
    assert_eq!(page.next, None);
    page.rows
}

/// How a list shows the world's first channel.
fn overview(world: &mut World) -> ChannelOverview {
    let channel = world.outpoint();
    let mut all = list(world.phone.on(), ChannelFilter::default()).into_iter();
    all.find(|it| it.channel == channel).expect("registered")
}

/// Registers a channel with the peer and the keys of the world's first one, over a funding that is not on the chain.
fn register_another(world: &mut World, number: u32) -> OutPoint {
    let mut terms: ChannelTerms = retold(&world.channel);
    terms.funding.outpoint.vout = number;
    terms.funding.transaction = None;
    let outpoint = terms.funding.outpoint;
    world.tell(Told::Terms(Box::new(terms)));
    outpoint
}
