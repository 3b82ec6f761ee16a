//! What a cheater does to be quicker than justice: many HTLCs through the second level in one transaction, and the
//! second level's own outputs once its delay is over.

use bitcoin::absolute::LockTime;
use bitcoin::sighash::EcdsaSighashType;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Sequence, Transaction, TxIn, TxOut};
use lightning::ln::chan_utils::{build_htlc_input_witness, derive_private_key};
use lightning::types::payment::PaymentPreimage;

use crate::chain::Chain;

use super::build::{secp, sign_p2wsh};
use super::channel::Channel;
use super::claims::sign_p2wpkh;
use super::commitments::Which;
use super::error::PartyError;
use super::fees::Offer;
use super::htlc::HtlcKey;
use super::htlc_claims::CHANGE;
use super::setup::Side;

impl Channel {
    /// One transaction that takes several HTLCs of the owner's commitment through the second level, all by preimage or all
    /// by the same expiry. The coin that pays the fee stands before them, and its change before their outputs: the HTLC
    /// `keys[n]` is at input and output n + 1. Only anchors allow it.
    ///
    /// # Errors
    /// When that commitment was never signed, does not hold an HTLC, or trimmed it.
    pub fn aggregated_second_level_tx(
        &self,
        chain: &dyn Chain,
        owner: Side,
        which: Which,
        keys: &[HtlcKey],
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let wallet = self.wallet_script(owner);
        let coin = fee + CHANGE;
        let mut transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: chain.fund(&wallet, coin),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: CHANGE,
                script_pubkey: wallet,
            }],
        };
        for key in keys {
            let (built, index) = self.built_htlc(owner, which, *key)?;
            let alone = built.htlc_transaction(index);
            transaction.lock_time = alone.lock_time;
            transaction.input.extend(alone.input);
            transaction.output.extend(alone.output);
        }
        for (input, key) in (1..).zip(keys) {
            self.sign_second_level_input(&mut transaction, input, owner, which, *key)?;
        }
        let key = self.setup().secrets(owner).wallet();
        sign_p2wpkh(&mut transaction, 0, coin, &key);
        Ok(transaction)
    }

    fn sign_second_level_input(
        &self,
        transaction: &mut Transaction,
        input: usize,
        owner: Side,
        which: Which,
        key: HtlcKey,
    ) -> Result<(), PartyError> {
        let (built, index) = self.built_htlc(owner, which, key)?;
        let (htlc, output) = &built.outputs[index];
        let script = built.htlc_script(index);
        let point = &built.keys().per_commitment_point;
        let sign = |side: Side, kind: EcdsaSighashType| {
            let base = &self.setup().secrets(side).htlc_base;
            let key = derive_private_key(secp(), point, base);
            let value = output.to_bitcoin_amount();
            sign_p2wsh(transaction, input, &script, value, &key, kind)
        };
        let own = sign(owner, EcdsaSighashType::All);
        let other = sign(owner.other(), built.counter_sighash_type());
        let preimage = match htlc.key.direction.seen_by(owner) {
            Offer::ByOwner => None,
            Offer::ToOwner => Some(PaymentPreimage(self.known_preimage(htlc))),
        };
        let features = built.channel_type.for_ldk();
        transaction.input[input].witness =
            build_htlc_input_witness(&own, &other, &preimage, &script, &features);
        Ok(())
    }

    /// The owner takes output `vout` that its second-level transaction left; valid once its delay has passed.
    ///
    /// # Errors
    /// When that commitment was never signed, or the fee eats it.
    pub fn sweep_second_level(
        &self,
        owner: Side,
        which: Which,
        second_level: &Transaction,
        vout: u32,
        fee: Amount,
    ) -> Result<Transaction, PartyError> {
        let built = self.built(owner, which)?;
        let txid = second_level.compute_txid();
        let output = second_level.output[vout as usize].clone();
        let found = Some((OutPoint { txid, vout }, output));
        let delay = Sequence::from_height(self.setup().delay(owner));
        let mut spend = self.spend(found, owner, delay, LockTime::ZERO, fee)?;
        let base = &self.setup().secrets(owner).delayed_payment_base;
        let key = derive_private_key(secp(), &built.keys().per_commitment_point, base);
        // BOLT 3: the second level's output has the script of `to_local`.
        spend.finish(&built.to_local_script(), &key, &[&[]]);
        Ok(spend.transaction)
    }
}
