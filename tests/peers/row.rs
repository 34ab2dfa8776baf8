//! Rows of the corpus: bytes, and what becomes of them.

use std::borrow::Cow;

/// The host of all rows.
const HOST: &str = "Host: api.example.com\r\n";

/// A whole request for what is guarded, without a token.
pub(crate) const SMUGGLED: &str = "GET /guarded HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

/// A body in one chunk.
pub(crate) const HELLO: &str = "5\r\nhello\r\n0\r\n\r\n";

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The upstream takes it for exactly this method and target, and this body; the client is answered 200.
    Passes(&'static str, Cow<'static, str>),
    /// The client gets this status, and the upstream nothing.
    Refused(u16),
    /// It breaks off within its body, and the client gets this status, if any. The upstream sees no whole request.
    BreaksOff(Option<u16>),
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request on it is answered: nothing was left over, and nothing was missing.
    InStep,
    /// The gateway ends it.
    Ends,
    /// The client says that there will be no more, where the gateway waits for more; then it ends.
    Finishes,
}

/// Bytes that a client sends on one connection, and what becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) becomes: Outcome,
}

/// What becomes of the bytes of a row.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) then: Then,
}

pub(crate) fn row(name: &'static str, bytes: impl Into<Vec<u8>>, becomes: Outcome) -> Row {
    Row { name, bytes: bytes.into(), becomes }
}

/// It has two readings, or none: 400, and the end of the connection.
pub(crate) fn refused() -> Outcome {
    answered(400).ending()
}

/// It is understood, and answered with this status by the gateway itself.
pub(crate) fn answered(status: u16) -> Outcome {
    Outcome { verdicts: vec![Verdict::Refused(status)], then: Then::InStep }
}

/// It breaks off within its body, which is no body: 400, and the end of the connection.
pub(crate) fn broken() -> Outcome {
    Outcome { verdicts: vec![Verdict::BreaksOff(Some(400))], then: Then::Ends }
}

/// It waits for the rest of its body, in vain.
pub(crate) fn cut_off() -> Outcome {
    Outcome { verdicts: vec![Verdict::BreaksOff(None)], then: Then::Finishes }
}

/// The upstream takes it for this method and target, and this body.
pub(crate) fn passes(start: &'static str, body: impl Into<Cow<'static, str>>) -> Outcome {
    Outcome { verdicts: vec![Verdict::Passes(start, body.into())], then: Then::InStep }
}

impl Outcome {
    /// And this becomes of what follows.
    pub(crate) fn and(mut self, next: Self) -> Self {
        self.verdicts.extend(next.verdicts);
        self.then = next.then;
        self
    }

    /// And the gateway ends the connection.
    pub(crate) fn ending(mut self) -> Self {
        self.then = Then::Ends;
        self
    }
}

/// A request of this first line and these fields, with a host; each field but the last with its line end.
pub(crate) fn head(line: impl AsRef<[u8]>, fields: impl AsRef<[u8]>) -> Vec<u8> {
    let end: &[u8] = if fields.as_ref().is_empty() { b"" } else { b"\r\n" };
    [line.as_ref(), b"\r\n", HOST.as_bytes(), fields.as_ref(), end, b"\r\n"].concat()
}

/// A GET of this target.
pub(crate) fn get(target: impl AsRef<[u8]>) -> Vec<u8> {
    head([b"GET ", target.as_ref(), b" HTTP/1.1"].concat(), "")
}

/// A GET of `/a` with these fields.
pub(crate) fn with(fields: impl AsRef<[u8]>) -> Vec<u8> {
    head("GET /a HTTP/1.1", fields)
}

/// A POST to `/a` with these fields, and what follows the head.
pub(crate) fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    [&head("POST /a HTTP/1.1", fields), body.as_ref()].concat()
}
