//! What the tests of commitments share: a standard commitment, and ways to change it.

mod fees;
mod order;
mod refusals;
mod signatures;
mod trimming;

use std::iter::repeat_n;

use bitcoin::secp256k1::SECP256K1;
use bitcoin::Script;
use proptest::prelude::*;

use super::*;
use crate::protocol::error::Field;
use crate::protocol::fixtures::{
    bolt_constants, commitment_keys, htlc, preimage, secret, signing_secret, spec,
};
use crate::protocol::{state_number, KeyRole, Spender};
use OutputRole::{CounterpartyAnchor, OwnerAnchor, ToLocal, ToRemote};

/// Builds after a change to the standard commitment.
fn build_with(
    channel_type: ChannelType,
    change: impl FnOnce(&mut CommitmentSpec<'_>),
) -> Result<Commitment, ProtocolError> {
    let keys = commitment_keys();
    let mut spec = spec(channel_type, &keys);
    change(&mut spec);
    spec.build()
}

/// Builds with these HTLCs beside balances that already use up the capacity.
fn build_on_top(htlcs: &[Htlc]) -> Result<Commitment, ProtocolError> {
    let keys = commitment_keys();
    CommitmentSpec {
        htlcs,
        ..spec(ChannelType::AnchorsZeroFeeHtlc, &keys)
    }
    .build()
}

/// Builds with these HTLCs, whose amounts come from the owner's balance.
fn build_with_htlcs(channel_type: ChannelType, htlcs: &[Htlc]) -> Commitment {
    let keys = commitment_keys();
    let mut spec = spec(channel_type, &keys);
    spec.to_owner_msat -= htlcs.iter().map(|htlc| htlc.amount_msat).sum::<u64>();
    CommitmentSpec { htlcs, ..spec }.build().unwrap()
}

fn roles(commitment: &Commitment) -> Vec<OutputRole> {
    commitment
        .outputs
        .iter()
        .map(|output| output.role)
        .collect()
}

fn value_of(commitment: &Commitment, role: OutputRole) -> Option<u64> {
    commitment
        .outputs
        .iter()
        .find(|output| output.role == role)
        .map(|output| output.value.to_sat())
}

fn above_capacity(field: Field) -> Result<Commitment, ProtocolError> {
    Err(ProtocolError::AboveCapacity {
        field,
        capacity: Amount::from_sat(1_000_000),
    })
}
