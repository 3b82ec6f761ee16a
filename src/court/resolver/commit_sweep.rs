//! Our balance on a commitment: `to_local` of ours after its delay, `to_remote` of the peer's as soon as its
//! format allows.
//!
//! ```text
//!   Maturing ──► Claimable ──► Spent ──► Resolved
//!      └─────────────┴───────────┘  and back, as far as a reorg goes
//! ```

use super::{Contract, Progress, View};
use crate::protocol::Party;

/// How far an unspent balance output is.
pub(super) fn progress(contract: &Contract, view: &View<'_>) -> Progress {
    // BOLT 5: `to_local` may be spent once the delay has passed; `to_remote` after the format's own (one block
    // where there are anchors, none otherwise).
    let delay = match contract.owner {
        Party::Local => view.to_self_delay,
        Party::Remote => view.to_remote_delay,
    };
    let claimable_at = claimable_at(view.close.height, delay);
    if view.tip >= claimable_at {
        Progress::Claimable
    } else {
        Progress::Maturing { claimable_at }
    }
}

/// The tip from which on the *next* block may hold a spend with a relative locktime of `delay` blocks of an
/// output confirmed at `height` (BIP 68).
fn claimable_at(height: u32, delay: u16) -> u32 {
    height.saturating_add(u32::from(delay).max(1)) - 1
}

#[cfg(test)]
mod tests {
    use super::claimable_at;

    #[test]
    fn the_block_delay_blocks_after_the_close_may_hold_the_sweep() {
        for (height, delay, expected) in [
            (100, 0, 100),
            (100, 1, 100),
            (100, 2, 101),
            (100, 144, 243),
            (u32::MAX, 144, u32::MAX - 1),
        ] {
            assert_eq!(claimable_at(height, delay), expected, "{height} + {delay}");
        }
    }
}
