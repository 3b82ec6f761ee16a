//! What can be wrong with protocol data; each variant names the field at fault, none carries a secret.

use bitcoin::Amount;
use thiserror::Error;

use super::primitives::HtlcKind;

/// The input that an arithmetic or range error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Value of the funding output.
    Capacity,
    /// Balance of the commitment's owner, in msat.
    ToOwner,
    /// Balance of the owner's counterparty, in msat.
    ToCounterparty,
    /// Amount of the HTLC at this position of the given list, in msat.
    HtlcAmount(usize),
    /// The anchors, which the opener cannot pay for.
    Anchors,
    /// Balance of the side that pays the fee of a closing transaction, in msat.
    FeePayer,
    /// Balance of the other side of a closing transaction, in msat.
    OtherSide,
}

/// Whose signature, over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureOf {
    /// The counterparty's signature over the owner's commitment transaction.
    Commitment,
    /// The counterparty's signature over the second-level transaction of the HTLC at this position of the given list.
    Htlc(usize),
    /// The signature over a closing transaction.
    Closing,
}

/// Everything `protocol` refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// Commitment numbers have 48 bits.
    #[error("commitment number {0} does not fit in 48 bits")]
    CommitmentNumberTooLarge(u64),
    /// A text or figures that make no short channel id (BOLT 7).
    #[error("not a short channel id, such as 700000x1x0")]
    ShortChannelId,
    /// The index of a funding output has 16 bits (BOLT 2).
    #[error("output {0} is no funding output: its index does not fit in 16 bits")]
    FundingOutputIndex(u32),
    /// A derived key is not on the curve (only crafted points get here).
    #[error("no key can be derived from this basepoint and this per-commitment point")]
    KeyDerivation,
    /// 32 bytes that are no secp256k1 secret key.
    #[error("the per-commitment secret is not a valid secret key")]
    InvalidSecret,
    /// A revealed secret does not generate the ones received before it.
    #[error("the secret for index {index} does not generate the earlier secret in slot {slot}")]
    WrongSecret {
        /// 48-bit index of the refused secret.
        index: u64,
        /// Slot of the earlier secret that it contradicts.
        slot: u8,
    },
    /// Secrets are revealed for one commitment after the other.
    #[error("a secret for index {got} came where index {expected} was due")]
    SecretOutOfOrder {
        /// The only index that can follow what is stored.
        expected: u64,
        /// The index given.
        got: u64,
    },
    /// No further secret exists after the one for index 0.
    #[error("all 2^48 secrets of this channel are stored")]
    SecretsExhausted,
    /// Stored slots that no sequence of accepted secrets can have produced.
    #[error("slot {slot} of the stored secrets is missing, misplaced or contradicts another")]
    CorruptSecrets {
        /// The slot at fault.
        slot: u8,
    },
    /// Amounts add up to more than there is, or overflow.
    #[error("{field:?} exceeds the channel's capacity of {capacity}")]
    AboveCapacity {
        /// The amount that does not fit any more.
        field: Field,
        /// Value of the funding output.
        capacity: Amount,
    },
    /// BOLT 2 allows 483 HTLCs in each direction.
    #[error("{count} {kind:?} HTLCs, at most 483 are allowed")]
    TooManyHtlcs {
        /// The direction that has too many.
        kind: HtlcKind,
        /// How many there are.
        count: usize,
    },
    /// An expiry from 500,000,000 on is a time to Bitcoin, and BOLT 2 allows heights only.
    #[error("cltv_expiry {cltv_expiry} of HTLC {htlc} is not a block height")]
    ExpiryIsNoHeight {
        /// Position in the given list.
        htlc: usize,
        /// The expiry given.
        cltv_expiry: u32,
    },
    /// Every output is below the dust limit: there is no transaction.
    #[error("no output of the transaction reaches the dust limit")]
    NoOutputs,
    /// The output named is not one of this transaction, or not an HTLC.
    #[error("output {vout} is not an HTLC output of this commitment")]
    NotAnHtlcOutput {
        /// The output index asked for.
        vout: u32,
    },
    /// The fee of the second-level transaction is more than the HTLC: at this feerate it has no output.
    #[error("the HTLC in output {vout} is worth less than the second-level fee of {fee}")]
    HtlcBelowFee {
        /// Output index in the commitment.
        vout: u32,
        /// Fee of the second-level transaction.
        fee: Amount,
    },
    /// A signature does not verify.
    #[error("wrong signature: {0:?}")]
    WrongSignature(SignatureOf),
    /// One signature for each HTLC output, in output order.
    #[error("{got} HTLC signatures for {expected} HTLC outputs")]
    HtlcSignatureCount {
        /// Number of untrimmed HTLCs.
        expected: usize,
        /// Number of signatures given.
        got: usize,
    },
    /// Something that this way of spending needs in its witness was not given.
    #[error("the witness needs {0}")]
    WitnessIncomplete(&'static str),
    /// This way of spending takes no signature of the side asked for.
    #[error("no signature is needed here")]
    NoSignatureNeeded,
    /// The preimage given does not hash to the payment hash of the HTLC.
    #[error("the preimage does not match the payment hash")]
    WrongPreimage,
    /// The transaction has no such input.
    #[error("input {input} does not exist")]
    NoSuchInput {
        /// The input index asked for.
        input: usize,
    },
    /// An output that nodes would not relay.
    #[error("an output of {value} is dust")]
    DustOutput {
        /// Its value.
        value: Amount,
    },
    /// BOLT 2: the payer of the closing fee cannot pay it.
    #[error("the closing fee {fee} exceeds the balance {balance} of the side that pays it")]
    ClosingFeeTooHigh {
        /// The fee asked for.
        fee: Amount,
        /// The balance of the payer, rounded down.
        balance: Amount,
    },
}
