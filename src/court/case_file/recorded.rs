//! What the log says of the outputs of a close: what each is, how far it was last, and what it came to.

use std::collections::BTreeMap;

use bitcoin::OutPoint;

use crate::court::{CloseOutput, LogEntry, LogKind, Money, Progress};

/// What the log says of an output.
pub(super) struct Recorded {
    pub output: CloseOutput,
    pub progress: Option<Progress>,
    pub money: Money,
}

/// What the log says of the outputs of the close that stands, and of those behind it.
pub(super) fn recorded(log: &[LogEntry]) -> BTreeMap<OutPoint, Recorded> {
    let mut all: BTreeMap<OutPoint, Recorded> = BTreeMap::new();
    for entry in log {
        match &entry.kind {
            LogKind::Output(output) => {
                let recorded = Recorded {
                    output: *output,
                    progress: None,
                    money: Money::default(),
                };
                all.insert(output.outpoint, recorded);
            }
            LogKind::Contract { outpoint, progress } => {
                if let Some(recorded) = all.get_mut(outpoint) {
                    recorded.progress = Some(*progress);
                }
            }
            LogKind::Account { outpoint, money } => {
                if let Some(recorded) = all.get_mut(outpoint) {
                    recorded.money = *money;
                }
            }
            LogKind::ContractGone { outpoint } => {
                all.remove(outpoint);
            }
            LogKind::CloseReorged { .. } => all.clear(),
            LogKind::State { .. }
            | LogKind::Funding(_)
            | LogKind::CloseSeen { .. }
            | LogKind::CloseProven { .. }
            | LogKind::ForceCloseRequested
            | LogKind::ClosingSigned { .. }
            | LogKind::FundingCancelled
            | LogKind::FundingVoid(_)
            | LogKind::FundingRevived
            | LogKind::FundingDoubleSpent(_)
            | LogKind::DoubleSpendReorged(_)
            | LogKind::Abandoned
            | LogKind::OrphanAbandoned { .. }
            | LogKind::DataLoss { .. }
            | LogKind::Restored { .. }
            | LogKind::RestoredConfirmed
            | LogKind::Signed { .. }
            | LogKind::BroadcastOutcome { .. }
            | LogKind::Resolver { .. }
            | LogKind::Verdict { .. }
            | LogKind::Advice { .. }
            | LogKind::GoesToChain(_)
            | LogKind::Bumped { .. }
            | LogKind::Opening(_) => {}
        }
    }
    all
}

/// What the outputs of a case that has ended came to.
pub(super) fn past_money(log: &[LogEntry]) -> Vec<Money> {
    let recorded = recorded(log);
    recorded.values().map(|recorded| recorded.money).collect()
}
