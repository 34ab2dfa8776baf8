//! The id of a request and its place in a trace.
//!
//! Unless a trusted proxy chose one, a request's id is that of its own span: one random number, and one buffer for both
//! fields that carry it.

use http::request::Parts;
use http::{HeaderName, HeaderValue};

use super::random::Random;
use crate::wire::traceparent::{RequestId, SPAN_DIGITS, Sampled, TRACEPARENT, TraceParent};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How one request is named.
#[derive(Clone, Debug)]
pub(super) struct RequestName {
    span: u64,
    /// Chosen by a trusted proxy.
    given: Option<RequestId>,
}

impl RequestName {
    /// A new one.
    pub(super) fn draw(random: &Random) -> Self {
        Self { span: random.next().max(1), given: None }
    }

    /// Takes over the id that a trusted proxy chose, if it is one.
    pub(super) fn adopt(&mut self, head: &Parts) {
        self.given = head.headers.get(X_REQUEST_ID).and_then(RequestId::from_caller);
    }

    /// The id as text, written into `digits` unless it was given.
    pub(super) fn text<'a>(&'a self, digits: &'a mut [u8; 16]) -> &'a str {
        if let Some(given) = &self.given {
            return given.as_str();
        }
        write_hex(self.span, digits);
        std::str::from_utf8(digits).unwrap_or_default()
    }

    /// Continues the trace of the request, or begins one, and names the request to the upstream.
    pub(super) fn tell(&self, random: &Random, head: &mut Parts) {
        let span = self.span.to_be_bytes();
        let parent = TraceParent::of_request(&mut head.headers).map_or_else(
            || {
                let trace = (u128::from(random.next()) << 64) | u128::from(random.next());
                TraceParent::new(trace.to_be_bytes(), span, Sampled::No)
            },
            |parent| parent.child(span),
        );
        let text = parent.to_bytes();
        let id = match &self.given {
            Some(given) => given.as_value().clone(),
            None => value(text.slice(SPAN_DIGITS)),
        };
        head.headers.insert(TRACEPARENT, value(text));
        head.headers.insert(X_REQUEST_ID, id);
    }
}

/// Digits and hyphens are a header value; the alternative is unreachable.
fn value(text: bytes::Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static(""))
}

fn write_hex(number: u64, digits: &mut [u8; 16]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = usize::try_from((number >> (4 * place)) & 0xf).unwrap_or_default();
        *digit = DIGITS.get(nibble).copied().unwrap_or_default();
    }
}
