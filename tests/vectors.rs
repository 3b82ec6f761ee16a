//! The test vectors of BOLT 3, reproduced byte for byte: every script, transaction, signature, key and secret.
//!
//! `tests/vectors/*.json` carries the figures of the specification's appendices B to F.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hex::DisplayHex;
use bitcoin::script::Builder;
use bitcoin::secp256k1::{ecdsa, Message, SECP256K1};
use bitcoin::sighash::SighashCache;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, CompressedPublicKey, EcdsaSighashType, OutPoint, ScriptBuf, Sequence, Transaction,
    TxIn, TxOut,
};
use lightning_arbitrator::protocol::{
    commitment_secret, derive_public_key, derive_revocation_public_key,
    derive_revocation_secret_key, derive_secret_key, state_number, Basepoints, ChannelPublicKeys,
    ChannelType, Commitment, CommitmentKeys, CommitmentNumber, CommitmentSecret, CommitmentSpec,
    Funding, Htlc, HtlcKind, ObscuringFactor, Opener, OutputRole, PaymentHash, Preimage,
    RevocationSecrets,
};

#[path = "vectors/data.rs"]
mod data;

use data::{
    bytes, load, Case, Channel, CommitmentVectors, Direction, FundingVector, HtlcTxKind,
    HtlcVector, KeyVector, SecretVectors,
};

#[test]
fn appendix_b_the_funding_transaction() {
    let vector: FundingVector = load("bolt3_b_funding");
    let keys = [vector.local_funding_pubkey, vector.remote_funding_pubkey];
    let outpoint = OutPoint {
        txid: vector.funding_txid,
        vout: vector.funding_output_index,
    };
    let funding = Funding {
        outpoint,
        capacity: Amount::from_sat(vector.funding_sat),
        keys,
    };
    assert_eq!(
        funding.witness_script().to_hex_string(),
        vector.funding_witness_script
    );

    let coinbase: Transaction = deserialize_hex(&vector.coinbase_tx_hex).unwrap();
    let coinbase_script = &coinbase.output[0].script_pubkey;
    let change_key = CompressedPublicKey(vector.coinbase_privkey.public_key(SECP256K1));
    let change = ScriptBuf::new_p2wpkh(&change_key.wpubkey_hash());
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint {
                txid: vector.input_txid,
                vout: vector.input_index,
            },
            sequence: Sequence::MAX,
            ..TxIn::default()
        }],
        output: vec![
            TxOut {
                value: funding.capacity,
                script_pubkey: funding.script_pubkey(),
            },
            TxOut {
                value: Amount::from_sat(vector.change_sat),
                script_pubkey: change,
            },
        ],
    };
    let sighash = SighashCache::new(&tx).legacy_signature_hash(
        0,
        coinbase_script,
        EcdsaSighashType::All.to_u32(),
    );
    let signature =
        SECP256K1.sign_ecdsa(&Message::from(sighash.unwrap()), &vector.coinbase_privkey);
    tx.input[0].script_sig = Builder::new()
        .push_slice(bitcoin::ecdsa::Signature::sighash_all(signature).serialize())
        .push_slice(change_key.to_bytes())
        .into_script();

    assert_eq!(serialize_hex(&tx), vector.funding_tx_hex);
    assert_eq!(tx.compute_txid(), vector.funding_txid);
}

#[test]
fn appendix_c_static_remotekey_16_commitments_and_33_htlc_transactions() {
    let counts = replay("bolt3_c_static_remotekey", ChannelType::StaticRemotekey);
    assert_eq!(
        counts,
        Counts {
            commitments: 16,
            htlc_transactions: 33
        }
    );
}

#[test]
fn appendix_f_anchors_zero_fee_htlc_9_commitments_and_15_htlc_transactions() {
    let counts = replay(
        "bolt3_f_anchors_zero_fee_htlc",
        ChannelType::AnchorsZeroFeeHtlc,
    );
    assert_eq!(
        counts,
        Counts {
            commitments: 9,
            htlc_transactions: 15
        }
    );
}

