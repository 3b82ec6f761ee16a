//! Holds requests back until enough of them wait, which proves that a client asks in parallel – without any clock.

use tokio::sync::oneshot;

use super::fault::Paths;

/// Which requests to hold, and how many have to wait before they are answered together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which requests; all others are answered at once.
    pub paths: Paths,
    /// How many are answered together.
    pub size: usize,
    /// How many such requests will come in all; the last group is what is left of them. Later ones are answered at once.
    pub total: usize,
}

/// The requests that wait.
#[derive(Default)]
pub(crate) struct Gate {
    hold: Option<Hold>,
    waiting: Vec<oneshot::Sender<()>>,
    groups: usize,
}

impl Gate {
    pub(crate) fn close(&mut self, hold: Hold) {
        self.open();
        self.groups = 0;
        self.hold = Some(hold);
    }

    /// Answers everyone who waits; nobody waits from now on.
    pub(crate) fn open(&mut self) {
        self.hold = None;
        self.release();
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    pub(crate) fn held(&self) -> usize {
        self.waiting
            .iter()
            .filter(|client| !client.is_closed())
            .count()
    }

    /// What a request for this path has to wait for, if anything.
    pub(crate) fn arrive(&mut self, path: &str) -> Option<oneshot::Receiver<()>> {
        // Clients that gave up no longer wait, and their requests will come again.
        self.waiting.retain(|client| !client.is_closed());
        let hold = self
            .hold
            .as_mut()
            .filter(|hold| hold.total > 0 && hold.paths.matches(path))?;
        let (client, turn) = oneshot::channel();
        self.waiting.push(client);
        if self.waiting.len() >= hold.size.min(hold.total) {
            hold.total -= self.waiting.len();
            self.groups += 1;
            self.release();
        }
        Some(turn)
    }

    fn release(&mut self) {
        for client in self.waiting.drain(..) {
            // Not an error: the client may have gone away a moment ago.
            let _ = client.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(size: usize, total: usize) -> Gate {
        let mut gate = Gate::default();
        gate.close(Hold {
            paths: Paths::Prefix("/tx/".into()),
            size,
            total,
        });
        gate
    }

    #[test]
    fn a_group_is_answered_when_it_is_complete() {
        let mut gate = gate(2, 3);
        let mut first = gate.arrive("/tx/a").unwrap();
        assert!(first.try_recv().is_err());
        assert_eq!(gate.held(), 1);
        gate.arrive("/tx/b").unwrap().try_recv().unwrap();
        first.try_recv().unwrap();
        assert_eq!(gate.groups(), 1);
    }

    #[test]
    fn the_last_group_is_what_is_left() {
        let mut gate = gate(2, 3);
        let _group = (gate.arrive("/tx/a"), gate.arrive("/tx/b"));
        gate.arrive("/tx/c").unwrap().try_recv().unwrap();
        assert_eq!(gate.groups(), 2);
        assert!(gate.arrive("/tx/d").is_none());
    }

    #[test]
    fn other_requests_do_not_wait() {
        assert!(gate(2, 3).arrive("/blocks/tip/hash").is_none());
    }

    #[test]
    fn a_client_that_gave_up_does_not_count() {
        let mut gate = gate(2, 2);
        drop(gate.arrive("/tx/a"));
        assert_eq!(gate.held(), 0);
        assert!(gate.arrive("/tx/a").unwrap().try_recv().is_err());
        assert_eq!(gate.groups(), 0);
    }
}
