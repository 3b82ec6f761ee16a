//! How a story ended, to be compared with how it ends when nothing goes wrong.

use std::collections::BTreeSet;

use bitcoin::{BlockHash, Txid};
use lightning_arbitrator::court::{ArbitratorState, CloseKind, EventKind, Progress};

use super::World;

/// The end of a story, but for the blocks in which things happened: a trouble may delay what we do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub state: ArbitratorState,
    pub close: Option<(CloseKind, Txid)>,
    /// What each contract came to, in the order of its outputs.
    pub contracts: Vec<Progress>,
    pub swept_sat: u64,
    /// The names of the events, without the hashes of blocks.
    pub told: BTreeSet<String>,
}

impl World {
    pub fn ending(&mut self) -> Ending {
        let report = self.phone.report(self.outpoint());
        let events = self.phone.events();
        // A glance into a mempool is luck; all else is told in every story.
        let is_luck = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::CloseSeen { .. } | EventKind::BreachSeen { .. }
            )
        };
        let told = events
            .iter()
            .filter(|event| !is_luck(&event.event.kind))
            .map(|event| self.without_blocks(&event.id))
            .collect();
        Ending {
            state: report.state,
            close: report.close,
            contracts: report.contracts.iter().map(|it| it.progress).collect(),
            swept_sat: self.balance(&self.phone.wallet.sweep),
            told,
        }
    }

    fn without_blocks(&self, name: &str) -> String {
        let is_block = |word: &str| {
            word.parse::<BlockHash>()
                .is_ok_and(|hash| self.chain.block(hash).is_some())
        };
        let words: Vec<&str> = name.split('/').filter(|word| !is_block(word)).collect();
        words.join("/")
    }
}
