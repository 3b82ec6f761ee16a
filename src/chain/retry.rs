//! One question to a server, asked until it is answered or patience ends: the same few rules for every endpoint.
//!
//! | what came back | asked again |
//! |---|---|
//! | connection failed or broke, answer cut off | yes |
//! | status 429 or 5xx | yes, after the pause the server asks for or a longer one |
//! | any other status | no: it is the answer |
//! | nothing in time, too much, not HTTP | no |

use std::time::Duration;

use futures::future::{select, Either};
use futures::pin_mut;

use super::budget::Budget;
use super::error::{BudgetLimit, ChainError};
use super::http::{HttpError, HttpMethod, HttpRequest, HttpResponse, HttpTransport};
use super::policy::ChainPolicy;

/// How much of an error text is kept.
const MAX_ERROR_TEXT: usize = 300;

/// What is asked of a server, whatever the transport.
pub(super) struct Call<'a> {
    pub(super) method: HttpMethod,
    pub(super) path: &'a str,
    pub(super) body: Vec<u8>,
}

/// Makes the exchange, again and again within the policy and the budget, until there is an answer that another attempt
/// would not change.
pub(super) async fn exchange(
    transport: &dyn HttpTransport,
    policy: &ChainPolicy,
    budget: &Budget,
    call: Call<'_>,
) -> Result<HttpResponse, ChainError> {
    let mut attempt = 1;
    loop {
        budget.count_request()?;
        let timeout = budget.time_left(policy.request_timeout);
        let request = HttpRequest {
            method: call.method,
            path: call.path.to_owned(),
            body: call.body.clone(),
            max_body: policy.max_body,
            timeout,
        };
        let answer = unless_cancelled(budget, transport.exchange(request)).await?;
        let is_last = attempt >= policy.max_attempts;
        let asked_to_wait = match &answer {
            Ok(response) if !is_last && is_worth_repeating(response.status) => response.retry_after,
            Err(HttpError::Connection(_) | HttpError::CutOff) if !is_last => None,
            Ok(_) | Err(_) => {
                return answer.map_err(|error| explain(error, call.path, policy, budget))
            }
        };
        pause(policy, budget, attempt, asked_to_wait).await?;
        attempt += 1;
    }
}

/// The error for a status that is no answer to the question.
pub(super) fn refused(path: &str, response: &HttpResponse) -> ChainError {
    ChainError::Status {
        endpoint: path.to_owned(),
        code: response.status,
        text: text(response),
    }
}

/// The beginning of a body as text.
pub(super) fn text(response: &HttpResponse) -> String {
    String::from_utf8_lossy(&response.body)
        .chars()
        .take(MAX_ERROR_TEXT)
        .collect()
}

fn is_worth_repeating(status: u16) -> bool {
    status == 429 || (500..600).contains(&status)
}

async fn pause(
    policy: &ChainPolicy,
    budget: &Budget,
    attempt: u32,
    asked_to_wait: Option<Duration>,
) -> Result<(), ChainError> {
    let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
    let pause = policy.backoff.saturating_mul(doubled);
    let pause = pause
        .max(asked_to_wait.unwrap_or_default())
        .min(policy.max_backoff);
    if budget.time_left(pause) < pause {
        return Err(ChainError::BudgetExhausted(BudgetLimit::Duration));
    }
    if pause.is_zero() {
        return Ok(());
    }
    unless_cancelled(budget, tokio::time::sleep(pause)).await
}

async fn unless_cancelled<T>(
    budget: &Budget,
    work: impl std::future::Future<Output = T>,
) -> Result<T, ChainError> {
    let cancelled = budget.cancelled();
    pin_mut!(work, cancelled);
    match select(work, cancelled).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(((), _)) => Err(ChainError::Cancelled),
    }
}

fn explain(error: HttpError, path: &str, policy: &ChainPolicy, budget: &Budget) -> ChainError {
    let endpoint = path.to_owned();
    match error {
        HttpError::Connection(why) => ChainError::Unreachable { endpoint, why },
        HttpError::CutOff => ChainError::CutOff { endpoint },
        HttpError::TooLarge => ChainError::TooLarge {
            endpoint,
            limit: policy.max_body,
        },
        HttpError::Unusable(what) => ChainError::Malformed { endpoint, what },
        HttpError::Configuration(what) => ChainError::Configuration(what),
        // The tick's own end may have come before the exchange's.
        HttpError::Timeout => match budget.check() {
            Err(ended) => ended,
            Ok(()) => ChainError::Timeout {
                endpoint,
                limit: policy.request_timeout,
            },
        },
    }
}
