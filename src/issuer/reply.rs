//! Whole answers of the endpoints.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use crate::telemetry::{Cause, Grant};

/// An answer, and what is said of it besides.
#[derive(Debug)]
pub struct Answer {
    /// Head and body; to a HEAD too.
    pub response: Response<Bytes>,
    /// Why nothing was given; empty where something was.
    pub reason: &'static str,
    /// The client that showed who it is, or a public one that said so.
    pub client: Option<Arc<str>>,
    /// By which grant a token was issued, if one was.
    pub issued: Option<Grant>,
}

impl Answer {
    pub(super) const fn new(response: Response<Bytes>) -> Self {
        Self { response, reason: "", client: None, issued: None }
    }

    /// The same, as a refusal for this reason.
    pub(super) fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// The same, of a client that is known.
    pub(super) fn of_client(self, client: Option<Arc<str>>) -> Self {
        Self { client, ..self }
    }

    /// The same, as one that gives a token.
    pub(super) fn by(self, grant: Grant) -> Self {
        Self { issued: Some(grant), ..self }
    }
}

/// JSON that nobody may keep (RFC 6749, section 5.1).
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Strings and maps of them: this cannot fail.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Answer::new(response)
}

/// 200, and nothing to say.
pub(super) fn done() -> Answer {
    let mut response = Response::new(Bytes::new());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer::new(response)
}

/// The endpoint takes these methods alone (RFC 9110, section 15.5.6).
pub(super) fn method_not_allowed(methods: &[Method]) -> Answer {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let allowed = HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("POST"));
    response.headers_mut().insert(ALLOW, allowed);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer::new(response).because(Cause::MethodNotAllowed.as_str())
}
