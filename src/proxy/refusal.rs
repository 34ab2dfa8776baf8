//! What a client is told when its request is not served: one type, rendered in one place.
//!
//! The code in a body is general, so that a refused token teaches an attacker nothing; why exactly is for the log.

mod words;

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, Response, StatusCode};

use super::body::{ReplyBody, Source};
use super::exchange::Exchange;
use super::heads;
use crate::finding::Code;
use crate::jose::Reason;
use crate::snapshot::Dialect;
use crate::telemetry::Cause;
use crate::wire::problem::{PROBLEM_JSON, Problem};

/// An answer that is not the upstream's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    /// The status.
    pub(super) status: StatusCode,
    /// The machine-readable code in the body: one for each status, but for codes of findings and of RFC 6750.
    pub(super) code: &'static str,
    /// Why, for log and metrics.
    pub(super) reason: &'static str,
    /// When another try makes sense.
    pub(super) retry_after: Option<Duration>,
    /// What it says besides.
    pub(super) says: Says,
    /// The connection ends with it: what follows on it may be misread too.
    pub(super) closes: bool,
}

/// The one field that some refusals have and others do not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Says {
    /// None.
    Nothing,
    /// `WWW-Authenticate`.
    Challenge(HeaderValue),
    /// `Allow`.
    Allowed(HeaderValue),
    /// `Location`: this refusal is a redirect, and has no body.
    Location(HeaderValue),
}

impl Refusal {
    /// A refusal for this cause.
    pub(super) const fn new(cause: Cause) -> Self {
        Self::because(cause.status(), cause.code(), cause.as_str())
    }

    /// A credential that is refused: the same answer for whatever is wrong inside a token.
    pub(super) fn credential(reason: Reason) -> Self {
        let (status, code) = if reason == Reason::MalformedCredentials {
            (StatusCode::BAD_REQUEST, "invalid_request")
        } else {
            (StatusCode::UNAUTHORIZED, "invalid_token")
        };
        Self::because(status, code, reason.as_str())
    }

    /// Says less than the log does. Private: whatever stands in the log is declared by a [`Cause`], [`Reason`] or
    /// [`Code`].
    const fn because(status: StatusCode, code: &'static str, reason: &'static str) -> Self {
        Self { status, code, reason, retry_after: None, says: Says::Nothing, closes: false }
    }

    /// A rule, or a part of it, that is not in force because of a finding.
    pub(super) const fn unresolved(code: Code) -> Self {
        let code = code.as_str();
        Self::because(StatusCode::SERVICE_UNAVAILABLE, code, code).retry_after(Duration::from_secs(10))
    }

    /// The same, for which the log names a finding.
    pub(super) const fn found(mut self, code: Code) -> Self {
        self.reason = code.as_str();
        self
    }

    /// A redirect to `location`.
    pub(super) fn redirect(status: StatusCode, location: HeaderValue) -> Self {
        Self { says: Says::Location(location), ..Self::because(status, "", "") }
    }

    /// The same, and the end of its connection.
    pub(super) const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The same, asking to come back after `time`, rounded up to whole seconds.
    pub(super) const fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// The same, with this challenge.
    pub(super) fn challenge(self, challenge: HeaderValue) -> Self {
        Self { says: Says::Challenge(challenge), ..self }
    }

    /// The same, with the methods that are served (RFC 9110, section 15.5.6).
    pub(super) fn allow(self, methods: HeaderValue) -> Self {
        Self { says: Says::Allowed(methods), ..self }
    }

    /// The reply.
    pub(super) fn render(self, mut exchange: Box<Exchange>) -> Response<ReplyBody> {
        exchange.status = Some(self.status);
        exchange.reason = self.reason;
        let (body, media_type) = self.body(exchange.dialect());
        let is_head = *exchange.method() == Method::HEAD;
        let length = body.len();
        let sent = if is_head { Bytes::new() } else { body };
        let closes_anyway = exchange.must_close();
        let chain = exchange.chain().cloned();
        let mut reply = Response::new(ReplyBody::new(Source::Whole(sent), exchange));
        *reply.status_mut() = self.status;
        let headers = reply.headers_mut();
        if let Some(media_type) = media_type {
            headers.insert(CONTENT_TYPE, media_type);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if is_head {
            // RFC 9110, section 8.6: what a GET would have been answered with.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(time) = self.retry_after {
            let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        match self.says {
            Says::Nothing => {}
            Says::Challenge(challenge) => {
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Says::Allowed(methods) => {
                headers.insert(ALLOW, methods);
            }
            Says::Location(location) => {
                headers.insert(LOCATION, location);
                // A redirect is the rule's own reply, and is changed as any other.
                if let Some(Ok(stages)) = chain.as_ref().map(|chain| chain.stages()) {
                    heads::edit(headers, &stages.response);
                }
            }
        }
        if self.closes || closes_anyway {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }

    /// The body and its media type; a redirect has neither.
    fn body(&self, dialect: Dialect) -> (Bytes, Option<HeaderValue>) {
        if matches!(self.says, Says::Location(_)) {
            return (Bytes::new(), None);
        }
        let (title, detail) = words::of(self.code);
        let problem = Problem { status: self.status, code: self.code, title, detail };
        match dialect {
            Dialect::Problem => (problem.to_body(), Some(PROBLEM_JSON)),
            Dialect::OpenAi => (problem.to_openai_body(), Some(HeaderValue::from_static("application/json"))),
        }
    }
}
