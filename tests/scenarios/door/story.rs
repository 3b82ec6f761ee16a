//! A random history of updates told to the phone.

use lightning_arbitrator::channel::{ChannelUpdate, HtlcTerms};
use testkit::party::{Direction, HtlcKey, NewHtlc, RemoteUpdate, Settlement, Side};

use crate::support::{htlc_key, local_update, retold, Told, World};

/// One thing that may happen. What is impossible at its moment does not happen.
#[derive(Clone, Debug)]
pub enum Deed {
    Offer {
        direction: Direction,
        sat: u64,
    },
    Settle {
        pick: usize,
        how: Settlement,
    },
    /// BOLT 2: after a reconnection, what the other side has not acknowledged is forgotten, and its id free again.
    Forget {
        direction: Direction,
    },
    Feerate(u32),
    SignForPeer,
    SignForPeerAgain,
    PeerRevokes,
    SignForUs,
    SignForUsAgain,
    /// The engine crashed, and sends one of its messages again.
    Resend {
        pick: usize,
    },
    Release {
        pick: usize,
    },
    Restart,
    /// From now on the engine tells so many updates in a call.
    TellTogether {
        count: usize,
    },
    Lie(super::lies::Lie),
}

/// A commitment that somebody can broadcast.
#[derive(Clone, Debug)]
pub struct Signed {
    pub owner: Side,
    pub number: u64,
    pub index: usize,
    pub htlcs: Vec<HtlcTerms>,
}

pub struct Story {
    pub world: World,
    pub signed: Vec<Signed>,
    /// What is told in the next call, and how many updates a call has.
    held: Vec<ChannelUpdate>,
    together: usize,
    /// Good messages that may be sent again.
    repeatable: Vec<Told>,
    pub peer_updates: Vec<RemoteUpdate>,
    pub revoked: Option<u64>,
    /// Something that was signed for the peer is forgotten: BOLT 2 lets nothing follow but that number, signed again.
    owes_signature: bool,
}

/// Balances stay above this, so that fees and anchors are always affordable.
const KEPT_MSAT: u64 = 100_000_000;

impl Story {
    pub fn begin(world: World) -> Self {
        let blank = |owner| Signed {
            owner,
            number: 0,
            index: 0,
            htlcs: Vec::new(),
        };
        Story {
            world,
            signed: vec![blank(Side::Peer), blank(Side::Us)],
            held: Vec::new(),
            together: 1,
            repeatable: Vec::new(),
            peer_updates: Vec::new(),
            revoked: None,
            owes_signature: false,
        }
    }

    pub fn newest(&self, side: Side) -> u64 {
        let numbers = self.signed.iter().filter(|it| it.owner == side);
        numbers.map(|it| it.number).max().unwrap_or(0)
    }

    /// The HTLCs of a side's commitments up to a number, as they were told.
    pub fn htlcs_up_to(&self, side: Side, last: u64) -> Vec<HtlcTerms> {
        let signed = self.signed.iter();
        let old = signed.filter(|it| it.owner == side && it.number <= last);
        old.flat_map(|it| it.htlcs.clone()).collect()
    }

    pub fn goes_on(&mut self, deed: &Deed) {
        match deed {
            Deed::Offer { direction, sat } => self.offer(*direction, sat * 1_000),
            Deed::Settle { pick, how } => {
                if let Some(htlc) = pick_of(self.world.channel.htlcs(), *pick) {
                    let key = htlc.key;
                    self.world
                        .channel
                        .settle_htlc(key, *how)
                        .expect("it is live");
                }
            }
            Deed::Forget { direction } => self.forget(*direction),
            Deed::Feerate(feerate) => self.world.channel.set_feerate(*feerate),
            Deed::SignForPeer if self.owes_signature => {}
            Deed::SignForPeer => {
                if let Ok(update) = self.world.channel.their_commitment() {
                    self.sign_for_peer(update);
                }
            }
            Deed::SignForPeerAgain => {
                let update = self.world.channel.their_commitment_again();
                self.sign_for_peer(update.expect("one is signed"));
                self.owes_signature = false;
            }
            Deed::PeerRevokes if self.owes_signature => {}
            Deed::PeerRevokes => {
                if let Ok(revocation) = self.world.channel.peer_revokes() {
                    self.revoked = Some(revocation.number);
                    self.tell(Told::Revocation(revocation));
                }
            }
            Deed::SignForUs => {
                let update = self.world.channel.our_commitment();
                self.sign_for_us(&update);
            }
            Deed::SignForUsAgain => {
                let update = self.world.channel.our_commitment_again();
                self.sign_for_us(&update.expect("one is signed"));
            }
            Deed::Resend { pick } => {
                self.tell_held();
                if let Some(told) = pick_of(&self.repeatable, *pick).cloned() {
                    self.world.repeats(told);
                }
            }
            Deed::Release { pick } => {
                let committed = self.htlcs_up_to(Side::Us, u64::MAX);
                if let Some(htlc) = pick_of(&committed, *pick) {
                    self.tell(Told::Release(htlc.key));
                }
            }
            Deed::Restart => {
                self.tell_held();
                self.world.phone.switch_off();
            }
            Deed::TellTogether { count } => self.together = *count,
            Deed::Lie(lie) => {
                self.tell_held();
                if let Some(told) = lie.told(self) {
                    self.world.refusal(told);
                }
            }
        }
    }

