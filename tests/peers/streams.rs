//! The same ideas over HTTP/2, whose heads have no lines that could be split and no framing but its own: what would be
//! either in HTTP/1.1 must not become it on the way to an upstream.

use crate::between::{Between, client, report};
use crate::frames::{Client, End, Fields, data, headers, unfinished_headers};
use crate::row::{SMUGGLED, Verdict};

/// Frames on stream 1, and what becomes of them.
struct Row {
    name: &'static str,
    frames: Vec<u8>,
    end: End,
    verdicts: Vec<Verdict>,
}

/// A field that a request has, or has otherwise, or has not.
type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// The fields of a request for `/a`. Of `changes` the first of a name replaces the value, or takes the field out; another
/// of it, and whatever is new, comes behind.
fn fields(method: &str, changes: &[Change]) -> Fields {
    let usual = [(":method", method), (":scheme", "http"), (":authority", "api.example.com"), (":path", "/a")];
    let mut fields: Fields = usual.map(|(name, value)| (name.into(), value.into())).to_vec();
    let mut done = Vec::new();
    for (name, value) in changes {
        let place = fields.iter().position(|(own, _)| own == name).filter(|_| !done.contains(name));
        done.push(*name);
        match (place, value) {
            (Some(place), Some(value)) => fields[place].1 = value.to_vec(),
            (Some(place), None) => drop(fields.remove(place)),
            (None, Some(value)) => fields.push((name.to_vec(), value.to_vec())),
            (None, None) => panic!("nothing to take out"),
        }
    }
    fields
}

/// A field with this value.
fn is<'a>(name: &'a (impl AsRef<[u8]> + ?Sized), value: &'a (impl AsRef<[u8]> + ?Sized)) -> Change<'a> {
    (name.as_ref(), Some(value.as_ref()))
}

/// No such field.
fn no(name: &str) -> Change<'_> {
    (name.as_bytes(), None)
}

fn get(changes: &[Change]) -> Vec<u8> {
    headers(1, &fields("GET", changes), true)
}

fn post(changes: &[Change], body: &str) -> Vec<u8> {
    [headers(1, &fields("POST", changes), false), data(1, body.as_bytes(), true)].concat()
}

fn with_trailer(name: &str, value: &str) -> Vec<u8> {
    let trailer = headers(1, &vec![(name.into(), value.into())], true);
    [headers(1, &fields("POST", &[]), false), data(1, b"hello", false), trailer].concat()
}

fn passes(name: &'static str, frames: Vec<u8>, start: &'static str, body: &'static str) -> Row {
    Row { name, frames, end: End::Answered, verdicts: vec![Verdict::Passes(start, body.into())] }
}

fn answered(name: &'static str, frames: Vec<u8>, status: u16) -> Row {
    Row { name, frames, end: End::Answered, verdicts: vec![Verdict::Refused(status)] }
}

/// Malformed to the protocol itself (RFC 9113, section 8.1.1): the stream ends before there is a request.
fn reset(name: &'static str, frames: Vec<u8>) -> Row {
    Row { name, frames, end: End::Reset, verdicts: vec![] }
}

/// The same, once the head has been judged.
fn broken(name: &'static str, frames: Vec<u8>) -> Row {
    Row { name, frames, end: End::Reset, verdicts: vec![Verdict::BreaksOff(None)] }
}

/// What is no field to HPACK or no frame is an error of the whole connection (RFC 9113, section 5.4.1).
fn gone(name: &'static str, frames: Vec<u8>) -> Row {
    Row { name, frames, end: End::GoneAway, verdicts: vec![] }
}

fn rows(token: &str) -> Vec<Row> {
    let mut rows = pseudo_headers(token);
    rows.extend(names_and_values());
    rows.extend(framing());
    rows.extend(hops());
    rows
}

