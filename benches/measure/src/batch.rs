//! What a number of payments cost: time, bytes, transactions.

use std::ops::{AddAssign, Sub};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::process::IoCounters;

/// The cost of one kind of work.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    pub time: Duration,
    /// Handed to the kernel by `write` and its kin: what the database wrote, its log and its checkpoints included.
    pub written: u64,
    /// Sent to the disk by the file system: whole blocks, its own journal included.
    pub to_disk: u64,
    pub calls: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.time += other.time;
        self.written += other.written;
        self.to_disk += other.to_disk;
        self.calls += other.calls;
    }
}

impl Sub for Cost {
    type Output = Cost;

    fn sub(self, before: Cost) -> Cost {
        Cost {
            time: self.time.saturating_sub(before.time),
            written: self.written.saturating_sub(before.written),
            to_disk: self.to_disk.saturating_sub(before.to_disk),
            calls: self.calls.saturating_sub(before.calls),
        }
    }
}

/// Adds up what it is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter(pub Cost);

impl Meter {
    /// Runs `work` and adds its cost. The counters are read outside the time.
    pub fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = IoCounters::now();
        let start = Instant::now();
        let value = work();
        let time = start.elapsed();
        let io = IoCounters::now();
        self.0 += Cost {
            time,
            written: io.written - before.written,
            to_disk: io.to_disk.saturating_sub(before.to_disk),
            calls: 1,
        };
        value
    }
}

/// Payments, and what they cost.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Batch {
    pub payments: u64,
    pub cost: Cost,
}

impl Batch {
    pub fn micros(&self) -> f64 {
        self.cost.time.as_secs_f64() * 1e6 / self.payments as f64
    }

    pub fn written(&self) -> f64 {
        self.cost.written as f64 / self.payments as f64
    }

    pub fn to_disk(&self) -> f64 {
        self.cost.to_disk as f64 / self.payments as f64
    }

    pub fn calls(&self) -> f64 {
        self.cost.calls as f64 / self.payments as f64
    }
}

impl AddAssign for Batch {
    fn add_assign(&mut self, other: Batch) {
        self.payments += other.payments;
        self.cost += other.cost;
    }
}

/// The middle one of the values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
