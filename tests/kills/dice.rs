//! Dice that fall the same way for the same seed (SplitMix64).

pub struct Dice(u64);

/// The seed of a run, unless `KILLS_SEED` names another.
const SEED: u64 = 0x2020_0a11;

pub fn seed() -> u64 {
    std::env::var("KILLS_SEED").map_or(SEED, |seed| seed.parse().expect("a number"))
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// A number from 0 up to and without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed % end.max(1) as u64) as usize
    }
}
