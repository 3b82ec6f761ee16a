//! Scenarios 28 and 29: what the channel engine says is verified at the door, and what is refused changes nothing.

mod alternatives;
mod amounts;
mod closing;
mod histories;
mod htlcs;
mod judge;
mod ledger;
mod lies;
mod numbers;
mod proofs;
mod reestablish;
mod repeats;
mod revocations;
mod signatures;
mod story;
mod terms;
mod together;

use lightning_arbitrator::channel::LocalUpdate;
use testkit::party::{Htlc, NewHtlc};

use crate::support::{local_update, Told, World};

/// HTLCs in both directions, in the order in which BOLT 3 sorts their outputs, and one that is dust on either side.
fn add_htlcs(world: &mut World) -> [Htlc; 4] {
    let expiry = world.chain.tip().height + 500;
    [
        world.add(NewHtlc::outgoing(20_000_000, expiry)),
        world.add(NewHtlc::incoming(30_000_000, expiry + 10)),
        world.add(NewHtlc::outgoing(40_000_000, expiry + 20)),
        world.add(NewHtlc::incoming(200_000, expiry)),
    ]
}

/// Everything of one exchange but its last message: our own next commitment.
fn round_but_ours(world: &mut World) -> LocalUpdate {
    let round = world.channel.commit_both().expect("nothing is outstanding");
    world.tell(Told::Remote(crate::support::retold(&round.remote)));
    if let Some(revocation) = round.revocation {
        world.tell(Told::Revocation(revocation));
    }
    local_update(world.outpoint(), &round.local)
}
