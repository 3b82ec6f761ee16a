//! What the channel engine's updates touch: the feed and the candidate commitments.

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::OutPoint;
use rusqlite::{OptionalExtension, Row, Transaction};

use super::error::{StoreError, Unreadable};
use super::htlcs::put_htlc;
use super::pack::{pack_htlcs, party_column, signed, At};
use super::past::bury;
use super::row_check::of_feed;
use super::{ChannelRow, Store};
use crate::channel::{AcceptedCommitment, Candidate, Feed, HtlcLife, Ledger, Totals, UsedIds};
use crate::protocol::Party;

impl Store {
    /// Where the stream of updates stands.
    ///
    /// # Errors
    /// When the row is missing or cannot be decoded.
    pub fn feed(&self, row: ChannelRow) -> Result<Feed, StoreError> {
        let (local, remote, revoked, point) = self
            .connection
            .prepare_cached(
                "SELECT local_number, remote_number, remote_revoked, remote_next_point
                 FROM feed WHERE channel = ?1",
            )?
            .query_row([row.0], |row| {
                Ok((
                    row.get::<_, Option<i64>>(0)?,
                    row.get::<_, Option<i64>>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                ))
            })?;
        let number = |value: Option<i64>, column| {
            value
                .map(|value| At("feed", column).number(value))
                .transpose()
        };
        Ok(Feed {
            local: number(local, "local_number")?,
            remote: number(remote, "remote_number")?,
            remote_revoked: number(revoked, "remote_revoked")?,
            remote_next_point: point
                .map(|bytes| At("feed", "remote_next_point").key(bytes))
                .transpose()?,
        })
    }

    /// The sums over the HTLCs that are past.
    ///
    /// # Errors
    /// When the row is missing or cannot be decoded.
    pub fn ledger(&self, row: ChannelRow) -> Result<Ledger, StoreError> {
        let figures: [i64; 5] = self
            .connection
            .prepare_cached(
                "SELECT sent_msat, received_msat, net_fees_msat, used_outgoing_ids,
                    used_incoming_ids FROM feed WHERE channel = ?1",
            )?
            .query_row([row.0], |row| {
                Ok([
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ])
            })?;
        let [sent, received, net_fees, outgoing, incoming] = figures;
        Ok(Ledger {
            totals: Totals {
                sent_msat: At("feed", "sent_msat").unsigned(sent)?,
                received_msat: At("feed", "received_msat").unsigned(received)?,
                net_fees_msat: At("feed", "net_fees_msat").unsigned(net_fees)?,
            },
            used: UsedIds {
                outgoing: At("feed", "used_outgoing_ids").unsigned(outgoing)?,
                incoming: At("feed", "used_incoming_ids").unsigned(incoming)?,
            },
        })
    }

    /// The commitments that may confirm. Rows that cannot be decoded are put aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn candidates(
        &self,
        row: ChannelRow,
        funding: OutPoint,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT owner, number, alternative, feerate_per_kw, local_msat, remote_msat, point,
                    txid, signature, htlc_signatures, htlcs
             FROM commitment WHERE channel = ?1 AND funding = 0
             ORDER BY owner, number, alternative",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut candidates = Vec::new();
        while let Some(row) = rows.next()? {
            candidates.extend(unreadable.sift(candidate_of(row, funding)));
        }
        Ok(candidates)
    }
}

/// Writes an accepted commitment.
pub(super) fn put_commitment(
    db: &Transaction<'_>,
    row: ChannelRow,
    accepted: &AcceptedCommitment,
) -> Result<(), StoreError> {
    let candidate = &accepted.candidate;
    if candidate.owner == Party::Local {
        // Ours that went before will never be broadcast again: it is about to be revoked.
        db.prepare_cached(
            "DELETE FROM commitment WHERE channel = ?1 AND owner = 0 AND number < ?2",
        )?
        .execute((row.0, signed(candidate.number.get())))?;
    }
    put_candidate(db, row, candidate)?;
    let is_past = |life: &&HtlcLife| accepted.past_htlcs.contains(life);
    for life in accepted.changed_htlcs.iter().filter(|it| !is_past(it)) {
        put_htlc(db, row, life)?;
    }
    let buried = bury(db, row, &accepted.past_htlcs)?;
    put_feed(db, row, &accepted.feed, &accepted.ledger, buried)
}