#[test]
fn appendix_d_secrets_are_generated_from_the_seed() {
    let vectors: SecretVectors = load("bolt3_d_secrets");
    assert_eq!(vectors.generation.len(), 5);
    for vector in vectors.generation {
        let number = CommitmentNumber::from_index(vector.index).unwrap();
        let secret = commitment_secret(&bytes(&vector.seed), number);
        assert_eq!(
            secret.as_bytes().to_lower_hex_string(),
            vector.secret,
            "{}",
            vector.name
        );
    }
}

#[test]
fn appendix_d_secrets_are_stored_unless_they_contradict_earlier_ones() {
    let vectors: SecretVectors = load("bolt3_d_secrets");
    assert_eq!(vectors.storage.len(), 9);
    for vector in vectors.storage {
        let mut store = RevocationSecrets::empty();
        for insert in vector.inserts {
            let number = CommitmentNumber::from_index(insert.index).unwrap();
            let secret = CommitmentSecret::new(bytes(&insert.secret));
            let before = store.clone();
            let accepted = store.insert(number, secret.clone()).is_ok();
            assert_eq!(accepted, insert.ok, "{} at {}", vector.name, insert.index);
            if accepted {
                assert_eq!(store.get(number), Some(secret));
            } else {
                assert_eq!(
                    store, before,
                    "{}: a refused secret changes nothing",
                    vector.name
                );
            }
        }
    }
}

#[test]
fn appendix_e_keys_are_derived() {
    let vector: KeyVector = load("bolt3_e_keys");
    let point = vector.per_commitment_secret.public_key(SECP256K1);
    assert_eq!(point, vector.per_commitment_point);
    assert_eq!(vector.base_secret.public_key(SECP256K1), vector.base_point);
    assert_eq!(
        derive_public_key(&vector.base_point, &point),
        Ok(vector.localpubkey)
    );
    assert_eq!(
        derive_secret_key(&vector.base_secret, &point),
        Ok(vector.localprivkey)
    );
    assert_eq!(
        derive_revocation_public_key(&vector.base_point, &point),
        Ok(vector.revocationpubkey)
    );
    let revocation_secret =
        derive_revocation_secret_key(&vector.base_secret, &vector.per_commitment_secret);
    assert_eq!(revocation_secret, Ok(vector.revocationprivkey));
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    commitments: usize,
    htlc_transactions: usize,
}

/// Builds, signs and compares everything in one file of commitments.
fn replay(file: &str, channel_type: ChannelType) -> Counts {
    let vectors: CommitmentVectors = load(file);
    let keys = vectors.channel.commitment_keys();
    let mut counts = Counts::default();
    for case in &vectors.cases {
        let htlcs = vectors.htlcs_of(case);
        let spec = vectors.channel.spec(case, channel_type, &keys, &htlcs);
        let commitment = spec.build().unwrap();
        case.check_outputs(&commitment);
        let commitment_signature =
            vectors
                .channel
                .check_commitment(case, &commitment, spec.obscuring);
        let htlc_signatures = vectors.check_second_levels(case, &spec, &commitment);
        assert_eq!(
            spec.verify(&commitment, &commitment_signature, &htlc_signatures),
            Ok(()),
            "{}",
            case.name
        );
        counts.commitments += 1;
        counts.htlc_transactions += htlc_signatures.len();
    }
    counts
}

impl CommitmentVectors {
    fn htlcs_of(&self, case: &Case) -> Vec<Htlc> {
        case.active_htlc_ids
            .iter()
            .map(|id| self.htlc(*id).to_htlc())
            .collect()
    }

    fn htlc(&self, id: u64) -> &HtlcVector {
        self.htlcs.iter().find(|htlc| htlc.id == id).unwrap()
    }

