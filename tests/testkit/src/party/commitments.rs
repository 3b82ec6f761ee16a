//! Which commitments each side has: signed, signed again under the same number, revoked.

use serde::{Deserialize, Serialize};

use super::build::{figures, Built, State};
use super::channel::Channel;
use super::error::PartyError;
use super::fees::Figures;
use super::setup::Side;
use super::update::{LocalUpdate, RemoteUpdate, Revocation, Round};

/// Which commitment of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Which {
    /// The newest that its owner holds and that replaced all before it.
    Current,
    /// The peer's next: signed for, its predecessor not yet revoked.
    Pending,
    /// That with this number, as last signed. Revoked, if below the current one.
    Number(u64),
    /// One of several signed under one number.
    Alternative {
        /// The number.
        number: u64,
        /// 0 is the one signed first.
        index: usize,
    },
}

impl Channel {
    /// The peer signs our next commitment. With it, we give up the one before.
    pub fn our_commitment(&mut self) -> LocalUpdate {
        let state = self.state(self.ours.len() as u64);
        let update = self.sign_for_us(&state);
        self.ours.push(vec![state]);
        update
    }

    /// The peer signs our newest commitment again, over the ledger of now: another alternative with the same number.
    ///
    /// # Errors
    /// When we have none yet.
    pub fn our_commitment_again(&mut self) -> Result<LocalUpdate, PartyError> {
        let last = self
            .ours
            .len()
            .checked_sub(1)
            .ok_or_else(|| no_such(Side::Us, Which::Current))?;
        let state = self.state(last as u64);
        let update = self.sign_for_us(&state);
        self.ours[last].push(state);
        Ok(update)
    }

    /// We sign the peer's next commitment.
    ///
    /// # Errors
    /// When the peer has yet to revoke: BOLT 2 allows one pending commitment.
    pub fn their_commitment(&mut self) -> Result<RemoteUpdate, PartyError> {
        let number = self.theirs.len() as u64;
        if number > self.peer_revoked + 1 {
            return Err(PartyError::RevocationOutstanding {
                number: self.peer_revoked,
            });
        }
        let state = self.state(number);
        let update = self.sign_for_peer(&state);
        self.theirs.push(vec![state]);
        Ok(update)
    }

    /// We sign the peer's newest commitment again, over the ledger of now: another alternative with the same number. The
    /// peer may broadcast either.
    ///
    /// # Errors
    /// When it has none yet.
    pub fn their_commitment_again(&mut self) -> Result<RemoteUpdate, PartyError> {
        let last = self
            .theirs
            .len()
            .checked_sub(1)
            .ok_or_else(|| no_such(Side::Peer, Which::Current))?;
        let state = self.state(last as u64);
        let update = self.sign_for_peer(&state);
        self.theirs[last].push(state);
        Ok(update)
    }

    /// The peer revokes its current commitment in favour of the pending one.
    ///
    /// # Errors
    /// When nothing is pending.
    pub fn peer_revokes(&mut self) -> Result<Revocation, PartyError> {
        let number = self.peer_revoked;
        if number + 1 >= self.theirs.len() as u64 {
            return Err(PartyError::NothingToRevoke { number });
        }
        self.peer_revoked += 1;
        Ok(self.revocation(number))
    }

    /// What the peer revealed, or would reveal, for its commitment `number`.
    pub fn revocation(&self, number: u64) -> Revocation {
        Revocation {
            number,
            secret: self.setup.peer.per_commitment_secret(number),
            next_point: self.setup.peer.per_commitment_point(number + 2),
        }
    }

    /// One whole exchange over the ledger of now.
    ///
    /// # Errors
    /// When the peer still owes a revocation.
    pub fn commit_both(&mut self) -> Result<Round, PartyError> {
        let remote = self.their_commitment()?;
        let revocation = match remote.number {
            0 => None,
            _ => Some(self.peer_revokes()?),
        };
        Ok(Round {
            remote,
            revocation,
            local: self.our_commitment(),
        })
    }

    /// What BOLT 3 says a commitment pays.
    ///
    /// # Errors
    /// When that commitment was never signed.
    pub fn figures(&self, owner: Side, which: Which) -> Result<Figures, PartyError> {
        Ok(figures(&self.setup, owner, self.find(owner, which)?))
    }

    pub(super) fn built(&self, owner: Side, which: Which) -> Result<Built, PartyError> {
        Ok(self.build(owner, self.find(owner, which)?))
    }

    fn find(&self, owner: Side, which: Which) -> Result<&State, PartyError> {
        let (all, current) = match owner {
            Side::Us => (&self.ours, (self.ours.len() as u64).saturating_sub(1)),
            Side::Peer => (&self.theirs, self.peer_revoked),
        };
        let (number, index) = match which {
            Which::Current => (current, None),
            Which::Pending => (current + 1, None),
            Which::Number(number) => (number, None),
            Which::Alternative { number, index } => (number, Some(index)),
        };
        let found = usize::try_from(number)
            .ok()
            .and_then(|number| all.get(number))
            .and_then(|alternatives| match index {
                Some(index) => alternatives.get(index),
                None => alternatives.last(),
            });
        found.ok_or_else(|| no_such(owner, which))
    }

    fn state(&self, number: u64) -> State {
        State {
            number,
            feerate_per_kw: self.feerate_per_kw,
            to_us_msat: self.to_us_msat,
            to_peer_msat: self.to_peer_msat,
            htlcs: self.live.clone(),
        }
    }

    fn build(&self, owner: Side, state: &State) -> Built {
        Built::new(&self.setup, self.funding(), owner, state)
    }

    fn sign_for_us(&self, state: &State) -> LocalUpdate {
        let signatures = self.build(Side::Us, state).counter_sign(&self.setup);
        LocalUpdate {
            number: state.number,
            feerate_per_kw: state.feerate_per_kw,
            to_us_msat: state.to_us_msat,
            to_peer_msat: state.to_peer_msat,
            htlcs: state.htlcs.clone(),
            signature: signatures.commitment,
            htlc_signatures: signatures.htlcs,
        }
    }

    fn sign_for_peer(&self, state: &State) -> RemoteUpdate {
        let signatures = self.build(Side::Peer, state).counter_sign(&self.setup);
        RemoteUpdate {
            number: state.number,
            per_commitment_point: self.setup.peer.per_commitment_point(state.number),
            feerate_per_kw: state.feerate_per_kw,
            to_us_msat: state.to_us_msat,
            to_peer_msat: state.to_peer_msat,
            htlcs: state.htlcs.clone(),
            signature: signatures.commitment,
            htlc_signatures: signatures.htlcs,
        }
    }
}

fn no_such(owner: Side, which: Which) -> PartyError {
    PartyError::NoSuchCommitment { owner, which }
}
