//! Keys of a channel: the basepoints that never change, and what each per-commitment point makes of them (BOLT 3).
//!
//! Each commitment has its own point `P` (its secret is revealed when the commitment is revoked). Adding a
//! hash of `P` to a basepoint gives a key that only the basepoint's holder can sign for; the revocation
//! key needs the secrets of both, so that it can be used once the commitment is revoked and not before.

use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::{PublicKey, Scalar, SecretKey, SECP256K1};
use serde::{Deserialize, Serialize};

use super::error::ProtocolError;

/// The four basepoints that one side announces at opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Basepoints {
    /// Lets the *other* side's revoked commitments be punished.
    pub revocation: PublicKey,
    /// Where this side's balance on the other's commitment goes, as it is.
    pub payment: PublicKey,
    /// Where this side's balance on its own commitment goes, after the delay.
    pub delayed_payment: PublicKey,
    /// For HTLCs.
    pub htlc: PublicKey,
}

/// All public keys of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChannelPublicKeys {
    /// Key in the funding output's 2-of-2.
    pub funding: PublicKey,
    /// The basepoints.
    pub basepoints: Basepoints,
}

/// Which of a side's base secrets signs, so that a signer can find the key again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyRole {
    /// The funding key, as it is.
    Funding,
    /// The payment base secret, as it is.
    Payment,
    /// The delayed payment base secret, tweaked with the per-commitment point.
    DelayedPayment,
    /// The HTLC base secret, tweaked with the per-commitment point.
    Htlc,
    /// The revocation base secret, combined with the per-commitment *secret*.
    Revocation,
}

/// The keys in the scripts of one commitment transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitmentKeys {
    /// The owner's point for this commitment.
    pub per_commitment_point: PublicKey,
    /// Usable by the counterparty once the owner revealed the secret of the point.
    pub revocation: PublicKey,
    /// The owner's, for `to_local` and second-level outputs.
    pub delayed_payment: PublicKey,
    /// The owner's, for HTLCs.
    pub owner_htlc: PublicKey,
    /// The counterparty's, for HTLCs.
    pub counterparty_htlc: PublicKey,
    /// The counterparty's payment basepoint.
    pub to_remote: PublicKey,
    /// The owner's funding key, which its anchor uses too.
    pub owner_funding: PublicKey,
    /// The counterparty's funding key, which its anchor uses too.
    pub counterparty_funding: PublicKey,
}

impl CommitmentKeys {
    /// The keys of the owner's commitment with this per-commitment point.
    ///
    /// Errors: [`ProtocolError::KeyDerivation`], which only crafted points can cause.
    pub fn derive(
        owner: &ChannelPublicKeys,
        counterparty: &ChannelPublicKeys,
        point: &PublicKey,
    ) -> Result<Self, ProtocolError> {
        Ok(Self {
            per_commitment_point: *point,
            revocation: derive_revocation_public_key(&counterparty.basepoints.revocation, point)?,
            delayed_payment: derive_public_key(&owner.basepoints.delayed_payment, point)?,
            owner_htlc: derive_public_key(&owner.basepoints.htlc, point)?,
            counterparty_htlc: derive_public_key(&counterparty.basepoints.htlc, point)?,
            // BOLT 3: with option_static_remotekey the remote key is the payment basepoint itself.
            to_remote: counterparty.basepoints.payment,
            owner_funding: owner.funding,
            counterparty_funding: counterparty.funding,
        })
    }
}

/// The public key of [`derive_secret_key`]: `basepoint + SHA256(point || basepoint) · G` (BOLT 3).
pub fn derive_public_key(
    basepoint: &PublicKey,
    point: &PublicKey,
) -> Result<PublicKey, ProtocolError> {
    let tweak = hash_to_scalar(point, basepoint)?;
    basepoint
        .add_exp_tweak(SECP256K1, &tweak)
        .map_err(|_| UNDERIVABLE)
}

/// `base_secret + SHA256(point || basepoint)` (BOLT 3).
pub fn derive_secret_key(
    base_secret: &SecretKey,
    point: &PublicKey,
) -> Result<SecretKey, ProtocolError> {
    let basepoint = base_secret.public_key(SECP256K1);
    let tweak = hash_to_scalar(point, &basepoint)?;
    base_secret.add_tweak(&tweak).map_err(|_| UNDERIVABLE)
}

/// The key that punishes a revoked commitment:
/// `revocation_basepoint · SHA256(revocation_basepoint || point) + point · SHA256(point || revocation_basepoint)`.
pub fn derive_revocation_public_key(
    revocation_basepoint: &PublicKey,
    point: &PublicKey,
) -> Result<PublicKey, ProtocolError> {
    let base_factor = hash_to_scalar(revocation_basepoint, point)?;
    let point_factor = hash_to_scalar(point, revocation_basepoint)?;
    let base_part = revocation_basepoint
        .mul_tweak(SECP256K1, &base_factor)
        .map_err(|_| UNDERIVABLE)?;
    let point_part = point
        .mul_tweak(SECP256K1, &point_factor)
        .map_err(|_| UNDERIVABLE)?;
    base_part.combine(&point_part).map_err(|_| UNDERIVABLE)
}

/// The secret key of [`derive_revocation_public_key`], from the secrets of both sides.
pub fn derive_revocation_secret_key(
    revocation_base_secret: &SecretKey,
    per_commitment_secret: &SecretKey,
) -> Result<SecretKey, ProtocolError> {
    let revocation_basepoint = revocation_base_secret.public_key(SECP256K1);
    let point = per_commitment_secret.public_key(SECP256K1);
    let base_factor = hash_to_scalar(&revocation_basepoint, &point)?;
    let point_factor = hash_to_scalar(&point, &revocation_basepoint)?;
    let base_part = revocation_base_secret
        .mul_tweak(&base_factor)
        .map_err(|_| UNDERIVABLE)?;
    let point_part = per_commitment_secret
        .mul_tweak(&point_factor)
        .map_err(|_| UNDERIVABLE)?;
    base_part
        .add_tweak(&Scalar::from(point_part))
        .map_err(|_| UNDERIVABLE)
}

/// Where a sum or product is zero: nobody meets this by chance.
const UNDERIVABLE: ProtocolError = ProtocolError::KeyDerivation;

/// `SHA256(first || second)` as a number below the curve's order.
fn hash_to_scalar(first: &PublicKey, second: &PublicKey) -> Result<Scalar, ProtocolError> {
    let mut engine = sha256::Hash::engine();
    engine.input(&first.serialize());
    engine.input(&second.serialize());
    Scalar::from_be_bytes(sha256::Hash::from_engine(engine).to_byte_array())
        .map_err(|_| UNDERIVABLE)
}

#[cfg(test)]
mod tests;