    /// Signs and compares the second-level transactions; returns the counterparty's signatures.
    fn check_second_levels(
        &self,
        case: &Case,
        spec: &CommitmentSpec<'_>,
        commitment: &Commitment,
    ) -> Vec<ecdsa::Signature> {
        let second_levels = spec.second_levels(commitment).unwrap();
        assert_eq!(second_levels.len(), case.htlc_txs.len(), "{}", case.name);
        let mut peer_signatures = Vec::new();
        for ((second_level, expected), (vout, position)) in second_levels
            .iter()
            .zip(&case.htlc_txs)
            .zip(commitment.htlc_outputs())
        {
            assert_eq!(vout, expected.output_index, "{}", case.name);
            assert_eq!(
                case.active_htlc_ids[position], expected.htlc_id,
                "{}",
                case.name
            );
            let peer = SECP256K1.sign_ecdsa(
                &second_level.peer_sighash().unwrap(),
                &self.channel.remote_privkey,
            );
            let own = SECP256K1.sign_ecdsa(
                &second_level.sighash().unwrap(),
                &self.channel.local_privkey,
            );
            assert_eq!(peer.to_string(), expected.remote_sig_der, "{}", case.name);
            assert_eq!(own.to_string(), expected.local_sig_der, "{}", case.name);
            let preimage = Preimage::new(bytes(&self.htlc(expected.htlc_id).payment_preimage));
            let needed = match expected.kind {
                HtlcTxKind::Success => Some(&preimage),
                HtlcTxKind::Timeout => None,
            };
            let tx = second_level.signed(&peer, &own, needed).unwrap();
            assert_eq!(serialize_hex(&tx), expected.tx_hex, "{}", case.name);
            assert_eq!(tx.compute_txid(), expected.txid, "{}", case.name);
            peer_signatures.push(peer);
        }
        peer_signatures
    }
}

impl Channel {
    /// The keys, derived from the basepoints and compared with the given ones.
    fn commitment_keys(&self) -> CommitmentKeys {
        // The appendices use one basepoint for payments and HTLCs, and leave out what the commitment does not show.
        let unused = self.local_payment_basepoint;
        let local = ChannelPublicKeys {
            funding: self.local_funding_pubkey,
            basepoints: Basepoints {
                revocation: unused,
                payment: self.local_payment_basepoint,
                delayed_payment: self
                    .local_delayed_payment_basepoint_secret
                    .public_key(SECP256K1),
                htlc: self.local_htlc_basepoint,
            },
        };
        let remote = ChannelPublicKeys {
            funding: self.remote_funding_pubkey,
            basepoints: Basepoints {
                revocation: self
                    .remote_revocation_basepoint_secret
                    .public_key(SECP256K1),
                payment: self.remote_payment_basepoint,
                delayed_payment: unused,
                htlc: self.remote_htlc_basepoint,
            },
        };
        let keys =
            CommitmentKeys::derive(&local, &remote, &self.local_per_commitment_point).unwrap();
        assert_eq!(keys.delayed_payment, self.local_delayedpubkey);
        assert_eq!(keys.revocation, self.local_revocation_pubkey);
        assert_eq!(keys.owner_htlc, self.local_htlcpubkey);
        assert_eq!(keys.counterparty_htlc, self.remote_htlcpubkey);
        keys
    }

