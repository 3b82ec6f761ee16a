//! A payment in flight, as we see it.

use bitcoin::hashes::sha256;
use serde::{Deserialize, Serialize};

use super::fees::Offer;
use super::setup::Side;

/// Which way the payment goes, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We offered it to the peer.
    Outgoing,
    /// The peer offered it to us.
    Incoming,
}

impl Direction {
    /// Who pays.
    pub fn payer(self) -> Side {
        match self {
            Direction::Outgoing => Side::Us,
            Direction::Incoming => Side::Peer,
        }
    }

    /// How the HTLC stands on a commitment of `owner`.
    pub fn seen_by(self, owner: Side) -> Offer {
        if self.payer() == owner {
            Offer::ByOwner
        } else {
            Offer::ToOwner
        }
    }
}

/// An HTLC's name within its channel. BOLT 2: each side numbers the HTLCs that it offers from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HtlcKey {
    /// Which way it goes.
    pub direction: Direction,
    /// Its number among those of its direction.
    pub id: u64,
}

/// Where the payment comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Origin {
    /// It starts here (or, if incoming, ends here).
    Own,
    /// It came in over another channel of ours.
    Forwarded {
        /// That channel, by the name the app gave it.
        channel: String,
        /// The id of the incoming HTLC there.
        id: u64,
        /// Its expiry, in blocks.
        cltv_expiry: u32,
    },
}

/// A live HTLC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Htlc {
    /// Direction and id.
    #[serde(flatten)]
    pub key: HtlcKey,
    /// What is paid, in millisatoshi.
    pub amount_msat: u64,
    /// Whoever knows its preimage may take it.
    pub payment_hash: sha256::Hash,
    /// The block height from which the payer may take it back.
    pub cltv_expiry: u32,
    /// Where it comes from.
    pub origin: Origin,
}

/// An HTLC about to be offered; its id is given by the channel.
#[derive(Clone, Debug)]
pub struct NewHtlc {
    /// Which way it goes.
    pub direction: Direction,
    /// What is paid, in millisatoshi.
    pub amount_msat: u64,
    /// The preimage that takes it.
    pub preimage: [u8; 32],
    /// The block height from which the payer may take it back.
    pub cltv_expiry: u32,
    /// Where it comes from.
    pub origin: Origin,
}

impl NewHtlc {
    /// A payment of our own to the peer.
    pub fn outgoing(amount_msat: u64, cltv_expiry: u32) -> Self {
        NewHtlc::own(Direction::Outgoing, amount_msat, cltv_expiry)
    }

    /// A payment from the peer that ends with us.
    pub fn incoming(amount_msat: u64, cltv_expiry: u32) -> Self {
        NewHtlc::own(Direction::Incoming, amount_msat, cltv_expiry)
    }

    /// The same with another origin.
    pub fn from(self, origin: Origin) -> Self {
        NewHtlc { origin, ..self }
    }

    /// The same with another preimage (two HTLCs may share one).
    pub fn with_preimage(self, preimage: [u8; 32]) -> Self {
        NewHtlc { preimage, ..self }
    }

    fn own(direction: Direction, amount_msat: u64, cltv_expiry: u32) -> Self {
        // Reproducible, and different for payments that differ in anything.
        let text = format!("preimage of {direction:?} {amount_msat} {cltv_expiry}");
        let preimage = bitcoin::hashes::Hash::to_byte_array(
            <sha256::Hash as bitcoin::hashes::Hash>::hash(text.as_bytes()),
        );
        NewHtlc {
            direction,
            amount_msat,
            preimage,
            cltv_expiry,
            origin: Origin::Own,
        }
    }
}

/// How an HTLC ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The preimage was shown: the receiver has the money.
    Fulfil,
    /// It goes back to the payer.
    Fail,
}
