//! Commitments built and signed by LDK, each checked against BOLT 3's figures ([`super::fees`]) before it is used.

use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Transaction, Witness};
use lightning::chain::transaction::OutPoint as LdkOutPoint;
use lightning::ln::chan_utils::{
    build_htlc_transaction, derive_private_key, get_htlc_redeemscript, make_funding_redeemscript,
    ChannelTransactionParameters, CommitmentTransaction, CounterpartyChannelTransactionParameters,
    DirectedChannelTransactionParameters, HTLCOutputInCommitment, TxCreationKeys,
};
use lightning::types::payment::PaymentHash;
use secp256k1::ecdsa::Signature;
use secp256k1::{All, Message, Secp256k1, SecretKey};
use serde::{Deserialize, Serialize};

use super::fees::{Balances, FeePayer, Figures, Offer};
use super::htlc::{Htlc, HtlcKey};
use super::secrets::FIRST_INDEX;
use super::setup::{ChannelSetup, ChannelType, Side};

/// What a commitment is about, before any transaction is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub number: u64,
    pub feerate_per_kw: u32,
    pub to_us_msat: u64,
    pub to_peer_msat: u64,
    pub htlcs: Vec<Htlc>,
}

/// A commitment as LDK builds it, unsigned.
pub(super) struct Built {
    pub owner: Side,
    pub commitment: CommitmentTransaction,
    /// The untrimmed HTLCs in the order of their outputs.
    pub outputs: Vec<(Htlc, HTLCOutputInCommitment)>,
    /// The HTLCs without an output.
    pub trimmed: Vec<HtlcKey>,
    pub channel_type: ChannelType,
    pub delay: u16,
}

/// What the side that does not own a commitment signs for the owner.
pub(super) struct CounterSignatures {
    pub commitment: Signature,
    pub htlcs: Vec<Signature>,
}

/// LDK's context for every signature here; RFC 6979, so the same input gives the same signature.
pub(super) fn secp() -> &'static Secp256k1<All> {
    secp256k1::SECP256K1
}

pub(super) fn funding_script(setup: &ChannelSetup) -> ScriptBuf {
    make_funding_redeemscript(
        &setup.ours.public().funding_pubkey,
        &setup.peer.public().funding_pubkey,
    )
}

impl Built {
    /// Builds the commitment of `owner` and holds LDK's amounts against BOLT 3's.
    pub fn new(setup: &ChannelSetup, funding: OutPoint, owner: Side, state: &State) -> Self {
        let figures = figures(setup, owner, state);
        let (mut untrimmed, mut trimmed) = (Vec::new(), Vec::new());
        for (htlc, output) in state.htlcs.iter().zip(&figures.htlcs) {
            match output {
                Some(_) => untrimmed.push(htlc.clone()),
                None => trimmed.push(htlc.key),
            }
        }
        let parameters = parameters(setup, funding);
        let commitment = CommitmentTransaction::new(
            FIRST_INDEX - state.number,
            &setup.secrets(owner).per_commitment_point(state.number),
            figures.to_owner.to_sat(),
            figures.to_other.to_sat(),
            state.feerate_per_kw,
            untrimmed.iter().map(|htlc| for_ldk(htlc, owner)).collect(),
            &directed(&parameters, owner),
            secp(),
        );
        let mut paid: Vec<Amount> = commitment
            .trust()
            .built_transaction()
            .transaction
            .output
            .iter()
            .map(|output| output.value)
            .collect();
        paid.sort_unstable();
        assert_eq!(
            paid,
            figures.outputs(),
            "LDK's commitment {} of {owner:?} pays other amounts than BOLT 3",
            state.number
        );

        // LDK sorts HTLCs by output and forgets their ids. Equal ones are interchangeable: their outputs are equal too.
        let outputs = commitment
            .nondust_htlcs()
            .iter()
            .map(|output| {
                let at = untrimmed
                    .iter()
                    .position(|htlc| same_payment(htlc, owner, output))
                    .expect("LDK returns the HTLCs that it was given");
                (untrimmed.remove(at), output.clone())
            })
            .collect();
        let delay = setup.delay(owner);
        Built {
            owner,
            commitment,
            outputs,
            trimmed,
            channel_type: setup.channel_type,
            delay,
        }
    }

