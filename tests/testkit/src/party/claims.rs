//! Spends of a confirmed commitment's balance outputs, by either side: `to_local`, `to_remote`, punishment.
//!
//! What a side takes goes to the P2WPKH script of its own wallet ([`Channel::wallet_script`]).

use bitcoin::absolute::LockTime;
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use lightning::ln::chan_utils::{
    derive_private_key, derive_private_revocation_key, get_countersigner_payment_script,
    get_revokeable_redeemscript, get_to_countersigner_keyed_anchor_redeemscript,
};
use secp256k1::{Message, SecretKey};

use super::build::{secp, sign_p2wsh, Built};
use super::channel::Channel;
use super::commitments::Which;
use super::error::PartyError;
use super::setup::{wallet_script, ChannelType, Side};

impl Channel {
    /// Where a side's claims go.
    pub fn wallet_script(&self, side: Side) -> ScriptBuf {
        wallet_script(self.setup().secrets(side))
    }

    /// The owner's own delayed output on its commitment; `None` when it is dust.
    ///
    /// # Errors
    /// When that commitment was never signed.
    pub fn to_local(
        &self,
        owner: Side,
        which: Which,
    ) -> Result<Option<(OutPoint, TxOut)>, PartyError> {
        let built = self.built(owner, which)?;
        Ok(output(&built, &built.to_local_script().to_p2wsh()))
    }

    /// The other side's output on the owner's commitment; `None` when it is dust.
    ///
    /// # Errors
    /// When that commitment was never signed.
    pub fn to_remote(
        &self,
        owner: Side,
        which: Which,
    ) -> Result<Option<(OutPoint, TxOut)>, PartyError> {
        let built = self.built(owner, which)?;
        let payment = self
            .setup()
            .secrets(owner.other())
            .public()
            .payment_basepoint;
        Ok(output(
            &built,
            &get_countersigner_payment_script(&built.channel_type.for_ldk(), &payment),
        ))
    }

    /// The owner takes its delayed output; valid once its delay has passed.
    ///
    /// # Errors
    /// When there is no such output or the fee eats it.
    pub fn sweep_to_local(
        &self,
        owner: Side,
        which: Which,
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let built = self.built(owner, which)?;
        let found = self.to_local(owner, which)?;
        let delay = Sequence::from_height(built.delay);
        let mut spend = self.spend(found, owner, delay, LockTime::ZERO, fee)?;
        let secrets = self.setup().secrets(owner);
        let key = derive_private_key(
            secp(),
            &built.keys().per_commitment_point,
            &secrets.delayed_payment_base,
        );
        // The empty element chooses the branch of the owner.
        spend.finish(&built.to_local_script(), &key, &[&[]]);
        Ok(spend.transaction)
    }

    /// The other side takes its output on the owner's commitment.
    ///
    /// # Errors
    /// When there is no such output or the fee eats it.
    pub fn sweep_to_remote(
        &self,
        owner: Side,
        which: Which,
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let found = self.to_remote(owner, which)?;
        let key = self.setup().secrets(owner.other()).payment;
        let kind = self.setup().channel_type;
        let sequence = match kind {
            ChannelType::StaticRemotekey => Sequence::ENABLE_RBF_NO_LOCKTIME,
            // BOLT 3, anchors: everything but the anchors waits for one confirmation.
            ChannelType::AnchorsZeroFeeHtlc => Sequence::from_height(1),
        };
        let mut spend = self.spend(found, owner.other(), sequence, LockTime::ZERO, fee)?;
        match kind {
            ChannelType::StaticRemotekey => {
                let value = spend.value;
                sign_p2wpkh(&mut spend.transaction, 0, value, &key);
            }
            ChannelType::AnchorsZeroFeeHtlc => {
                spend.finish(
                    &get_to_countersigner_keyed_anchor_redeemscript(&key.public_key(secp())),
                    &key,
                    &[],
                );
            }
        }
        Ok(spend.transaction)
    }