    fn spec<'a>(
        &self,
        case: &Case,
        channel_type: ChannelType,
        keys: &'a CommitmentKeys,
        htlcs: &'a [Htlc],
    ) -> CommitmentSpec<'a> {
        assert!(self.local_is_opener);
        let obscuring = ObscuringFactor::new(
            &self.local_payment_basepoint,
            &self.remote_payment_basepoint,
        );
        assert_eq!(
            format!("{:012x}", obscuring.get()),
            self.obscuring_factor_hex
        );
        CommitmentSpec {
            funding: OutPoint {
                txid: self.funding_txid,
                vout: self.funding_output_index,
            },
            capacity: Amount::from_sat(self.funding_sat),
            channel_type,
            keys,
            obscuring,
            number: CommitmentNumber::new(self.commitment_number).unwrap(),
            opener: Opener::Owner,
            dust_limit: Amount::from_sat(case.dust_limit_sat),
            to_self_delay: self.to_self_delay,
            feerate_per_kw: case.feerate_per_kw,
            to_owner_msat: case.to_local_msat,
            to_counterparty_msat: case.to_remote_msat,
            htlcs,
        }
    }

    /// Signs and compares the commitment transaction; returns the counterparty's signature.
    fn check_commitment(
        &self,
        case: &Case,
        commitment: &Commitment,
        obscuring: ObscuringFactor,
    ) -> ecdsa::Signature {
        assert_eq!(
            commitment.funding.witness_script().to_hex_string(),
            self.funding_witness_script
        );
        let sighash = commitment.sighash().unwrap();
        let remote = SECP256K1.sign_ecdsa(&sighash, &self.remote_funding_privkey);
        let local = SECP256K1.sign_ecdsa(&sighash, &self.local_funding_privkey);
        assert_eq!(remote.to_string(), case.remote_sig_der, "{}", case.name);
        if let Some(local_sig_der) = &case.local_sig_der {
            assert_eq!(&local.to_string(), local_sig_der, "{}", case.name);
        }
        let tx = commitment.signed(&local, &remote);
        assert_eq!(serialize_hex(&tx), case.commit_tx_hex, "{}", case.name);
        assert_eq!(tx.compute_txid(), case.commit_txid, "{}", case.name);
        assert!(commitment.funding.is_spent_by(&tx, 0), "{}", case.name);
        assert_eq!(
            state_number(&tx, obscuring).map(CommitmentNumber::get),
            Some(self.commitment_number)
        );
        remote
    }
}

impl Case {
    /// Compares every output, what was trimmed, and the fees where the specification states them.
    fn check_outputs(&self, commitment: &Commitment) {
        assert_eq!(
            commitment.outputs.len(),
            self.commit_outputs.len(),
            "{}",
            self.name
        );
        for (output, expected) in commitment.outputs.iter().zip(&self.commit_outputs) {
            let htlc_id = match output.role {
                OutputRole::Htlc(position) => Some(self.active_htlc_ids[position]),
                OutputRole::ToLocal | OutputRole::ToRemote => None,
                OutputRole::OwnerAnchor | OutputRole::CounterpartyAnchor => None,
            };
            assert_eq!(htlc_id, expected.htlc_id, "{}", self.name);
            assert_eq!(output.value.to_sat(), expected.amount_sat, "{}", self.name);
            assert_eq!(
                output.script.script_pubkey.to_hex_string(),
                expected.script_pubkey,
                "{}",
                self.name
            );
            let witness_script = output
                .script
                .witness_script
                .as_ref()
                .map(|script| script.to_hex_string());
            assert_eq!(witness_script, expected.witness_script, "{}", self.name);
        }
        let trimmed: Vec<u64> = commitment
            .trimmed
            .iter()
            .map(|position| self.active_htlc_ids[*position])
            .collect();
        assert_eq!(trimmed, self.trimmed_htlc_ids, "{}", self.name);
        if let Some(base_fee) = self.base_fee_sat {
            assert_eq!(commitment.fee.to_sat(), base_fee, "{}", self.name);
        }
        if let Some(actual_fee) = self.actual_fee_sat {
            assert_eq!(
                commitment.actual_fee().to_sat(),
                actual_fee,
                "{}",
                self.name
            );
        }
    }
}

impl HtlcVector {
    fn to_htlc(&self) -> Htlc {
        Htlc {
            kind: match self.direction {
                Direction::Offered => HtlcKind::Offered,
                Direction::Received => HtlcKind::Received,
            },
            amount_msat: self.amount_msat,
            payment_hash: PaymentHash(bytes(&self.payment_hash)),
            cltv_expiry: self.cltv_expiry,
        }
    }
}
