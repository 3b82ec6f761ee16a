//! The close summary that a case and its dossier make: who closed, what is ours of it, and what a peer that asks is answered.

use bitcoin::Amount;

use super::balance::{less, paid_out, ClosingBalance};
use super::watcher::CloseKind;
use super::{Case, Close, Dossier, Step, SummaryChange};
use crate::channel::{CloseSummary, Reestablish, SummaryKind};
use crate::protocol::Party;

/// Whether a reorg may still change what a summary says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Provisional,
    Final,
}

/// The summary of a channel that a transaction on the chain closed; nothing where none did.
pub(super) fn of_close(step: &mut Step, dossier: &Dossier, standing: Standing) {
    if let Some(close) = &step.case.close {
        let kind = kind_of(close.kind);
        step.summary = put(&step.case, dossier, kind, standing);
    }
}

/// The summary of a channel that ends because the app says so.
pub(super) fn by_the_app(
    step: &mut Step,
    dossier: &Dossier,
    kind: SummaryKind,
    standing: Standing,
) {
    step.summary = put(&step.case, dossier, kind, standing);
}

fn put(case: &Case, dossier: &Dossier, kind: SummaryKind, standing: Standing) -> SummaryChange {
    SummaryChange::Put(Box::new(remade(case, dossier, kind, standing)))
}

/// The summary that case and dossier make, once more.
pub(super) fn remade(
    case: &Case,
    dossier: &Dossier,
    kind: SummaryKind,
    standing: Standing,
) -> CloseSummary {
    let close = case.close.as_ref();
    let balance = ClosingBalance::of(case, dossier.terms.funding.capacity);
    let terms = &dossier.terms;
    CloseSummary {
        channel: terms.channel(),
        peer: terms.peer,
        capacity: terms.funding.capacity,
        kind,
        closing_txid: close.map(|close| close.txid),
        close_height: close.map(|close| close.block.height),
        opener: terms.opener,
        settled_balance: balance.settled,
        time_locked_balance: balance.time_locked(),
        closing_fee: close.map_or(Amount::ZERO, |close| closing_fee(close, dossier)),
        sweep_fees: balance.sweep_fees,
        reestablish: Some(reestablish(dossier)),
        is_final: standing == Standing::Final,
    }
}

fn kind_of(kind: CloseKind) -> SummaryKind {
    match kind {
        CloseKind::Cooperative => SummaryKind::Cooperative,
        CloseKind::Local { .. } | CloseKind::LocalOther { .. } => SummaryKind::Local,
        CloseKind::Remote { .. }
        | CloseKind::RemotePending { .. }
        | CloseKind::RemoteFuture { .. } => SummaryKind::Remote,
        CloseKind::Breach { .. } => SummaryKind::Breach,
        CloseKind::Unknown => SummaryKind::Unknown,
    }
}

/// What the closing transaction left to its miner, as far as it came off our side.
fn closing_fee(close: &Close, dossier: &Dossier) -> Amount {
    let terms = &dossier.terms;
    let fee = less(terms.funding.capacity, paid_out(&close.transaction));
    let opener_pays = match terms.opener {
        Party::Local => fee,
        Party::Remote => Amount::ZERO,
    };
    match close.kind {
        // BOLT 2 lets either side pay: our balance tells how much of it was ours.
        CloseKind::Cooperative => dossier.local_commitment().map_or(opener_pays, |newest| {
            let balance = Amount::from_sat(newest.local_msat / 1000);
            less(balance, Amount::from_sat(close.paid_to_us_sat)).min(fee)
        }),
        // BOLT 3: the opener pays for every commitment.
        CloseKind::Local { .. }
        | CloseKind::LocalOther { .. }
        | CloseKind::Remote { .. }
        | CloseKind::RemotePending { .. }
        | CloseKind::RemoteFuture { .. }
        | CloseKind::Breach { .. } => opener_pays,
        CloseKind::Unknown => Amount::ZERO,
    }
}

/// BOLT 2, `channel_reestablish`: what we would say if the channel were still there.
pub(super) fn reestablish(dossier: &Dossier) -> Reestablish {
    let ours = dossier.local_commitment();
    let revoked = dossier.feed.remote_revoked;
    Reestablish {
        next_commitment_number: dossier.feed.next_commitment_number(),
        next_revocation_number: revoked.map_or(0, |number| number.get() + 1),
        your_last_per_commitment_secret: None,
        // BOLT 2: any valid point will do with option_static_remotekey, should the commitment be unreadable.
        my_current_per_commitment_point: ours
            .map_or(dossier.terms.local.first_per_commitment_point, |newest| {
                newest.per_commitment_point
            }),
    }
}
