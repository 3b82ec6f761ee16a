//! What the court's own tests stand on: a channel with fixed keys, open since block 100, and whatever HTLCs a test adds.

pub mod outputs;

use std::collections::BTreeMap;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{Amount, BlockHash, OutPoint, Transaction, Txid};

use super::{
    Block, Case, Close, CloseKind, Contract, ContractRole, Dossier, Facts, FundingFact,
    FundingState, PeerContact, Progress, Spend, SpendContext, Told,
};
use crate::channel::{
    Candidate, ChannelTerms, Direction, Feed, Funding, HtlcKey, HtlcLife, HtlcOrigin, HtlcRef,
    HtlcTerms, Interval, KeysId, PartyTerms,
};
use crate::protocol::{
    Basepoints, ChannelPublicKeys, ChannelType, CommitmentNumber, ContractOutput, HtlcKind, Party,
    PaymentHash,
};

/// Where the funding transaction stands.
pub const FUNDED_AT: u32 = 100;
/// Where the close of [`closed`] stands.
pub const CLOSED_AT: u32 = 200;
/// The delay that binds the peer.
pub const PEER_DELAY: u16 = 720;

pub fn point(byte: u8) -> PublicKey {
    let secret = SecretKey::from_slice(&[byte; 32]).expect("no test uses 0 or 255");
    secret.public_key(SECP256K1)
}

fn txid(byte: u8) -> Txid {
    Txid::from_byte_array([byte; 32])
}

pub fn channel() -> OutPoint {
    OutPoint::new(txid(9), 0)
}

pub fn block(height: u32) -> Block {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&height.to_le_bytes());
    Block {
        height,
        hash: BlockHash::from_byte_array(hash),
    }
}

fn party(first_key: u8, to_self_delay: u16) -> PartyTerms {
    PartyTerms {
        keys: ChannelPublicKeys {
            funding: point(first_key),
            basepoints: Basepoints {
                revocation: point(first_key + 1),
                payment: point(first_key + 2),
                delayed_payment: point(first_key + 3),
                htlc: point(first_key + 4),
            },
        },
        dust_limit: Amount::from_sat(546),
        to_self_delay,
        reserve: Amount::from_sat(10_000),
        shutdown_script: None,
        initial_balance_msat: 500_000_000,
        first_per_commitment_point: point(first_key + 5),
    }
}

/// A channel of a million satoshi.
pub fn terms() -> ChannelTerms {
    ChannelTerms {
        funding: Funding {
            outpoint: channel(),
            capacity: Amount::from_sat(1_000_000),
            transaction: None,
        },
        channel_type: ChannelType::AnchorsZeroFeeHtlc,
        peer: point(0x50),
        opener: Party::Local,
        keys_id: KeysId([7; 32]),
        local: party(0x11, 144),
        remote: party(0x21, PEER_DELAY),
    }
}

/// An HTLC of our own making, or to us, of 50,000 sat, that both sides' commitments carry from number 1 on.
pub fn htlc(direction: Direction, id: u64, cltv_expiry: u32) -> HtlcLife {
    let both = Interval {
        first: Some(1),
        last: None,
    };
    HtlcLife {
        terms: HtlcTerms {
            key: HtlcKey { direction, id },
            payment_hash: PaymentHash([id.to_le_bytes()[0] + 1; 32]),
            amount_msat: 50_000_000,
            cltv_expiry,
            origin: HtlcOrigin::Own,
        },
        version: 0,
        local: both,
        remote: both,
        released: false,
        forwarded_msat: None,
    }
}

/// The same, forwarded for one that expires upstream at this height.
pub fn forwarded(life: HtlcLife, expiry: u32) -> HtlcLife {
    let origin = HtlcOrigin::Forwarded {
        channel: OutPoint::new(txid(8), 0),
        id: 0,
        expiry,
    };
    HtlcLife {
        terms: HtlcTerms {
            origin,
            ..life.terms
        },
        ..life
    }
}

/// The same, ours to claim.
pub fn released(life: HtlcLife) -> HtlcLife {
    HtlcLife {
        released: true,
        ..life
    }
}

/// The same, worth so little.
pub fn worth(life: HtlcLife, amount_msat: u64) -> HtlcLife {
    HtlcLife {
        terms: HtlcTerms {
            amount_msat,
            ..life.terms
        },
        ..life
    }
}

/// The channel with these HTLCs on our newest commitment.
pub fn dossier(lives: &[HtlcLife]) -> Dossier {
    let htlcs: BTreeMap<HtlcRef, HtlcLife> =
        lives.iter().map(|life| (life.htlc_ref(), *life)).collect();
    let carried: u64 = lives.iter().map(|life| life.terms.amount_msat).sum();
    let number = CommitmentNumber::new(1).expect("below 2^48");
    let ours = Candidate {
        funding: channel(),
        owner: Party::Local,
        number,
        alternative: 0,
        feerate_per_kw: 253,
        local_msat: 1_000_000_000 - carried,
        remote_msat: 0,
        per_commitment_point: point(0x31),
        txid: txid(1),
        signatures: None,
        htlcs: htlcs.keys().copied().collect(),
    };
    Dossier {
        terms: terms(),
        feed: Feed {
            local: Some(number),
            remote: Some(number),
            remote_revoked: Some(CommitmentNumber::ZERO),
            remote_next_point: None,
        },
        candidates: vec![ours],
        htlcs,
        past: Vec::new(),
        cooperative: Vec::new(),
    }
}

/// An open channel's case.
pub fn open() -> Case {
    Case {
        funding: FundingState::Open(block(FUNDED_AT)),
        ..Case::default()
    }
}

/// The case after a close of this kind, with these contracts.
pub fn closed(kind: CloseKind, contracts: Vec<Contract>) -> Case {
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: Vec::new(),
    };
    Case {
        close: Some(Close {
            kind,
            txid: transaction.compute_txid(),
            transaction,
            block: block(CLOSED_AT),
            paid_to_us_sat: 0,
            settled: false,
        }),
        contracts,
        ..open()
    }
}

/// An output of the peer's commitment, with this role.
pub fn contract(role: ContractRole, output: ContractOutput, progress: Progress) -> Contract {
    Contract {
        outpoint: OutPoint::new(txid(5), 0),
        value_sat: 50_000,
        owner: Party::Remote,
        per_commitment_point: point(0x32),
        output,
        htlc: None,
        version: None,
        parent: None,
        created: None,
        role,
        progress,
    }
}

/// The output of an HTLC of this kind.
pub fn htlc_output(kind: HtlcKind, cltv_expiry: u32) -> ContractOutput {
    ContractOutput::Htlc {
        kind,
        payment_hash: PaymentHash([1; 32]),
        cltv_expiry,
    }
}

/// Nothing has happened up to this tip, and the peer was not tried.
pub fn quiet(tip: u32) -> Facts {
    Facts {
        tip,
        funding: FundingFact::Confirmed(block(FUNDED_AT)),
        spends: BTreeMap::<OutPoint, Spend>::new(),
        looked_at: [channel()].into(),
        context: SpendContext::default(),
        preimages: BTreeMap::new(),
        peer: PeerContact::Unknown,
        told: Told::ToNobodyInParticular,
    }
}
