//! Scenario 29: what a broken or bribed engine might say at any moment, made from what an honest one would say next.

use lightning_arbitrator::channel::{CommitmentUpdate, LocalUpdate, RemoteUpdate};
use lightning_arbitrator::channel::{Direction, HtlcKey};
use lightning_arbitrator::protocol::PaymentHash;
use testkit::party::{Revocation, Side};

use super::story::Story;
use crate::support::{local_update, number, retold, Told};

#[derive(Clone, Copy, Debug)]
pub enum Lie {
    CommitmentSignature,
    HtlcSignature,
    OneHtlcSignatureMore,
    OurNumber,
    PeersNumber,
    PeersPoint,
    RevokedAgain,
    MoreThanThereIs,
    LessThanThereIs,
    AnotherHash,
    UnknownHtlc,
    AnotherSecret,
    EarlySecret,
    NoDataLoss,
}

impl Lie {
    pub const ALL: [Lie; 14] = [
        Lie::CommitmentSignature,
        Lie::HtlcSignature,
        Lie::OneHtlcSignatureMore,
        Lie::OurNumber,
        Lie::PeersNumber,
        Lie::PeersPoint,
        Lie::RevokedAgain,
        Lie::MoreThanThereIs,
        Lie::LessThanThereIs,
        Lie::AnotherHash,
        Lie::UnknownHtlc,
        Lie::AnotherSecret,
        Lie::EarlySecret,
        Lie::NoDataLoss,
    ];

    /// The lie at this moment of a story; `None` where it would be none.
    pub fn told(self, story: &Story) -> Option<Told> {
        let mut local = next_local(story);
        let mut remote = again_for_peer(story);
        let revocation = story
            .world
            .channel
            .revocation(story.revoked.map_or(0, |it| it + 1));
        Some(match self {
            Lie::CommitmentSignature => {
                local.signatures[0].commitment = signed_elsewhere(story);
                Told::Local(local)
            }
            Lie::HtlcSignature => {
                *local.signatures[0].htlcs.last_mut()? = signed_elsewhere(story);
                Told::Local(local)
            }
            Lie::OneHtlcSignatureMore => {
                local.signatures[0].htlcs.push(signed_elsewhere(story));
                Told::Local(local)
            }
            Lie::OurNumber => {
                local.commitment.number = number(local.commitment.number.get() + 1);
                Told::Local(local)
            }
            Lie::PeersNumber => {
                remote.commitment.number = number(remote.commitment.number.get() + 2);
                Told::Remote(remote)
            }
            Lie::PeersPoint => {
                remote.per_commitment_point = revocation.next_point;
                Told::Remote(remote)
            }
            Lie::RevokedAgain => {
                let mut old = story.peer_updates.first()?.clone();
                old.feerate_per_kw += 1;
                story.revoked.filter(|revoked| old.number <= *revoked)?;
                Told::Remote(retold(&old))
            }
            Lie::MoreThanThereIs => either(story, local, remote, |update| update.remote_msat += 1),
            Lie::LessThanThereIs => either(story, local, remote, |update| update.local_msat -= 1),
            Lie::AnotherHash => {
                let revoked = story.revoked?;
                let committed = story.htlcs_up_to(Side::Peer, revoked);
                let is_known = |key: HtlcKey| committed.iter().any(|htlc| htlc.key == key);
                let htlcs = &mut remote.commitment.htlcs;
                let known = htlcs.iter_mut().find(|htlc| is_known(htlc.key))?;
                known.payment_hash = PaymentHash([3; 32]);
                Told::Remote(remote)
            }
            Lie::UnknownHtlc => Told::Release(HtlcKey {
                direction: Direction::Incoming,
                id: 10_000,
            }),
            Lie::AnotherSecret => Told::Revocation(Revocation {
                secret: story.world.channel.revocation(revocation.number + 1).secret,
                ..revocation
            }),
            Lie::EarlySecret => {
                let pending = story.newest(Side::Peer);
                Told::Revocation(story.world.channel.revocation(pending))
            }
            Lie::NoDataLoss => {
                let beyond = story.newest(Side::Us) + 3;
                Told::our_secret(&story.world.channel, beyond, revocation.secret)
            }
        })
    }
}

fn next_local(story: &Story) -> LocalUpdate {
    let next = story.world.channel.clone().our_commitment();
    local_update(story.world.outpoint(), &next)
}

/// A further alternative of the peer's newest commitment, which it would be good to take.
fn again_for_peer(story: &Story) -> RemoteUpdate {
    let mut channel = story.world.channel.clone();
    channel.set_feerate(1_777);
    retold(&channel.their_commitment_again().expect("one is signed"))
}

/// A signature of the peer's, under our next commitment but one.
fn signed_elsewhere(story: &Story) -> bitcoin::secp256k1::ecdsa::Signature {
    let mut channel = story.world.channel.clone();
    channel.our_commitment();
    channel.our_commitment().signature
}

/// On our commitment after an even number, on the peer's after an odd one.
fn either(
    story: &Story,
    mut local: LocalUpdate,
    mut remote: RemoteUpdate,
    change: impl FnOnce(&mut CommitmentUpdate),
) -> Told {
    if story.newest(Side::Us).is_multiple_of(2) {
        change(&mut local.commitment);
        Told::Local(local)
    } else {
        change(&mut remote.commitment);
        Told::Remote(remote)
    }
}
