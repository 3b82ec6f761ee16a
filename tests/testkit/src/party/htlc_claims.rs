//! Spends of a confirmed commitment's HTLC outputs: the owner's second level, and the other side's direct claim.

use bitcoin::absolute::LockTime;
use bitcoin::sighash::EcdsaSighashType;
use bitcoin::{Amount, OutPoint, Sequence, Transaction, TxIn, TxOut};
use lightning::ln::chan_utils::{build_htlc_input_witness, derive_private_key};
use lightning::types::payment::PaymentPreimage;

use crate::chain::Chain;

use super::build::{secp, Built};
use super::channel::Channel;
use super::claims::sign_p2wpkh;
use super::commitments::Which;
use super::error::PartyError;
use super::fees::Offer;
use super::htlc::{Htlc, HtlcKey};
use super::setup::{ChannelType, Side};

/// Room for a fee input's change: what is put in beyond the fee.
pub(super) const CHANGE: Amount = Amount::from_sat(10_000);

impl Channel {
    /// The output of an HTLC on the owner's commitment.
    ///
    /// # Errors
    /// When that commitment was never signed, does not hold the HTLC, or trimmed it.
    pub fn htlc_output(
        &self,
        owner: Side,
        which: Which,
        key: HtlcKey,
    ) -> Result<(OutPoint, TxOut), PartyError> {
        let (built, index) = self.built_htlc(owner, which, key)?;
        let vout = built.outputs[index]
            .1
            .transaction_output_index
            .ok_or(PartyError::Trimmed(key))?;
        let transaction = built.transaction();
        let outpoint = OutPoint {
            txid: transaction.compute_txid(),
            vout,
        };
        Ok((outpoint, transaction.output[vout as usize].clone()))
    }

    /// The owner's second-level transaction for an HTLC on its commitment, signed by both: HTLC-timeout for what it pays,
    /// HTLC-success for what it is paid. With anchors it pays no fee: see
    /// [`Channel::second_level_tx_with_fee`].
    ///
    /// # Errors
    /// When that commitment was never signed, does not hold the HTLC, or trimmed it.
    pub fn second_level_tx(
        &self,
        owner: Side,
        which: Which,
        key: HtlcKey,
    ) -> Result<Transaction, PartyError> {
        let (built, index) = self.built_htlc(owner, which, key)?;
        let transaction = built.htlc_transaction(index);
        self.sign_second_level(&built, index, transaction)
    }

    /// The same with a fee: a coin of the owner is added, its change comes back to it. Only anchors allow it.
    ///
    /// # Errors
    /// As [`Channel::second_level_tx`].
    pub fn second_level_tx_with_fee(
        &self,
        chain: &dyn Chain,
        owner: Side,
        which: Which,
        key: HtlcKey,
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let (built, index) = self.built_htlc(owner, which, key)?;
        let mut transaction = built.htlc_transaction(index);
        let wallet = self.wallet_script(owner);
        let coin = fee + CHANGE;
        transaction.input.push(TxIn {
            previous_output: chain.fund(&wallet, coin),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        });
        transaction.output.push(TxOut {
            value: CHANGE,
            script_pubkey: wallet,
        });
        let mut transaction = self.sign_second_level(&built, index, transaction)?;
        sign_p2wpkh(
            &mut transaction,
            1,
            coin,
            &self.setup().secrets(owner).wallet(),
        );
        Ok(transaction)
    }

    /// The other side takes an HTLC directly from the owner's commitment: by preimage what it is paid, after expiry what it
    /// pays.
    ///
    /// # Errors
    /// When that commitment was never signed, does not hold the HTLC, or trimmed it, or the fee eats it.
    pub fn claim_htlc(
        &self,
        owner: Side,
        which: Which,
        key: HtlcKey,
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let (built, index) = self.built_htlc(owner, which, key)?;
        let htlc = &built.outputs[index].0;
        let claimer = owner.other();
        let sequence = match built.channel_type {
            ChannelType::StaticRemotekey => Sequence::ENABLE_RBF_NO_LOCKTIME,
            // BOLT 3, anchors: everything but the anchors waits for one confirmation.
            ChannelType::AnchorsZeroFeeHtlc => Sequence::from_height(1),
        };
        let (preimage, lock_time) = match key.direction.seen_by(owner) {
            Offer::ByOwner => (self.known_preimage(htlc).to_vec(), LockTime::ZERO),
            Offer::ToOwner => (Vec::new(), LockTime::from_consensus(htlc.cltv_expiry)),
        };
        let found = self.htlc_output(owner, which, key)?;
        let mut spend = self.spend(Some(found), claimer, sequence, lock_time, fee)?;
        let base = &self.setup().secrets(claimer).htlc_base;
        let key = derive_private_key(secp(), &built.keys().per_commitment_point, base);
        spend.finish(&built.htlc_script(index), &key, &[&preimage]);
        Ok(spend.transaction)
    }

    pub(super) fn built_htlc(
        &self,
        owner: Side,
        which: Which,
        key: HtlcKey,
    ) -> Result<(Built, usize), PartyError> {
        let built = self.built(owner, which)?;
        match built.outputs.iter().position(|(htlc, _)| htlc.key == key) {
            Some(index) => Ok((built, index)),
            None if built.trimmed.contains(&key) => Err(PartyError::Trimmed(key)),
            None => Err(PartyError::UnknownHtlc(key)),
        }
    }

    fn sign_second_level(
        &self,
        built: &Built,
        index: usize,
        mut to: Transaction,
    ) -> Result<Transaction, PartyError> {
        let point = &built.keys().per_commitment_point;
        let key_of =
            |side: Side| derive_private_key(secp(), point, &self.setup().secrets(side).htlc_base);
        let own = built.sign_htlc(index, &to, &key_of(built.owner), EcdsaSighashType::All);
        let other = built.sign_htlc(
            index,
            &to,
            &key_of(built.owner.other()),
            built.counter_sighash_type(),
        );
        let htlc = &built.outputs[index].0;
        let preimage = match htlc.key.direction.seen_by(built.owner) {
            Offer::ByOwner => None,
            Offer::ToOwner => Some(PaymentPreimage(self.known_preimage(htlc))),
        };
        let script = built.htlc_script(index);
        to.input[0].witness = build_htlc_input_witness(
            &own,
            &other,
            &preimage,
            &script,
            &built.channel_type.for_ldk(),
        );
        Ok(to)
    }

    pub(super) fn known_preimage(&self, htlc: &Htlc) -> [u8; 32] {
        self.preimage(&htlc.payment_hash)
            .expect("every HTLC is added with its preimage")
    }
}
