//! The HTTP side of the gateway: counts a request, holds it back, lets faults strike, and writes the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{to_bytes, Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{header, HeaderValue, Response, StatusCode};
use axum::Router;
use futures::stream;

use super::answer::Answer;
use super::fault::{Fault, Lie};
use super::routes::{self, Method};
use super::view::View;
use super::{KeepAlive, Shared};

/// More than any transaction or package.
const MAX_REQUEST_BODY: usize = 16 << 20;
/// Huge bodies are sent in pieces of this size.
const PIECE: usize = 64 << 10;
/// What a cut body lacks of its announced length.
const MISSING_BYTES: usize = 100;

/// The Esplora endpoints; whatever else the server answers is merged into it.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

/// What happens to the answer on its way.
enum Mishap {
    None,
    CutBody,
    HangUp,
    HugeBody(u64),
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    shared.log(format!("{} {target}", parts.method), &target);
    let faults = shared.strike(&target);
    let turn = shared.arrive(&target);
    if let Some(turn) = turn {
        // An error means that the gateway is being shut down or an alarm was taken back; the answer may not be read.
        let _ = turn.await;
    }
    let Ok(body) = to_bytes(body, MAX_REQUEST_BODY).await else {
        return send(
            &shared,
            Answer::refusal(413, "request too large"),
            Mishap::None,
        );
    };
    let method = match parts.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        _ => Method::Other,
    };
    let mut lies = Vec::new();
    let mut instead = None;
    let mut mishap = Mishap::None;
    for fault in faults {
        match fault {
            Fault::Delay { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Fault::Status { code, body } => instead = Some(Answer::refusal(code, body)),
            Fault::WrongJson => {
                instead = Some(Answer::json(&serde_json::json!({ "wrong": [1, 2, 3] })))
            }
            Fault::CutBody => mishap = Mishap::CutBody,
            Fault::HangUp => mishap = Mishap::HangUp,
            Fault::HugeBody { bytes } => mishap = Mishap::HugeBody(bytes),
            Fault::Lie(lie) => lies.push(lie),
        }
    }
    let answer = match instead {
        Some(answer) => answer,
        None => honest(&shared, method, target, body, lies).await,
    };
    shared.answer();
    send(&shared, answer, mishap)
}

/// Asks the chain on a thread that may block, since a node answers over RPC.
async fn honest(
    shared: &Arc<Shared>,
    method: Method,
    target: String,
    body: Bytes,
    lies: Vec<Lie>,
) -> Answer {
    let shared = Arc::clone(shared);
    let work = move || {
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let view = View::new(&*shared.chain, lies);
        let request = routes::Request {
            method,
            path,
            query,
            body: &body,
        };
        routes::answer(&view, shared.flavour(), &request)
    };
    let answered = tokio::task::spawn_blocking(work).await;
    answered.unwrap_or_else(|panic| {
        Answer::refusal(500, format!("the gateway's chain failed: {panic}"))
    })
}

fn send(shared: &Shared, answer: Answer, mishap: Mishap) -> Response<Body> {
    let announced = answer.body.len() + MISSING_BYTES;
    let (body, length) = match mishap {
        Mishap::None => (Body::from(answer.body), None),
        Mishap::CutBody => (broken_off(answer.body), Some(announced)),
        Mishap::HangUp => (broken_off(Vec::new()), Some(announced)),
        Mishap::HugeBody(bytes) => (huge(bytes), None),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(answer.content_type),
    );
    headers.extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
    match shared.keep_alive() {
        KeepAlive::Announced => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
        }
        KeepAlive::Silent => {}
    }
    response
}

/// The beginning of a body, behind which the connection breaks. An empty beginning breaks it before anything is sent.
fn broken_off(beginning: Vec<u8>) -> Body {
    let pieces = stream::unfold(Some(beginning), |beginning| async move {
        match beginning {
            Some(bytes) if !bytes.is_empty() => Some((Ok(Bytes::from(bytes)), None)),
            Some(_) => Some((Err(abort()), None)),
            None => {
                // While the body is pending the server writes out what it has.
                tokio::task::yield_now().await;
                Some((Err(abort()), None))
            }
        }
    });
    Body::from_stream(pieces)
}

fn abort() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "ordered fault")
}

fn huge(bytes: u64) -> Body {
    let pieces = stream::unfold(bytes, |left| async move {
        let piece = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let next = left.saturating_sub(piece as u64);
        (piece > 0).then(|| {
            (
                Ok::<_, std::io::Error>(Bytes::from(vec![b'0'; piece])),
                next,
            )
        })
    });
    Body::from_stream(pieces)
}
