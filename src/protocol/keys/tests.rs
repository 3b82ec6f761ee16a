use super::*;
use crate::protocol::fixtures::{commitment_keys, public_keys, signing_secret};
use crate::protocol::Spender;

fn public_of(spender: Spender, role: KeyRole) -> PublicKey {
    signing_secret(spender, role).public_key(SECP256K1)
}

#[test]
fn every_key_of_a_commitment_belongs_to_the_secret_of_its_role() {
    let keys = commitment_keys();
    assert_eq!(
        keys.owner_funding,
        public_of(Spender::Owner, KeyRole::Funding)
    );
    assert_eq!(keys.owner_htlc, public_of(Spender::Owner, KeyRole::Htlc));
    assert_eq!(
        keys.delayed_payment,
        public_of(Spender::Owner, KeyRole::DelayedPayment)
    );
    assert_eq!(
        keys.counterparty_funding,
        public_of(Spender::Counterparty, KeyRole::Funding)
    );
    assert_eq!(
        keys.counterparty_htlc,
        public_of(Spender::Counterparty, KeyRole::Htlc)
    );
    assert_eq!(
        keys.revocation,
        public_of(Spender::Counterparty, KeyRole::Revocation)
    );
}

#[test]
fn to_remote_pays_the_payment_basepoint_itself() {
    assert_eq!(
        commitment_keys().to_remote,
        public_keys(Spender::Counterparty).basepoints.payment
    );
}
