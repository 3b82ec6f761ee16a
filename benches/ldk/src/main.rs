//! The other side of the benchmarks: LDK's channels, its persister and its monitors. Takes orders on standard input; see
//! `measure::ldk`.

mod kv;
mod payments;
mod persist;

use std::path::Path;
use std::time::Instant;

use lightning::bitcoin::{BlockHash, Network};
use lightning::chain::channelmonitor::ChannelMonitor;
use lightning::io::Cursor;
use lightning::ln::functional_test_utils::{
    create_announced_chan_between_nodes_with_value, create_chanmon_cfgs, create_network,
    create_node_cfgs_with_persisters, create_node_chanmgrs, ConnectStyle,
};
use lightning::util::ser::{ReadableArgs, Writeable};
use lightning::util::test_channel_signer::TestChannelSigner;
use lightning::util::test_utils::TestKeysInterface;
use measure::ldk::{Opened, Order, Pages, Removal, Setup};
use measure::process::Memory;
use measure::{wire, Batch};

use crate::kv::SqliteKv;
use crate::payments::{config, Payments};
use crate::persist::Persister;

const CAPACITY_SAT: u64 = 10_000_000;

/// What the node that did not fund the channel is given at its opening: half.
const PUSHED_MSAT: u64 = CAPACITY_SAT * 1000 / 2;

/// The seed of LDK's first test node.
const FIRST_SEED: [u8; 32] = [0; 32];

fn main() {
    let mut orders = wire::orders();
    match orders.next() {
        Some(Order::Begin(setup)) => trade(&setup, orders),
        Some(Order::Open(database)) => wire::answer(&open(&database)),
        Some(order @ (Order::Hold(_) | Order::Pay(_) | Order::Copy { .. })) => {
            panic!("{order:?} before a beginning")
        }
        None => {}
    }
    // LDK's test nodes check themselves when dropped, which takes long and is no part of this.
    std::process::exit(0);
}

fn trade(setup: &Setup, orders: impl Iterator<Item = Order>) {
    let store = SqliteKv::open(&setup.database, setup.removal, setup.pages).expect("a new store");
    let monitors = create_chanmon_cfgs(2);
    let measured = Persister::measured(&store, setup.pending_updates, &monitors[0]);
    let persisters = vec![&measured, &Persister::Nothing];
    let nodes = create_node_cfgs_with_persisters(2, &monitors, persisters);
    let managers = create_node_chanmgrs(2, &nodes, &[Some(config()), Some(config())]);
    let network = create_network(2, &nodes, &managers);
    // Drawn by lot otherwise.
    *network[0].connect_style.borrow_mut() = ConnectStyle::FullBlockViaListen;
    let (_, _, channel, _) =
        create_announced_chan_between_nodes_with_value(&network, 0, 1, CAPACITY_SAT, PUSHED_MSAT);
    wire::answer(&());
    let mut payments = Payments {
        nodes: &network,
        made: 0,
    };
    for order in orders {
        match order {
            Order::Hold(count) => {
                (0..count).for_each(|_| payments.hold());
                wire::answer(&());
            }
            Order::Pay(count) => {
                let before = measured.cost();
                (0..count).for_each(|_| payments.pay());
                wire::answer(&Batch {
                    payments: count,
                    cost: measured.cost() - before,
                });
            }
            Order::Copy { database, copies } => {
                let monitor = network[0].chain_monitor.chain_monitor.get_monitor(channel);
                let bytes = monitor.expect("the channel is watched").encode();
                let copied = SqliteKv::open(&database, Removal::AtOnce, Pages::Default)
                    .and_then(|store| store.put_copies(&bytes, copies));
                copied.expect("a new store");
                wire::answer(&bytes.len());
            }
            Order::Begin(_) | Order::Open(_) => panic!("{order:?} in the middle"),
        }
    }
    std::process::exit(0);
}

/// Reads and holds every monitor of a store.
fn open(database: &Path) -> Opened {
    let keys = TestKeysInterface::new(&FIRST_SEED, Network::Testnet);
    let before = Memory::now().resident;
    let start = Instant::now();
    let store = SqliteKv::open(database, Removal::AtOnce, Pages::Default).expect("a store");
    let mut monitors = Vec::new();
    let read = store.each(|bytes| {
        let mut bytes = Cursor::new(bytes);
        let monitor =
            <(BlockHash, ChannelMonitor<TestChannelSigner>)>::read(&mut bytes, (&keys, &keys));
        monitors.push(monitor.expect("a monitor"));
    });
    read.expect("a store that can be read");
    Opened {
        monitors: monitors.len() as u64,
        time: start.elapsed(),
        memory: Memory::now().resident - before,
    }
}