    pub fn number(&self) -> u64 {
        FIRST_INDEX - self.commitment.commitment_number()
    }

    pub fn transaction(&self) -> &Transaction {
        &self.commitment.trust().built_transaction().transaction
    }

    pub fn keys(&self) -> &TxCreationKeys {
        self.commitment.trust().keys()
    }

    /// What the other side signs, so that the owner may broadcast: the commitment and each second-level transaction.
    pub fn counter_sign(&self, setup: &ChannelSetup) -> CounterSignatures {
        let signer = setup.secrets(self.owner.other());
        let commitment = funding_signature(setup, self.transaction(), &signer.funding);
        let key = derive_private_key(secp(), &self.keys().per_commitment_point, &signer.htlc_base);
        let htlcs = (0..self.outputs.len())
            .map(|index| {
                self.sign_htlc(
                    index,
                    &self.htlc_transaction(index),
                    &key,
                    self.counter_sighash_type(),
                )
            })
            .collect();
        CounterSignatures { commitment, htlcs }
    }

    /// The commitment with both signatures, ready for the chain.
    pub fn signed(&self, setup: &ChannelSetup) -> Transaction {
        sign_funding_input(setup, self.transaction().clone())
    }

    /// The unsigned second-level transaction of the HTLC with this index in [`Built::outputs`].
    pub fn htlc_transaction(&self, index: usize) -> Transaction {
        build_htlc_transaction(
            &self.commitment.trust().txid(),
            self.commitment.negotiated_feerate_per_kw(),
            self.delay,
            &self.outputs[index].1,
            &self.channel_type.for_ldk(),
            &self.keys().broadcaster_delayed_payment_key,
            &self.keys().revocation_key,
        )
    }

    /// The script of that HTLC's output.
    pub fn htlc_script(&self, index: usize) -> ScriptBuf {
        get_htlc_redeemscript(
            &self.outputs[index].1,
            &self.channel_type.for_ldk(),
            self.keys(),
        )
    }

    /// Signs input 0 of a transaction that spends that HTLC's output.
    pub fn sign_htlc(
        &self,
        index: usize,
        spender: &Transaction,
        key: &SecretKey,
        kind: EcdsaSighashType,
    ) -> Signature {
        let value = self.outputs[index].1.to_bitcoin_amount();
        sign_p2wsh(spender, 0, &self.htlc_script(index), value, key, kind)
    }

    // BOLT 3: with anchors the counterparty's HTLC signature leaves inputs and outputs open, for fees to be added.
    pub fn counter_sighash_type(&self) -> EcdsaSighashType {
        match self.channel_type {
            ChannelType::StaticRemotekey => EcdsaSighashType::All,
            ChannelType::AnchorsZeroFeeHtlc => EcdsaSighashType::SinglePlusAnyoneCanPay,
        }
    }
}

/// BOLT 3's amounts for this commitment.
pub(super) fn figures(setup: &ChannelSetup, owner: Side, state: &State) -> Figures {
    let (to_owner_msat, to_other_msat) = match owner {
        Side::Us => (state.to_us_msat, state.to_peer_msat),
        Side::Peer => (state.to_peer_msat, state.to_us_msat),
    };
    let htlcs: Vec<(Offer, u64)> = state
        .htlcs
        .iter()
        .map(|htlc| (htlc.key.direction.seen_by(owner), htlc.amount_msat))
        .collect();
    Figures::of(&Balances {
        channel_type: setup.channel_type,
        feerate_per_kw: state.feerate_per_kw,
        dust_limit: setup.dust_limit(owner),
        payer: if setup.opener == owner {
            FeePayer::Owner
        } else {
            FeePayer::Other
        },
        to_owner_msat,
        to_other_msat,
        htlcs: &htlcs,
    })
}

