//! The keys of one side of a channel, and what is derived from them for each commitment.

use std::fmt;
use std::sync::OnceLock;

use bitcoin::hashes::{sha256, Hash, HashEngine};
use lightning::ln::chan_utils::{build_commitment_secret, ChannelPublicKeys};
use lightning::ln::channel_keys::{DelayedPaymentBasepoint, HtlcBasepoint, RevocationBasepoint};
use secp256k1::{PublicKey, SecretKey, SECP256K1};
use serde::{Deserialize, Serialize};

use super::hex;

/// BOLT 3: per-commitment secrets are generated from an index that counts down from here.
pub(super) const FIRST_INDEX: u64 = (1 << 48) - 1;

/// The five base secrets of a side and the seed of its per-commitment secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Signs commitments and closing transactions.
    pub funding: SecretKey,
    /// Punishes the other side's revoked commitments.
    pub revocation_base: SecretKey,
    /// Owns `to_remote` on the other side's commitments.
    pub payment: SecretKey,
    /// Owns the delayed outputs of the own commitments.
    pub delayed_payment_base: SecretKey,
    /// Owns the HTLC outputs.
    pub htlc_base: SecretKey,
    /// Every per-commitment secret comes from this.
    #[serde(with = "hex::bytes32")]
    pub commitment_seed: [u8; 32],
    /// Computed once: every commitment asks for them.
    #[serde(skip)]
    public: OnceLock<PublicKeys>,
}

/// What a side tells the other one when the channel is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeys {
    /// One half of the 2-of-2 of the funding output.
    pub funding_pubkey: PublicKey,
    /// Base of the revocation keys on the other side's commitments.
    pub revocation_basepoint: PublicKey,
    /// The untweaked key of `to_remote`.
    pub payment_basepoint: PublicKey,
    /// Base of the delayed keys.
    pub delayed_payment_basepoint: PublicKey,
    /// Base of the HTLC keys.
    pub htlc_basepoint: PublicKey,
}

impl Secrets {
    /// The same secrets for the same seed, for ever.
    pub fn from_seed(seed: &[u8]) -> Self {
        Secrets {
            funding: key(seed, "funding"),
            revocation_base: key(seed, "revocation base"),
            payment: key(seed, "payment"),
            delayed_payment_base: key(seed, "delayed payment base"),
            htlc_base: key(seed, "htlc base"),
            commitment_seed: digest(seed, "commitment seed"),
            public: OnceLock::new(),
        }
    }

    /// What the other side may know of these secrets.
    pub fn public(&self) -> PublicKeys {
        let point = |secret: &SecretKey| secret.public_key(SECP256K1);
        let made = self.public.get_or_init(|| PublicKeys {
            funding_pubkey: point(&self.funding),
            revocation_basepoint: point(&self.revocation_base),
            payment_basepoint: point(&self.payment),
            delayed_payment_basepoint: point(&self.delayed_payment_base),
            htlc_basepoint: point(&self.htlc_base),
        });
        made.clone()
    }

    /// The secret that revokes commitment `number` (0 is the first).
    pub fn per_commitment_secret(&self, number: u64) -> [u8; 32] {
        build_commitment_secret(&self.commitment_seed, FIRST_INDEX - number)
    }

    /// The point from which the keys of commitment `number` are made.
    pub fn per_commitment_point(&self, number: u64) -> PublicKey {
        self.per_commitment_key(number).public_key(SECP256K1)
    }

    pub(super) fn per_commitment_key(&self, number: u64) -> SecretKey {
        SecretKey::from_slice(&self.per_commitment_secret(number))
            .expect("a SHA-256 digest is a valid key but for odds of 1 in 2^127")
    }

    /// A key of the peer's own wallet, where what it takes from the channel goes.
    pub(super) fn wallet(&self) -> SecretKey {
        key(&self.funding.secret_bytes(), "wallet")
    }
}

impl PublicKeys {
    pub(super) fn for_ldk(&self) -> ChannelPublicKeys {
        ChannelPublicKeys {
            funding_pubkey: self.funding_pubkey,
            revocation_basepoint: RevocationBasepoint(self.revocation_basepoint),
            payment_point: self.payment_basepoint,
            delayed_payment_basepoint: DelayedPaymentBasepoint(self.delayed_payment_basepoint),
            htlc_basepoint: HtlcBasepoint(self.htlc_basepoint),
        }
    }
}

// Test keys or not: what prints a secret once prints it everywhere.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.public().funding_pubkey)
    }
}

fn key(seed: &[u8], role: &str) -> SecretKey {
    SecretKey::from_slice(&digest(seed, role))
        .expect("a SHA-256 digest is a valid key but for odds of 1 in 2^127")
}

fn digest(seed: &[u8], role: &str) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    engine.input(role.as_bytes());
    engine.input(&[0]);
    engine.input(seed);
    sha256::Hash::from_engine(engine).to_byte_array()
}
