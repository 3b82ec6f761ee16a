//! Calls into the app: on threads of their own, with a time limit, never under a lock or inside a transaction.
//!
//! A callback may be slow, may panic, and may call back into the library; none of that stops the executor. A worker
//! that never comes back is given up, and the next call gets another.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot;

use crate::error::CalloutError;

type Task = Box<dyn FnOnce() + Send>;

/// A task travels with the way to reach its worker again, which the worker gives back when it is done: a worker that
/// nobody can reach any more ends.
struct Errand {
    task: Task,
    worker: Worker,
}

#[derive(Clone)]
struct Worker(mpsc::Sender<Errand>);

/// The idle workers. A call takes one, or starts one; a worker that is done puts itself back.
#[derive(Clone)]
pub(super) struct Callout {
    idle: Arc<Mutex<Vec<Worker>>>,
    limit: Duration,
}

impl Callout {
    pub(super) fn new(limit: Duration) -> Self {
        Callout {
            idle: Arc::default(),
            limit,
        }
    }

    /// Calls into the app.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CalloutError> {
        self.call_times(1, work).await
    }

    /// The same for work that calls the app so many times: each call has the limit.
    pub(super) async fn call_times<T: Send + 'static>(
        &self,
        times: u32,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CalloutError> {
        let limit = self.limit.saturating_mul(times);
        let (answer, answered) = oneshot::channel();
        self.give(Box::new(move || {
            if let Ok(value) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = answer.send(value);
            }
        }))?;
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(CalloutError::Panicked),
            Err(_) => Err(CalloutError::TimedOut { limit }),
        }
    }

    fn give(&self, task: Task) -> Result<(), CalloutError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let worker = match idle {
            Some(worker) => worker,
            None => self.start()?,
        };
        let back = worker.clone();
        worker
            .0
            .send(Errand { task, worker: back })
            .map_err(|_| CalloutError::NoThread)
    }

    fn start(&self) -> Result<Worker, CalloutError> {
        let (errands, queue) = mpsc::channel::<Errand>();
        let idle = Arc::downgrade(&self.idle);
        std::thread::Builder::new()
            .name("lightning-callout".into())
            .spawn(move || {
                while let Ok(Errand { task, worker }) = queue.recv() {
                    task();
                    let Some(idle) = idle.upgrade() else { return };
                    match idle.lock() {
                        Ok(mut idle) => idle.push(worker),
                        Err(_) => return,
                    };
                }
            })
            .map_err(|_| CalloutError::NoThread)?;
        Ok(Worker(errands))
    }
}
