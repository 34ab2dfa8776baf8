//! The bounds of HTTP/2: those of HTTP/1.1, answered, logged and counted alike.

use std::time::Duration;

use http::{HeaderValue, Request};

use super::gateway::{Gateway, Settings, verdicts};
use super::h2_ends::{Client, read, request};
use super::tables::open_to;
use super::wire::Upstream;
use crate::proxy::Limits;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A request with so many fields of its own, besides `:authority`.
fn fields(count: usize) -> Request<()> {
    (0..count)
        .fold(request("GET", "/a"), |request, number| request.header(format!("x-{number}"), "a"))
        .body(())
        .unwrap()
}

fn cookies(count: usize) -> Request<()> {
    (0..count).fold(request("GET", "/a"), |request, _| request.header("cookie", "a=b")).body(()).unwrap()
}

/// A request whose one field has so many bytes.
fn field_of(bytes: usize) -> Request<()> {
    request("GET", "/a").header("x", "a".repeat(bytes)).body(()).unwrap()
}

#[test]
fn a_head_beyond_the_bounds_is_refused_as_over_http1() {
    let upstream = Upstream::start();
    let limits = Limits { head_bytes: 16 << 10, head_fields: 50, ..Limits::default() };
    let mut gateway = Gateway::start_with(open_to(upstream.address()), &Settings { limits, ..Settings::default() });
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        for (name, head, reaches) in [
            ("as many fields as may be", fields(49), true),
            ("a field too many", fields(50), false),
            ("a cookie in crumbs", cookies(60), true),
            ("a field that just fits", field_of((16 << 10) - 100), true),
            ("a field that is a little too large", field_of(16 << 10), false),
            ("a field of nearly twice the bound", field_of((32 << 10) - 300), false),
            (
                "fields that are too large together",
                { (0..20).fold(request("GET", "/a"), |all, _| all.header("x", "a".repeat(900))).body(()).unwrap() },
                false,
            ),
        ] {
            let (reply, _) = client.send(head, true).await;
            if reaches {
                let mut server = upstream.accept();
                server.read_message();
                server.send(OK);
                drop(server);
                assert_eq!(reply.await.unwrap().status(), 200, "{name}");
                continue;
            }
            let mut reply = reply.await.unwrap();
            assert_eq!(reply.status(), 431, "{name}");
            let body = read(reply.body_mut()).await.unwrap().0;
            assert!(String::from_utf8(body).unwrap().contains("head_too_large"), "{name}");
        }
        // Beyond what is decoded h2 answers, and the connection goes on.
        let reply = client.ask(field_of(40 << 10)).await;
        assert_eq!((reply.status().as_u16(), reply.headers().len()), (431, 0));
        assert_eq!(client.ask(fields(50)).await.status(), 431);
    });
    assert!(!upstream.is_called());
    let draining = gateway.begin_drain(Duration::from_secs(5));
    gateway.advance_until_drained(&draining, Duration::from_mins(1));
    assert!(gateway.metrics().contains("bearward_refusals_total{reason=\"head_too_large\"} 5\n"));
    let (ok, refused) = ((200, ""), (431, "head_too_large"));
    assert_eq!(verdicts(&gateway.stop()), [ok, refused, ok, ok, refused, refused, refused, refused]);
}

#[test]
fn a_value_with_blanks_around_it_is_malformed() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        for value in [" a", "a ", "\ta", "a\t", " ", "a b \t"] {
            let value = HeaderValue::from_str(value).unwrap();
            let head = request("GET", "/a").header("x", &value).body(()).unwrap();
            assert_eq!(client.ask(head).await.status(), 400, "{value:?}");
        }
        let head = request("GET", "/a").header("x", "a \t b").header("y", "").body(()).unwrap();
        let (reply, _) = client.send(head, true).await;
        let mut server = upstream.accept();
        assert_eq!(server.read_message().field("x"), Some("a \t b"));
        server.send(OK);
        assert_eq!(reply.await.unwrap().status(), 200);
    });
    let mut expected = vec![(400, "bad_field"); 6];
    expected.push((200, ""));
    assert_eq!(verdicts(&gateway.stop()), expected);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn a_flood_of_resets_ends_its_connection_and_is_counted() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for stream in (1..400).step_by(2) {
        // GET, http, /, and the host.
        bytes.extend(frame(1, 5, stream, b"\x82\x86\x84\x01\x0fapi.example.com"));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut client = gateway.connect();
    client.send(bytes);
    client.finish();
    client.read_to_close();
    // What is left to be counted has been when all connections have ended.
    let draining = gateway.begin_drain(Duration::from_secs(5));
    gateway.advance_until_drained(&draining, Duration::from_mins(1));
    assert!(gateway.metrics().contains("bearward_http2_floods_total 1\n"), "{}", gateway.metrics());
}
