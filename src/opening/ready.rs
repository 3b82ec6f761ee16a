//! `channel_ready`: ours told and the peer's received, in either order, make the channel usable.

use serde::{Deserialize, Serialize};

use super::{Commitments, Dossier, NextCommitments, OpeningError, OpeningNote, Said, Step};
use crate::config::Policy;
use crate::court::EventKind;
use crate::protocol::ChannelReady;

/// How far both `channel_ready` are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// In which connection the app was last asked to tell the peer ours; `None`: it is too early.
    pub said_in: Option<u32>,
    /// The app says that the peer has ours.
    pub is_told: bool,
    pub theirs: Option<ChannelReady>,
    /// Both are there. Nothing undoes it.
    pub is_usable: bool,
}

/// BOLT 2: only the first counts; a later one may name another alias.
pub(super) fn on_peer_ready(step: &mut Step, said: ChannelReady) -> Result<(), OpeningError> {
    let opening = &mut step.opening;
    let before = opening.ready.theirs;
    let is_other = |before: ChannelReady| {
        before.second_per_commitment_point != said.second_per_commitment_point
    };
    if before.is_some_and(is_other) {
        let channel = opening.channel;
        return Err(OpeningError::SecondPoint { channel });
    }
    let alias = said.alias.or(before.and_then(|before| before.alias));
    let theirs = Some(ChannelReady { alias, ..said });
    if theirs != before {
        opening.ready.theirs = theirs;
        step.notes.push(OpeningNote::PeerReady { alias });
    }
    Ok(())
}

/// Tells ours again, if neither side knows whether the other has it.
pub(super) fn on_reestablished(
    step: &mut Step,
    dossier: &Dossier<'_>,
    next: NextCommitments,
) -> Result<(), OpeningError> {
    let ready = &mut step.opening.ready;
    if ready.said_in.is_none() {
        return Ok(());
    }
    // BOLT 2: commitment 1 is signed for a peer that has our `channel_ready` only: whoever expects the one after has it.
    if next.theirs > 1 && !ready.is_told {
        ready.is_told = true;
        step.notes.push(OpeningNote::Told(Said::ChannelReady));
    }
    // BOLT 2: it is told again while both expect commitment 1, and no more after that.
    if next.ours == 1 && next.theirs == 1 {
        say(step, dossier)?;
    }
    Ok(())
}

/// What follows from what is known.
pub(super) fn proceed(
    step: &mut Step,
    dossier: &Dossier<'_>,
    policy: &Policy,
) -> Result<(), OpeningError> {
    let opening = &step.opening;
    let is_due = opening.ready.said_in.is_none() && opening.commitments < Commitments::Further;
    // BOLT 2: not before the funding pays what was agreed, so deep as was agreed.
    if is_due && opening.is_deep(dossier.terms, policy) && !opening.closing {
        say(step, dossier)?;
    }
    let ready = &mut step.opening.ready;
    // BOLT 2: no commitment above the first is signed before both have exchanged `channel_ready`.
    let is_in_use = step.opening.commitments == Commitments::Further;
    let is_exchanged = ready.is_told && ready.theirs.is_some();
    if !ready.is_usable && (is_exchanged || is_in_use) && !step.opening.closing {
        ready.is_usable = true;
        step.tell.push(EventKind::ChannelUsable);
        step.notes.push(OpeningNote::Usable);
    }
    Ok(())
}

fn say(step: &mut Step, dossier: &Dossier<'_>) -> Result<(), OpeningError> {
    let opening = &mut step.opening;
    let channel_id = opening
        .channel_id(dossier.terms)
        .map_err(OpeningError::protocol(opening.channel))?;
    let message = ChannelReady {
        channel_id,
        second_per_commitment_point: opening.second_point,
        alias: opening.terms.alias,
    };
    let said_in = opening.ready.said_in.replace(opening.reconnects);
    let said = Said::ChannelReady;
    step.say_once(dossier.terms.peer, said, said_in, message.encode());
    Ok(())
}
