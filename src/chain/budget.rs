//! What one tick may cost: how many requests, how much time, and the flag that cancels it. Every exchange with a server,
//! retries included, is counted here before it is made.

use std::future::{pending, poll_fn, Future};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::{select, Either};
use futures::pin_mut;

use super::error::{BudgetLimit, ChainError};

/// The limits of one tick and what it has used of them. Clones share the count and the flag, so that a clone kept by
/// another thread can cancel the tick or read how many requests it made.
#[derive(Clone, Debug)]
pub struct Budget {
    max_requests: Option<u32>,
    deadline: Option<Instant>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU32,
    cancelled: AtomicBool,
    /// Whoever waits for something that cancelling must interrupt.
    waiting: Mutex<Vec<Waker>>,
}

impl Budget {
    /// No limit but cancellation.
    pub fn unlimited() -> Self {
        Self {
            max_requests: None,
            deadline: None,
            shared: Arc::default(),
        }
    }

    /// The same budget, but with at most this many exchanges.
    pub fn with_max_requests(self, max_requests: u32) -> Self {
        Self {
            max_requests: Some(max_requests),
            ..self
        }
    }

    /// The same budget, but ending this long from now.
    pub fn with_max_duration(self, max_duration: Duration) -> Self {
        // An end beyond what the clock can express is no end.
        Self {
            deadline: Instant::now().checked_add(max_duration),
            ..self
        }
    }

    /// Ends the tick: what is under way is dropped, nothing more is asked. May be called from any thread.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        let mut waiting = self
            .shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).for_each(Waker::wake);
    }

    /// Completes when the tick is cancelled, and never otherwise.
    pub async fn cancelled(&self) {
        poll_fn(|context| {
            // The flag is read under the lock that `cancel` takes after setting it, so that no waker is missed.
            let mut waiting = self
                .shared
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if self.shared.cancelled.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Does work that asks no server as a part of the tick: it is dropped when the tick is cancelled or its time is over.
    ///
    /// # Errors
    /// [`ChainError::Cancelled`] or [`ChainError::BudgetExhausted`].
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, ChainError> {
        let cancelled = self.cancelled();
        let time_over = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => pending().await,
            }
        };
        pin_mut!(work, cancelled, time_over);
        match select(work, select(cancelled, time_over)).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((Either::Left(((), _)), _)) => Err(ChainError::Cancelled),
            Either::Right((Either::Right(((), _)), _)) => {
                Err(ChainError::BudgetExhausted(BudgetLimit::Duration))
            }
        }
    }

    /// How many exchanges were made so far, retries included.
    pub fn requests_made(&self) -> u32 {
        self.shared.requests.load(Ordering::Acquire)
    }

    /// How many exchanges may still be made; `None` when their number is not limited.
    pub fn requests_left(&self) -> Option<u32> {
        self.max_requests
            .map(|max| max.saturating_sub(self.requests_made()))
    }

    /// Fails when the tick is cancelled or its time is over; counts nothing.
    ///
    /// # Errors
    /// [`ChainError::Cancelled`] or [`ChainError::BudgetExhausted`].
    pub fn check(&self) -> Result<(), ChainError> {
        if self.shared.cancelled.load(Ordering::Acquire) {
            return Err(ChainError::Cancelled);
        }
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(ChainError::BudgetExhausted(BudgetLimit::Duration));
        }
        Ok(())
    }

    /// Counts one exchange that is about to be made. A [`ChainSource`](super::ChainSource) calls this before each.
    ///
    /// # Errors
    /// [`ChainError::Cancelled`] or [`ChainError::BudgetExhausted`]; the exchange must then not be made.
    pub fn count_request(&self) -> Result<(), ChainError> {
        self.check()?;
        let limit = self.max_requests.unwrap_or(u32::MAX);
        self.shared
            .requests
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |made| {
                (made < limit).then_some(made.saturating_add(1))
            })
            .map(|_| ())
            .map_err(|_| ChainError::BudgetExhausted(BudgetLimit::Requests))
    }

    /// How much time is left, at most `at_most`.
    pub fn time_left(&self, at_most: Duration) -> Duration {
        match self.deadline {
            Some(deadline) => deadline
                .saturating_duration_since(Instant::now())
                .min(at_most),
            None => at_most,
        }
    }
}
