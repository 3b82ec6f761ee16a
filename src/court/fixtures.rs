//! What the tests of the court stand on: a channel of a million satoshi, outputs of its commitments, and facts about them.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Message, PublicKey, SecretKey, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{Amount, BlockHash, OutPoint, Sequence, Transaction, TxIn, TxOut, Txid};

use super::resolver::View;
use super::{
    Block, Broadcast, BroadcastPurpose, Case, Close, CloseKind, Contract, ContractRole, Dossier,
    Progress, Spend,
};
use crate::channel::{
    ChannelTerms, Direction, Feed, Funding, HtlcKey, HtlcLife, HtlcOrigin, HtlcTerms, Interval,
    KeysId, PartyTerms,
};
use crate::config::Policy;
use crate::protocol::{
    Basepoints, ChannelPublicKeys, ChannelType, ContractOutput, Party, Preimage, SpendPath,
    WitnessParts,
};

/// The expiry of every HTLC here.
pub const EXPIRY: u32 = 500;

/// The height of the close, and with it of every output on it.
pub const CLOSED_AT: u32 = 400;

/// Blocks that our own outputs wait on our commitment, and the peer's on its own.
pub const DELAY: u16 = 144;

/// Satoshis of every output here.
pub const VALUE: u64 = 20_000;

fn key(byte: u8) -> PublicKey {
    let secret = SecretKey::from_slice(&[byte; 32]).expect("a number below the order");
    secret.public_key(SECP256K1)
}

fn party(first: u8) -> PartyTerms {
    PartyTerms {
        keys: ChannelPublicKeys {
            funding: key(first),
            basepoints: Basepoints {
                revocation: key(first + 1),
                payment: key(first + 2),
                delayed_payment: key(first + 3),
                htlc: key(first + 4),
            },
        },
        dust_limit: Amount::from_sat(354),
        to_self_delay: DELAY,
        reserve: Amount::from_sat(10_000),
        shutdown_script: None,
        initial_balance_msat: 500_000_000,
        first_per_commitment_point: key(first + 5),
    }
}

pub fn terms(channel_type: ChannelType) -> ChannelTerms {
    ChannelTerms {
        funding: Funding {
            outpoint: OutPoint::new(Txid::from_byte_array([1; 32]), 0),
            capacity: Amount::from_sat(1_000_000),
            transaction: None,
        },
        channel_type,
        peer: key(0x31),
        opener: Party::Local,
        keys_id: KeysId([2; 32]),
        local: party(0x11),
        remote: party(0x21),
    }
}

pub fn dossier(channel_type: ChannelType) -> Dossier {
    Dossier {
        terms: terms(channel_type),
        feed: Feed::default(),
        candidates: Vec::new(),
        htlcs: Default::default(),
        past: Vec::new(),
        cooperative: Vec::new(),
    }
}

/// The preimage of every HTLC here.
pub fn preimage() -> Preimage {
    Preimage::new([0x42; 32])
}

pub fn block(height: u32) -> Block {
    let [a, b, c, d] = height.to_be_bytes();
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&[a, b, c, d]);
    Block {
        height,
        hash: BlockHash::from_byte_array(hash),
    }
}

/// An HTLC that the newest commitments of both sides carry.
pub fn life(direction: Direction, id: u64) -> HtlcLife {
    let carried = Interval {
        first: Some(0),
        last: None,
    };
    HtlcLife {
        terms: HtlcTerms {
            key: HtlcKey { direction, id },
            payment_hash: preimage().hash(),
            amount_msat: VALUE * 1_000,
            cltv_expiry: EXPIRY,
            origin: HtlcOrigin::Own,
        },
        version: 0,
        local: carried,
        remote: carried,
        released: false,
        forwarded_msat: None,
    }
}

