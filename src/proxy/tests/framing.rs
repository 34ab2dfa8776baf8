//! Heads and framings that two servers might read in two ways: each is refused, or reaches the upstream in one form.

use super::gateway::{Gateway, verdicts};
use super::tables::open_to;
use super::wire::Upstream;

const HOST: &str = "Host: api.example.com\r\n";

/// What a client that sends `request` is answered; the upstream must not hear of it, and the connection must end.
fn refused(request: &[u8], status: u16, reason: &str) {
    let shown = request[..request.len().min(200)].escape_ascii();
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(request);
    let reply = client.read_message();
    assert_eq!(reply.status(), status, "{shown}");
    assert_eq!(reply.field("connection"), Some("close"), "{shown}");
    client.finish();
    client.expect_close();
    assert!(!upstream.is_called(), "{shown}: forwarded");
    assert_eq!(verdicts(&gateway.stop()), [(u64::from(status), reason)], "{shown}");
}

#[test]
fn a_head_without_a_single_meaning_is_refused_and_its_connection_ends() {
    let rows: &[(&str, &str)] = &[
        // Read by hyper.
        ("GET /a HTTP/1.1\r\nHost: a\0b\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nX: a\rb\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nX: a\x01b\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nX : a\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nX: a\r\n folded\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/1.1\r\n Host: api.example.com\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nno colon\r\n\r\n", "malformed_head"),
        ("GET /a\x00b HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "malformed_head"),
        ("GET /a b HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "malformed_head"),
        ("GET  /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "malformed_head"),
        ("G\x01T /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "malformed_head"),
        ("GET /a HTTP/3.1\r\nHost: api.example.com\r\n\r\n", "malformed_head"),
        ("GET /a\r\nHost: api.example.com\r\n\r\n", "malformed_head"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n", "malformed_head"),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "malformed_head",
        ),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3, 3\r\n\r\nabc", "malformed_head"),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: +3\r\n\r\nabc", "malformed_head"),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 0x3\r\n\r\nabc", "malformed_head"),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: -1\r\n\r\n", "malformed_head"),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length:\r\n\r\n", "malformed_head"),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: gzip\r\n\r\n", "malformed_head"),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "malformed_head"),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "malformed_head",
        ),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding:\r\n\r\n", "malformed_head"),
        ("POST /a HTTP/1.0\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed_head"),
        // Read by us.
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "bad_framing",
        ),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "bad_framing",
        ),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "bad_framing",
        ),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "bad_framing"),
        ("GET /a HTTP/1.1\r\n\r\n", "bad_host"),
        ("GET /a HTTP/1.0\r\n\r\n", "bad_host"),
        ("GET http://api.example.com/a HTTP/1.1\r\n\r\n", "bad_host"),
        ("GET /a HTTP/1.1\r\nHost:\r\n\r\n", "bad_host"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nHost: api.example.com\r\n\r\n", "bad_host"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com\r\nHost: other.example.com\r\n\r\n", "bad_host"),
        ("GET /a HTTP/1.1\r\nHost: api.example.com, other.example.com\r\n\r\n", "bad_host"),
        ("GET /a HTTP/1.1\r\nHost: user@api.example.com\r\n\r\n", "bad_host"),
        ("GET http://other.example.com/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_host"),
        ("GET /a%2Fb HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("GET /a;b HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("GET /%zz HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("GET /../a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("GET /%00 HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("GET ftp://api.example.com/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("GET * HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "bad_target"),
        ("CONNECT api.example.com:80 HTTP/1.1\r\nHost: api.example.com:80\r\n\r\n", "bad_target"),
    ];
    for (request, reason) in rows {
        refused(request.as_bytes(), 400, reason);
    }
    refused(b"GET /\xc3\xb6 HTTP/1.1\r\nHost: api.example.com\r\n\r\n", 400, "bad_target");
    refused(b"GET /a HTTP/1.1\r\nHost: api.ex\xffmple.com\r\n\r\n", 400, "bad_host");
}

#[test]
fn what_is_too_large_is_refused_by_its_name() {
    let head = |target: &str, field: &str| format!("GET {target} HTTP/1.1\r\n{HOST}X: {field}\r\n\r\n").into_bytes();
    refused(&head("/a", &"x".repeat(1 << 20)), 431, "head_too_large");
    refused(&head("/a", &"x".repeat(65 << 10)), 431, "head_too_large");
    refused(format!("GET /a HTTP/1.1\r\n{HOST}{}\r\n", "X: a\r\n".repeat(100)).as_bytes(), 431, "head_too_large");
    refused(&head(&format!("/{}", "a".repeat(8 << 10)), "a"), 414, "target_too_long");
    refused(&head(&format!("/?{}", "a".repeat(8 << 10)), "a"), 414, "target_too_long");
}

/// What the upstream gets of `request`: start lines and bodies, in order. The client is answered 200 for each.
fn forwarded(request: &[u8], count: usize) -> Vec<(String, Vec<u8>)> {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(request);
    let mut server = upstream.accept();
    let mut got = Vec::new();
    for _ in 0..count {
        let message = server.read_message();
        for name in ["content-length", "transfer-encoding"] {
            let other = if name == "content-length" { "transfer-encoding" } else { "content-length" };
            assert!(message.field(name).is_none() || message.field(other).is_none(), "two framings");
        }
        got.push((message.start, message.body));
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.read_message().status(), 200, "{}", request.escape_ascii());
    }
    drop(client);
    gateway.stop();
    assert!(server.arrived().is_empty(), "{}: more came", request.escape_ascii());
    got
}

