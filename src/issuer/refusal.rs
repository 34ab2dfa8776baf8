//! What a client is told when it gets nothing (RFC 6749, section 5.2), and what the log is told.

use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::reply::{self, Answer};
use crate::finding::Code;
use crate::jose::{ProofFault, Reason};
use crate::telemetry::{Cause, Denial};

/// What `Retry-After` says of a fault of ours of which nobody knows when it ends.
const SOME_TIME: Duration = Duration::from_secs(10);

/// The same where the client must not wait for long.
const SOON: Duration = Duration::from_secs(1);

/// An answer that gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    /// Why, for the log and the counters.
    word: &'static str,
    retry_after: Option<Duration>,
    /// What the operator has to mend, told to the client by name.
    finding: Option<Code>,
}

/// As what a token or key was presented that is refused: the same fault has another error for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// To be exchanged: RFC 8693, section 2.2.2.
    Exchanged,
    /// As a grant: RFC 7523, section 3.1.
    Assertion,
}

impl Presented {
    const fn error(self) -> &'static str {
        match self {
            Self::Exchanged => "invalid_request",
            Self::Assertion => "invalid_grant",
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        let status = denial.status();
        // Of a write nobody knows whether it was done: the client must come back within the grace of its refresh token.
        let wait = if denial == Denial::StoreUnavailable { SOON } else { SOME_TIME };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(wait);
        Self { status, error: denial.error(), word: denial.as_str(), retry_after, finding: None }
    }
}

impl Refusal {
    const fn because(status: StatusCode, error: &'static str, word: &'static str) -> Self {
        Self { status, error, word, retry_after: None, finding: None }
    }

    /// A client whose secret or assertion is not good.
    pub(super) const fn client(reason: Reason) -> Self {
        Self::because(StatusCode::UNAUTHORIZED, "invalid_client", reason.as_str())
    }

    /// A token or key that is not good.
    pub(super) const fn presented(reason: Reason, presented: Presented) -> Self {
        Self::because(StatusCode::BAD_REQUEST, presented.error(), reason.as_str())
    }

    /// The same, for what is not wrong with the token itself.
    pub(super) fn denied(denial: Denial, presented: Presented) -> Self {
        Self { error: presented.error(), ..Self::from(denial) }
    }

    /// A DPoP proof that is not good (RFC 9449, section 5).
    pub(super) const fn proof(fault: ProofFault) -> Self {
        Self::because(StatusCode::BAD_REQUEST, "invalid_dpop_proof", fault.as_str())
    }

    /// Too much was asked, or failed; after this long it may be tried again.
    pub(super) fn limited(denial: Denial, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::from(denial) }
    }

    /// Too many tokens of this source had forged signatures.
    pub(super) const fn source(wait: Duration) -> Self {
        let cause = Cause::SourceLimited;
        Self { retry_after: Some(wait), ..Self::because(cause.status(), "temporarily_unavailable", cause.as_str()) }
    }

    /// Keys that are needed cannot be had now.
    pub(super) fn keys(cause: Cause, retry: Option<Duration>, finding: Option<Code>) -> Self {
        let word = finding.map_or(cause.as_str(), Code::as_str);
        let retry_after = Some(retry.unwrap_or(SOME_TIME));
        Self { retry_after, ..Self::because(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", word) }
    }

    /// There is nothing to sign with, or to look tokens up by.
    pub(super) fn unresolved(code: Code) -> Self {
        Self { finding: Some(code), ..Self::keys(Cause::KeysUnavailable, None, Some(code)) }
    }

    /// Whether this is why.
    pub(super) fn is_for(&self, denial: Denial) -> bool {
        self.word == denial.as_str()
    }

    /// The answer, of the issuer whose policy has this name.
    pub(super) fn render(self, realm: &str) -> Answer {
        let mut body = Map::new();
        body.insert("error".to_owned(), self.error.into());
        body.insert("error_description".to_owned(), description(self.error).into());
        if let Some(code) = self.finding {
            body.insert("code".to_owned(), code.as_str().into());
        }
        let mut answer = reply::json(self.status, &Value::Object(body)).because(self.word);
        let headers = answer.response.headers_mut();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6749, section 5.2, asks for it where the field was used, RFC 9110, section 15.5.2, with every 401. Names
            // of Kubernetes objects need no escapes.
            let challenge = HeaderValue::try_from(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
            headers.insert(WWW_AUTHENTICATE, challenge.unwrap_or(HeaderValue::from_static("Basic")));
        }
        answer
    }
}

/// The description of an error: the same whatever is wrong, so that nobody learns more from it than from the error.
fn description(error: &str) -> &'static str {
    match error {
        "invalid_client" => "the client is not known, or does not show that it is the client",
        "invalid_grant" => "the grant is not valid, has ended, or is another client's",
        "unauthorized_client" => "the client may not do this",
        "unsupported_grant_type" => "there is no such grant here",
        "invalid_scope" => "the scope is none, or more than may be had",
        "invalid_target" => "the audience or resource is none that may be had",
        "invalid_dpop_proof" => "the DPoP proof is not there, or is not valid",
        "temporarily_unavailable" => "this cannot be done now; try again later",
        _ => "the request is malformed, lacks what it needs, or presents what is not valid",
    }
}
