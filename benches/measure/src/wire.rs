//! How the benchmark talks to LDK's side, a process of its own: one JSON line each way.
//!
//! LDK's test utilities print their log on standard output, so the answers come on standard error, marked.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::Serialize;

/// Begins a line that is an answer.
const MARK: char = '@';

/// Writes an answer, in the child.
pub fn answer(value: &impl Serialize) {
    let text = serde_json::to_string(value).expect("plain data");
    eprintln!("{MARK}{text}");
}

/// The orders that a child is given, until its parent lets go of it.
pub fn orders<T: DeserializeOwned>() -> impl Iterator<Item = T> {
    std::io::stdin().lines().map(|line| {
        let line = line.expect("the parent writes text");
        serde_json::from_str(&line).expect("the parent speaks the same words")
    })
}

/// The argument that makes a benchmark the child of another of itself.
const CHILD: &str = "child";

/// Whether this process was started by [`Line::to_itself`].
pub fn is_child() -> bool {
    std::env::args().nth(1).as_deref() == Some(CHILD)
}

/// A running child.
pub struct Line {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStderr>,
}

impl Line {
    /// The same program in a process that has done nothing yet.
    pub fn to_itself() -> Self {
        let program = std::env::current_exe().expect("the system knows");
        Line::start(Command::new(program).arg(CHILD))
    }

    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Line {
            orders: child.stdin.take(),
            answers: BufReader::new(child.stderr.take().expect("piped above")),
            child,
        }
    }

    /// Gives an order and waits for the answer.
    ///
    /// # Panics
    /// When the child dies over it.
    pub fn ask<A: DeserializeOwned>(&mut self, order: &impl Serialize) -> A {
        let orders = self.orders.as_mut().expect("open until the drop");
        let text = serde_json::to_string(order).expect("plain data");
        writeln!(orders, "{text}").expect("the child listens");
        let mut chatter = String::new();
        loop {
            let mut line = String::new();
            let read = self.answers.read_line(&mut line).expect("text");
            assert!(read > 0, "{chatter}the child died over {text}");
            match line.strip_prefix(MARK) {
                Some(answer) => return serde_json::from_str(answer).expect("the same words"),
                // Of interest only if it turns out to be its last words.
                None => chatter.push_str(&line),
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Without orders to wait for it ends by itself.
        self.orders = None;
        let _ = self.child.wait();
    }
}