/// Writes where the stream of updates stands. `buried` is what this update adds to the check of the archive.
pub(super) fn put_feed(
    db: &Transaction<'_>,
    row: ChannelRow,
    feed: &Feed,
    ledger: &Ledger,
    buried: i64,
) -> Result<(), StoreError> {
    let Ledger { totals, used } = ledger;
    let past: Option<i64> = db
        .prepare_cached("SELECT past_check FROM feed WHERE channel = ?1")?
        .query_row([row.0], |row| row.get(0))
        .optional()?;
    let past = past.unwrap_or(0).wrapping_add(buried);
    db.prepare_cached(
        "REPLACE INTO feed (channel, local_number, remote_number, remote_revoked, remote_next_point,
            sent_msat, received_msat, net_fees_msat, used_outgoing_ids, used_incoming_ids,
            past_check, row_check)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        row.0,
        feed.local.map(|number| signed(number.get())),
        feed.remote.map(|number| signed(number.get())),
        feed.remote_revoked.map(|number| signed(number.get())),
        feed.remote_next_point.map(|point| point.serialize()),
        signed(totals.sent_msat),
        signed(totals.received_msat),
        signed(totals.net_fees_msat),
        signed(used.outgoing),
        signed(used.incoming),
        past,
        of_feed(feed, ledger, past),
    ))?;
    Ok(())
}

fn put_candidate(
    db: &Transaction<'_>,
    row: ChannelRow,
    candidate: &Candidate,
) -> Result<(), StoreError> {
    let (signature, htlc_signatures) = match &candidate.signatures {
        None => (None, None),
        Some((signature, htlcs)) => {
            let packed: Vec<u8> = htlcs
                .iter()
                .flat_map(|signature| signature.serialize_compact())
                .collect();
            (Some(signature.serialize_compact()), Some(packed))
        }
    };
    db.prepare_cached(
        "INSERT INTO commitment (channel, funding, owner, number, alternative, feerate_per_kw,
            local_msat, remote_msat, point, txid, signature, htlc_signatures, htlcs)
         VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        row.0,
        party_column(candidate.owner),
        signed(candidate.number.get()),
        candidate.alternative,
        candidate.feerate_per_kw,
        signed(candidate.local_msat),
        signed(candidate.remote_msat),
        candidate.per_commitment_point.serialize(),
        candidate.txid.to_byte_array(),
        signature,
        htlc_signatures,
        pack_htlcs(&candidate.htlcs),
    ))?;
    Ok(())
}

fn candidate_of(row: &Row<'_>, funding: OutPoint) -> Result<Candidate, StoreError> {
    let at = |column| At("commitment", column);
    let signatures = match (
        row.get::<_, Option<Vec<u8>>>(8)?,
        row.get::<_, Option<Vec<u8>>>(9)?,
    ) {
        (Some(signature), htlcs) => {
            let htlcs = htlcs.unwrap_or_default();
            let htlcs: Result<Vec<Signature>, StoreError> = htlcs
                .chunks(64)
                .map(|bytes| at("htlc_signatures").signature(bytes))
                .collect();
            Some((at("signature").signature(&signature)?, htlcs?))
        }
        (None, _) => None,
    };
    let htlcs: Vec<u8> = row.get(10)?;
    Ok(Candidate {
        funding,
        owner: at("owner").party(row.get(0)?)?,
        number: at("number").number(row.get(1)?)?,
        alternative: at("alternative").unsigned(row.get(2)?)?,
        feerate_per_kw: at("feerate_per_kw").unsigned(row.get(3)?)?,
        local_msat: at("local_msat").unsigned(row.get(4)?)?,
        remote_msat: at("remote_msat").unsigned(row.get(5)?)?,
        per_commitment_point: at("point").key(row.get(6)?)?,
        txid: at("txid").txid(row.get(7)?)?,
        signatures,
        htlcs: at("htlcs").htlcs(&htlcs)?,
    })
}
