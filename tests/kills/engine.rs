//! The channel engine of the story, with its phone: it gets every order carried out, through as many deaths and failures
//! as it takes, and notices at once if anything is gone that the library had said to be stored.

use std::path::PathBuf;

use testkit::gateway::{Handle, Moment};
use testkit::party::Channel;

use crate::disk::Plan;
use crate::line::{Killed, Line};
use crate::wire::{ChannelStanding, Launch, Order, Refusal, Reply, Standing, Tick};

/// What threatens one life of a phone.
#[derive(Clone, Copy, Debug)]
pub enum Threat {
    Disk(Plan),
    Gateway(Moment),
}

/// Something that the library had said to be stored, and that is gone.
#[derive(Debug, thiserror::Error)]
#[error("lost: {0}")]
pub struct Loss(pub String);

/// A story is given up when its phone dies more often than this: it would never end.
const MOST_LIVES: usize = 300;

pub struct Engine<T> {
    pub threats: T,
    pub gateway: Handle,
    pub esplora: String,
    pub database: PathBuf,
    /// As they were agreed; what happens in them is the story's.
    pub channels: Vec<Channel>,
    pub line: Option<Line>,
    pub record: Record,
}

/// What has been noticed so far.
#[derive(Debug, Default)]
pub struct Record {
    /// Where the library stood when it was last asked.
    pub standing: Standing,
    /// How often the phone was killed.
    pub kills: usize,
    /// What it refused because of its disk.
    pub refusals: Vec<Refusal>,
    /// Ticks that the disk kept from being complete, and where the library stood then.
    pub troubled: Vec<(Tick, Standing)>,
}

impl<T: Iterator<Item = Threat>> Engine<T> {
    /// Has an order carried out.
    ///
    /// # Errors
    /// [`Loss`], here and below: what the library had acknowledged is not there any more.
    pub fn perform(&mut self, order: &Order) -> Result<(), Loss> {
        loop {
            match self.ask(order) {
                Some(Reply::Done) => break,
                Some(Reply::Resumed(tick)) if tick.complete => break,
                Some(Reply::Resumed(tick)) => {
                    self.look()?;
                    let standing = self.record.standing.clone();
                    self.record.troubled.push((tick, standing));
                    self.repair();
                }
                Some(Reply::Refused(refusal)) => {
                    self.excuse(refusal, order)?;
                    self.look()?;
                    self.repair();
                }
                Some(
                    reply @ (Reply::Stands(_) | Reply::Begun | Reply::Did { .. } | Reply::Halted),
                ) => {
                    unreachable!("{reply:?} to {order:?}")
                }
                None => {
                    self.look()?;
                    if self.has_arrived(order) {
                        return Ok(());
                    }
                }
            }
        }
        self.acknowledged(order)
    }

    /// What was said to be stored must be there from now on. Beyond the updates themselves the library is asked what that is.
    fn acknowledged(&mut self, order: &Order) -> Result<(), Loss> {
        let mut channels = self.record.standing.channels.iter_mut();
        let mut at = |index: usize| {
            let funding = self.channels[index].funding();
            channels
                .find(|at| at.channel == funding)
                .expect("registered before")
        };
        match order {
            Order::Remote(index, update) => at(*index).remote = Some(update.number),
            Order::Revocation(index, it) => at(*index).remote_revoked = Some(it.number),
            Order::Local(index, update) => at(*index).local = Some(update.number),
            Order::Sleep => {}
            Order::Register(_)
            | Order::Open(_)
            | Order::Hear(..)
            | Order::HandOver
            | Order::ClosingSigned(..)
            | Order::ForceClose(_)
            | Order::ChangeKey
            | Order::Resume
            | Order::Look
            | Order::Backup(_)
            | Order::Do { .. }
            | Order::RepairDisk => self.look()?,
        }
        Ok(())
    }

    /// Asks the library where it stands; what it had acknowledged must be there.
    fn look(&mut self) -> Result<(), Loss> {
        loop {
            match self.ask(&Order::Look) {
                Some(Reply::Stands(standing)) => {
                    let missing = standing.lacks(&self.record.standing);
                    self.record.standing = standing;
                    return missing.map_or(Ok(()), |missing| Err(Loss(missing)));
                }
                Some(Reply::Refused(refusal)) => {
                    self.excuse(refusal, &Order::Look)?;
                    self.repair();
                }
                Some(
                    reply @ (Reply::Done
                    | Reply::Resumed(_)
                    | Reply::Begun
                    | Reply::Did { .. }
                    | Reply::Halted),
                ) => {
                    unreachable!("{reply:?} to a question")
                }
                None => {}
            }
        }
    }

    /// Only the disk is an excuse for refusing an order.
    fn excuse(&mut self, refusal: Refusal, order: &Order) -> Result<(), Loss> {
        match refusal {
            Refusal::DiskFull | Refusal::DiskBroken => self.record.refusals.push(refusal),
            Refusal::Damaged(why) => return Err(Loss(why)),
            Refusal::Other(why) => panic!("{order:?}: {why}"),
        }
        Ok(())
    }

    fn repair(&mut self) {
        // Whoever dies meanwhile comes back with another disk.
        self.ask(&Order::RepairDisk);
    }

    /// Whether an order need not be given again: the library says that it holds this update already.
    fn has_arrived(&self, order: &Order) -> bool {
        let holds = |index: usize, enough: &dyn Fn(&ChannelStanding) -> bool| {
            let funding = self.channels[index].funding();
            let mut channels = self.record.standing.channels.iter();
            channels.any(|at| at.channel == funding && enough(at))
        };
        match order {
            Order::Register(index) | Order::Open(index) => holds(*index, &|_| true),
            Order::Remote(index, update) => holds(*index, &|at| at.remote >= Some(update.number)),
            Order::Revocation(index, revocation) => {
                holds(*index, &|at| at.remote_revoked >= Some(revocation.number))
            }
            Order::Local(index, update) => holds(*index, &|at| at.local >= Some(update.number)),
            Order::ChangeKey => self.record.standing.has_new_key,
            // Whoever was killed sleeps, too.
            Order::Sleep => true,
            // These are simply said again.
            Order::ClosingSigned(..)
            | Order::ForceClose(_)
            | Order::Hear(..)
            | Order::HandOver
            | Order::Resume
            | Order::Look
            | Order::Backup(_)
            | Order::Do { .. }
            | Order::RepairDisk => false,
        }
    }

    /// Asks the phone, which is switched on if it is not. `None`: it was killed.
    fn ask(&mut self, order: &Order) -> Option<Reply> {
        if self.line.is_none() {
            self.line = Some(self.switch_on());
        }
        match self.line.as_mut()?.ask(order) {
            Ok(reply) => Some(reply),
            Err(Killed) => {
                self.record.kills += 1;
                assert!(self.record.kills < MOST_LIVES, "the story gets nowhere");
                self.line = None;
                self.gateway.behave();
                None
            }
        }
    }

    fn switch_on(&mut self) -> Line {
        let (disk, moment) = match self.threats.next() {
            None => (Plan::HARMLESS, None),
            Some(Threat::Disk(plan)) => (plan, None),
            Some(Threat::Gateway(moment)) => (Plan::HARMLESS, Some(moment)),
        };
        let line = Line::dial(&Launch {
            esplora: self.esplora.clone(),
            database: self.database.clone(),
            disk,
            channels: self.channels.clone(),
        });
        if let Some(moment) = moment {
            line.kill_at(self.gateway.alarm(moment));
        }
        line
    }
}
