//! What is agreed when a channel opens and never changes afterwards.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};

use super::UpdateError;
use crate::protocol::{
    ChannelPublicKeys, ChannelType, CommitmentKeys, ObscuringFactor, Opener, Party, ProtocolError,
};

/// The name under which the [`Signer`](crate::Signer) finds a channel's keys again. Never a secret itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeysId(pub [u8; 32]);

impl std::fmt::Debug for KeysId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// One side's half of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyTerms {
    pub keys: ChannelPublicKeys,
    /// Outputs of this side's commitments below it are left out (BOLT 2: `dust_limit_satoshis`).
    pub dust_limit: Amount,
    /// Blocks that this side waits for its own `to_local`. It is the `to_self_delay` the *other* side sent.
    pub to_self_delay: u16,
    /// What this side must keep (BOLT 2: `channel_reserve_satoshis`, as the other side asked for it).
    pub reserve: Amount,
    /// Where a cooperative close pays this side, if it was fixed (BOLT 2: `upfront_shutdown_script` or `shutdown`).
    pub shutdown_script: Option<ScriptBuf>,
    /// This side's balance in commitment 0, in msat.
    pub initial_balance_msat: u64,
    /// The per-commitment point of commitment 0 (BOLT 2: `first_per_commitment_point`).
    pub first_per_commitment_point: PublicKey,
}

/// One funding output of a channel. A channel has several while a splice or a funding RBF is pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funding {
    pub outpoint: OutPoint,
    pub capacity: Amount,
    /// Kept so that it can be broadcast again; known only if it is ours.
    pub transaction: Option<Transaction>,
}

impl Funding {
    /// The transaction, if it is ours to hand to a mempool. A coinbase comes with its block alone, and never again when a
    /// reorg has taken that away.
    pub fn to_broadcast(&self) -> Option<&Transaction> {
        let ours = self.transaction.as_ref();
        ours.filter(|transaction| !transaction.is_coinbase())
    }
}

/// Everything fixed at opening. Given once, before the funding transaction is broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTerms {
    pub funding: Funding,
    pub channel_type: ChannelType,
    /// The peer's node id.
    pub peer: PublicKey,
    /// Who opened the channel, and so pays the commitment's fee (BOLT 3).
    pub opener: Party,
    pub keys_id: KeysId,
    pub local: PartyTerms,
    pub remote: PartyTerms,
}

impl ChannelTerms {
    /// The funding outpoint, which names the channel.
    pub fn channel(&self) -> OutPoint {
        self.funding.outpoint
    }

    pub fn party(&self, party: Party) -> &PartyTerms {
        match party {
            Party::Local => &self.local,
            Party::Remote => &self.remote,
        }
    }

    /// Masks the commitment numbers on chain (BOLT 3).
    pub fn obscuring_factor(&self) -> ObscuringFactor {
        ObscuringFactor::new(
            &self.party(self.opener).keys.basepoints.payment,
            &self.party(self.opener.other()).keys.basepoints.payment,
        )
    }

    /// The opener, as the owner of a commitment of `owner` sees it.
    pub fn opener_for(&self, owner: Party) -> Opener {
        if self.opener == owner {
            Opener::Owner
        } else {
            Opener::Counterparty
        }
    }

    /// The keys of `owner`'s commitment built on `per_commitment_point`.
    ///
    /// # Errors
    /// When the point and a basepoint cancel out: only a peer that chose them so can bring that about.
    pub fn commitment_keys(
        &self,
        owner: Party,
        per_commitment_point: &PublicKey,
    ) -> Result<CommitmentKeys, ProtocolError> {
        CommitmentKeys::derive(
            &self.party(owner).keys,
            &self.party(owner.other()).keys,
            per_commitment_point,
        )
    }

    /// The scripts that a cooperative close may pay, as far as they were fixed.
    pub fn shutdown_scripts(&self) -> impl Iterator<Item = &ScriptBuf> {
        self.local
            .shutdown_script
            .iter()
            .chain(self.remote.shutdown_script.iter())
    }

    /// Checks what can be checked before anything is signed.
    ///
    /// # Errors
    /// [`UpdateError::Terms`] naming the first field that cannot be.
    pub fn validate(&self) -> Result<(), UpdateError> {
        let refuse = |field, reason: &str| {
            Err(UpdateError::Terms {
                channel: self.channel(),
                field,
                reason: reason.to_string(),
            })
        };
        let capacity_msat = self.funding.capacity.to_sat().saturating_mul(1000);
        if self.funding.capacity == Amount::ZERO || self.funding.capacity > Amount::MAX_MONEY {
            return refuse("capacity", "not an amount of bitcoin a channel can hold");
        }
        let balances = self
            .local
            .initial_balance_msat
            .checked_add(self.remote.initial_balance_msat);
        if balances != Some(capacity_msat) {
            return refuse(
                "initial_balance_msat",
                "the two do not add up to the capacity",
            );
        }
        for (party, dust_limit, reserve) in [
            (&self.local, "local.dust_limit", "local.reserve"),
            (&self.remote, "remote.dust_limit", "remote.reserve"),
        ] {
            if party.dust_limit > self.funding.capacity {
                return refuse(dust_limit, "no commitment could have an output");
            }
            if party.reserve > self.funding.capacity {
                return refuse(reserve, "more than the channel holds");
            }
        }
        if self.local.keys.funding == self.remote.keys.funding {
            return refuse("keys.funding", "both sides name the same key");
        }
        if let Some(transaction) = &self.funding.transaction {
            self.validate_funding_transaction(transaction)?;
        }
        Ok(())
    }

    fn validate_funding_transaction(&self, transaction: &Transaction) -> Result<(), UpdateError> {
        let refuse = |reason: &str| {
            Err(UpdateError::Terms {
                channel: self.channel(),
                field: "funding.transaction",
                reason: reason.to_string(),
            })
        };
        if transaction.compute_txid() != self.funding.outpoint.txid {
            return refuse("its txid is not the funding outpoint's");
        }
        let output = usize::try_from(self.funding.outpoint.vout)
            .ok()
            .and_then(|vout| transaction.output.get(vout));
        match output {
            None => refuse("it has no such output"),
            Some(output) if output.value != self.funding.capacity => {
                refuse("the output's value is not the capacity")
            }
            Some(output) if output.script_pubkey != self.funding_output().script_pubkey() => {
                refuse("the output does not pay the two funding keys")
            }
            Some(_) => Ok(()),
        }
    }

    /// The funding output, as BOLT 3 makes it of both funding keys.
    pub fn funding_output(&self) -> crate::protocol::Funding {
        crate::protocol::Funding {
            outpoint: self.funding.outpoint,
            capacity: self.funding.capacity,
            keys: [self.local.keys.funding, self.remote.keys.funding],
        }
    }

    /// The first field in which other terms for the same channel differ, if any.
    pub fn difference(&self, other: &ChannelTerms) -> Option<&'static str> {
        let fields = [
            ("funding", self.funding.outpoint == other.funding.outpoint),
            ("capacity", self.funding.capacity == other.funding.capacity),
            ("channel_type", self.channel_type == other.channel_type),
            ("peer", self.peer == other.peer),
            ("opener", self.opener == other.opener),
            ("keys_id", self.keys_id == other.keys_id),
            ("local", self.local == other.local),
            ("remote", self.remote == other.remote),
            (
                "funding.transaction",
                // Told once is enough: a repeat may leave it out.
                other.funding.transaction.is_none()
                    || self.funding.transaction == other.funding.transaction,
            ),
        ];
        fields
            .into_iter()
            .find(|(_, same)| !same)
            .map(|(field, _)| field)
    }
}
