//! One HTTP exchange, as small as it can be, so that another client (a phone's own, one over Tor) can take the place of
//! the built-in one. No retries, no counting: those are above it.

use std::time::Duration;

use futures::future::LocalBoxFuture;

/// Makes single HTTP exchanges with one server.
pub trait HttpTransport: Send + Sync {
    /// Sends the request and reads the whole answer. Any status code is an answer.
    fn exchange(&self, request: HttpRequest)
        -> LocalBoxFuture<'_, Result<HttpResponse, HttpError>>;
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// How.
    pub method: HttpMethod,
    /// Where, appended to the server's base URL; begins with `/`.
    pub path: String,
    /// The body; empty for GET.
    pub body: Vec<u8>,
    /// The longest answer to read, in bytes.
    pub max_body: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// The methods we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// Read something.
    Get,
    /// Hand something over.
    Post,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The body, complete.
    pub body: Vec<u8>,
    /// How long the server asks us to wait before we ask again.
    pub retry_after: Option<Duration>,
}

/// Why there was no complete answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("connection failed: {0}")]
    Connection(String),
    /// Not in time.
    #[error("no answer in time")]
    Timeout,
    /// Longer than `max_body`.
    #[error("answer too long")]
    TooLarge,
    /// Shorter than announced.
    #[error("answer cut off")]
    CutOff,
    /// The answer is not HTTP as we accept it (a redirect, a broken header).
    #[error("unusable answer: {0}")]
    Unusable(String),
    /// The request cannot be sent as configured (a bad URL).
    #[error("bad configuration: {0}")]
    Configuration(String),
}