fn pseudo_headers(token: &str) -> Vec<Row> {
    let bearer = format!("Bearer {token}");
    let line = "GET /guarded HTTP/1.1\r\nHost: api.example.com\r\n\r\nGET";
    vec![
        reset("no method", get(&[no(":method")])),
        gone("a request for a method", get(&[is(":method", line)])),
        gone("a space in the method", get(&[is(":method", "GET /guarded")])),
        reset("no scheme", get(&[no(":scheme")])),
        reset("a URL for a scheme", get(&[is(":scheme", "http://api.example.com/guarded?")])),
        reset("no path", get(&[no(":path")])),
        reset("an empty path", get(&[is(":path", "")])),
        reset("a space in the path", get(&[is(":path", "/a HTTP/1.1")])),
        reset("a line end in the path", get(&[is(":path", "/a HTTP/1.1\r\nHost: x\r\n\r\n")])),
        reset("a NUL in the path", get(&[is(":path", "/a\0")])),
        reset("a line end in the host", get(&[is(":authority", "api.example.com\r\nx: y")])),
        reset("a path behind the host", get(&[is(":authority", "api.example.com/guarded")])),
        reset("a space in the host", get(&[is(":authority", "api.example.com x")])),
        reset("two methods", get(&[is(":method", "GET"), is(":method", "POST")])),
        reset("two schemes", get(&[is(":scheme", "http"), is(":scheme", "https")])),
        reset("two paths", get(&[is(":path", "/a"), is(":path", "/guarded")])),
        reset("two authorities", get(&[is(":authority", "api.example.com"), is(":authority", "other.example.com")])),
        reset("a pseudo-header field behind a field", get(&[no(":path"), is("x", "y"), is(":path", "/guarded")])),
        reset("one of replies", get(&[is(":status", "200")])),
        gone("one that nobody knows", get(&[is(":host", "api.example.com")])),
        reset("a tunnel to a path", get(&[is(":method", "CONNECT")])),
        reset("an upgrade", get(&[is(":method", "CONNECT"), is(":protocol", "websocket")])),
        reset("an upgrade by a GET", get(&[is(":protocol", "websocket")])),
        answered("a tunnel", get(&[is(":method", "CONNECT"), no(":scheme"), no(":path")]), 400),
        answered("no host", get(&[no(":authority")]), 400),
        answered("two hosts", get(&[is("host", "other.example.com")]), 400),
        answered("a host twice", get(&[is("host", "api.example.com"), is("host", "api.example.com")]), 400),
        answered("a list of hosts", get(&[no(":authority"), is("host", "api.example.com, other.example.com")]), 400),
        answered("a user", get(&[is(":authority", "x@api.example.com")]), 400),
        answered("ours as a user", get(&[is(":authority", "api.example.com@other.example.com")]), 400),
        answered("another scheme", get(&[is(":scheme", "ftp")]), 400),
        answered("a star", get(&[is(":path", "*")]), 400),
        answered("above the root", get(&[is(":path", "/%2e%2e/guarded")]), 400),
        answered("dots behind a semicolon", get(&[is(":path", "/a/..;/guarded")]), 400),
        answered("an escaped slash", get(&[is(":path", "/a%2f..%2fguarded")]), 400),
        answered("bytes beyond ASCII", get(&[is(":path", "/\u{e4}")]), 400),
        answered("the server itself", get(&[is(":method", "OPTIONS"), is(":path", "*")]), 404),
        answered("guarded", get(&[is(":path", "/guarded")]), 401),
        answered("guarded, with two slashes", get(&[is(":path", "//guarded")]), 401),
        answered("guarded, with dots", get(&[is(":path", "/a/%2e./guarded")]), 401),
        answered("guarded, with a fragment", get(&[is(":path", "/guarded#x")]), 401),
        passes(
            "a token opens what is guarded",
            get(&[is(":path", "/guarded"), is("authorization", &bearer)]),
            "GET /guarded",
            "",
        ),
        passes("the host in its own field", get(&[no(":authority"), is("host", "api.example.com")]), "GET /a", ""),
        passes("the host in both", get(&[is("host", "api.example.com")]), "GET /a", ""),
        passes("by https", get(&[is(":scheme", "https")]), "GET /a", ""),
        passes("a path that goes astray", get(&[is(":path", "/guarded/.././a?x#y")]), "GET /a?x", ""),
    ]
}

fn names_and_values() -> Vec<Row> {
    vec![
        gone("a name in upper case", get(&[is("Transfer-Encoding", "chunked")])),
        gone("an empty name", get(&[is("", "x")])),
        gone("a colon in a name", get(&[is("x: y", "z")])),
        gone("a space in a name", get(&[is("content-length ", "5")])),
        gone("a line in a name", get(&[is("x: y\r\ntransfer-encoding", "chunked")])),
        gone("a NUL in a name", get(&[is("x\0", "y")])),
        gone("a byte beyond ASCII in a name", get(&[is(b"x\xe4", "y")])),
        gone("a line in a value", get(&[is("x", "y\r\ntransfer-encoding: chunked")])),
        gone("a request in a value", get(&[is("x", &format!("y\r\n\r\n{SMUGGLED}"))])),
        gone("a bare LF in a value", get(&[is("x", "y\nz")])),
        gone("a bare CR in a value", get(&[is("x", "y\rz")])),
        gone("a NUL in a value", get(&[is("x", "y\0z")])),
        answered("blanks before a value", get(&[is("x", " y")]), 400),
        answered("a tab behind a value", get(&[is("x", "y\t")]), 400),
        passes("a line end, escaped", get(&[is("x", "y%0d%0az")]), "GET /a", ""),
        passes("crumbs of a cookie", get(&[is("cookie", "a=b"), is("cookie", "c=d")]), "GET /a", ""),
        passes("a claimed identity", get(&[is("x-subject", "root"), is("x_subject", "root")]), "GET /a", ""),
        passes("another client", get(&[is("x-forwarded-for", "1.2.3.4"), is("x-request-id", "x")]), "GET /a", ""),
    ]
}

