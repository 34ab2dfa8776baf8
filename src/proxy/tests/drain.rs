//! The end of a replica: nobody's request fails, and nothing lasts longer than it may.

use std::time::Duration;

use super::gateway::{Gateway, verdicts};
use super::tables::open_to;
use super::wire::Upstream;

const GET: &str = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
const GRACE: Duration = Duration::from_secs(30);

#[test]
fn a_drain_with_nothing_to_do_is_done_at_once() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let draining = gateway.begin_drain(GRACE);
    assert_eq!(gateway.advance_until_drained(&draining, Duration::ZERO), Duration::ZERO);
    assert_eq!(verdicts(&gateway.stop()), []);
}

#[test]
fn a_request_under_way_is_finished_and_its_client_told_that_the_connection_ends() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let (mut idle, mut client) = (gateway.connect(), gateway.connect());
    idle.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    idle.read_message();
    client.send(GET);
    server.read_message();
    let draining = gateway.begin_drain(GRACE);
    // The end of an idle connection shows that the thread has been told.
    while !idle.is_closed() {
        gateway.advance(Duration::from_millis(100));
    }
    gateway.advance(Duration::from_secs(15));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let reply = client.read_message();
    assert_eq!((reply.text(), reply.field("connection")), ("ok", Some("close")));
    client.finish();
    client.expect_close();
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
    assert_eq!(verdicts(&gateway.stop()), [(200, ""), (200, "")]);
}

#[test]
fn an_idle_connection_gets_a_last_call() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let (mut asking, mut silent) = (gateway.connect(), gateway.connect());
    let mut server = None;
    for client in [&mut asking, &mut silent] {
        client.send(GET);
        let server = server.get_or_insert_with(|| upstream.accept());
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.read_message().field("connection"), None);
    }
    let draining = gateway.begin_drain(GRACE);
    // Links to upstreams that wait are closed at once: that the drain has begun shows here.
    server.unwrap().expect_close();
    assert!(!asking.is_closed() && !silent.is_closed());
    asking.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let reply = asking.read_message();
    assert_eq!((reply.status(), reply.field("connection")), (200, Some("close")));
    asking.finish();
    asking.expect_close();
    let passed = gateway.advance_until_closed(&mut silent, Duration::from_secs(10));
    assert!(passed >= Duration::from_secs(1), "{passed:?}");
    drop(silent);
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
    assert_eq!(verdicts(&gateway.stop()), [(200, ""), (200, ""), (200, "")]);
}

#[test]
fn a_head_that_has_begun_and_a_connection_without_any_are_served_to_the_end() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let (mut begun, mut fresh) = (gateway.connect(), gateway.connect());
    begun.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(begun.read_message().status(), 200);
    let (start, rest) = GET.split_at(20);
    begun.send(start);
    // When this is answered, the thread has read what came before.
    let mut other = gateway.connect();
    other.send("GET /a HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
    assert_eq!(other.read_message().status(), 404);
    let draining = gateway.begin_drain(GRACE);
    server.expect_close();
    for (client, bytes) in [(&mut begun, rest), (&mut fresh, GET)] {
        client.send(bytes);
        let mut server = upstream.accept();
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let reply = client.read_message();
        assert_eq!((reply.status(), reply.field("connection")), (200, Some("close")));
        client.finish();
        client.expect_close();
    }
    other.finish();
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
}

#[test]
fn nobody_new_is_accepted() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    let draining = gateway.begin_drain(GRACE);
    while std::net::TcpStream::connect(gateway.address()).is_ok() {
        std::thread::yield_now();
    }
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
    drop(client);
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
}

#[test]
fn what_outlasts_the_grace_is_answered_or_cut_off() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let (mut waiting, mut streaming) = (gateway.connect(), gateway.connect());
    waiting.send(GET);
    let mut silent = upstream.accept();
    silent.read_message();
    streaming.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    streaming.read_until(b"ok\r\n");
    let draining = gateway.begin_drain(GRACE);
    let passed = gateway.advance_until_answered(&mut waiting, Duration::from_mins(1));
    assert!(passed >= GRACE, "{passed:?}");
    let reply = waiting.read_message();
    assert_eq!((reply.status(), reply.field("connection")), (503, Some("close")));
    assert!(reply.text().contains("shutting_down"), "{}", reply.text());
    let (rest, _) = streaming.read_to_close();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the stream looks whole");
    silent.expect_close();
    server.expect_close();
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
    let mut log = gateway.stop();
    log.sort_by_key(|line| line["status"].as_u64());
    assert_eq!(verdicts(&log), [(200, "shutting_down"), (503, "shutting_down")]);
}
