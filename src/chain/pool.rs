//! The built-in transport: a pool of Esplora clients, each with a connection of its own. One client alone would send its
//! requests one after another, because the HTTP engine below it locks its connection for each exchange.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitreq::{Method, Request, RequestExt, Response};
use esplora_client::{AsyncClient, Builder};
use futures::future::LocalBoxFuture;
use futures::FutureExt;

use super::error::ChainError;
use super::http::{HttpError, HttpMethod, HttpRequest, HttpResponse, HttpTransport};

/// HTTP over a pool of connections to one Esplora server.
pub struct EsploraPool {
    base_url: String,
    size: usize,
    idle: Mutex<Vec<AsyncClient>>,
}

impl EsploraPool {
    /// A pool that keeps up to `size` connections to the server at `base_url` (`http://` or `https://`, with the prefix
    /// of its API if it has one). Nothing is sent yet.
    ///
    /// # Errors
    /// [`ChainError::Configuration`] when the URL is of another kind.
    pub fn new(base_url: &str, size: usize) -> Result<Self, ChainError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        if !base_url.starts_with("http://") && !base_url.starts_with("https://") {
            return Err(ChainError::Configuration(
                "the server's URL is not http(s)".to_owned(),
            ));
        }
        Ok(Self {
            base_url,
            size,
            idle: Mutex::default(),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<AsyncClient>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn borrow(&self) -> Result<Borrowed<'_>, HttpError> {
        if let Some(client) = self.idle().pop() {
            return Ok(Borrowed {
                pool: self,
                client: Some(client),
            });
        }
        let client = Builder::new(&self.base_url)
            .max_retries(0)
            .build_async()
            .map_err(|error| HttpError::Configuration(error.to_string()))?;
        Ok(Borrowed {
            pool: self,
            client: Some(client),
        })
    }
}

/// A client in use; it goes back into the pool also when the exchange is dropped half-way.
struct Borrowed<'a> {
    pool: &'a EsploraPool,
    client: Option<AsyncClient>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.idle();
        if idle.len() < self.pool.size {
            idle.extend(self.client.take());
        }
    }
}

impl HttpTransport for EsploraPool {
    fn exchange(
        &self,
        request: HttpRequest,
    ) -> LocalBoxFuture<'_, Result<HttpResponse, HttpError>> {
        async move {
            let borrowed = self.borrow()?;
            let Some(client) = &borrowed.client else {
                return Err(HttpError::Configuration("no client".to_owned()));
            };
            let exchange = prepare(client.url(), &request).send_async_with_client(client.client());
            match tokio::time::timeout(request.timeout, exchange).await {
                Ok(Ok(response)) => complete(response),
                Ok(Err(error)) => Err(translate(error)),
                Err(_elapsed) => Err(HttpError::Timeout),
            }
        }
        .boxed_local()
    }
}

fn prepare(base_url: &str, request: &HttpRequest) -> Request {
    let method = match request.method {
        HttpMethod::Get => Method::Get,
        HttpMethod::Post => Method::Post,
    };
    let prepared = Request::new(method, format!("{base_url}{}", request.path))
        .with_max_body_size(request.max_body)
        // Where the app's questions go is for the app to say, not for the server.
        .with_max_redirects(0);
    match request.method {
        HttpMethod::Get => prepared,
        HttpMethod::Post => prepared.with_body(request.body.clone()),
    }
}

fn complete(response: Response) -> Result<HttpResponse, HttpError> {
    let announced = response
        .headers
        .get("content-length")
        .and_then(|length| length.trim().parse::<usize>().ok());
    if announced.is_some_and(|length| response.as_bytes().len() < length) {
        return Err(HttpError::CutOff);
    }
    let status = u16::try_from(response.status_code)
        .map_err(|_| HttpError::Unusable(format!("status {}", response.status_code)))?;
    // The other form, a date, would need a clock that the device shares with the server.
    let retry_after = response
        .headers
        .get("retry-after")
        .and_then(|seconds| seconds.trim().parse().ok());
    let retry_after = retry_after.map(Duration::from_secs);
    Ok(HttpResponse {
        status,
        body: response.into_bytes(),
        retry_after,
    })
}

fn translate(error: bitreq::Error) -> HttpError {
    match error {
        bitreq::Error::BodyOverflow => HttpError::TooLarge,
        bitreq::Error::IoError(io) => match io.kind() {
            std::io::ErrorKind::UnexpectedEof => HttpError::CutOff,
            std::io::ErrorKind::TimedOut => HttpError::Timeout,
            _ => HttpError::Connection(io.to_string()),
        },
        bitreq::Error::AddressNotFound => HttpError::Connection("address not found".to_owned()),
        error @ (bitreq::Error::InvalidUrl(_) | bitreq::Error::HttpsFeatureNotEnabled) => {
            HttpError::Configuration(error.to_string())
        }
        error @ bitreq::Error::Other(_) => HttpError::Connection(error.to_string()),
        error @ (bitreq::Error::MalformedChunkEnd | bitreq::Error::MalformedChunkLength) => {
            log::debug!("chunked answer broken off: {error}");
            HttpError::CutOff
        }
        error => HttpError::Unusable(error.to_string()),
    }
}
