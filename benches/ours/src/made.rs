//! A channel's life without its signatures: terms, commitments, HTLCs and secrets as the store is given them, made
//! directly, because nobody signs a million commitments for a benchmark.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::secp256k1::{Message, SECP256K1};
use bitcoin::{Amount, OutPoint, Txid};
use lightning_arbitrator::channel::{
    AcceptedCommitment, AcceptedRevocation, Candidate, ChannelTerms, Direction, Feed, Funding,
    HtlcKey, HtlcLife, HtlcOrigin, HtlcTerms, Interval, KeysId, Ledger, PartyTerms,
};
use lightning_arbitrator::protocol::{
    commitment_secret, ChannelType, CommitmentNumber, CommitmentSecret, Party, PaymentHash,
    SecretSlot,
};
use lightning_arbitrator::signer::ChannelSecrets;
use lightning_arbitrator::store::{ChannelRow, CryptoSystem, KeyCrypto, Store, StoreError};
use lightning_arbitrator::SeedSigner;
use measure::Dice;

use crate::words::number;

const CAPACITY: Amount = Amount::from_sat(10_000_000);

/// What the databases of the benchmarks are sealed with.
pub fn crypto() -> Arc<dyn CryptoSystem> {
    Arc::new(KeyCrypto::new([3; 32]))
}

/// Both sides of a channel.
pub struct Made {
    pub terms: ChannelTerms,
    ours: ChannelSecrets,
    peer: ChannelSecrets,
    dice: Dice,
    /// How many HTLCs each direction has had.
    ids: [u64; 2],
}

impl Made {
    /// Different numbers share no key.
    pub fn numbered(channel: u64) -> Self {
        let keys_id = KeysId(sha256::Hash::hash(&channel.to_le_bytes()).to_byte_array());
        let secrets = |seed: u8| {
            let signer = SeedSigner::new(&[seed; 32]).expect("32 bytes");
            signer.channel_secrets(&keys_id).expect("a seed gives keys")
        };
        let (ours, peer) = (secrets(1), secrets(2));
        let party = |secrets: &ChannelSecrets, to_self_delay| {
            let keys = secrets.public_keys();
            PartyTerms {
                keys,
                dust_limit: Amount::from_sat(354),
                to_self_delay,
                reserve: CAPACITY / 100,
                shutdown_script: None,
                initial_balance_msat: CAPACITY.to_sat() * 1000 / 2,
                first_per_commitment_point: secret(secrets, 0).point().expect("a good secret"),
            }
        };
        let txid = Txid::hash(&keys_id.0);
        let terms = ChannelTerms {
            funding: Funding {
                outpoint: OutPoint::new(txid, 0),
                capacity: CAPACITY,
                transaction: None,
            },
            channel_type: ChannelType::AnchorsZeroFeeHtlc,
            // Ten channels with each peer.
            peer: SeedSigner::new(&[4; 32])
                .and_then(|signer| {
                    let of_peer = sha256::Hash::hash(&(channel / 10).to_le_bytes());
                    signer.channel_secrets(&KeysId(of_peer.to_byte_array()))
                })
                .expect("a seed gives keys")
                .public_keys()
                .funding,
            opener: Party::Local,
            keys_id,
            local: party(&ours, 144),
            remote: party(&peer, 720),
        };
        Made {
            terms,
            ours,
            peer,
            dice: Dice::new(channel),
            ids: [0; 2],
        }
    }

    /// The next HTLC, in the peer's commitments from `first` on for so many more, in ours from nearby.
    fn htlc(&mut self, first: u64, more: Option<u64>) -> HtlcLife {
        let dice = &mut self.dice;
        let (direction, id) = match dice.below(2) {
            0 => (Direction::Outgoing, &mut self.ids[0]),
            _ => (Direction::Incoming, &mut self.ids[1]),
        };
        let key = HtlcKey { direction, id: *id };
        *id += 1;
        let remote = Interval {
            first: Some(first),
            last: more.map(|more| first + more),
        };
        let shifted = |number: u64, shift: u64| (number + shift).saturating_sub(1);
        let local = Interval {
            first: Some(shifted(first, dice.below(3))),
            last: remote.last.map(|last| shifted(last, 1 + dice.below(2))),
        };
        HtlcLife {
            version: 0,
            terms: HtlcTerms {
                key,
                payment_hash: PaymentHash(dice.bytes()),
                amount_msat: 1_000 + dice.below(1_000_000_000),
                // A block every 600 seconds, a payment every minute.
                cltv_expiry: 850_000 + u32::try_from(first / 30).unwrap_or(0),
                origin: HtlcOrigin::Own,
            },
            local,
            remote,
            released: direction == Direction::Incoming,
            forwarded_msat: None,
        }
    }

