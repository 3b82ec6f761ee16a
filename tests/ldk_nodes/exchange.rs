//! Which changes stand in which commitment (BOLT 2): a change is proposed, then signed in a commitment of the side that did
//! not propose it, then acknowledged by that side's revocation, and only then signed in the other's. The exact balances and
//! all HTLCs, dust included, follow from it; LDK's signer is told of neither.

use std::collections::BTreeMap;

use lightning_arbitrator::channel::{Direction, HtlcKey, HtlcTerms};

/// What one `update_*` message changes.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Add(HtlcTerms),
    Fulfil(HtlcKey),
    Fail(HtlcKey),
}

/// What a commitment holds.
#[derive(Clone, Debug)]
pub struct Holdings {
    pub local_msat: u64,
    pub remote_msat: u64,
    pub htlcs: BTreeMap<HtlcKey, HtlcTerms>,
}

impl Holdings {
    fn apply(&mut self, change: Change) {
        use Direction::{Incoming, Outgoing};
        match change {
            Change::Add(htlc) => {
                let offerer = match htlc.key.direction {
                    Outgoing => &mut self.local_msat,
                    Incoming => &mut self.remote_msat,
                };
                *offerer -= htlc.amount_msat;
                self.htlcs.insert(htlc.key, htlc);
            }
            Change::Fulfil(key) | Change::Fail(key) => {
                let htlc = self.htlcs.remove(&key).expect("LDK settles what was added");
                let is_fulfilled = matches!(change, Change::Fulfil(_));
                let taker = match (key.direction, is_fulfilled) {
                    (Incoming, true) | (Outgoing, false) => &mut self.local_msat,
                    (Outgoing, true) | (Incoming, false) => &mut self.remote_msat,
                };
                *taker += htlc.amount_msat;
            }
        }
    }
}

/// One side's changes on their way into both commitments.
#[derive(Default)]
struct Changes {
    proposed: Vec<Change>,
    signed: Vec<Change>,
    acknowledged: Vec<Change>,
}

/// The changes of both sides, and what the newest commitment of each holds.
pub struct Exchange {
    ours: Changes,
    theirs: Changes,
    local: Holdings,
    remote: Holdings,
}

impl Exchange {
    /// That of a channel with these balances at its opening.
    pub fn new(local_msat: u64, remote_msat: u64) -> Self {
        let opening = Holdings {
            local_msat,
            remote_msat,
            htlcs: BTreeMap::new(),
        };
        Exchange {
            ours: Changes::default(),
            theirs: Changes::default(),
            local: opening.clone(),
            remote: opening,
        }
    }

    /// What our newest commitment holds.
    pub fn local(&self) -> &Holdings {
        &self.local
    }

    /// What the peer's newest commitment holds.
    pub fn remote(&self) -> &Holdings {
        &self.remote
    }

    pub fn we_propose(&mut self, change: Change) {
        self.ours.proposed.push(change);
    }

    pub fn they_propose(&mut self, change: Change) {
        self.theirs.proposed.push(change);
    }

    /// What the peer's next commitment holds, which we sign now.
    pub fn we_sign(&mut self) -> &Holdings {
        sign(&mut self.remote, &mut self.ours, &mut self.theirs)
    }

    /// What our next commitment holds, which the peer signs now.
    pub fn they_sign(&mut self) -> &Holdings {
        sign(&mut self.local, &mut self.theirs, &mut self.ours)
    }

    pub fn we_revoke(&mut self) {
        acknowledge(&mut self.theirs);
    }

    pub fn they_revoke(&mut self) {
        acknowledge(&mut self.ours);
    }
}

/// BOLT 2: a signature covers all that its sender proposed, and of the receiver's changes those that the sender acknowledged.
fn sign<'a>(
    commitment: &'a mut Holdings,
    senders: &mut Changes,
    receivers: &mut Changes,
) -> &'a Holdings {
    for change in receivers.acknowledged.drain(..) {
        commitment.apply(change);
    }
    for change in senders.proposed.drain(..) {
        commitment.apply(change);
        senders.signed.push(change);
    }
    commitment
}

/// BOLT 2: a revocation acknowledges what the other side had signed.
fn acknowledge(signers: &mut Changes) {
    signers.acknowledged.append(&mut signers.signed);
}
