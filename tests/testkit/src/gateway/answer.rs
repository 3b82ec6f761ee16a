//! One answer of the gateway, before faults and HTTP touch it.

use serde::Serialize;

/// Status, type and body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(body: impl ToString) -> Self {
        Answer::refusal(200, body)
    }

    pub(crate) fn json(body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the shapes of json.rs have string keys");
        Answer {
            status: 200,
            content_type: "application/json",
            body,
        }
    }

    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Answer {
            status: 200,
            content_type: "application/octet-stream",
            body,
        }
    }

    /// Esplora servers explain refusals in plain text.
    pub(crate) fn refusal(status: u16, body: impl ToString) -> Self {
        Answer {
            status,
            content_type: "text/plain",
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Answer::refusal(404, what)
    }

    pub(crate) fn bad_request(why: &str) -> Self {
        Answer::refusal(400, why)
    }
}