    /// The other side punishes a revoked commitment of the owner: takes its delayed output at once.
    ///
    /// # Errors
    /// When there is no such output or the fee eats it.
    pub fn punish_to_local(
        &self,
        owner: Side,
        which: Which,
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let built = self.built(owner, which)?;
        let found = self.to_local(owner, which)?;
        let sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
        let mut spend = self.spend(found, owner.other(), sequence, LockTime::ZERO, fee)?;
        let secret = self
            .setup()
            .secrets(owner)
            .per_commitment_key(built.number());
        let base = &self.setup().secrets(owner.other()).revocation_base;
        let key = derive_private_revocation_key(secp(), &secret, base);
        // The element 1 chooses the branch of the revocation key.
        spend.finish(&built.to_local_script(), &key, &[&[1]]);
        Ok(spend.transaction)
    }

    pub(super) fn spend(
        &self,
        found: Option<(OutPoint, TxOut)>,
        claimer: Side,
        sequence: Sequence,
        lock_time: LockTime,
        fee: Amount,
    ) -> Result<Spend, PartyError> {
        let (previous_output, spent) = found.ok_or(PartyError::NothingToSpend(
            "that commitment has no such output",
        ))?;
        let value = spent
            .value
            .checked_sub(fee)
            .ok_or(PartyError::NothingToSpend("the fee is above the value"))?;
        let input = TxIn {
            previous_output,
            sequence,
            ..TxIn::default()
        };
        let output = TxOut {
            value,
            script_pubkey: self.wallet_script(claimer),
        };
        let transaction = Transaction {
            version: Version::TWO,
            lock_time,
            input: vec![input],
            output: vec![output],
        };
        Ok(Spend {
            transaction,
            value: spent.value,
        })
    }
}

/// A one-input transaction on its way to being signed.
pub(super) struct Spend {
    pub transaction: Transaction,
    /// What the spent output is worth.
    value: Amount,
}

impl Spend {
    /// Puts `signature, choice…, script` on the input.
    pub fn finish(&mut self, script: &Script, key: &SecretKey, choice: &[&[u8]]) {
        let kind = EcdsaSighashType::All;
        let signature = sign_p2wsh(&self.transaction, 0, script, self.value, key, kind);
        let mut witness = Witness::new();
        witness.push_ecdsa_signature(&bitcoin::ecdsa::Signature::sighash_all(signature));
        choice.iter().for_each(|element| witness.push(element));
        witness.push(script);
        self.transaction.input[0].witness = witness;
    }
}

impl Built {
    pub(super) fn to_local_script(&self) -> ScriptBuf {
        let keys = self.keys();
        get_revokeable_redeemscript(
            &keys.revocation_key,
            self.delay,
            &keys.broadcaster_delayed_payment_key,
        )
    }
}

fn output(built: &Built, script: &Script) -> Option<(OutPoint, TxOut)> {
    let transaction = built.transaction();
    let vout = transaction
        .output
        .iter()
        .position(|output| output.script_pubkey.as_script() == script)?;
    let outpoint = OutPoint {
        txid: transaction.compute_txid(),
        vout: vout as u32,
    };
    Some((outpoint, transaction.output[vout].clone()))
}

pub(super) fn sign_p2wpkh(
    transaction: &mut Transaction,
    input: usize,
    value: Amount,
    key: &SecretKey,
) {
    let public = bitcoin::CompressedPublicKey(key.public_key(secp()));
    let script = ScriptBuf::new_p2wpkh(&public.wpubkey_hash());
    let sighash = SighashCache::new(&*transaction)
        .p2wpkh_signature_hash(input, &script, value, EcdsaSighashType::All)
        .expect("the input exists and the script is P2WPKH: both were made here");
    let signature =
        bitcoin::ecdsa::Signature::sighash_all(secp().sign_ecdsa(&Message::from(sighash), key));
    transaction.input[input].witness = Witness::p2wpkh(&signature, &public.0);
}