    /// A past HTLC that began at `first`. Nine of ten live for a few commitments, some for up to a hundred, one in a
    /// hundred for up to five thousand.
    pub fn past_htlc(&mut self, first: u64, last: u64) -> HtlcLife {
        let more = match self.dice.below(100) {
            0 => self.dice.below(5_000),
            1..=9 => self.dice.below(100),
            _ => self.dice.below(8),
        };
        self.htlc(first, Some(more.min(last - first)))
    }

    /// So many HTLCs, spread evenly over the revoked states of the peer, by the number whose revocation ends them.
    pub fn past_htlcs(&mut self, states: u64, htlcs: u64) -> BTreeMap<u64, Vec<HtlcLife>> {
        let mut ending: BTreeMap<u64, Vec<HtlcLife>> = BTreeMap::new();
        for index in 0..htlcs {
            let life = self.past_htlc(index * states / htlcs, states - 1);
            let end = life.remote.last.unwrap_or(states - 1);
            ending.entry(end).or_default().push(life);
        }
        ending
    }

    fn feed(&self, revoked: u64) -> Feed {
        let next = secret(&self.peer, revoked + 2).point();
        Feed {
            local: Some(number(revoked + 1)),
            remote: Some(number(revoked + 1)),
            remote_revoked: Some(number(revoked)),
            remote_next_point: Some(next.expect("a good secret")),
        }
    }

    /// The revocation of one number, and the HTLCs that it ends.
    pub fn revocation(&self, revoked: u64, past_htlcs: Vec<HtlcLife>) -> AcceptedRevocation {
        let at = number(revoked);
        AcceptedRevocation {
            number: at,
            slot: SecretSlot {
                slot: slot_of(at),
                index: at.index(),
                secret: secret(&self.peer, revoked),
            },
            // Deriving a point for each of a million rows would take most of the time, and no row is any larger for it.
            feed: Feed {
                remote_next_point: Some(self.terms.remote.first_per_commitment_point),
                local: Some(number(revoked + 1)),
                remote: Some(number(revoked + 1)),
                remote_revoked: Some(at),
            },
            past_htlcs,
            ledger: self.ledger(),
        }
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        [ledger.used.outgoing, ledger.used.incoming] = self.ids;
        ledger
    }

    /// The newest commitments of both sides after so many revoked ones, with so many live HTLCs.
    pub fn live(&mut self, revoked: u64, htlcs: usize) -> [AcceptedCommitment; 2] {
        let newest = revoked + 1;
        let lives: Vec<HtlcLife> = (0..htlcs).map(|_| self.htlc(newest, None)).collect();
        let in_htlcs: u64 = lives.iter().map(|life| life.terms.amount_msat).sum();
        [Party::Local, Party::Remote].map(|owner| {
            let secrets = match owner {
                Party::Local => &self.ours,
                Party::Remote => &self.peer,
            };
            let digest = self.dice.bytes();
            let signature = SECP256K1.sign_ecdsa(&Message::from_digest(digest), &self.peer.funding);
            let half = CAPACITY.to_sat() * 1000 / 2;
            let candidate = Candidate {
                funding: self.terms.channel(),
                owner,
                number: number(newest),
                alternative: 0,
                feerate_per_kw: 2_500,
                local_msat: half,
                remote_msat: half.saturating_sub(in_htlcs),
                per_commitment_point: secret(secrets, newest).point().expect("a good secret"),
                txid: Txid::from_byte_array(digest),
                signatures: match owner {
                    Party::Local => Some((signature, vec![signature; lives.len()])),
                    Party::Remote => None,
                },
                htlcs: lives.iter().map(HtlcLife::htlc_ref).collect(),
            };
            AcceptedCommitment {
                candidate,
                feed: self.feed(revoked),
                changed_htlcs: lives.clone(),
                past_htlcs: Vec::new(),
                ledger: self.ledger(),
            }
        })
    }

    /// Writes what remains of so many revoked states: the secrets that generate all others, and the HTLCs.
    pub fn put_past(
        &mut self,
        store: &Store,
        row: ChannelRow,
        states: u64,
        htlcs: u64,
    ) -> Result<(), StoreError> {
        let past = self.past_htlcs(states, htlcs).into_values().flatten();
        let mut past = Some(past.collect());
        let mut kept = BTreeMap::new();
        for revoked in (0..states).rev() {
            kept.entry(slot_of(number(revoked))).or_insert(revoked);
        }
        let mut kept: Vec<u64> = kept.into_values().collect();
        kept.sort_unstable();
        for revoked in kept {
            let past = past.take().unwrap_or_default();
            store.put_revocation(row, &self.revocation(revoked, past))?;
        }
        Ok(())
    }
}

fn secret(secrets: &ChannelSecrets, at: u64) -> CommitmentSecret {
    commitment_secret(&secrets.commitment_seed, number(at))
}

/// BOLT 3: as many zeros as the secret's index ends in.
fn slot_of(number: CommitmentNumber) -> u8 {
    u8::try_from(number.index().trailing_zeros().min(48)).expect("at most 48")
}
