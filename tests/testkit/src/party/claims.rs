//! Spends of a confirmed commitment's outputs, by either side: delayed and direct sweeps, both HTLC levels, punishment.
//!
//! What a side takes goes to the P2WPKH script of its own wallet ([`Channel::wallet_script`]).

use bitcoin::absolute::LockTime;
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use lightning::ln::chan_utils::{
    build_htlc_input_witness, derive_private_key, derive_private_revocation_key,
    get_countersigner_payment_script, get_revokeable_redeemscript,
    get_to_countersigner_keyed_anchor_redeemscript,
};
use lightning::types::payment::PaymentPreimage;
use secp256k1::{Message, SecretKey};

use crate::chain::Chain;

use super::build::{secp, sign_p2wsh, Built};
use super::channel::{Channel, Which};
use super::error::PartyError;
use super::fees::Offer;
use super::htlc::{Htlc, HtlcKey};
use super::setup::{wallet_script, ChannelType, Side};

/// Room for a fee input's change: what is put in beyond the fee.
const CHANGE: Amount = Amount::from_sat(10_000);

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
        output(&built, &built.htlc_script(index).to_p2wsh()).ok_or(PartyError::Trimmed(key))
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

    fn built_htlc(
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

    fn known_preimage(&self, htlc: &Htlc) -> [u8; 32] {
        self.preimage(&htlc.payment_hash)
            .expect("every HTLC is added with its preimage")
    }

    fn spend(
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
struct Spend {
    transaction: Transaction,
    /// What the spent output is worth.
    value: Amount,
}

impl Spend {
    /// Puts `signature, choice…, script` on the input.
    fn finish(&mut self, script: &Script, key: &SecretKey, choice: &[&[u8]]) {
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
    fn to_local_script(&self) -> ScriptBuf {
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

fn sign_p2wpkh(transaction: &mut Transaction, input: usize, value: Amount, key: &SecretKey) {
    let public = bitcoin::CompressedPublicKey(key.public_key(secp()));
    let script = ScriptBuf::new_p2wpkh(&public.wpubkey_hash());
    let sighash = SighashCache::new(&*transaction)
        .p2wpkh_signature_hash(input, &script, value, EcdsaSighashType::All)
        .expect("the input exists and the script is P2WPKH: both were made here");
    let signature =
        bitcoin::ecdsa::Signature::sighash_all(secp().sign_ecdsa(&Message::from(sighash), key));
    transaction.input[input].witness = Witness::p2wpkh(&signature, &public.0);
}
