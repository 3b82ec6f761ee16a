//! The testkit's words in the library's.

use bitcoin::hashes::Hash;
use lightning_arbitrator::channel::{
    ChannelTerms, ChannelUpdate, CommitmentUpdate, Direction, Funding, FundingSignatures, HtlcKey,
    HtlcOrigin, HtlcTerms, KeysId, LocalUpdate, PartyTerms, RemoteUpdate,
};
use lightning_arbitrator::protocol::{
    Basepoints, ChannelPublicKeys, ChannelType, CommitmentNumber, CommitmentSecret, Party,
    PaymentHash,
};
use lightning_arbitrator::signer::ChannelSecrets;
use testkit::party;

pub fn number(number: u64) -> CommitmentNumber {
    CommitmentNumber::new(number).expect("tests stay below 2^48")
}

/// Says the same in the library's words.
pub trait Retell {
    type To;
    fn retell(&self) -> Self::To;
}

pub fn retold<T: Retell>(what: &T) -> T::To {
    what.retell()
}

pub fn keys_id(channel: &party::Channel) -> KeysId {
    KeysId(channel.funding().txid.to_byte_array())
}

fn keys(keys: &party::PublicKeys) -> ChannelPublicKeys {
    ChannelPublicKeys {
        funding: keys.funding_pubkey,
        basepoints: Basepoints {
            revocation: keys.revocation_basepoint,
            payment: keys.payment_basepoint,
            delayed_payment: keys.delayed_payment_basepoint,
            htlc: keys.htlc_basepoint,
        },
    }
}

impl Retell for party::Channel {
    type To = ChannelTerms;

    fn retell(&self) -> ChannelTerms {
        let terms = self.terms();
        ChannelTerms {
            funding: Funding {
                outpoint: terms.funding,
                capacity: terms.capacity,
                transaction: Some(self.funding_tx().clone()),
            },
            channel_type: match terms.channel_type {
                party::ChannelType::StaticRemotekey => ChannelType::StaticRemotekey,
                party::ChannelType::AnchorsZeroFeeHtlc => ChannelType::AnchorsZeroFeeHtlc,
            },
            // Any key serves as the peer's node id.
            peer: terms.peer_keys.funding_pubkey,
            opener: match terms.opener {
                party::Side::Us => Party::Local,
                party::Side::Peer => Party::Remote,
            },
            keys_id: keys_id(self),
            local: PartyTerms {
                keys: keys(&terms.our_keys),
                dust_limit: terms.our_dust_limit,
                to_self_delay: terms.our_delay,
                reserve: terms.capacity / 100,
                shutdown_script: Some(terms.our_shutdown_script),
                initial_balance_msat: terms.initial_to_us_msat,
                first_per_commitment_point: terms.our_first_points[0],
            },
            remote: PartyTerms {
                keys: keys(&terms.peer_keys),
                dust_limit: terms.peer_dust_limit,
                to_self_delay: terms.peer_delay,
                reserve: terms.capacity / 100,
                shutdown_script: Some(terms.peer_shutdown_script),
                initial_balance_msat: terms.initial_to_peer_msat,
                first_per_commitment_point: terms.peer_first_points[0],
            },
        }
    }
}

impl Retell for party::Secrets {
    type To = ChannelSecrets;

    fn retell(&self) -> ChannelSecrets {
        ChannelSecrets {
            funding: self.funding,
            revocation_base: self.revocation_base,
            payment: self.payment,
            delayed_payment_base: self.delayed_payment_base,
            htlc_base: self.htlc_base,
            commitment_seed: self.commitment_seed,
        }
    }
}

pub fn htlc_key(key: party::HtlcKey) -> HtlcKey {
    HtlcKey {
        direction: match key.direction {
            party::Direction::Outgoing => Direction::Outgoing,
            party::Direction::Incoming => Direction::Incoming,
        },
        id: key.id,
    }
}

impl Retell for party::Htlc {
    type To = HtlcTerms;

    fn retell(&self) -> HtlcTerms {
        HtlcTerms {
            key: htlc_key(self.key),
            payment_hash: PaymentHash(self.payment_hash.to_byte_array()),
            amount_msat: self.amount_msat,
            cltv_expiry: self.cltv_expiry,
            origin: match &self.origin {
                party::Origin::Own => HtlcOrigin::Own,
                party::Origin::Forwarded {
                    channel,
                    id,
                    cltv_expiry,
                } => HtlcOrigin::Forwarded {
                    channel: channel.parse().expect("an outpoint"),
                    id: *id,
                    expiry: *cltv_expiry,
                },
            },
        }
    }
}

/// Our commitment over this funding.
pub fn local_update(funding: bitcoin::OutPoint, update: &party::LocalUpdate) -> LocalUpdate {
    LocalUpdate {
        commitment: CommitmentUpdate {
            number: number(update.number),
            feerate_per_kw: update.feerate_per_kw,
            local_msat: update.to_us_msat,
            remote_msat: update.to_peer_msat,
            htlcs: update.htlcs.iter().map(Retell::retell).collect(),
        },
        signatures: vec![FundingSignatures {
            funding,
            commitment: update.signature,
            htlcs: update.htlc_signatures.clone(),
        }],
    }
}

impl Retell for party::RemoteUpdate {
    type To = RemoteUpdate;

    fn retell(&self) -> RemoteUpdate {
        RemoteUpdate {
            commitment: CommitmentUpdate {
                number: number(self.number),
                feerate_per_kw: self.feerate_per_kw,
                local_msat: self.to_us_msat,
                remote_msat: self.to_peer_msat,
                htlcs: self.htlcs.iter().map(Retell::retell).collect(),
            },
            per_commitment_point: self.per_commitment_point,
        }
    }
}

pub fn secret(revocation: &party::Revocation) -> CommitmentSecret {
    CommitmentSecret::new(revocation.secret)
}

impl Retell for party::Revocation {
    type To = ChannelUpdate;

    fn retell(&self) -> ChannelUpdate {
        ChannelUpdate::Revocation {
            number: number(self.number),
            secret: secret(self),
            next_point: self.next_point,
        }
    }
}
