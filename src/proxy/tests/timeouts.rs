//! What ends when nothing comes, under a hand-driven clock.

use std::time::Duration;

use super::gateway::{Gateway, verdicts};
use super::tables::{Tables, forward, open_to, stages};
use super::wire::{End, Upstream};
use crate::snapshot::{Stages, Timeouts};

const GET: &str = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
const MINUTES: Duration = Duration::from_mins(5);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A gateway whose one rule has these timeouts in seconds.
fn gateway(upstream: &Upstream, request: Option<u64>, idle: u64) -> Gateway {
    let timeouts = Timeouts { request: request.map(seconds), connect: seconds(1), idle: seconds(idle) };
    let rule = Stages { timeouts, ..stages(forward(upstream.address())) };
    Gateway::start(Tables::default().rule("/", rule).snapshot())
}

/// A connection on which one request was served.
fn warm(gateway: &Gateway, upstream: &Upstream) -> (End, End) {
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
    (client, server)
}

#[test]
fn a_head_that_is_not_whole_in_ten_seconds_ends_its_connection() {
    for sent in ["G", "GET /a HTTP/1.1\r\nHost: api.example.com\r\n", "PRI * HTTP/2.0\r\n"] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send(sent);
        let passed = gateway.advance_until_closed(&mut client, MINUTES);
        assert!((seconds(9)..seconds(20)).contains(&passed), "{sent:?}: {passed:?}");
        assert!(!upstream.is_called());
        assert_eq!(verdicts(&gateway.stop()), [(408, "head_timeout")], "{sent:?}");
    }
}

#[test]
fn a_client_that_sends_one_byte_a_second_has_ten_of_them() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    let mut sent = 0;
    for byte in GET.as_bytes() {
        if client.is_closed() {
            break;
        }
        client.send([*byte]);
        sent += 1;
        gateway.advance(seconds(1));
    }
    assert!((9..=20).contains(&sent), "{sent} bytes were taken");
    assert_eq!(verdicts(&gateway.stop()), [(408, "head_timeout")]);
}

#[test]
fn a_head_that_is_whole_in_time_is_served() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let (mut client, mut server) = warm(&gateway, &upstream);
    let (first, second) = GET.split_at(20);
    client.send(first);
    gateway.advance(seconds(9));
    client.send(second);
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
}

#[test]
fn silent_connections_are_closed_in_time() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut silent = gateway.connect();
    let passed = gateway.advance_until_closed(&mut silent, MINUTES);
    assert!(passed >= seconds(9), "{passed:?}");
    let (mut idle, _server) = warm(&gateway, &upstream);
    let passed = gateway.advance_until_closed(&mut idle, MINUTES);
    assert!((seconds(74)..seconds(90)).contains(&passed), "{passed:?}");
    // Neither was a request.
    assert_eq!(verdicts(&gateway.stop()), [(200, "")]);
}

#[test]
fn an_upstream_that_is_too_late_is_a_504() {
    for (request, idle, expected) in [(Some(5), 60, 5), (None, 20, 20), (Some(60), 20, 20)] {
        let upstream = Upstream::start();
        let gateway = gateway(&upstream, request, idle);
        let mut client = gateway.connect();
        client.send(GET);
        let mut server = upstream.accept();
        server.read_message();
        let passed = gateway.advance_until_answered(&mut client, MINUTES);
        assert!((seconds(expected)..seconds(expected + 5)).contains(&passed), "{passed:?}");
        assert_eq!(client.read_message().status(), 504);
        server.expect_close();
        assert_eq!(verdicts(&gateway.stop()), [(504, "upstream_timeout")]);
    }
}

#[test]
fn a_reply_that_falls_silent_or_lasts_too_long_is_cut_off() {
    for (request, idle, most) in [(None, 20, 45), (Some(10), 60, 15)] {
        let upstream = Upstream::start();
        let gateway = gateway(&upstream, request, idle);
        let mut client = gateway.connect();
        client.send(GET);
        let mut server = upstream.accept();
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
        client.read_until(b"ok\r\n");
        let passed = gateway.advance_until_closed(&mut client, MINUTES);
        assert!(passed < seconds(most), "{passed:?}");
        assert!(!client.arrived().ends_with(b"0\r\n\r\n"));
        server.expect_close();
        assert_eq!(verdicts(&gateway.stop()), [(200, "upstream_timeout")]);
    }
}

#[test]
fn a_stream_lasts_as_long_as_bytes_flow() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, None, 20);
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.read_head();
    for _ in 0..20 {
        server.send("2\r\nok\r\n");
        assert_eq!(client.read_until(b"ok\r\n"), b"2\r\nok\r\n");
        gateway.advance(seconds(15));
    }
    server.send("0\r\n\r\n");
    assert_eq!(client.read_until(b"0\r\n\r\n"), b"0\r\n\r\n");
    assert_eq!(verdicts(&gateway.stop()), [(200, "")]);
}

#[test]
fn an_endpoint_that_does_not_answer_a_connection_is_unreachable() {
    // A queue of one that is full: the kernel does not answer who comes next.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let mut fillers = Vec::new();
    loop {
        let filler = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        if filler.connect_timeout(&address, Duration::from_millis(300)).is_err() {
            break;
        }
        fillers.push(filler);
    }
    let rule = stages(forward(address.as_socket().unwrap()));
    let gateway = Gateway::start(Tables::default().rule("/", rule).snapshot());
    let mut client = gateway.connect();
    client.send(GET);
    let passed = gateway.advance_until_answered(&mut client, MINUTES);
    assert_eq!(client.read_message().status(), 503);
    // Three attempts of one second.
    assert!((seconds(3)..seconds(10)).contains(&passed), "{passed:?}");
    assert_eq!(verdicts(&gateway.stop()), [(503, "upstream_unreachable")]);
}

#[test]
fn a_client_that_takes_no_bytes_is_left() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, None, 3_600);
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    server.send_until_stuck(&vec![b'x'; 64 << 10]);
    let passed = gateway.advance_until_closed(&mut server, MINUTES);
    assert!((seconds(74)..seconds(90)).contains(&passed), "{passed:?}");
    assert_eq!(verdicts(&gateway.stop()), [(200, "client_too_slow")]);
}

#[test]
fn a_client_that_goes_on_sending_after_the_last_reply_is_left_after_two_seconds() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send("GET /a HTTP/1.1\r\n\r\n");
    assert_eq!(client.read_message().status(), 400);
    assert!(client.is_closed(), "the gateway has said its last word");
    let mut passed = Duration::ZERO;
    while client.try_send(b"x") {
        gateway.advance(Duration::from_millis(250));
        passed += Duration::from_millis(250);
        std::thread::yield_now();
    }
    assert!(passed >= seconds(2), "{passed:?}");
}
