//! What others would have bid for the same claim, awake at the same blocks: models of their rules, not their code.

use std::collections::BTreeMap;

/// A claim as a rival sees it: what it has bid so far, and when it looks at it again.
pub struct Rival {
    rule: Rule,
    /// In sat/kvB.
    bid: Option<f64>,
    looks_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// LDK's schedule: every 15 blocks, from 15 before the deadline every 3, from 3 before it in each; a quarter more each
    /// time, or the estimate if that is more. Its estimates as ldk-node asks for them: 12 blocks, near the deadline 6.
    Timers,
    /// The estimate for six blocks, once.
    Fixed,
}

impl Rival {
    pub fn new(rule: Rule) -> Self {
        Rival {
            rule,
            bid: None,
            looks_at: 0,
        }
    }

    /// What it bids, awake before this block, with at most `budget`; in sat/kvB.
    pub fn bids(
        &mut self,
        block: usize,
        deadline: usize,
        budget: f64,
        estimates: &BTreeMap<u16, f64>,
    ) -> f64 {
        let left = deadline.saturating_sub(block);
        let estimate = |target| estimates[&target] * 1_000.0;
        let bid = match (self.rule, self.bid) {
            (Rule::Fixed, Some(bid)) => bid,
            (Rule::Fixed, None) => estimate(6),
            (Rule::Timers, Some(bid)) if block < self.looks_at => bid,
            (Rule::Timers, before) => {
                self.looks_at = block
                    + [(3, 1), (15, 3)]
                        .into_iter()
                        .find(|(near, _)| left <= *near)
                        .map_or(15, |(_, blocks)| blocks);
                let market = estimate(if left <= 12 { 6 } else { 12 });
                before.map_or(market, |bid| market.max(bid * 1.25))
            }
        };
        let bid = bid.min(budget);
        self.bid = Some(bid);
        bid
    }
}
