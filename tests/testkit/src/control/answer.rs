//! From an HTTP request to a plain function and back: bodies are parsed, work is done on a thread that may block (a node
//! answers over RPC), errors become a status and a sentence.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, MethodRouter};
use axum::Json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::chain::Reject;
use crate::party::{Channel, PartyError};

use super::Control;

/// What a request without fields carries, and what is answered when there is nothing to say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Why a request was refused.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    /// The request contradicts itself or what was before.
    pub fn of_story(text: impl ToString) -> Self {
        Refusal {
            status: StatusCode::BAD_REQUEST,
            text: text.to_string(),
        }
    }

    fn unknown_channel(id: usize) -> Self {
        Refusal {
            status: StatusCode::NOT_FOUND,
            text: format!("no channel {id}"),
        }
    }
}

impl From<PartyError> for Refusal {
    fn from(error: PartyError) -> Self {
        Refusal::of_story(error)
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Refusal {
            status: StatusCode::CONFLICT,
            text: reject.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.text }))).into_response()
    }
}

/// A POST about the chain or the gateway.
pub(super) fn command<Q, A>(
    work: fn(&Control, Q) -> Result<A, Refusal>,
) -> MethodRouter<Arc<Control>>
where
    Q: DeserializeOwned + 'static,
    A: Serialize + 'static,
{
    post(move |State(control): State<Arc<Control>>, body: Bytes| {
        blocking(move || work(&control, parse(&body)?))
    })
}

/// A GET about the chain or the gateway.
pub(super) fn query<A>(work: fn(&Control) -> Result<A, Refusal>) -> MethodRouter<Arc<Control>>
where
    A: Serialize + 'static,
{
    get(move |State(control): State<Arc<Control>>| blocking(move || work(&control)))
}

/// A GET whose path ends with what it asks for.
pub(super) fn query_with<A>(
    work: fn(&Control, String) -> Result<A, Refusal>,
) -> MethodRouter<Arc<Control>>
where
    A: Serialize + 'static,
{
    get(
        move |State(control): State<Arc<Control>>, Path(what): Path<String>| {
            blocking(move || work(&control, what))
        },
    )
}

/// A POST about one channel. The channel changes only if the work succeeds.
pub(super) fn channel_command<Q, A>(
    work: fn(&mut Channel, &Control, Q) -> Result<A, Refusal>,
) -> MethodRouter<Arc<Control>>
where
    Q: DeserializeOwned + 'static,
    A: Serialize + 'static,
{
    post(
        move |State(control): State<Arc<Control>>, Path(id): Path<usize>, body: Bytes| {
            blocking(move || {
                let request = parse(&body)?;
                let mut channels = control.channels();
                let channel = channels
                    .get_mut(id)
                    .ok_or_else(|| Refusal::unknown_channel(id))?;
                let mut changed = channel.clone();
                let answer = work(&mut changed, &control, request)?;
                *channel = changed;
                Ok(answer)
            })
        },
    )
}

/// A GET about one channel.
pub(super) fn channel_query<A>(work: fn(&Channel, usize) -> A) -> MethodRouter<Arc<Control>>
where
    A: Serialize + 'static,
{
    get(
        move |State(control): State<Arc<Control>>, Path(id): Path<usize>| {
            blocking(move || {
                let channels = control.channels();
                let channel = channels
                    .get(id)
                    .ok_or_else(|| Refusal::unknown_channel(id))?;
                Ok(work(channel, id))
            })
        },
    )
}

fn parse<Q: DeserializeOwned>(body: &[u8]) -> Result<Q, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::of_story(format!("request: {error}")))
}

async fn blocking<A: Serialize>(
    work: impl FnOnce() -> Result<A, Refusal> + Send + 'static,
) -> Response {
    // Made into JSON there, so that the answer itself need not cross threads.
    let work = || work().and_then(|answer| serde_json::to_value(answer).map_err(Refusal::of_story));
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(refusal)) => refusal.into_response(),
        Err(panic) => {
            let text = format!("the testkit failed: {panic}");
            Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                text,
            }
            .into_response()
        }
    }
}
