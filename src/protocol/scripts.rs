//! Scripts that more than one channel format uses, and how small an output each kind of script allows (BOLT 3).

use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::{
    OP_CHECKMULTISIG, OP_CHECKSIG, OP_CLTV, OP_CSV, OP_DROP, OP_DUP, OP_ELSE, OP_ENDIF, OP_EQUAL,
    OP_EQUALVERIFY, OP_HASH160, OP_IF, OP_NOTIF, OP_SIZE, OP_SWAP,
};
use bitcoin::script::Builder;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, PubkeyHash, Script, ScriptBuf};

use super::keys::CommitmentKeys;
use super::primitives::{HtlcKind, PaymentHash};

/// Length of a preimage, which the HTLC scripts ask for with OP_SIZE.
const PREIMAGE_LENGTH: i64 = 32;

/// Whether an HTLC output can be spent while it is unconfirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HtlcDelay {
    /// At once.
    None,
    /// After one block, except with the revocation key: only anchors may then bump an unconfirmed commitment.
    OneBlock,
}

/// P2WSH output script of a witness script.
pub fn p2wsh(witness_script: &Script) -> ScriptBuf {
    ScriptBuf::new_p2wsh(&witness_script.wscript_hash())
}

/// The 2-of-2 witness script of a funding output; the order of the arguments does not matter.
pub fn funding_script(one: &PublicKey, other: &PublicKey) -> ScriptBuf {
    // BOLT 3: the key that is less in its compressed encoding comes first.
    let (first, second) = in_script_order(one, other);
    Builder::new()
        .push_int(2)
        .push_slice(first.serialize())
        .push_slice(second.serialize())
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
        .into_script()
}

/// Both keys, the lexicographically lesser encoding first.
pub(crate) fn in_script_order<'a>(
    one: &'a PublicKey,
    other: &'a PublicKey,
) -> (&'a PublicKey, &'a PublicKey) {
    if one.serialize() <= other.serialize() {
        (one, other)
    } else {
        (other, one)
    }
}

/// Witness script of `to_local` and of second-level outputs: the owner's after the delay, or the revocation key's at once.
pub(crate) fn revocable_delayed(keys: &CommitmentKeys, to_self_delay: u16) -> ScriptBuf {
    Builder::new()
        .push_opcode(OP_IF)
        .push_slice(keys.revocation.serialize())
        .push_opcode(OP_ELSE)
        .push_int(i64::from(to_self_delay))
        .push_opcode(OP_CSV)
        .push_opcode(OP_DROP)
        .push_slice(keys.delayed_payment.serialize())
        .push_opcode(OP_ENDIF)
        .push_opcode(OP_CHECKSIG)
        .into_script()
}

/// Witness script of an HTLC output.
pub(crate) fn htlc(
    kind: HtlcKind,
    payment_hash: &PaymentHash,
    cltv_expiry: u32,
    keys: &CommitmentKeys,
    delay: HtlcDelay,
) -> ScriptBuf {
    let script = match kind {
        HtlcKind::Offered => offered(htlc_head(keys), payment_hash, keys),
        HtlcKind::Received => received(htlc_head(keys), payment_hash, cltv_expiry, keys),
    };
    let script = match delay {
        HtlcDelay::None => script,
        // BOLT 3: with anchors, every branch but the revocation key's waits for one confirmation.
        HtlcDelay::OneBlock => script.push_int(1).push_opcode(OP_CSV).push_opcode(OP_DROP),
    };
    script.push_opcode(OP_ENDIF).into_script()
}

/// To the counterparty with the revocation key; else on with its HTLC key and the question whether a preimage was given.
fn htlc_head(keys: &CommitmentKeys) -> Builder {
    Builder::new()
        .push_opcode(OP_DUP)
        .push_opcode(OP_HASH160)
        .push_slice(PubkeyHash::hash(&keys.revocation.serialize()).to_byte_array())
        .push_opcode(OP_EQUAL)
        .push_opcode(OP_IF)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ELSE)
        .push_slice(keys.counterparty_htlc.serialize())
        .push_opcode(OP_SWAP)
        .push_opcode(OP_SIZE)
        .push_int(PREIMAGE_LENGTH)
        .push_opcode(OP_EQUAL)
}

/// Without a preimage to the owner through HTLC-timeout, with one to the counterparty.
fn offered(head: Builder, payment_hash: &PaymentHash, keys: &CommitmentKeys) -> Builder {
    let script = head.push_opcode(OP_NOTIF).push_opcode(OP_DROP);
    both_sign(script, keys)
        .push_opcode(OP_ELSE)
        .push_opcode(OP_HASH160)
        .push_slice(payment_hash.ripemd160())
        .push_opcode(OP_EQUALVERIFY)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ENDIF)
}

/// With a preimage to the owner through HTLC-success, without one to the counterparty from the expiry on.
fn received(
    head: Builder,
    payment_hash: &PaymentHash,
    cltv_expiry: u32,
    keys: &CommitmentKeys,
) -> Builder {
    let script = head
        .push_opcode(OP_IF)
        .push_opcode(OP_HASH160)
        .push_slice(payment_hash.ripemd160())
        .push_opcode(OP_EQUALVERIFY);
    both_sign(script, keys)
        .push_opcode(OP_ELSE)
        .push_opcode(OP_DROP)
        .push_int(i64::from(cltv_expiry))
        .push_opcode(OP_CLTV)
        .push_opcode(OP_DROP)
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_ENDIF)
}

/// 2-of-2 of the counterparty's HTLC key, which lies on the stack, and the owner's.
fn both_sign(script: Builder, keys: &CommitmentKeys) -> Builder {
    script
        .push_int(2)
        .push_opcode(OP_SWAP)
        .push_slice(keys.owner_htlc.serialize())
        .push_int(2)
        .push_opcode(OP_CHECKMULTISIG)
}

/// The least value that standard nodes relay in an output with this script (BOLT 3, "Dust Limits").
pub fn minimal_dust(script_pubkey: &Script) -> Amount {
    let satoshis = if script_pubkey.is_op_return() {
        0
    } else if script_pubkey.is_p2wpkh() {
        294
    } else if script_pubkey.is_p2wsh() {
        330
    } else if script_pubkey.as_bytes() == P2A {
        240
    } else if script_pubkey.is_witness_program() {
        354
    } else if script_pubkey.is_p2sh() {
        540
    } else {
        // P2PKH, and what no shutdown script can be.
        546
    };
    Amount::from_sat(satoshis)
}

/// Pay-to-anchor, which anyone can spend.
const P2A: &[u8] = &[0x51, 0x02, 0x4e, 0x73];
