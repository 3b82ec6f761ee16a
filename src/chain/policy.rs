//! The numbers `chain` works with, each with its reason.

use std::time::Duration;

use super::block::Depth;

/// How patiently a server is asked, and how deep a fact must lie to be final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainPolicy {
    /// Requests in flight at once, each on a connection of its own. Default 8: a hundred channels at 50 ms per answer
    /// take under a second, and public servers still accept it.
    pub parallelism: usize,
    /// How long one exchange may take. Default 30 s: a mobile network's bad moment, yet a tick that a phone grants
    /// (about 30 s to minutes) is not lost to one dead connection.
    pub request_timeout: Duration,
    /// The longest answer that is read, in bytes. Default 8 MiB: a transaction of 4 MB written in hex, the longest
    /// honest answer of any endpoint we ask.
    pub max_body: usize,
    /// How often one request is tried in all. Default 4: with the doubling below it rides out some three seconds of
    /// restarts and rate limits; a longer outage is for the next tick.
    pub max_attempts: u32,
    /// The pause before the second attempt; it doubles with each further one. Default 400 ms. No jitter: one device's
    /// few requests do not form a herd, and a tick stays reproducible.
    pub backoff: Duration,
    /// The longest pause between two attempts, also when the server asks for a longer one. Default 10 s: beyond it
    /// the tick is better ended and the device asleep.
    pub max_backoff: Duration,
    /// How often a sync goes round again because the tip moved while it asked. Default 3: blocks are ten minutes
    /// apart, so three in one sync means a server that plays with us; the next tick tries again.
    pub max_rounds: u32,
    /// From this depth on a fact needs no more headers and is never asked about again. Default 100 (BOLT 5: outputs
    /// are irrevocably resolved 100 blocks deep).
    pub final_depth: Depth,
}

impl Default for ChainPolicy {
    fn default() -> Self {
        Self {
            parallelism: 8,
            request_timeout: Duration::from_secs(30),
            max_body: 8 * 1024 * 1024,
            max_attempts: 4,
            backoff: Duration::from_millis(400),
            max_backoff: Duration::from_secs(10),
            max_rounds: 3,
            final_depth: Depth::new(100),
        }
    }
}
