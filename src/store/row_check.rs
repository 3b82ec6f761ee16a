//! Checks that rows carry, of what a flipped bit would change without anything else noticing.
//!
//! A commitment needs none: the peer's signature covers it, and through it the keys and the HTLCs that it carries. What
//! nothing is signed over carries its own: 32 bits of a hash, in the row itself, so that it costs no write of its own.
//! The archive of HTLCs has one sum for all its rows. They are looked at by the integrity check, and those of JSON
//! whenever it is read. Rows that an earlier version wrote have none until they are written again.

use bitcoin::hashes::{sha256, Hash, HashEngine};

use crate::channel::{ChannelTerms, Feed, HtlcLife, Ledger, PartyTerms};
use crate::court::Broadcast;
use crate::protocol::CommitmentNumber;
use crate::reserve::{Emptying, KnownCoin};

use super::pack::{direction_column, origin_column, signed};
use super::ReserveRow;

/// Collects what a check is over. Each part is preceded by its length: none runs into the next.
struct Checked(sha256::HashEngine);

impl Checked {
    fn new(what: &str) -> Self {
        Checked(sha256::Hash::engine()).bytes(what.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.input(&(bytes.len() as u64).to_le_bytes());
        self.0.input(bytes);
        self
    }

    fn number(self, number: i64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn maybe(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    fn hash(self) -> [u8; 32] {
        sha256::Hash::from_engine(self.0).to_byte_array()
    }

    fn check(self) -> i64 {
        let [a, b, c, d, ..] = self.hash();
        i64::from(u32::from_le_bytes([a, b, c, d]))
    }
}

/// Of the terms of a channel, but for the funding transaction, which comes later.
pub(super) fn of_terms(terms: &ChannelTerms) -> i64 {
    let funding = bitcoin::consensus::encode::serialize(&terms.funding.outpoint);
    let checked = Checked::new("terms")
        .bytes(&funding)
        .number(signed(terms.funding.capacity.to_sat()))
        .number(super::channels::type_column(terms.channel_type))
        .bytes(&terms.peer.serialize())
        .number(super::pack::party_column(terms.opener))
        .bytes(&terms.keys_id.0);
    party(party(checked, &terms.local), &terms.remote).check()
}

fn party(checked: Checked, party: &PartyTerms) -> Checked {
    let basepoints = &party.keys.basepoints;
    [
        &party.keys.funding,
        &basepoints.revocation,
        &basepoints.payment,
        &basepoints.delayed_payment,
        &basepoints.htlc,
        &party.first_per_commitment_point,
    ]
    .into_iter()
    .fold(checked, |checked, key| checked.bytes(&key.serialize()))
    .number(signed(party.dust_limit.to_sat()))
    .number(party.to_self_delay.into())
    .number(signed(party.reserve.to_sat()))
    .maybe(
        party
            .shutdown_script
            .as_ref()
            .map(|script| script.as_bytes()),
    )
    .number(signed(party.initial_balance_msat))
}

/// Of where the stream of updates stands, the ledger, and the sum over the archive.
pub(super) fn of_feed(feed: &Feed, ledger: &Ledger, past: i64) -> i64 {
    // No commitment has this number.
    let number = |number: Option<CommitmentNumber>| number.map_or(-1, |it| signed(it.get()));
    let point = feed.remote_next_point.map(|point| point.serialize());
    Checked::new("feed")
        .number(number(feed.local))
        .number(number(feed.remote))
        .number(number(feed.remote_revoked))
        .maybe(point.as_ref().map(|point| point.as_slice()))
        .number(signed(ledger.totals.sent_msat))
        .number(signed(ledger.totals.received_msat))
        .number(signed(ledger.totals.net_fees_msat))
        .number(signed(ledger.used.outgoing))
        .number(signed(ledger.used.incoming))
        .number(past)
        .check()
}

/// What `released` adds to the check of an HTLC's row, so that it can be set without reading the row.
pub(super) const RELEASED: i64 = 0x7265_6c65_6173;

/// Of an HTLC that is not past, but for what is forwarded of it, which is counted only.
pub(super) fn of_htlc(life: &HtlcLife) -> i64 {
    let terms = &life.terms;
    let end = |number: Option<u64>| number.map_or(-1, signed);
    let check = Checked::new("htlc")
        .number(direction_column(terms.key.direction))
        .number(signed(terms.key.id))
        .number(life.version.into())
        .bytes(&terms.payment_hash.0)
        .number(signed(terms.amount_msat))
        .number(terms.cltv_expiry.into())
        .maybe(origin_column(&terms.origin).as_deref())
        .number(end(life.local.first))
        .number(end(life.local.last))
        .number(end(life.remote.first))
        .number(end(life.remote.last))
        .check();
    check + if life.released { RELEASED } else { 0 }
}

/// Of a transaction of ours. Its txid says nothing of its witnesses.
pub(super) fn of_broadcast(purpose: &str, broadcast: &Broadcast, outcome: Option<&str>) -> i64 {
    Checked::new("broadcast")
        .bytes(purpose.as_bytes())
        .bytes(&bitcoin::consensus::encode::serialize(
            &broadcast.transaction,
        ))
        .number(broadcast.since.into())
        .maybe(outcome.map(str::as_bytes))
        .check()
}

/// Of what is kept of the embedded wallet beside its coins.
pub(super) fn of_reserve(name: &[u8], row: &ReserveRow) -> i64 {
    // No place and no height is negative.
    let maybe = |number: Option<u32>| number.map_or(-1, i64::from);
    Checked::new("reserve")
        .bytes(name)
        .number(row.revealed.into())
        .number(maybe(row.receive))
        .number(maybe(row.looked_at))
        .check()
}

/// Of a coin of the embedded wallet's.
pub(super) fn of_reserve_coin(coin: &KnownCoin) -> i64 {
    Checked::new("reserve_coin")
        .bytes(&bitcoin::consensus::encode::serialize(&coin.outpoint))
        .number(coin.index.into())
        .number(signed(coin.value.to_sat()))
        .check()
}

/// Of a transaction that empties the embedded wallet.
pub(super) fn of_emptying(emptying: &Emptying, outcome: Option<&str>) -> i64 {
    Checked::new("reserve_emptying")
        .bytes(&bitcoin::consensus::encode::serialize(
            &emptying.transaction,
        ))
        .number(signed(emptying.fee.to_sat()))
        .maybe(outcome.map(str::as_bytes))
        .check()
}

/// Of a name of a channel.
pub(super) fn of_name(channel: i64, id: i64, is_alias: i64) -> i64 {
    Checked::new("short_channel_id")
        .number(channel)
        .number(id)
        .number(is_alias)
        .check()
}

/// Of a message of a channel that is not registered yet.
pub(super) fn of_early(peer: &[u8], channel_id: &[u8], kind: i64, message: &[u8]) -> i64 {
    Checked::new("early_message")
        .bytes(peer)
        .bytes(channel_id)
        .number(kind)
        .bytes(message)
        .check()
}

/// What a row of the archive adds to its channel's sum, which wraps around: rows come in any order.
pub(super) fn of_past(class: i64, first: i64, figures: &[u8]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = Checked::new("past_htlc")
        .number(class)
        .number(first)
        .bytes(figures)
        .hash();
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// White space of JSON: two bits each.
const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

/// How many of them make a check.
const TAIL: usize = 16;

/// JSON with its check behind it, written in white space: for every other reader it is the same JSON.
pub(super) fn with_tail(json: String) -> String {
    let tail = tail_of(&json);
    json + &tail
}

/// Whether a text of JSON carries the right check, or none, as earlier versions wrote it.
pub(super) fn has_good_tail(text: &str) -> bool {
    let json = text.trim_end_matches(SPACES);
    text.len() == json.len() || text.strip_prefix(json) == Some(&tail_of(json))
}

fn tail_of(json: &str) -> String {
    let check = Checked::new("json").bytes(json.as_bytes()).check();
    (0..TAIL)
        .filter_map(|nth| SPACES.get((check >> (2 * nth) & 3) as usize))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"settled":"1000","kind":"Local"}"#;

    #[test]
    fn the_tail_of_a_text_is_white_space_of_32_bits() {
        let text = with_tail(JSON.into());
        assert_eq!(text.len(), JSON.len() + TAIL);
        assert_eq!(text.trim_end(), JSON);
        assert!(has_good_tail(&text));
    }

    #[test]
    fn a_text_of_an_earlier_version_has_none_and_is_good() {
        assert!(has_good_tail(JSON));
    }

    #[test]
    fn no_bit_can_be_flipped_unnoticed() {
        let text = with_tail(JSON.into());
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).expect("seven bits");
                let is_json = serde_json::from_str::<serde_json::Value>(&flipped).is_ok();
                assert!(
                    !is_json || !has_good_tail(&flipped),
                    "{at}.{bit}: {flipped:?}"
                );
            }
        }
    }

    #[test]
    fn parts_that_run_into_each_other_differ() {
        let check = |parts: [&[u8]; 2]| Checked::new("").bytes(parts[0]).bytes(parts[1]).check();
        assert_ne!(check([b"ab", b"c"]), check([b"a", b"bc"]));
    }
}
