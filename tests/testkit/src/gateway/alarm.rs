//! Rings when a certain request comes or is answered, so that a test can strike its client at that very moment.

use std::sync::mpsc;

use tokio::sync::oneshot;

/// What an alarm waits for, counted from when it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The n-th request arrives. It and all later ones get no answer until [`super::Handle::behave`].
    Arrived(usize),
    /// The n-th answer is about to leave.
    Answered(usize),
}

/// The alarm that is set, and the requests that it keeps waiting.
#[derive(Default)]
pub(crate) struct Alarm {
    set: Option<(Moment, mpsc::Sender<()>)>,
    arrived: usize,
    answered: usize,
    kept: Vec<oneshot::Sender<()>>,
}

impl Alarm {
    pub(crate) fn set(&mut self, moment: Moment) -> mpsc::Receiver<()> {
        let (bell, rings) = mpsc::channel();
        *self = Alarm {
            set: Some((moment, bell)),
            ..Alarm::default()
        };
        rings
    }

    /// What a request has to wait for, if anything.
    pub(crate) fn arrive(&mut self) -> Option<oneshot::Receiver<()>> {
        self.arrived += 1;
        match &self.set {
            Some((Moment::Arrived(nth), bell)) if self.arrived >= *nth => {
                // Nobody may be listening any more.
                let _ = bell.send(());
                let (keeper, turn) = oneshot::channel();
                self.kept.push(keeper);
                Some(turn)
            }
            Some((Moment::Arrived(_) | Moment::Answered(_), _)) | None => None,
        }
    }

    pub(crate) fn answer(&mut self) {
        self.answered += 1;
        match &self.set {
            Some((Moment::Answered(nth), bell)) if self.answered == *nth => {
                let _ = bell.send(());
            }
            Some((Moment::Arrived(_) | Moment::Answered(_), _)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_request_rings_and_waits_until_the_alarm_is_gone() {
        let mut alarm = Alarm::default();
        let rings = alarm.set(Moment::Arrived(2));
        assert!(alarm.arrive().is_none());
        assert!(rings.try_recv().is_err());
        let mut kept = alarm.arrive().unwrap();
        rings.try_recv().unwrap();
        assert_eq!(kept.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(alarm);
        assert_eq!(kept.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn the_nth_answer_rings_once_and_nothing_waits() {
        let mut alarm = Alarm::default();
        let rings = alarm.set(Moment::Answered(1));
        assert!(alarm.arrive().is_none());
        alarm.answer();
        alarm.answer();
        rings.try_recv().unwrap();
        assert!(rings.try_recv().is_err());
    }
}
