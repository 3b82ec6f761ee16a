//! What the tests of `protocol` stand on: two sides with fixed secrets, and one commitment between them.

use std::ops::RangeInclusive;

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::{Amount, OutPoint, Txid};
use serde_json::Value;

use super::*;

/// Delay on the owner's outputs.
pub const DELAY: u16 = 144;
/// Secret of the owner's per-commitment point.
pub const PER_COMMITMENT_SECRET: [u8; 32] = [0x77; 32];

/// A secret key of 32 equal bytes.
pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

fn public(byte: u8) -> PublicKey {
    secret(byte).public_key(SECP256K1)
}

/// The base secret in this role; those of the owner begin at 0x11, those of its counterparty at 0x21.
fn base_secret(spender: Spender, role: KeyRole) -> SecretKey {
    let first = match spender {
        Spender::Owner => 0x11,
        Spender::Counterparty => 0x21,
        Spender::Anyone => panic!("anyone has no keys"),
    };
    let offset = match role {
        KeyRole::Funding => 0,
        KeyRole::Revocation => 1,
        KeyRole::Payment => 2,
        KeyRole::DelayedPayment => 3,
        KeyRole::Htlc => 4,
    };
    secret(first + offset)
}

/// The public keys of one side.
pub fn public_keys(spender: Spender) -> ChannelPublicKeys {
    let key = |role| base_secret(spender, role).public_key(SECP256K1);
    ChannelPublicKeys {
        funding: key(KeyRole::Funding),
        basepoints: Basepoints {
            revocation: key(KeyRole::Revocation),
            payment: key(KeyRole::Payment),
            delayed_payment: key(KeyRole::DelayedPayment),
            htlc: key(KeyRole::Htlc),
        },
    }
}

/// The keys of the owner's commitment.
pub fn commitment_keys() -> CommitmentKeys {
    let (owner, counterparty) = (
        public_keys(Spender::Owner),
        public_keys(Spender::Counterparty),
    );
    CommitmentKeys::derive(&owner, &counterparty, &public(PER_COMMITMENT_SECRET[0])).unwrap()
}

/// The secret with which one side signs in this role on the owner's commitment.
pub fn signing_secret(spender: Spender, role: KeyRole) -> SecretKey {
    let base = base_secret(spender, role);
    let point = public(PER_COMMITMENT_SECRET[0]);
    match role {
        KeyRole::Funding | KeyRole::Payment => base,
        KeyRole::DelayedPayment | KeyRole::Htlc => derive_secret_key(&base, &point).unwrap(),
        KeyRole::Revocation => {
            derive_revocation_secret_key(&base, &secret(PER_COMMITMENT_SECRET[0])).unwrap()
        }
    }
}

/// The preimage of every HTLC here.
pub fn preimage() -> Preimage {
    Preimage::new([0x42; 32])
}

/// An HTLC of so many msat that expires at 600,000.
pub fn htlc(kind: HtlcKind, amount_msat: u64) -> Htlc {
    Htlc {
        kind,
        amount_msat,
        payment_hash: preimage().hash(),
        cltv_expiry: 600_000,
    }
}

/// A commitment without HTLCs of a channel of 1,000,000 sat, 700,000 of them the owner's, who opened it.
pub fn spec(channel_type: ChannelType, keys: &CommitmentKeys) -> CommitmentSpec<'_> {
    CommitmentSpec {
        funding: OutPoint {
            txid: Txid::from_byte_array([9; 32]),
            vout: 1,
        },
        capacity: Amount::from_sat(1_000_000),
        channel_type,
        keys,
        obscuring: ObscuringFactor::new(&public(0x13), &public(0x23)),
        number: CommitmentNumber::new(42).unwrap(),
        opener: Opener::Owner,
        dust_limit: Amount::from_sat(546),
        to_self_delay: DELAY,
        feerate_per_kw: 1000,
        to_owner_msat: 700_000_000,
        to_counterparty_msat: 300_000_000,
        htlcs: &[],
    }
}

/// The figures of the specification.
pub fn bolt_constants() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/bolt_constants.json")).unwrap()
}

/// So many signatures may make a transaction lighter than its bound.
pub fn within(bound: u64, signatures: u64) -> RangeInclusive<u64> {
    bound - signatures..=bound
}
