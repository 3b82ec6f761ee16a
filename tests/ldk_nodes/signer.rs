//! A signer of LDK's that listens: what LDK's channel engine asks of its keys is what the arbitrator has to know of a
//! commitment – its number, its point, its feerate, the peer's signatures – and LDK asks before anything leaves the node.
//! Every signature is still made by LDK's own signer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{All, PublicKey, Secp256k1, SecretKey};
use bitcoin::{Transaction, Txid};
use lightning::ln::chan_utils::{
    ChannelPublicKeys, ChannelTransactionParameters, ClosingTransaction, CommitmentTransaction,
    HTLCOutputInCommitment, HolderCommitmentTransaction,
};
use lightning::ln::msgs::UnsignedChannelAnnouncement;
use lightning::sign::ecdsa::EcdsaChannelSigner;
use lightning::sign::{ChannelSigner, HTLCDescriptor, InMemorySigner};
use lightning::types::payment::PaymentPreimage;

/// What a signer has heard of its channel and nobody has taken yet, each in the order in which LDK asked.
#[derive(Default)]
pub struct Heard {
    /// What both sides agreed on, as far as a signer needs it.
    pub parameters: Option<ChannelTransactionParameters>,
    /// Our commitments, with the peer's signatures.
    pub ours: VecDeque<HolderCommitmentTransaction>,
    /// The peer's commitments that were signed.
    pub theirs: VecDeque<CommitmentTransaction>,
    /// The indices of the commitments that the peer revoked (BOLT 3: they count down).
    pub revoked: VecDeque<u64>,
}

/// LDK's signer, and an ear at it.
pub struct ListeningSigner {
    inner: InMemorySigner,
    heard: Arc<Mutex<Heard>>,
}

impl ListeningSigner {
    /// What it hears goes where the node reads it.
    pub fn new(inner: InMemorySigner, heard: Arc<Mutex<Heard>>) -> Self {
        ListeningSigner { inner, heard }
    }

    fn hears(&self, what: impl FnOnce(&mut Heard)) {
        what(&mut self.heard.lock().expect("nobody panics with it"));
    }
}

impl ChannelSigner for ListeningSigner {
    fn validate_holder_commitment(
        &self,
        commitment: &HolderCommitmentTransaction,
        preimages: Vec<PaymentPreimage>,
    ) -> Result<(), ()> {
        self.hears(|heard| heard.ours.push_back(commitment.clone()));
        self.inner.validate_holder_commitment(commitment, preimages)
    }

    fn validate_counterparty_revocation(&self, index: u64, secret: &SecretKey) -> Result<(), ()> {
        self.hears(|heard| heard.revoked.push_back(index));
        self.inner.validate_counterparty_revocation(index, secret)
    }

    fn get_per_commitment_point(&self, index: u64, secp: &Secp256k1<All>) -> Result<PublicKey, ()> {
        self.inner.get_per_commitment_point(index, secp)
    }

    fn release_commitment_secret(&self, index: u64) -> Result<[u8; 32], ()> {
        self.inner.release_commitment_secret(index)
    }

    fn pubkeys(&self, secp: &Secp256k1<All>) -> ChannelPublicKeys {
        self.inner.pubkeys(secp)
    }

    fn new_funding_pubkey(&self, parent: Txid, secp: &Secp256k1<All>) -> PublicKey {
        self.inner.new_funding_pubkey(parent, secp)
    }

    fn channel_keys_id(&self) -> [u8; 32] {
        self.inner.channel_keys_id()
    }
}

impl EcdsaChannelSigner for ListeningSigner {
    fn sign_counterparty_commitment(
        &self,
        parameters: &ChannelTransactionParameters,
        commitment: &CommitmentTransaction,
        inbound: Vec<PaymentPreimage>,
        outbound: Vec<PaymentPreimage>,
        secp: &Secp256k1<All>,
    ) -> Result<(Signature, Vec<Signature>), ()> {
        self.hears(|heard| {
            heard.parameters = Some(parameters.clone());
            heard.theirs.push_back(commitment.clone());
        });
        let signer = &self.inner;
        signer.sign_counterparty_commitment(parameters, commitment, inbound, outbound, secp)
    }

    fn sign_holder_commitment(
        &self,
        parameters: &ChannelTransactionParameters,
        commitment: &HolderCommitmentTransaction,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_holder_commitment(parameters, commitment, secp)
    }

    fn sign_justice_revoked_output(
        &self,
        parameters: &ChannelTransactionParameters,
        justice: &Transaction,
        input: usize,
        amount: u64,
        secret: &SecretKey,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_justice_revoked_output(parameters, justice, input, amount, secret, secp)
    }

    fn sign_justice_revoked_htlc(
        &self,
        parameters: &ChannelTransactionParameters,
        justice: &Transaction,
        input: usize,
        amount: u64,
        secret: &SecretKey,
        htlc: &HTLCOutputInCommitment,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_justice_revoked_htlc(parameters, justice, input, amount, secret, htlc, secp)
    }

    fn sign_holder_htlc_transaction(
        &self,
        transaction: &Transaction,
        input: usize,
        htlc: &HTLCDescriptor,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_holder_htlc_transaction(transaction, input, htlc, secp)
    }

    fn sign_counterparty_htlc_transaction(
        &self,
        parameters: &ChannelTransactionParameters,
        claim: &Transaction,
        input: usize,
        amount: u64,
        point: &PublicKey,
        htlc: &HTLCOutputInCommitment,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer
            .sign_counterparty_htlc_transaction(parameters, claim, input, amount, point, htlc, secp)
    }

    fn sign_closing_transaction(
        &self,
        parameters: &ChannelTransactionParameters,
        closing: &ClosingTransaction,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_closing_transaction(parameters, closing, secp)
    }

    fn sign_holder_keyed_anchor_input(
        &self,
        parameters: &ChannelTransactionParameters,
        transaction: &Transaction,
        input: usize,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_holder_keyed_anchor_input(parameters, transaction, input, secp)
    }

    fn sign_channel_announcement_with_funding_key(
        &self,
        parameters: &ChannelTransactionParameters,
        announcement: &UnsignedChannelAnnouncement,
        secp: &Secp256k1<All>,
    ) -> Result<Signature, ()> {
        let signer = &self.inner;
        signer.sign_channel_announcement_with_funding_key(parameters, announcement, secp)
    }

    fn sign_splice_shared_input(
        &self,
        parameters: &ChannelTransactionParameters,
        splice: &Transaction,
        input: usize,
        secp: &Secp256k1<All>,
    ) -> Signature {
        let signer = &self.inner;
        signer.sign_splice_shared_input(parameters, splice, input, secp)
    }
}
