//! A peer's `channel_reestablish` (BOLT 2), for every channel, however it was opened. In this order: the secret in it is
//! checked; a proof that we lost data is latched; a restored channel is confirmed; what the peer may not have got is told
//! again. Each of these is durable by itself, and changes nothing when the message comes once more.

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use super::core::Core;
use super::peers::Received;
use crate::channel::reestablish::{check_revealed, judge};
use crate::channel::{Feed, Past, Refusal, Shown, UpdateError};
use crate::court::{refusal, Input};
use crate::error::ArbitratorError;
use crate::opening::{self, NextCommitments, OpeningError};
use crate::protocol::{ChannelReestablish, CommitmentNumber};
use crate::store::ChannelRow;

type Named = (ChannelRow, OutPoint);

impl Core {
    pub(super) async fn reestablish(
        &self,
        peer: &PublicKey,
        said: &ChannelReestablish,
    ) -> Result<Received, ArbitratorError> {
        let channel_id = said.channel_id;
        let named = self.channels_named(peer, channel_id)?;
        let Some((_, first)) = named.first() else {
            return Err(OpeningError::UnknownChannelId { channel_id }.into());
        };
        let channel = *first;
        let revealed = said.revealed().map_err(UpdateError::protocol(channel))?;
        if let Some(number) = revealed {
            self.check_secret(&named, said, number).await?;
        }
        // No await from here on: what is judged is what is written upon.
        let named = self.channels_named(peer, channel_id)?;
        let (feed, past) = self.known_of(&named)?;
        let tip = self.tip_height()?;
        match judge(channel, said, revealed, &feed, past)? {
            Shown::DataLoss(number) => {
                let number = number.get();
                for_each(&named, |row| {
                    self.apply(row, &Input::DataLoss { number, tip })?;
                    Ok(())
                })?;
                Ok(Received::DataLost)
            }
            Shown::Nothing if self.has_lost_data(&named)? => Ok(Received::DataLost),
            Shown::Nothing => {
                let next = NextCommitments {
                    ours: feed.next_commitment_number(),
                    theirs: said.next_commitment_number,
                };
                for_each(&named, |row| self.goes_on(row, next, tip))?;
                Ok(Received::Taken)
            }
        }
    }

    /// BOLT 2: a secret that is not the one it should be has the channel fail.
    async fn check_secret(
        &self,
        named: &[Named],
        said: &ChannelReestablish,
        number: CommitmentNumber,
    ) -> Result<(), ArbitratorError> {
        for (row, channel) in named {
            let keys_id = self.store.terms(*row)?.keys_id;
            let ours = self
                .ask_signer(*channel, move |signer| {
                    signer.per_commitment_point(&keys_id, number)
                })
                .await?;
            check_revealed(*channel, said, number, ours)?;
        }
        Ok(())
    }

    /// What we know of a channel, whichever attempt at its funding it is from.
    fn known_of(&self, named: &[Named]) -> Result<(Feed, Past), ArbitratorError> {
        let (mut known, mut past) = (Feed::default(), Past::Whole);
        for (row, _) in named {
            let feed = self.store.feed(*row)?;
            known.local = known.local.max(feed.local);
            known.remote = known.remote.max(feed.remote);
            if self.store.case(*row)?.latches.restored {
                past = Past::Restored;
            }
        }
        Ok((known, past))
    }

    /// What a peer has proven once is not undone by what it says later.
    fn has_lost_data(&self, named: &[Named]) -> Result<bool, ArbitratorError> {
        for (row, _) in named {
            if self.refusal(*row)? == Some(Refusal::DataLoss) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The peer confirms what we hold: a restored channel is as any other again, and an opening is told that there is a new
    /// connection.
    fn goes_on(
        &self,
        row: ChannelRow,
        next: NextCommitments,
        tip: u32,
    ) -> Result<(), ArbitratorError> {
        let case = self.store.case(row)?;
        if case.latches.restored {
            self.apply(row, &Input::RestoredConfirmed { tip })?;
        }
        // BOLT 2: a channel that closes is not told again that it is ready.
        if refusal(&case).is_none_or(Refusal::ends_with_a_confirmation) {
            self.apply_opening(row, &opening::Input::Reestablished(next))?;
        }
        Ok(())
    }
}

/// Does the same for each. One that cannot be read keeps no other from it.
fn for_each(
    named: &[Named],
    take: impl Fn(ChannelRow) -> Result<(), ArbitratorError>,
) -> Result<(), ArbitratorError> {
    let mut failed = None;
    for (row, _) in named {
        if let Err(error) = take(*row) {
            failed = failed.or(Some(error));
        }
    }
    failed.map_or(Ok(()), Err)
}
