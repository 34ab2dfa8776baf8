//! What a client is told when its request is not served: one type, rendered in one place.
//!
//! The code in a body is general, so that a refused token teaches an attacker nothing; why exactly is for the log.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use super::body::{ReplyBody, Source};
use super::exchange::Exchange;
use crate::finding::Code;
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
    /// `WWW-Authenticate`.
    pub(super) challenge: Option<HeaderValue>,
    /// `Location`: this refusal is a redirect.
    pub(super) location: Option<HeaderValue>,
    /// The connection ends with it: what follows on it may be misread too.
    pub(super) closes: bool,
}

impl Refusal {
    /// A refusal whose reason is its code.
    pub(super) const fn new(status: StatusCode, code: &'static str) -> Self {
        Self::because(status, code, code)
    }

    /// A refusal that says less than the log does.
    pub(super) const fn because(status: StatusCode, code: &'static str, reason: &'static str) -> Self {
        Self { status, code, reason, retry_after: None, challenge: None, location: None, closes: false }
    }

    /// A rule, or a part of it, that is not in force because of a finding.
    pub(super) const fn unresolved(code: Code) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code.as_str()).retry_after(Duration::from_secs(10))
    }

    /// A redirect to `location`.
    pub(super) fn redirect(status: StatusCode, location: HeaderValue) -> Self {
        let mut refusal = Self::because(status, "", "");
        refusal.location = Some(location);
        refusal
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
    pub(super) fn challenge(mut self, challenge: HeaderValue) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// The reply.
    pub(super) fn render(self, mut exchange: Exchange) -> Response<ReplyBody> {
        exchange.status = Some(self.status);
        exchange.reason = self.reason;
        let is_redirect = self.location.is_some();
        let body = if is_redirect { Bytes::new() } else { self.problem().to_body() };
        let mut reply = Response::new(ReplyBody::new(Source::Whole(body), exchange));
        *reply.status_mut() = self.status;
        let headers = reply.headers_mut();
        if !is_redirect {
            headers.insert(CONTENT_TYPE, PROBLEM_JSON);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(time) = self.retry_after {
            let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(location) = self.location {
            headers.insert(LOCATION, location);
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }

    /// The words for a code. They are the same for every cause, but for codes of findings, whose cure is the operator's.
    fn problem(&self) -> Problem<'static> {
        let (title, detail) = match self.code {
            "no_route" => ("No route", Some("Nothing is served under this host and path.")),
            "bad_request" => ("Bad request", Some("The request has no single meaning.")),
            "no_credentials" => ("Credentials needed", Some("Send a token as Authorization: Bearer.")),
            "invalid_request" => {
                ("Malformed credentials", Some("Send exactly one token, in the Authorization header."))
            }
            "invalid_token" => ("Token refused", Some("The token is not valid here.")),
            "insufficient_scope" => ("Scope needed", Some("The token lacks a scope; WWW-Authenticate names it.")),
            "access_denied" => ("Access denied", Some("The token is valid but does not allow this.")),
            "keys_unavailable" => ("Keys unavailable", Some("The token cannot be checked now; it may well be good.")),
            "body_too_large" => ("Body too large", None),
            "target_too_long" => ("Target too long", None),
            "no_endpoint" | "upstream_unreachable" | "no_backend" => ("Upstream unavailable", None),
            "upstream_broken" => ("Upstream failed", Some("The upstream ended the exchange before a reply.")),
            "upstream_timeout" => ("Upstream too slow", None),
            _ => ("Route not in force", Some("The route's resources have a finding; its status says more.")),
        };
        Problem { status: self.status, code: self.code, title, detail }
    }
}
