//! The bodies and challenges of refusals: RFC 9457 problems and RFC 6750, 9449 and 9728 `WWW-Authenticate` values.

mod challenge;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

pub use challenge::{Challenge, ChallengeError, ChallengeScheme, is_scope_token};

/// The media type of a problem body: RFC 9457, section 3.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal in words. None of them may repeat what the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem<'a> {
    /// The status of the answer, repeated in the body.
    pub status: StatusCode,
    /// A stable word that a program can match on, such as `invalid_token`.
    pub code: &'a str,
    /// What kind of problem it is; the same for each problem of this code.
    pub title: &'a str,
    /// What was wrong this time and what would mend it.
    pub detail: Option<&'a str>,
}

impl Problem<'_> {
    /// The body, as `application/problem+json`.
    ///
    /// `type` is a tag URI: a name that promises no page, as RFC 9457, section 3.1.1 allows.
    pub fn to_body(&self) -> Bytes {
        let mut body = String::with_capacity(192);
        body.push_str("{\"type\":");
        push_string(&mut body, &["tag:bearward.dev,2026:", self.code]);
        body.push_str(",\"title\":");
        push_string(&mut body, &[self.title]);
        body.push_str(",\"status\":");
        body.push_str(self.status.as_str());
        if let Some(detail) = self.detail {
            body.push_str(",\"detail\":");
            push_string(&mut body, &[detail]);
        }
        body.push_str(",\"code\":");
        push_string(&mut body, &[self.code]);
        body.push('}');
        Bytes::from(body)
    }
}

impl Problem<'_> {
    /// The body as OpenAI's API writes its errors, as `application/json`. Its SDKs choose the exception by the status and
    /// show `message`; programs match on `type` and `code`, which therefore are those that the API itself uses for a key
    /// that is refused and for a rate that is exceeded.
    pub fn to_openai_body(&self) -> Bytes {
        let (kind, code) = match self.status {
            StatusCode::UNAUTHORIZED => ("invalid_request_error", "invalid_api_key"),
            StatusCode::TOO_MANY_REQUESTS => ("requests", "rate_limit_exceeded"),
            status if status.is_server_error() => ("server_error", self.code),
            _ => ("invalid_request_error", self.code),
        };
        let mut body = String::with_capacity(192);
        body.push_str("{\"error\":{\"message\":");
        push_string(&mut body, &[self.detail.unwrap_or(self.title)]);
        body.push_str(",\"type\":");
        push_string(&mut body, &[kind]);
        body.push_str(",\"param\":null,\"code\":");
        push_string(&mut body, &[code]);
        body.push_str("}}");
        Bytes::from(body)
    }
}

/// Appends a JSON string (RFC 8259, section 7), with the escapes that also keep it inert inside a page.
fn push_string(body: &mut String, pieces: &[&str]) {
    body.push('"');
    for character in pieces.iter().flat_map(|piece| piece.chars()) {
        match character {
            '"' => body.push_str("\\\""),
            '\\' => body.push_str("\\\\"),
            '\n' => body.push_str("\\n"),
            '\0'..='\x1F' | '\x7F' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                body.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    body.push(char::from_digit((u32::from(character) >> shift) & 0xF, 16).unwrap_or('0'));
                }
            }
            _ => body.push(character),
        }
    }
    body.push('"');
}