    fn offer(&mut self, direction: Direction, amount_msat: u64) {
        let payer = direction.payer();
        if self.world.channel.balance_msat(payer) < KEPT_MSAT + amount_msat {
            return;
        }
        let expiry = 600 + u32::try_from(amount_msat % 5).expect("small");
        self.world.add(match direction {
            Direction::Outgoing => NewHtlc::outgoing(amount_msat, expiry),
            Direction::Incoming => NewHtlc::incoming(amount_msat, expiry),
        });
    }

    fn forget(&mut self, direction: Direction) {
        let live = self.world.channel.htlcs().iter();
        let of_direction = live.filter(|htlc| htlc.key.direction == direction);
        let Some(key) = of_direction.map(|htlc| htlc.key).max() else {
            return;
        };
        // Only the newest of its direction can be forgotten: its id is the next one again.
        if !self.is_acknowledged(key) && self.world.channel.forget_htlc(key).is_ok() {
            self.owes_signature |= self.is_signed(key);
        }
    }

    fn is_signed(&self, key: HtlcKey) -> bool {
        let key = htlc_key(key);
        let mut htlcs = self.signed.iter().flat_map(|signed| &signed.htlcs);
        htlcs.any(|htlc| htlc.key == key)
    }

    /// Whether a commitment that counts has carried it: any of ours, and those of the peer below its newest.
    fn is_acknowledged(&self, key: HtlcKey) -> bool {
        let newest = self.newest(Side::Peer);
        let key = htlc_key(key);
        self.signed.iter().any(|signed| {
            let carries = signed.htlcs.iter().any(|htlc| htlc.key == key);
            carries && (signed.owner == Side::Us || signed.number < newest)
        })
    }

    fn tell(&mut self, told: Told) {
        self.held.extend(match &told {
            Told::Local(update) => Some(ChannelUpdate::Local(update.clone())),
            Told::Remote(update) => Some(ChannelUpdate::Remote(update.clone())),
            Told::Revocation(revocation) => Some(retold(revocation)),
            Told::Release(htlc) => Some(ChannelUpdate::Release(*htlc)),
            Told::Terms(_) | Told::Together(_) | Told::Close(_) | Told::Heard(..) => None,
        });
        if self.held.len() >= self.together {
            self.tell_held();
        }
        // Of older messages BOLT 2 leaves nothing to repeat.
        self.repeatable
            .retain(|old| is_repeatable_after(old, &told));
        self.repeatable.push(told);
    }

    /// Tells what was held back for one call; and again, which changes nothing.
    pub fn tell_held(&mut self) {
        let call = std::mem::take(&mut self.held);
        let releases = |update: &ChannelUpdate| matches!(update, ChannelUpdate::Release(_));
        // Chance releases HTLCs that BOLT 2 lets nobody claim yet. Of those, nothing need be known once they are gone.
        let is_repeatable = !call.iter().any(releases);
        self.world.tell(Told::Together(call.clone()));
        if is_repeatable {
            self.world.repeats(Told::Together(call));
        }
    }

    fn sign_for_peer(&mut self, update: RemoteUpdate) {
        self.sign(Side::Peer, update.number, &update.htlcs);
        self.tell(Told::Remote(retold(&update)));
        self.peer_updates.push(update);
    }

    fn sign_for_us(&mut self, update: &testkit::party::LocalUpdate) {
        self.sign(Side::Us, update.number, &update.htlcs);
        self.tell(Told::Local(local_update(self.world.outpoint(), update)));
    }

    fn sign(&mut self, owner: Side, number: u64, htlcs: &[testkit::party::Htlc]) {
        let same = |it: &&Signed| it.owner == owner && it.number == number;
        self.signed.push(Signed {
            owner,
            number,
            index: self.signed.iter().filter(same).count(),
            htlcs: htlcs.iter().map(retold).collect(),
        });
    }
}

/// Whether an older message is a mere repeat still, when a new one was told.
fn is_repeatable_after(old: &Told, new: &Told) -> bool {
    match (old, new) {
        (Told::Local(old), Told::Local(new)) => old.commitment.number == new.commitment.number,
        (Told::Remote(old), Told::Revocation(new)) => old.commitment.number.get() > new.number,
        // The id may be another HTLC's by now.
        (Told::Release(_), Told::Local(_) | Told::Remote(_)) => false,
        _ => true,
    }
}

pub fn pick_of<T>(from: &[T], pick: usize) -> Option<&T> {
    from.get(pick.checked_rem(from.len())?)
}
