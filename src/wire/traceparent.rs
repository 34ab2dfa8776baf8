//! The trace that a request belongs to (W3C Trace Context) and the id by which logs name it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// `traceparent`.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `tracestate`.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const MAX_REQUEST_ID_BYTES: usize = 128;
const VALUE_BYTES: usize = 55;

/// Where the span's id stands in [`TraceParent::to_bytes`].
pub const SPAN_DIGITS: Range<usize> = 36..52;

/// Where a request stands in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: Sampled,
}

/// Whether the caller records its part of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampled {
    /// It may.
    Yes,
    /// It does not.
    No,
}

impl TraceParent {
    /// A new trace, from random bytes. An id of zeros means none, so the one case in 2⁶⁴ becomes one.
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: Sampled) -> Self {
        let trace = if trace == [0; 16] { 1_u128.to_be_bytes() } else { trace };
        Self { trace, span: nonzero(span), sampled }
    }

    /// What a caller sent: `None` where it is not what section 3.2 of Trace Context allows, so that a new trace begins.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = value.split_at_checked(2)?;
        let [version] = hex::<1>(version)?;
        let (fields, further) = rest.split_at_checked(VALUE_BYTES - 2)?;
        // Later versions may append fields; 255 is forbidden; version 0 ends here.
        if version == 0xFF
            || (version == 0 && !further.is_empty())
            || !(further.is_empty() || further.starts_with(b"-"))
        {
            return None;
        }
        let mut fields = fields.split(|byte| *byte == b'-');
        if !fields.next()?.is_empty() {
            return None;
        }
        let trace = hex::<16>(fields.next()?)?;
        let span = hex::<8>(fields.next()?)?;
        let [flags] = hex::<1>(fields.next()?)?;
        if fields.next().is_some() || trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(Self { trace, span, sampled: if flags & 1 == 1 { Sampled::Yes } else { Sampled::No } })
    }

    /// The trace of a request: its own if it has one valid `traceparent`. Otherwise `tracestate` is removed too, since
    /// it belongs to a trace that ends here.
    pub fn of_request(headers: &mut HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let Some(first) = values.next() else {
            headers.remove(TRACESTATE);
            return None;
        };
        let only = Self::parse(first.as_bytes()).filter(|_| values.next().is_none());
        if only.is_none() {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
        only
    }

    /// The same trace, one span further.
    #[must_use]
    pub fn child(self, span: [u8; 8]) -> Self {
        Self { span: nonzero(span), ..self }
    }

    /// The id of the whole trace.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace
    }

    /// The id of this span.
    pub const fn span_id(&self) -> [u8; 8] {
        self.span
    }

    /// Whether the caller records.
    pub const fn sampled(&self) -> Sampled {
        self.sampled
    }

    /// The value to send on.
    pub fn to_value(self) -> HeaderValue {
        // Digits and hyphens are a header value; the alternative is unreachable and means 'no trace'.
        HeaderValue::from_maybe_shared(self.to_bytes()).unwrap_or(HeaderValue::from_static(""))
    }

    /// The text of the value: [`SPAN_DIGITS`] of it are the span's id. Flags that this version does not know are zero, as
    /// section 3.2.2.5 asks.
    pub fn to_bytes(self) -> Bytes {
        let mut text = Vec::with_capacity(VALUE_BYTES);
        text.extend_from_slice(b"00-");
        push_hex(&mut text, &self.trace);
        text.push(b'-');
        push_hex(&mut text, &self.span);
        text.extend_from_slice(match self.sampled {
            Sampled::Yes => b"-01",
            Sampled::No => b"-00",
        });
        Bytes::from(text)
    }
}

fn nonzero(span: [u8; 8]) -> [u8; 8] {
    if span == [0; 8] { 1_u64.to_be_bytes() } else { span }
}

/// So many bytes from twice as many lower-case digits; upper case is not valid here.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = (*byte << 4) | value;
        }
    }
    Some(bytes)
}

fn push_hex(text: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        text.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xF)]);
    }
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// The id by which logs, the upstream and the client's support call name a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    value: HeaderValue,
}

impl RequestId {
    /// A new one, from random bytes; the trace id will do.
    pub fn new(random: [u8; 16]) -> Self {
        let mut text = Vec::with_capacity(32);
        push_hex(&mut text, &random);
        Self { value: HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("")) }
    }

    /// One that a trusted caller chose: 1 to 128 letters, digits and `-._~+/=:@`, so that it can stand unquoted in a
    /// log, a URL's query and a shell. Others are replaced and not mended: half an id misleads.
    pub fn from_caller(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(byte);
        if bytes.is_empty() || bytes.len() > MAX_REQUEST_ID_BYTES || !bytes.iter().all(is_plain) {
            return None;
        }
        Some(Self { value: value.clone() })
    }

    /// As a header field.
    pub const fn as_value(&self) -> &HeaderValue {
        &self.value
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.value.to_str().unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
