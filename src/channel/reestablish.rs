//! What a peer says of itself on reconnection, and whether it knows of more than we do.

use bitcoin::OutPoint;

use super::{Feed, UpdateError};
use crate::protocol::CommitmentNumber;

/// The two numbers of the peer's `channel_reestablish` (BOLT 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerReestablish {
    /// The number of the peer's commitment that it expects us to sign next.
    pub next_commitment_number: u64,
    /// The number of our commitment that it expects us to revoke next.
    pub next_revocation_number: u64,
}

impl PeerReestablish {
    /// Checks that the peer knows of no commitment and no revocation that the store does not: then what we hold is the
    /// newest.
    ///
    /// A peer that lies can make an old state look new, never a new one old. Whoever has several backups opens the
    /// newest.
    ///
    /// # Errors
    /// [`UpdateError::BehindPeer`], naming the number that gives it away.
    pub fn check_against(&self, channel: OutPoint, feed: &Feed) -> Result<(), UpdateError> {
        let count = |newest: Option<CommitmentNumber>| newest.map_or(0, |newest| newest.get() + 1);
        // BOLT 2: the peer expects the number after the last that it holds, so at most the one after our last signed.
        let numbers = [
            (
                "next_commitment_number",
                count(feed.remote),
                self.next_commitment_number,
            ),
            // BOLT 2: we have revoked all but our newest, so the peer can expect that one at most.
            (
                "next_revocation_number",
                feed.local.map_or(0, CommitmentNumber::get),
                self.next_revocation_number,
            ),
        ];
        for (field, ours, peers) in numbers {
            if peers > ours {
                return Err(UpdateError::BehindPeer {
                    channel,
                    field,
                    ours,
                    peers,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// We have signed the peer's commitment 5, and hold our own 4.
    fn check(commitment: u64, revocation: u64) -> Result<(), &'static str> {
        let number = |number| CommitmentNumber::new(number).ok();
        let feed = Feed {
            local: number(4),
            remote: number(5),
            ..Feed::default()
        };
        let peer = PeerReestablish {
            next_commitment_number: commitment,
            next_revocation_number: revocation,
        };
        peer.check_against(OutPoint::null(), &feed)
            .map_err(|error| match error {
                UpdateError::BehindPeer { field, .. } => field,
                other => panic!("{other}"),
            })
    }

    #[test]
    fn a_peer_that_has_all_our_messages_is_where_we_are() {
        assert_eq!(check(6, 4), Ok(()));
    }

    #[test]
    fn a_peer_that_missed_our_last_messages_is_where_we_are() {
        assert_eq!(check(5, 3), Ok(()));
    }

    #[test]
    fn a_peer_that_expects_a_commitment_beyond_our_next_is_ahead() {
        assert_eq!(check(7, 4), Err("next_commitment_number"));
    }

    #[test]
    fn a_peer_that_has_seen_our_newest_revoked_is_ahead() {
        assert_eq!(check(6, 5), Err("next_revocation_number"));
    }

    #[test]
    fn before_any_commitment_nothing_can_be_expected() {
        let fresh = PeerReestablish {
            next_commitment_number: 1,
            next_revocation_number: 0,
        };
        let refused = fresh.check_against(OutPoint::null(), &Feed::default());
        assert!(matches!(refused, Err(UpdateError::BehindPeer { .. })));
    }
}
