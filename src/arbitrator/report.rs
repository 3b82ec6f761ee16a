//! What is read of a channel to judge it and to report it, over whichever connection.

use bitcoin::OutPoint;

use crate::config::Policy;
use crate::court::case_file::CaseFile;
use crate::court::report::ChannelReport;
use crate::court::{self, Dossier};
use crate::error::ArbitratorError;
use crate::store::{ChannelRow, Store, Unreadable};

/// What is known of a channel beside its case, and which rows of it cannot be read. HTLCs: those that a candidate
/// carries.
pub(super) fn dossier(
    store: &Store,
    row: ChannelRow,
) -> Result<(Dossier, Unreadable), ArbitratorError> {
    let mut unreadable = Unreadable::default();
    let terms = store.terms(row)?;
    let candidates = store.candidates(row, terms.channel(), &mut unreadable)?;
    let dossier = Dossier {
        feed: store.feed(row)?,
        htlcs: store.htlcs(row, &mut unreadable)?,
        past: Vec::new(),
        cooperative: store.cooperative(row, &mut unreadable)?,
        candidates,
        terms,
    };
    Ok((dossier, unreadable))
}

/// The height of our tip; 0 before the first tick.
pub(super) fn tip_height(store: &Store) -> Result<u32, ArbitratorError> {
    Ok(store.tip()?.map_or(0, |tip| tip.height.to_u32()))
}

/// The report of one channel, and which of its rows cannot be read.
pub(super) fn channel_report(
    store: &Store,
    policy: &Policy,
    row: ChannelRow,
    channel: OutPoint,
) -> Result<(ChannelReport, Unreadable), ArbitratorError> {
    let case = store.case(row)?;
    let (dossier, unreadable) = dossier(store, row)?;
    let next = court::next_height(&case, &dossier, tip_height(store)?, policy);
    Ok((court::report::report(channel, &case, next), unreadable))
}

/// The case file of one channel. Rows that cannot be read, the tick's report names.
pub(super) fn case_file(
    store: &Store,
    policy: &Policy,
    row: ChannelRow,
) -> Result<CaseFile, ArbitratorError> {
    let case = store.case(row)?;
    let (dossier, _) = dossier(store, row)?;
    let log = store.arbitrator_log(row)?;
    let tip = tip_height(store)?;
    Ok(CaseFile::of(&case, &dossier, log, tip, policy))
}
