//! What spends the funding output: commitments of either side, and things nobody agreed on in the protocol.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Sequence, Transaction, TxIn, TxOut};

use super::build::sign_funding_input;
use super::channel::Channel;
use super::commitments::Which;
use super::error::PartyError;
use super::opening::Opened;
use super::setup::Side;
use super::update::DataLoss;

impl Channel {
    /// A commitment of the peer as it broadcasts it: current, pending, or – a breach – one that it revoked.
    ///
    /// # Errors
    /// When that commitment was never signed.
    pub fn peer_commitment_tx(&self, which: Which) -> Result<Transaction, PartyError> {
        Ok(self.built(Side::Peer, which)?.signed(self.setup()))
    }

    /// A commitment of ours with both signatures, as another device of ours, or a stolen backup, would broadcast it.
    ///
    /// # Errors
    /// When that commitment was never signed.
    pub fn our_commitment_tx(&self, which: Which) -> Result<Transaction, PartyError> {
        Ok(self.built(Side::Us, which)?.signed(self.setup()))
    }

    /// The peer's commitment after `rounds` more exchanges that our library was never told of (it lost its data). The channel
    /// itself stays as it is; to let payments happen in those rounds, clone it and go on with the clone.
    ///
    /// # Errors
    /// When the peer still owes a revocation, and for 0 rounds before any commitment.
    pub fn data_loss(&self, rounds: u64) -> Result<DataLoss, PartyError> {
        let mut ahead = self.clone();
        for _ in 0..rounds {
            ahead.commit_both()?;
        }
        ahead.reestablish()
    }

    /// What the peer of this channel would show, and could broadcast, to a side that has lost its newest states.
    ///
    /// # Errors
    /// Before our second commitment: until then we have revealed no secret.
    pub fn reestablish(&self) -> Result<DataLoss, PartyError> {
        let theirs = self.built(Side::Peer, Which::Current)?;
        let ours = self.built(Side::Us, Which::Current)?;
        if ours.number() == 0 {
            return Err(PartyError::NothingToRevoke { number: 0 });
        }
        Ok(DataLoss {
            transaction: theirs.signed(self.setup()),
            number: theirs.number(),
            peer: self.peer_node_id(),
            reestablish: self.peer_reestablish(Opened::V1),
        })
    }

    /// A spend of the funding output that both sides signed and that is neither a commitment nor a known close.
    pub fn unknown_spend(&self, outputs: Vec<TxOut>) -> Transaction {
        let input = TxIn {
            previous_output: self.funding(),
            // Neither a commitment's tag nor one of the two sequences that closing transactions have.
            sequence: Sequence::ENABLE_LOCKTIME_NO_RBF,
            ..TxIn::default()
        };
        let transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![input],
            output: outputs,
        };
        self.signed_by_both(transaction)
    }

    /// Any spend of the funding output with both sides' signatures, whatever it does.
    pub fn signed_by_both(&self, transaction: Transaction) -> Transaction {
        sign_funding_input(self.setup(), transaction)
    }
}
