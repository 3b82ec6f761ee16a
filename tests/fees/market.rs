//! What a block takes, height by height, and what an estimator that knows the past says of it.

use std::collections::BTreeMap;

use crate::dice::Dice;

/// Blocks of the market's past that an estimator has seen.
pub const PAST: usize = 300;
/// Blocks that any claim has.
pub const FUTURE: usize = 400;
/// How far, in percent, a block's least feerate strays from the market's level.
const NOISE: u32 = 8;
/// Targets that Esplora servers name.
const TARGETS: [u16; 16] = [
    1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 108, 144, 504, 1_008,
];
/// A block's weight among those an estimate follows from halves in so many blocks.
const HALF_LIFE: f64 = 72.0;
/// So large a part of the past has to agree with an estimate.
const SURE: f64 = 0.9;

/// How the market moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Regime {
    Flat,
    /// Tenfold within a day from the moment when the claim can be made.
    Rising,
    /// The same, begun or to begin at any moment of two days around it.
    Drifting,
    /// Three to ten times the level, now and then, for up to two hours.
    Spiky,
}

impl Regime {
    pub const ALL: [Regime; 4] = [
        Regime::Flat,
        Regime::Rising,
        Regime::Drifting,
        Regime::Spiky,
    ];
}

/// The least feerate that each block took, in sat/kvB. The claim can be made at [`PAST`].
pub struct Market {
    blocks: Vec<u64>,
}

impl Market {
    pub fn new(regime: Regime, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let base = f64::from(dice.among(2_000..=20_000));
        let begins = match regime {
            Regime::Drifting => PAST as f64 - 144.0 + f64::from(dice.among(0..=288)),
            Regime::Flat | Regime::Rising | Regime::Spiky => PAST as f64,
        };
        let mut spike = (0, 1.0);
        let mut level = |block: usize, dice: &mut Dice| match regime {
            Regime::Flat => 1.0,
            Regime::Rising | Regime::Drifting => {
                let day = ((block as f64 - begins) / 144.0).clamp(0.0, 1.0);
                10f64.powf(day)
            }
            Regime::Spiky => {
                if spike.0 == 0 && dice.percent(3) {
                    spike = (dice.among(1..=12), f64::from(dice.among(30..=100)) / 10.0);
                }
                let is_up = spike.0 > 0;
                spike.0 = spike.0.saturating_sub(1);
                if is_up {
                    spike.1
                } else {
                    1.0
                }
            }
        };
        let blocks = (0..PAST + FUTURE).map(|block| {
            let noise = f64::from(100 - NOISE + dice.among(0..=2 * NOISE)) / 100.0;
            let rate = base * level(block, &mut dice) * noise;
            rate.max(1_000.0) as u64
        });
        Market {
            blocks: blocks.collect(),
        }
    }

    /// What the `block`th one takes, in sat/kvB.
    pub fn takes(&self, block: usize) -> u64 {
        self.blocks[block]
    }

    /// The cheapest of these blocks, in sat/kvB.
    pub fn cheapest(&self, blocks: std::ops::Range<usize>) -> u64 {
        let all = self.blocks[blocks].iter().copied();
        all.min().expect("a claim has a block at least")
    }

    /// What an estimator says before the `block`th one, in sat/vB for each target: the least that would have been enough for
    /// that target from nine in ten of the blocks of the past, the recent ones counting more.
    pub fn estimates(&self, block: usize) -> BTreeMap<u16, f64> {
        let past = &self.blocks[block.saturating_sub(PAST)..block];
        let of = |target: u16| {
            let window = usize::from(target).min(past.len());
            let mut enough: Vec<(u64, f64)> = past
                .windows(window)
                .enumerate()
                .map(|(index, blocks)| {
                    let age = (past.len() - window - index) as f64;
                    let least = blocks.iter().copied().min().unwrap_or(0);
                    (least, 0.5f64.powf(age / HALF_LIFE))
                })
                .collect();
            enough.sort_by_key(|(least, _)| *least);
            let all: f64 = enough.iter().map(|(_, weight)| weight).sum();
            let mut sum = 0.0;
            let found = enough.iter().find(|(_, weight)| {
                sum += weight;
                sum >= SURE * all
            });
            found.map_or(1.0, |(least, _)| *least as f64 / 1_000.0)
        };
        TARGETS.map(|target| (target, of(target))).into()
    }
}
