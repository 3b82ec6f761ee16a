//! Requests that pay: HTLCs come and go, commitments are exchanged.

use serde::{Deserialize, Serialize};

use crate::party::hex::Bytes32;
use crate::party::{
    Channel, Direction, Htlc, HtlcKey, LocalUpdate, NewHtlc, Origin, PartyError, RemoteUpdate,
    Revocation, Settlement,
};

use super::answer::{Nothing, Refusal};
use super::Control;

/// Body of `…/update`. First HTLCs are settled and forgotten, then added, then commitments are made over the result.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    #[serde(default)]
    settle: Vec<Settle>,
    #[serde(default)]
    forget: Vec<HtlcKey>,
    #[serde(default)]
    add: Vec<Add>,
    feerate_per_kw: Option<u32>,
    #[serde(default)]
    commit: Commit,
}

/// An HTLC to be offered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    direction: Direction,
    amount_msat: u64,
    cltv_expiry: u32,
    /// Made up when absent; the answer tells it.
    preimage: Option<Bytes32>,
    origin: Option<Origin>,
}

/// An HTLC to be ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    direction: Direction,
    id: u64,
    how: Settlement,
}

/// Which commitments are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// A whole exchange: theirs, their revocation, ours.
    #[default]
    Both,
    /// We sign the peer's next; it is pending until `…/revoke`.
    Theirs,
    /// We sign another alternative of the peer's newest.
    TheirsAgain,
    /// The peer signs our next.
    Ours,
    /// The peer signs another alternative of our newest.
    OursAgain,
    /// None.
    Nothing,
}

/// Answer of `…/update`: what the app feeds, in this order, where it is not null.
#[derive(Debug, Default, Serialize)]
pub struct Updated {
    added: Vec<Added>,
    remote: Option<RemoteUpdate>,
    revocation: Option<Revocation>,
    local: Option<LocalUpdate>,
}

/// An HTLC that was offered, with the preimage that takes it.
#[derive(Debug, Serialize)]
pub struct Added {
    #[serde(flatten)]
    htlc: Htlc,
    preimage: Bytes32,
}

pub(super) fn update(
    channel: &mut Channel,
    _: &Control,
    request: Update,
) -> Result<Updated, Refusal> {
    for Settle { direction, id, how } in request.settle {
        channel.settle_htlc(HtlcKey { direction, id }, how)?;
    }
    for key in request.forget {
        channel.forget_htlc(key)?;
    }
    let added = request
        .add
        .into_iter()
        .map(|one| add(channel, one))
        .collect::<Result<_, _>>()?;
    request
        .feerate_per_kw
        .into_iter()
        .for_each(|feerate| channel.set_feerate(feerate));
    let updated = match request.commit {
        Commit::Both => {
            let round = channel.commit_both()?;
            Updated {
                remote: Some(round.remote),
                revocation: round.revocation,
                local: Some(round.local),
                ..Updated::default()
            }
        }
        Commit::Theirs => Updated {
            remote: Some(channel.their_commitment()?),
            ..Updated::default()
        },
        Commit::TheirsAgain => Updated {
            remote: Some(channel.their_commitment_again()?),
            ..Updated::default()
        },
        Commit::Ours => Updated {
            local: Some(channel.our_commitment()),
            ..Updated::default()
        },
        Commit::OursAgain => Updated {
            local: Some(channel.our_commitment_again()?),
            ..Updated::default()
        },
        Commit::Nothing => Updated::default(),
    };
    Ok(Updated { added, ..updated })
}

pub(super) fn revoke(
    channel: &mut Channel,
    _: &Control,
    Nothing {}: Nothing,
) -> Result<Revocation, Refusal> {
    Ok(channel.peer_revokes()?)
}

fn add(channel: &mut Channel, request: Add) -> Result<Added, PartyError> {
    let mut new = match request.direction {
        Direction::Outgoing => NewHtlc::outgoing(request.amount_msat, request.cltv_expiry),
        Direction::Incoming => NewHtlc::incoming(request.amount_msat, request.cltv_expiry),
    };
    new.origin = request.origin.unwrap_or(Origin::Own);
    new.preimage = request.preimage.map_or(new.preimage, |given| given.0);
    let preimage = Bytes32(new.preimage);
    Ok(Added {
        htlc: channel.add_htlc(new)?,
        preimage,
    })
}
