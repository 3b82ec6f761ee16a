//! Cases: what the channel arbitrator has decided, and the transaction in which a step of it is written.

use bitcoin::{OutPoint, Txid};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};

use super::broadcasts::put_broadcasts;
use super::contracts::put_contracts;
use super::cooperative::put_cooperative;
use super::error::StoreError;
use super::htlcs::release;
use super::log::put_log;
use super::outbox::put_events;
use super::pack::{signed, At};
use super::preimages::{put_preimage, SealedPreimage};
use super::summaries::SealedChange;
use super::{find, ChannelRow, Store};
use crate::channel::{HtlcRef, Lifecycle};
use crate::court::{
    lifecycle, refusal, Advice, ArbitratorState, Bump, Cancelled, Case, Close, DoubleSpend,
    FundingState, Latches, Orphan, Step, Unconfirmed, Verdict,
};

/// The part of a case that is stored as JSON: nearly empty while the channel is open.
#[derive(Serialize, Deserialize)]
struct Detail {
    funding: FundingState,
    #[serde(flatten)]
    latches: Latches,
    #[serde(default)]
    cancelled: Option<Cancelled>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    double_spend: Option<DoubleSpend>,
    seen: Option<Txid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<Unconfirmed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lacks_coin: Option<OutPoint>,
    close: Option<Close>,
    orphan: Option<Orphan>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    verdicts: Vec<(HtlcRef, Verdict)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    advised: Vec<(HtlcRef, Advice)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bumps: Vec<(OutPoint, Bump)>,
}

impl Store {
    /// The case of a channel.
    ///
    /// # Errors
    /// When a row is missing or cannot be decoded.
    pub fn case(&self, row: ChannelRow) -> Result<Case, StoreError> {
        let (state, revision, detail) = self
            .connection
            .prepare_cached("SELECT state, revision, detail FROM court_case WHERE channel = ?1")?
            .query_row([row.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, String>(2)?,
                ))
            })?;
        let Detail {
            funding,
            latches,
            cancelled,
            double_spend,
            seen,
            unconfirmed,
            lacks_coin,
            close,
            orphan,
            verdicts,
            advised,
            bumps,
        } = At("court_case", "detail").json(&detail)?;
        Ok(Case {
            revision: At("court_case", "revision").unsigned(revision)?,
            state: state_from(state)?,
            funding,
            latches,
            cancelled,
            double_spend,
            seen,
            unconfirmed,
            lacks_coin,
            close,
            orphan,
            contracts: self.contracts(row)?,
            broadcasts: self.broadcasts(row)?,
            verdicts,
            advised,
            bumps,
        })
    }

    /// The case as it is now: `known`, if nothing was written of it since that was read. A closed channel's case is large,
    /// and whoever goes through many transactions of it need not read it whole after each.
    ///
    /// # Errors
    /// As [`Store::case`].
    pub fn case_again(&self, row: ChannelRow, known: Case) -> Result<Case, StoreError> {
        let revision: i64 = self
            .connection
            .prepare_cached("SELECT revision FROM court_case WHERE channel = ?1")?
            .query_row([row.0], |row| row.get(0))?;
        if revision == signed(known.revision) {
            Ok(known)
        } else {
            self.case(row)
        }
    }

    /// Writes a step: case, contracts, broadcasts, log, summary and events, together. The last step of a case marks its
    /// working data as left to purge.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the case is no longer the one the step was computed from.
    pub fn put_step(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        before: &Case,
        step: &Step,
    ) -> Result<(), StoreError> {
        let summary = self.sealed_change(row, channel, &step.summary)?;
        let learned: Vec<_> = step
            .learned
            .iter()
            .map(|preimage| self.sealed_preimage(preimage))
            .collect::<Result<_, _>>()?;
        self.write(|db| write_step(db, row, channel, before, step, summary, &learned))
    }
}

/// Writes a step in a transaction that may hold more than this one.
pub(super) fn write_step(
    db: &Transaction<'_>,
    row: ChannelRow,
    channel: OutPoint,
    before: &Case,
    step: &Step,
    summary: SealedChange<'_>,
    learned: &[SealedPreimage],
) -> Result<(), StoreError> {
    let stored: i64 = db
        .prepare_cached("SELECT revision FROM court_case WHERE channel = ?1")?
        .query_row([row.0], |row| row.get(0))?;
    if stored != signed(before.revision) {
        return Err(StoreError::Conflict { channel });
    }
    put_case(db, row, &step.case)?;
    if step.case.contracts != before.contracts {
        put_contracts(db, row, &before.contracts, &step.case.contracts)?;
    }
    if step.case.broadcasts != before.broadcasts {
        put_broadcasts(db, row, &before.broadcasts, &step.case.broadcasts)?;
    }
    if let Some(transaction) = &step.cooperative {
        put_cooperative(db, row, transaction)?;
    }
    for preimage in learned {
        put_preimage(db, preimage)?;
    }
    for (channel, htlc) in &step.releases {
        // An upstream channel that is not ours to watch is the app's to tell.
        if let Some(row) = find(db, channel)? {
            release(db, row, *htlc)?;
        }
    }
    put_log(db, row, &step.log)?;
    summary.write(db, channel)?;
    put_events(db, &step.events)
}

pub(super) fn put_case(
    db: &Transaction<'_>,
    row: ChannelRow,
    case: &Case,
) -> Result<(), StoreError> {
    let detail = At("court_case", "detail").to_json(&Detail {
        funding: case.funding,
        latches: case.latches,
        cancelled: case.cancelled,
        double_spend: case.double_spend,
        seen: case.seen,
        unconfirmed: case.unconfirmed,
        lacks_coin: case.lacks_coin,
        close: case.close.clone(),
        orphan: case.orphan,
        verdicts: case.verdicts.clone(),
        advised: case.advised.clone(),
        bumps: case.bumps.clone(),
    })?;
    let lifecycle = lifecycle(case);
    db.prepare_cached(
        "REPLACE INTO court_case
            (channel, state, revision, updates_refused, detail, lifecycle, to_purge)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        row.0,
        state_column(case.state),
        signed(case.revision),
        refusal(case).is_some(),
        detail,
        lifecycle_column(lifecycle),
        lifecycle == Lifecycle::Closed,
    ))?;
    Ok(())
}

/// The numbers in the column are ours and fixed.
fn state_column(state: ArbitratorState) -> i64 {
    match state {
        ArbitratorState::Default => 0,
        ArbitratorState::BroadcastCommit => 1,
        ArbitratorState::CommitmentBroadcasted => 2,
        ArbitratorState::ContractClosed => 3,
        ArbitratorState::WaitingFullResolution => 4,
        ArbitratorState::FullyResolved => 5,
    }
}

fn state_from(column: i64) -> Result<ArbitratorState, StoreError> {
    Ok(match column {
        0 => ArbitratorState::Default,
        1 => ArbitratorState::BroadcastCommit,
        2 => ArbitratorState::CommitmentBroadcasted,
        3 => ArbitratorState::ContractClosed,
        4 => ArbitratorState::WaitingFullResolution,
        5 => ArbitratorState::FullyResolved,
        other => {
            return Err(At("court_case", "state").corrupt(format!("{other} is no state")));
        }
    })
}

/// The numbers in the column are ours and fixed; migration 0004 writes the same.
pub(super) fn lifecycle_column(lifecycle: Lifecycle) -> i64 {
    match lifecycle {
        Lifecycle::Pending => 0,
        Lifecycle::Open => 1,
        Lifecycle::Closing => 2,
        Lifecycle::Closed => 3,
    }
}
