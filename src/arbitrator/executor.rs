//! The library's own thread. It owns the database and the connections; everything else sends it jobs and awaits the
//! answer, so that no caller's thread is ever blocked and no runtime of the caller's is needed.

use std::rc::Rc;
use std::sync::Mutex;
use std::thread::JoinHandle;

use futures::channel::{mpsc, oneshot};
use futures::future::{select, Either, LocalBoxFuture};
use futures::StreamExt;

use super::core::Core;
use crate::error::ArbitratorError;

/// What makes a thread's `Core`; it may wait for the app.
pub(super) type Making = LocalBoxFuture<'static, Result<Core, ArbitratorError>>;

type Job = Box<dyn FnOnce(Rc<Core>) -> LocalBoxFuture<'static, ()> + Send>;

/// What is done with the core when everything else has ended.
pub(super) type Finish = Box<dyn FnOnce(Core)>;

/// Decides whether the thread ends, and how.
type Last = Box<dyn FnOnce(&Core) -> Option<Finish> + Send>;

enum Errand {
    Job(Job),
    Last(Last),
}

/// The handle to the thread.
pub(super) struct Executor {
    jobs: Mutex<Option<mpsc::UnboundedSender<Errand>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Executor {
    /// Starts the thread; `make` runs on it and makes what it owns.
    pub(super) async fn start(
        make: impl FnOnce() -> Making + Send + 'static,
    ) -> Result<Self, ArbitratorError> {
        let (jobs, queue) = mpsc::unbounded();
        let (ready, opened) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("lightning-arbitrator".into())
            .spawn(move || run(make, queue, ready))
            .map_err(|error| ArbitratorError::Thread(error.to_string()))?;
        opened.await.map_err(|_| ArbitratorError::ShutDown)??;
        Ok(Executor {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs a job on the thread and gives its answer. Dropping the future does not stop the job: what it began is
    /// finished, so that a cancelled caller leaves nothing half done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(Rc<Core>) -> LocalBoxFuture<'static, Result<T, ArbitratorError>>
            + Send
            + 'static,
    ) -> Result<T, ArbitratorError> {
        let (answer, answered) = oneshot::channel();
        self.give_job(Box::new(move |core| {
            Box::pin(async move {
                // Nobody may be waiting any more; the job was done all the same.
                let _ = answer.send(job(core).await);
            })
        }))?;
        answered.await.map_err(|_| ArbitratorError::ShutDown)?
    }

    /// The same for a job that only waits and looks: it ends when its answer is not wanted any more.
    pub(super) async fn run_while_awaited<T: Send + 'static>(
        &self,
        job: impl FnOnce(Rc<Core>) -> LocalBoxFuture<'static, Result<T, ArbitratorError>>
            + Send
            + 'static,
    ) -> Result<T, ArbitratorError> {
        let (mut answer, answered) = oneshot::channel();
        self.give_job(Box::new(move |core| {
            Box::pin(async move {
                let waited = select(job(core), answer.cancellation()).await;
                if let Either::Left((found, _)) = waited {
                    let _ = answer.send(found);
                }
            })
        }))?;
        answered.await.map_err(|_| ArbitratorError::ShutDown)?
    }

    /// Lets `decide` end the thread: if it gives something to finish with, whatever waits is dropped, no job that came
    /// later is begun, and what the thread owned is handed over.
    pub(super) fn end(
        &self,
        decide: impl FnOnce(&Core) -> Option<Finish> + Send + 'static,
    ) -> Result<(), ArbitratorError> {
        self.give(Errand::Last(Box::new(decide)))
    }

    fn give_job(&self, job: Job) -> Result<(), ArbitratorError> {
        self.give(Errand::Job(job))
    }

    fn give(&self, errand: Errand) -> Result<(), ArbitratorError> {
        let jobs = self.jobs.lock().map_err(|_| ArbitratorError::ShutDown)?;
        let queue = jobs.as_ref().ok_or(ArbitratorError::ShutDown)?;
        queue
            .unbounded_send(errand)
            .map_err(|_| ArbitratorError::ShutDown)
    }

    /// Takes no more jobs, ends the thread at its next await, and closes the database. A second call finds nothing.
    pub(super) fn stop(&self) {
        if let Ok(mut jobs) = self.jobs.lock() {
            jobs.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut held| held.take());
        if let Some(thread) = thread {
            // The last handle may be dropped by a job on the thread itself, which cannot wait for its own end.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    make: impl FnOnce() -> Making,
    mut queue: mpsc::UnboundedReceiver<Errand>,
    ready: oneshot::Sender<Result<(), ArbitratorError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(ArbitratorError::Thread(error.to_string())));
            return;
        }
    };
    let core = match runtime.block_on(make()) {
        Ok(core) => Rc::new(core),
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    let local = tokio::task::LocalSet::new();
    let last = local.block_on(&runtime, async move {
        while let Some(errand) = queue.next().await {
            match errand {
                Errand::Job(job) => drop(tokio::task::spawn_local(job(core.clone()))),
                Errand::Last(decide) => {
                    if let Some(finish) = decide(&core) {
                        return Some((core, finish));
                    }
                }
            }
        }
        None
    });
    // Tasks that still wait for a server are dropped here: their steps are stored, the next tick goes on.
    drop(local);
    if let Some((core, finish)) = last {
        // Only tasks share the core, and there are none left.
        if let Some(core) = Rc::into_inner(core) {
            finish(core);
        }
    }
}