/// Puts both funding signatures on input 0.
pub(super) fn sign_funding_input(
    setup: &ChannelSetup,
    mut transaction: Transaction,
) -> Transaction {
    let mut signatures = [Side::Us, Side::Peer].map(|side| {
        let key = &setup.secrets(side).funding;
        (
            key.public_key(secp()).serialize(),
            funding_signature(setup, &transaction, key),
        )
    });
    // BOLT 3: the funding keys stand in the script in the order of their encoding, and the signatures with them.
    signatures.sort_by_key(|(public, _)| *public);
    let mut witness = Witness::new();
    // The multisig opcode takes one element too many; BIP 147 wants it empty.
    witness.push([]);
    for (_, signature) in signatures {
        witness.push_ecdsa_signature(&bitcoin::ecdsa::Signature::sighash_all(signature));
    }
    witness.push(funding_script(setup));
    transaction.input[0].witness = witness;
    transaction
}

fn funding_signature(
    setup: &ChannelSetup,
    transaction: &Transaction,
    key: &SecretKey,
) -> Signature {
    sign_p2wsh(
        transaction,
        0,
        &funding_script(setup),
        setup.capacity,
        key,
        EcdsaSighashType::All,
    )
}

/// A BIP 143 signature over one input that spends a P2WSH output.
pub(super) fn sign_p2wsh(
    transaction: &Transaction,
    input: usize,
    script: &Script,
    value: Amount,
    key: &SecretKey,
    kind: EcdsaSighashType,
) -> Signature {
    let sighash = SighashCache::new(transaction)
        .p2wsh_signature_hash(input, script, value, kind)
        .expect("the input exists: every caller built it");
    secp().sign_ecdsa(&Message::from(sighash), key)
}

fn for_ldk(htlc: &Htlc, owner: Side) -> HTLCOutputInCommitment {
    HTLCOutputInCommitment {
        offered: htlc.key.direction.payer() == owner,
        amount_msat: htlc.amount_msat,
        cltv_expiry: htlc.cltv_expiry,
        payment_hash: PaymentHash(*htlc.payment_hash.as_ref()),
        transaction_output_index: None,
    }
}

fn same_payment(htlc: &Htlc, owner: Side, output: &HTLCOutputInCommitment) -> bool {
    for_ldk(htlc, owner)
        == HTLCOutputInCommitment {
            transaction_output_index: None,
            ..output.clone()
        }
}

fn parameters(setup: &ChannelSetup, funding: OutPoint) -> ChannelTransactionParameters {
    ChannelTransactionParameters {
        holder_pubkeys: setup.ours.public().for_ldk(),
        // LDK names a delay after the side that asks for it, we after the side that waits.
        holder_selected_contest_delay: setup.peer_delay,
        is_outbound_from_holder: setup.opener == Side::Us,
        counterparty_parameters: Some(CounterpartyChannelTransactionParameters {
            pubkeys: setup.peer.public().for_ldk(),
            selected_contest_delay: setup.our_delay,
        }),
        funding_outpoint: Some(LdkOutPoint {
            txid: funding.txid,
            index: u16::try_from(funding.vout).expect("the testkit funds channels at output 0"),
        }),
        splice_parent_funding_txid: None,
        channel_type_features: setup.channel_type.for_ldk(),
        channel_value_satoshis: setup.capacity.to_sat(),
    }
}

fn directed(
    parameters: &ChannelTransactionParameters,
    owner: Side,
) -> DirectedChannelTransactionParameters<'_> {
    match owner {
        Side::Us => parameters.as_holder_broadcastable(),
        Side::Peer => parameters.as_counterparty_broadcastable(),
    }
}
