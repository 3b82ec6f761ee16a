//! The line from the story to a phone in a child process: this very test binary, started again.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use crate::phone::{ENTRY, MARK};
use crate::wire::{Launch, Order, Reply, LAUNCH};

/// The number of the signal that cannot be caught.
const SIGKILL: i32 = 9;

pub struct Line {
    child: Arc<Mutex<Child>>,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

/// The phone was killed before it answered.
pub struct Killed;

impl Line {
    /// Starts a child.
    pub fn dial(launch: &Launch) -> Self {
        let launch = serde_json::to_string(launch).expect("serialisable");
        let mut child = Command::new(std::env::current_exe().expect("a running program"))
            .args(["--exact", ENTRY, "--nocapture"])
            .env(LAUNCH, launch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this very program starts");
        let to = child.stdin.take().expect("piped");
        let from = BufReader::new(child.stdout.take().expect("piped")).lines();
        Line {
            child: Arc::new(Mutex::new(child)),
            to,
            from,
        }
    }

    /// Kills the child when the bell rings; never, if it is taken away.
    pub fn kill_at(&self, bell: Receiver<()>) {
        let child = Arc::clone(&self.child);
        std::thread::spawn(move || {
            if bell.recv().is_ok() {
                kill(&child);
            }
        });
    }

    /// Gives an order and waits for the answer.
    pub fn ask(&mut self, order: &Order) -> Result<Reply, Killed> {
        let order = serde_json::to_string(order).expect("serialisable");
        if writeln!(self.to, "{order}").is_err() {
            return Err(self.bury());
        }
        self.hear()
    }

    /// Waits for one more answer.
    pub fn hear(&mut self) -> Result<Reply, Killed> {
        loop {
            let reply = match self.from.next() {
                Some(Ok(line)) => line.strip_prefix(MARK).map(serde_json::from_str),
                Some(Err(_)) | None => return Err(self.bury()),
            };
            match reply {
                Some(Ok(Reply::Halted)) => {
                    kill(&self.child);
                    return Err(self.bury());
                }
                Some(reply) => return Ok(reply.expect("a reply")),
                None => {}
            }
        }
    }

    /// Kills the child now.
    pub fn kill(&self) {
        kill(&self.child);
    }

    /// Whoever is dead was killed, and did not fall over by itself.
    fn bury(&self) -> Killed {
        let mut child = self.child.lock().expect("no thread panics holding this");
        let status = child.wait().expect("our child");
        assert_eq!(status.signal(), Some(SIGKILL), "the phone ended by itself");
        Killed
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        kill(&self.child);
        let _ = self
            .child
            .lock()
            .expect("no thread panics holding this")
            .wait();
    }
}

fn kill(child: &Mutex<Child>) {
    // An error says that it is dead and buried already.
    let _ = child.lock().expect("no thread panics holding this").kill();
}