fn framing() -> Vec<Row> {
    let length = |length: &str| post(&[is("content-length", length)], "hello");
    vec![
        reset("a length that is none", length("x")),
        reset("a length with a plus sign", length("+5")),
        reset("a hexadecimal length", length("0x5")),
        reset("a list of lengths", length("5, 5")),
        broken("an empty length", length("")),
        reset("two lengths", post(&[is("content-length", "5"), is("content-length", "6")], "hello")),
        reset("a length, and no body", get(&[is("content-length", "5")])),
        broken("more than the length", length("4")),
        broken("less than the length", length("6")),
        broken("a body of length nought", length("0")),
        reset("a coding", post(&[is("transfer-encoding", "chunked")], "5\r\nhello\r\n0\r\n\r\n")),
        reset(
            "a coding, and a length",
            post(&[is("transfer-encoding", "chunked"), is("content-length", "5")], "hello"),
        ),
        broken("a coding in trailers", with_trailer("transfer-encoding", "chunked")),
        Row {
            verdicts: vec![Verdict::BreaksOff(None)],
            ..gone("a line in trailers", with_trailer("x", "y\r\n\r\nGET /guarded"))
        },
        gone(
            "a head that is not continued",
            [unfinished_headers(1, &fields("GET", &[])), data(1, b"x", true)].concat(),
        ),
        gone("data without a stream", data(0, b"hello", true)),
        gone("data without a head", data(1, b"hello", true)),
        gone("HTTP/1.1 behind the preface", SMUGGLED.into()),
        passes("a length that is true", length("5"), "POST /a", "hello"),
        passes(
            "a length, twice",
            post(&[is("content-length", "5"), is("content-length", "5")], "hello"),
            "POST /a",
            "hello",
        ),
        passes("no length", post(&[], "hello"), "POST /a", "hello"),
        passes(
            "a GET with a body",
            [headers(1, &fields("GET", &[]), false), data(1, b"hello", true)].concat(),
            "GET /a",
            "hello",
        ),
        passes("a body that is a request", post(&[], SMUGGLED), "POST /a", SMUGGLED),
        passes("a body that is chunks", post(&[], "0\r\n\r\n"), "POST /a", "0\r\n\r\n"),
        passes("a length in trailers", with_trailer("content-length", "50"), "POST /a", "hello"),
        passes("a host in trailers", with_trailer("host", "other.example.com"), "POST /a", "hello"),
        // Malformed by RFC 9113, section 8.1, which h2 lets pass; of such a field nothing goes further.
        passes("a pseudo-header field in trailers", with_trailer(":path", "/guarded"), "POST /a", "hello"),
        passes("an empty length, and no body", get(&[is("content-length", "")]), "GET /a", ""),
        passes("an identity in trailers", with_trailer("x-subject", "root"), "POST /a", "hello"),
    ]
}

fn hops() -> Vec<Row> {
    vec![
        reset("connection", get(&[is("connection", "close")])),
        reset(
            "connection, naming a length",
            post(&[is("connection", "content-length"), is("content-length", "5")], "hello"),
        ),
        reset("an old field of connections", get(&[is("keep-alive", "timeout=5")])),
        reset("a field of old proxies", get(&[is("proxy-connection", "close")])),
        reset("an upgrade", get(&[is("upgrade", "h2c")])),
        reset("codings that a client takes", get(&[is("te", "chunked")])),
        passes("trailers that a client takes", get(&[is("te", "trailers")]), "GET /a", ""),
        passes("settings that belong to an upgrade", get(&[is("http2-settings", "AAMAAABk")]), "GET /a", ""),
        passes("a body that is asked for", post(&[is("expect", "100-continue")], "hello"), "POST /a", "hello"),
        passes("another target", get(&[is("x-original-url", "/guarded")]), "GET /a", ""),
    ]
}

/// What is asked behind each row: a token, or anything else of the stream before, must not count for it.
const NEXT: Verdict = Verdict::Refused(401);

impl Row {
    fn expected(&self) -> Vec<Verdict> {
        let next = (self.end != End::GoneAway).then_some(NEXT);
        self.verdicts.iter().cloned().chain(next).collect()
    }
}

/// Sends every row, from an address of its own, and says what came otherwise than it should.
async fn faults(between: Between) -> Vec<String> {
    let rows = rows(between.token());
    let mut faults = Vec::new();
    let next = headers(5, &fields("GET", &[is(":path", "/guarded")]), true);
    for (place, row) in rows.iter().enumerate() {
        let mut client = Client::open(client(place), between.address()).await;
        client.send(&row.frames).await;
        let end = client.end_of(1).await;
        if end != row.end {
            faults.push(format!("{}: the stream ended otherwise, {end:?}", row.name));
        }
        if end != End::GoneAway {
            client.send(&next).await;
            let end = client.end_of(5).await;
            if end != End::Answered {
                faults.push(format!("{}: the next stream ended otherwise, {end:?}", row.name));
            }
        }
    }
    faults.extend(between.end().await.faults_of(rows.iter().map(|row| (row.name, row.expected()))));
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn node_sees_each_stream_as_it_was_judged_and_nothing_else() {
    report(&faults(Between::node().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_sees_each_stream_as_it_was_judged_and_nothing_else() {
    report(&faults(Between::nginx().await).await);
}