/// The output with this index of a commitment of `owner`.
pub fn contract(owner: Party, output: ContractOutput, vout: u32) -> Contract {
    Contract {
        outpoint: OutPoint::new(Txid::from_byte_array([3; 32]), vout),
        value_sat: VALUE,
        owner,
        per_commitment_point: key(0x77),
        output,
        htlc: None,
        version: None,
        parent: None,
        created: None,
        role: ContractRole::CommitSweep,
        progress: Progress::Claimable,
    }
}

/// The output of HTLC 0 in this direction.
pub fn htlc(owner: Party, direction: Direction) -> Contract {
    htlc_numbered(owner, direction, 0)
}

/// The output of one of several, each with an index of its own.
pub fn htlc_numbered(owner: Party, direction: Direction, id: u64) -> Contract {
    let life = life(direction, id);
    let vout = u32::try_from(id).expect("tests have few");
    Contract {
        htlc: Some(life.terms.key),
        version: Some(life.version),
        role: ContractRole::IncomingContest,
        ..contract(owner, life.terms.output_on_commitment_of(owner), vout)
    }
}

/// A case whose close is proven, with these outputs.
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
            txid: Txid::from_byte_array([3; 32]),
            transaction,
            block: block(CLOSED_AT),
            paid_to_us_sat: 0,
            settled: false,
        }),
        contracts,
        ..Case::default()
    }
}

/// What a resolver looks at when nothing has happened.
pub fn view<'a>(terms: &'a ChannelTerms, policy: &'a Policy, tip: u32) -> View<'a> {
    View {
        tip,
        terms,
        created: block(CLOSED_AT),
        spend: None,
        is_held: false,
        life: None,
        has_preimage: false,
        is_committed: false,
        has_peer_signatures: true,
        settle_depth: 3,
        policy,
    }
}

/// A transaction that spends these outputs in this way, the first output of each to what the way leads to. Its signatures
/// are none; whoever recognises a witness goes by its form.
pub fn spender(terms: &ChannelTerms, contracts: &[&Contract], path: SpendPath) -> Transaction {
    let format = terms.channel_type.format();
    let signature = SECP256K1.sign_ecdsa(
        &Message::from_digest([4; 32]),
        &SecretKey::from_slice(&[5; 32]).expect("a number below the order"),
    );
    let preimage = preimage();
    let parts = WitnessParts {
        signature: Some(signature),
        peer_signature: Some(signature),
        preimage: Some(&preimage),
    };
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: Vec::new(),
    };
    for contract in contracts {
        let point = &contract.per_commitment_point;
        let keys = terms
            .commitment_keys(contract.owner, point)
            .expect("good keys");
        let delay = terms.party(contract.owner).to_self_delay;
        let template = format.spend(&contract.output, path, &keys, delay);
        let witness = template.expect("such a path").witness(&parts);
        transaction.input.push(TxIn {
            previous_output: contract.outpoint,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: witness.expect("all its parts"),
            ..TxIn::default()
        });
        transaction.output.push(TxOut {
            value: Amount::from_sat(contract.value_sat - 500),
            script_pubkey: format.second_level_output(&keys, delay).script_pubkey,
        });
    }
    transaction
}

/// The same, mined at this depth.
pub fn spend(terms: &ChannelTerms, contract: &Contract, path: SpendPath, depth: u32) -> Spend {
    spent_by(spender(terms, &[contract], path), depth)
}

/// A transaction at this depth; 0 is the mempool.
pub fn spent_by(transaction: Transaction, depth: u32) -> Spend {
    Spend {
        txid: transaction.compute_txid(),
        transaction,
        confirmed: (depth > 0).then(|| (block(EXPIRY), depth)),
    }
}

/// A claim of ours.
pub fn claim(transaction: Transaction, since: u32) -> Broadcast {
    let first = transaction.input.first().map(|input| input.previous_output);
    Broadcast {
        txid: transaction.compute_txid(),
        purpose: BroadcastPurpose::Sweep(first.unwrap_or_default()),
        transaction,
        since,
        outcome: None,
        coins: Vec::new(),
    }
}
