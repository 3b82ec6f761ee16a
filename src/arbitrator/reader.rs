//! The thread that answers people's questions. It owns a connection that only reads, so that no question waits behind a
//! tick or a write, and no caller's thread is blocked.

use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Mutex;
use std::thread::JoinHandle;

use futures::channel::oneshot;

use crate::error::ArbitratorError;
use crate::store::Queries;

type Question = Box<dyn FnOnce(&Queries) + Send>;

/// The handle to the thread.
pub(super) struct Reader {
    questions: Mutex<Option<Sender<Question>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Reader {
    /// Starts the thread.
    pub(super) fn start(queries: Queries) -> Result<Self, ArbitratorError> {
        let (questions, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("lightning-reader".into())
            .spawn(move || answer(&queries, &queue))
            .map_err(|error| ArbitratorError::Thread(error.to_string()))?;
        Ok(Reader {
            questions: Mutex::new(Some(questions)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has a question answered, with all that was acknowledged before it was asked. All that it reads is of one moment.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Queries) -> Result<T, ArbitratorError> + Send + 'static,
    ) -> Result<T, ArbitratorError> {
        let (answer, answered) = oneshot::channel();
        self.give(Box::new(move |queries| {
            // Whoever has gone meanwhile wants no answer.
            if !answer.is_canceled() {
                let _ = answer.send(queries.at_one_moment(question));
            }
        }))?;
        answered.await.map_err(|_| ArbitratorError::ShutDown)?
    }

    fn give(&self, question: Question) -> Result<(), ArbitratorError> {
        let questions = self
            .questions
            .lock()
            .map_err(|_| ArbitratorError::ShutDown)?;
        let queue = questions.as_ref().ok_or(ArbitratorError::ShutDown)?;
        queue.send(question).map_err(|_| ArbitratorError::ShutDown)
    }

    /// Takes no more questions, answers those that were asked, and closes the connection. A second call finds nothing.
    pub(super) fn stop(&self) {
        if let Ok(mut questions) = self.questions.lock() {
            questions.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut held| held.take());
        if let Some(thread) = thread {
            // The last handle may be dropped by whoever is woken by an answer, on this very thread.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(queries: &Queries, queue: &Receiver<Question>) {
    while let Ok(question) = queue.recv() {
        question(queries);
    }
}
