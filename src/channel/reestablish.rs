//! What a peer says of itself on reconnection, and whether it knows of more than we do (BOLT 2: `channel_reestablish`).

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use super::{Feed, UpdateError};
use crate::protocol::{ChannelReestablish, CommitmentNumber};

/// Whether something may have happened that the store was not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// No: the engine tells before it sends.
    Whole,
    /// The store comes from a backup.
    Restored,
}

/// What a peer's `channel_reestablish` shows of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The peer knows of nothing that the store does not: what we hold is the newest.
    ///
    /// A peer that lies can make an old state look new, never a new one old. Whoever has several backups opens the newest.
    Nothing,
    /// The peer has our secret of this commitment, which we think unrevoked: we lost data.
    DataLoss(CommitmentNumber),
}

impl Feed {
    /// What we say in `channel_reestablish`: the number of the commitment of ours that the peer signs next.
    pub fn next_commitment_number(&self) -> u64 {
        // BOLT 2: it starts at 1, commitment 0 being signed while the channel opens.
        self.local.map_or(1, |newest| newest.get() + 1)
    }

    /// The greatest number that a peer of ours can expect of its next commitment.
    fn peers_next_at_most(&self, past: Past) -> u64 {
        // BOLT 2: the number after the last that the peer holds, so at most the one after the last that we signed.
        match (self.remote, past) {
            (Some(newest), Past::Whole | Past::Restored) => newest.get() + 1,
            (None, Past::Whole) => 1,
            // The peer has signed commitment 0 of a channel that it still knows, and we have nothing of it.
            (None, Past::Restored) => 0,
        }
    }
}

/// Checks the secret in a peer's message against `ours`, our point of the commitment that it is said to be of.
///
/// # Errors
/// [`UpdateError::ReestablishSecret`].
pub fn check_revealed(
    channel: OutPoint,
    said: &ChannelReestablish,
    revealed: CommitmentNumber,
    ours: PublicKey,
) -> Result<(), UpdateError> {
    let shown = said.your_last_per_commitment_secret.point().ok();
    if shown != Some(ours) {
        let number = revealed.get();
        return Err(UpdateError::ReestablishSecret { channel, number });
    }
    Ok(())
}

/// Judges a peer's message by what the store holds. `revealed`: the commitment of ours whose secret is in it, checked.
///
/// # Errors
/// [`UpdateError::BehindPeer`]: the peer is ahead, and has shown no secret of ours that would prove it.
pub fn judge(
    channel: OutPoint,
    said: &ChannelReestablish,
    revealed: Option<CommitmentNumber>,
    feed: &Feed,
    past: Past,
) -> Result<Shown, UpdateError> {
    // BOLT 2: we have revoked all but our newest. A secret of that one, or of one after it, we gave away and forgot.
    let is_news = |number: &CommitmentNumber| feed.local.is_none_or(|newest| *number >= newest);
    if let Some(number) = revealed.filter(is_news) {
        return Ok(Shown::DataLoss(number));
    }
    let (ours, peers) = (feed.peers_next_at_most(past), said.next_commitment_number);
    if peers > ours {
        return Err(UpdateError::BehindPeer {
            channel,
            ours,
            peers,
        });
    }
    Ok(Shown::Nothing)
}

#[cfg(test)]
mod tests {
    use bitcoin::secp256k1::{SecretKey, SECP256K1};

    use super::*;
    use crate::protocol::{commitment_secret, ChannelId, CommitmentSecret};

    fn said(commitment: u64, revocation: u64, secret: CommitmentSecret) -> ChannelReestablish {
        ChannelReestablish {
            channel_id: ChannelId([1; 32]),
            next_commitment_number: commitment,
            next_revocation_number: revocation,
            your_last_per_commitment_secret: secret,
            my_current_per_commitment_point: SecretKey::from_slice(&[2; 32])
                .unwrap()
                .public_key(SECP256K1),
        }
    }

    fn judged(
        commitment: u64,
        revocation: u64,
        feed: &Feed,
        past: Past,
    ) -> Result<Shown, UpdateError> {
        let said = said(commitment, revocation, CommitmentSecret::new([0; 32]));
        let revealed = said.revealed().unwrap();
        judge(OutPoint::null(), &said, revealed, feed, past)
    }

    /// We have signed the peer's commitment 5, and hold our own 4.
    fn check(commitment: u64, revocation: u64) -> Result<Shown, UpdateError> {
        let number = |number| CommitmentNumber::new(number).ok();
        let feed = Feed {
            local: number(4),
            remote: number(5),
            ..Feed::default()
        };
        let restored = judged(commitment, revocation, &feed, Past::Restored);
        let whole = judged(commitment, revocation, &feed, Past::Whole);
        assert_eq!(restored, whole);
        whole
    }

    fn lost(number: u64) -> Result<Shown, UpdateError> {
        Ok(Shown::DataLoss(CommitmentNumber::new(number).unwrap()))
    }

    #[test]
    fn a_peer_that_has_all_our_messages_is_where_we_are() {
        assert_eq!(check(6, 4), Ok(Shown::Nothing));
    }

    #[test]
    fn a_peer_that_missed_our_last_messages_is_where_we_are() {
        assert_eq!(check(5, 3), Ok(Shown::Nothing));
    }

    #[test]
    fn a_peer_that_expects_a_commitment_beyond_our_next_is_ahead() {
        assert_eq!(
            check(7, 4),
            Err(UpdateError::BehindPeer {
                channel: OutPoint::null(),
                ours: 6,
                peers: 7,
            })
        );
    }

    #[test]
    fn a_peer_that_has_seen_our_newest_revoked_has_proven_that_we_lost_data() {
        assert_eq!(check(6, 5), lost(4));
        assert_eq!(check(9, 8), lost(7), "whatever else it expects");
    }

    #[test]
    fn without_any_commitment_a_peer_expects_the_one_after_the_opening() {
        let fresh = Feed::default();
        assert_eq!(fresh.next_commitment_number(), 1);
        assert_eq!(judged(1, 0, &fresh, Past::Whole), Ok(Shown::Nothing));
        assert_eq!(judged(1, 1, &fresh, Past::Whole), lost(0));
    }

    #[test]
    fn a_backup_of_before_any_commitment_is_never_the_newest() {
        let refused = judged(1, 0, &Feed::default(), Past::Restored);
        assert!(matches!(refused, Err(UpdateError::BehindPeer { .. })));
    }

    #[test]
    fn only_our_secret_of_that_commitment_is_right() {
        let number = CommitmentNumber::new(3).unwrap();
        let right = commitment_secret(&[7; 32], number);
        let check = |secret: CommitmentSecret| {
            let said = said(5, 4, secret);
            check_revealed(OutPoint::null(), &said, number, right.point().unwrap())
        };
        let refused = Err(UpdateError::ReestablishSecret {
            channel: OutPoint::null(),
            number: 3,
        });
        assert_eq!(check(right.clone()), Ok(()));
        assert_eq!(check(commitment_secret(&[8; 32], number)), refused);
        assert_eq!(check(CommitmentSecret::new([0; 32])), refused);
    }
}