#[test]
fn what_hyper_resolves_reaches_the_upstream_in_one_form() {
    type Row = (&'static str, &'static [(&'static str, &'static str)]);
    let rows: &[Row] = &[
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            &[("POST /a HTTP/1.1", "abc")],
        ),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: ChunKed\r\nContent-Length: 30\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            &[("POST /a HTTP/1.1", "abc")],
        ),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            &[("POST /a HTTP/1.1", "abc")],
        ),
        ("GET /a HTTP/1.1\nHost: api.example.com\n\n", &[("GET /a HTTP/1.1", "")]),
        ("\r\nGET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", &[("GET /a HTTP/1.1", "")]),
        ("GET http://api.example.com/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", &[("GET /a HTTP/1.1", "")]),
        ("GET http://api.example.com HTTP/1.1\r\nHost: api.example.com:80\r\n\r\n", &[("GET / HTTP/1.1", "")]),
        ("GET /a HTTP/1.0\r\nHost: api.example.com\r\n\r\n", &[("GET /a HTTP/1.1", "")]),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n00\r\n\
             Content-Length: 9\r\nX-Trailer: 1\r\nAuthorization: Bearer x\r\n\r\n",
            &[("POST /a HTTP/1.1", "abc")],
        ),
        (
            "POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 44\r\n\r\n\
             GET /hidden HTTP/1.1\r\nHost: api.example.com\r\n\
             GET /b HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
            &[("POST /a HTTP/1.1", "GET /hidden HTTP/1.1\r\nHost: api.example.com\r"), ("GET /b HTTP/1.1", "")],
        ),
        (
            "GET /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\nConnection: content-length\r\n\r\nabcGET /b HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
            &[("GET /a HTTP/1.1", "abc"), ("GET /b HTTP/1.1", "")],
        ),
        (
            "GET /a HTTP/1.1\r\nHost: api.example.com\r\nConnection: host, close-not, transfer-encoding\r\n\r\n",
            &[("GET /a HTTP/1.1", "")],
        ),
    ];
    for (request, expected) in rows {
        let got = forwarded(request.as_bytes(), expected.len());
        let expected: Vec<_> =
            expected.iter().map(|(start, body)| ((*start).to_owned(), body.as_bytes().to_vec())).collect();
        assert_eq!(got, expected, "{request}");
    }
}

#[test]
fn a_chunk_that_is_no_chunk_breaks_the_request_off() {
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n",
        "3\r\nabcX\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "3\nabc\r\n0\r\n\r\n",
    ] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send(format!("POST /a HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{chunks}"));
        let reply = client.read_message();
        assert_eq!(reply.status(), 400, "{chunks:?}");
        client.finish();
        client.expect_close();
        // It may have been connected to, and even have the head: never a whole request.
        if let Some(mut server) = upstream.try_accept() {
            let (received, _) = server.read_to_close();
            assert!(!received.ends_with(b"0\r\n\r\n"), "{chunks:?}: {}", received.escape_ascii());
        }
        assert_eq!(verdicts(&gateway.stop()), [(400, "client_broke_off")], "{chunks:?}");
    }
}

#[test]
fn the_whole_server_is_under_no_path() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(client.read_message().status(), 404);
    client.send("GET /a HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
    assert_eq!(client.read_message().status(), 404);
    assert!(!upstream.is_called());
}
