//! How bodies are coded between two hops: what one side says must not be lost, or taken for something else, on the other.

use bytes::Bytes;

use super::gateway::{Gateway, verdicts};
use super::h2_ends::{Client, request};
use super::tables::{Tables, open_to, stages, to, upstream};
use super::wire::Upstream;
use super::{h2_ends, tables};
use crate::snapshot::Protocol;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_body_of_unknown_length_is_passed_on_whatever_the_method() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "QUERY", "POST"] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send(format!(
            "{method} /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        ));
        let mut server = upstream.accept();
        let got = server.read_message();
        assert_eq!(got.field("transfer-encoding"), Some("chunked"), "{method}");
        assert_eq!((got.field("content-length"), got.text()), (None, "abcdefg"), "{method}");
        server.send(OK);
        assert_eq!(client.read_head().status(), 200, "{method}");

        gateway.runtime().block_on(async {
            let mut client = Client::connect(gateway.address()).await;
            let (reply, mut body) = client.send(request(method, "/a").body(()).unwrap(), false).await;
            body.send_data(Bytes::from_static(b"abc"), true).unwrap();
            let got = server.read_message();
            assert_eq!((got.field("transfer-encoding"), got.text()), (Some("chunked"), "abc"), "{method} over HTTP/2");
            server.send(OK);
            assert_eq!(reply.await.unwrap().status(), 200);

            let known = request(method, "/a").header("content-length", "3").body(()).unwrap();
            let (reply, mut body) = client.send(known, false).await;
            body.send_data(Bytes::from_static(b"abc"), true).unwrap();
            let got = server.read_message();
            assert_eq!((got.field("transfer-encoding"), got.field("content-length")), (None, Some("3")), "{method}");
            assert_eq!(got.text(), "abc", "{method}");
            server.send(OK);
            assert_eq!(reply.await.unwrap().status(), 200);
        });
        assert_eq!(verdicts(&gateway.stop()), [(200, ""), (200, ""), (200, "")], "{method}");
    }
}

#[test]
fn a_request_without_a_body_says_so_only_where_one_is_expected() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    let mut server = None;
    for (method, field, length) in [
        ("GET", "", None),
        ("GET", "Content-Length: 0\r\n", None),
        ("HEAD", "", None),
        ("DELETE", "", None),
        ("POST", "", Some("0")),
        ("POST", "Content-Length: 0\r\n", Some("0")),
        ("PUT", "", Some("0")),
        ("PATCH", "", Some("0")),
    ] {
        client.send(format!("{method} /a HTTP/1.1\r\nHost: api.example.com\r\n{field}\r\n"));
        let server = server.get_or_insert_with(|| upstream.accept());
        let got = server.read_message();
        assert_eq!((got.field("transfer-encoding"), got.field("content-length")), (None, length), "{method} {field}");
        server.send(OK);
        assert_eq!(client.read_head().status(), 200, "{method}");
    }
}

#[test]
fn a_body_of_unknown_length_has_no_coding_towards_http2() {
    let gateway = Gateway::start(Tables::default().snapshot());
    let mut upstream_end = gateway.runtime().block_on(h2_ends::Upstream::start());
    gateway.publish(
        Tables::default().rule("/", stages(to(upstream(&[upstream_end.address()], Protocol::H2c)))).snapshot(),
    );
    let mut client = gateway.connect();
    client.send("GET /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    gateway.runtime().block_on(async {
        let (_, mut got, mut respond) = upstream_end.accept().await;
        assert!(!got.headers().contains_key("transfer-encoding"));
        assert_eq!(h2_ends::read(got.body_mut()).await.unwrap().0, b"abc");
        respond.send_response(http::Response::new(()), true).unwrap();
    });
    assert_eq!(client.read_head().status(), 200);
}

#[test]
fn a_reply_in_a_coding_that_nobody_asked_for_is_none() {
    for reply in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send("GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        let mut server = upstream.accept();
        server.read_message();
        server.send(reply);
        assert_eq!(client.read_message().status(), 502, "{reply}");
        server.expect_close();
        assert_eq!(verdicts(&gateway.stop()), [(502, "upstream_broken")], "{reply}");
    }
}

/// What an upstream gets as `TE` of a request with these fields.
fn transfer_codings(fields: &str, protocol: Protocol) -> Option<String> {
    let request = format!("GET /a HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", tables::HOST);
    if protocol == Protocol::Http1 {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send(request);
        let got = upstream.accept().read_message();
        assert_eq!(got.field("connection"), None, "{fields}");
        return got.field("te").map(str::to_owned);
    }
    let gateway = Gateway::start(Tables::default().snapshot());
    gateway.runtime().block_on(async {
        let mut upstream_end = h2_ends::Upstream::start().await;
        gateway
            .publish(Tables::default().rule("/", stages(to(upstream(&[upstream_end.address()], protocol)))).snapshot());
        let mut client = gateway.connect();
        client.send(request);
        let (_, got, _respond) = upstream_end.accept().await;
        got.headers().get("te").map(|value| value.to_str().unwrap().to_owned())
    })
}

#[test]
fn only_trailers_are_asked_of_an_upstream_and_only_where_they_can_be() {
    for (fields, over_http2) in [
        ("", None),
        ("TE: gzip\r\nConnection: TE\r\n", None),
        ("TE: trailers\r\n", Some("trailers")),
        ("TE: trailers\r\nConnection: TE\r\n", Some("trailers")),
        ("TE: gzip;q=0.5, trailers\r\nConnection: keep-alive, te\r\n", Some("trailers")),
    ] {
        assert_eq!(transfer_codings(fields, Protocol::Http1), None, "{fields}");
        assert_eq!(transfer_codings(fields, Protocol::H2c).as_deref(), over_http2, "{fields}");
    }
}
