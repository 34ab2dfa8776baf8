//! Requests and replies over HTTP/1.1, byte by byte.

use super::gateway::{Gateway, Settings, verdicts};
use super::tables::{Tables, forward, open_to, stages, to, upstream};
use super::wire::Upstream;
use crate::name::Bytes;
use crate::proxy::Limits;
use crate::snapshot::Protocol;

const GET: &str = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

#[test]
fn a_request_is_written_anew_and_its_reply_comes_back() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(
        "GET /a/./b//c?x=%41 HTTP/1.1\r\nHost: API.Example.com.\r\nAccept: */*\r\nConnection: x-private\r\n\
         X-Private: 1\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX-Forwarded-For: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nX-Request-Id: mine\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
    );
    let mut server = upstream.accept();
    let request = server.read_message();
    assert_eq!(request.start, "GET /a/b/c?x=A HTTP/1.1");
    assert_eq!(
        request.names(),
        ["accept", "host", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"]
    );
    assert_eq!(request.field("host"), Some("api.example.com"));
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-host"), Some("api.example.com"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    let trace = request.field("traceparent").unwrap();
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && trace.ends_with("-01"), "{trace}");
    assert_eq!(request.field("x-request-id"), trace.get(36..52));
    server.send("HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\n\r\nhello");
    let reply = client.read_message();
    assert_eq!(reply.start, "HTTP/1.1 200 Fine");
    assert_eq!((reply.text(), reply.field("x-a")), ("hello", Some("1")));
    assert_eq!(reply.names(), ["content-length", "date", "x-a"]);
    let log = gateway.stop();
    let line = &log[0];
    assert_eq!(line["request_id"], request.field("x-request-id").unwrap());
    for (name, value) in [("method", "GET"), ("host", "api.example.com"), ("path", "/a/b/c"), ("client", "127.0.0.1")] {
        assert_eq!(line[name], value);
    }
    for (name, value) in [("rule", "shop/orders/all"), ("upstream", upstream.address().to_string().as_str())] {
        assert_eq!(line[name], value);
    }
    assert_eq!((&line["status"], &line["sent"], line.get("reason")), (&200.into(), &5.into(), None));
}

#[test]
fn requests_share_the_connections_of_both_sides() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    for _ in 0..3 {
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.read_message().text(), "ok");
        client.send(GET);
    }
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    assert_eq!(client.read_message().text(), "ok");
    // Another client's request goes over the same connection.
    let mut other = gateway.connect();
    other.send(GET);
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(other.read_message().text(), "ok");
    assert!(!upstream.is_called());
    assert_eq!(gateway.stop().len(), 5);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send("GET /1 HTTP/1.1\r\nHost: api.example.com\r\n\r\nGET /2 HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    let mut server = upstream.accept();
    for path in ["/1", "/2"] {
        let request = server.read_message();
        assert_eq!(request.start, format!("GET {path} HTTP/1.1"));
        server.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{path}"));
        assert_eq!(client.read_message().text(), path);
    }
}

#[test]
fn bodies_stream_in_chunks_both_ways_before_they_are_whole() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(
        "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=\"1\"\r\nfirst\r\n",
    );
    let mut server = upstream.accept();
    let request = server.read_head();
    assert_eq!(request.field("transfer-encoding"), Some("chunked"));
    assert_eq!(server.read_until(b"first\r\n"), b"5\r\nfirst\r\n");
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    assert_eq!(client.read_head().status(), 200);
    assert_eq!(client.read_until(b"one\r\n"), b"3\r\none\r\n");
    // The reply has begun, and the upload goes on.
    client.send("6\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n");
    assert_eq!(server.read_chunks(), b"second");
    server.send("3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(client.read_chunks(), b"two");
    let log = gateway.stop();
    assert_eq!((&log[0]["received"], &log[0]["sent"]), (&11.into(), &6.into()));
}

#[test]
fn a_body_of_known_length_keeps_its_length() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send("PUT /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
    let mut server = upstream.accept();
    let request = server.read_message();
    assert_eq!((request.field("content-length"), request.text()), (Some("3"), "abc"));
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    let reply = client.read_message();
    assert_eq!((reply.status(), reply.field("content-length")), (204, None));
}

#[test]
fn replies_without_a_body_leave_the_connections_usable() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    let mut server = None;
    for (method, reply, length) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", Some("1000")),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", None),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", None),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some("0")),
    ] {
        client.send(format!("{method} /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n"));
        let server = server.get_or_insert_with(|| upstream.accept());
        assert!(server.read_message().start.starts_with(method));
        server.send(reply);
        let head = client.read_head();
        assert_eq!(head.field("content-length"), length, "{method}: {reply}");
    }
    assert!(!upstream.is_called());
    assert!(verdicts(&gateway.stop()).iter().all(|(_, reason)| reason.is_empty()));
}

#[test]
fn an_informational_reply_is_passed_over_and_a_switch_of_protocols_is_none() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.read_message().text(), "ok");
    client.send(
        "GET /a HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: eA==\r\n\r\n",
    );
    let request = server.read_message();
    assert_eq!((request.field("upgrade"), request.field("connection")), (None, None));
    server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.read_message().status(), 502);
    server.expect_close();
    assert_eq!(verdicts(&gateway.stop()), [(200, ""), (502, "upstream_broken")]);
}

#[test]
fn informational_replies_without_end_are_none() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    let storm = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000);
    let mut sent = 0;
    while sent < 8 << 20 && server.try_send(storm.as_bytes()) {
        sent += storm.len();
    }
    assert!(sent < 8 << 20, "all of it was read");
    assert_eq!(client.read_message().status(), 502);
    assert_eq!(verdicts(&gateway.stop()), [(502, "upstream_broken")]);
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it_when_its_body_is_wanted() {
    let upstream = Upstream::start();
    let tables = Tables::default().rule("/", stages(forward(upstream.address()))).rule("/small", {
        let mut small = stages(forward(upstream.address()));
        small.max_body = Bytes(2);
        small
    });
    let gateway = Gateway::start(tables.snapshot());
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.read_head().status(), 100);
    client.send("abc");
    let mut server = upstream.accept();
    let request = server.read_message();
    assert_eq!((request.text(), request.field("expect")), ("abc", None));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
    client.send("POST /small HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.read_message().status(), 413);
    client.finish();
    client.expect_close();
    assert!(!upstream.is_called());
}

#[test]
fn an_upstream_that_dies_in_mid_body_cuts_the_reply_off() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n5\r\nagai",
    ] {
        for by_reset in [false, true] {
            let upstream = Upstream::start();
            let gateway = Gateway::start(open_to(upstream.address()));
            let mut client = gateway.connect();
            client.send(GET);
            let mut server = upstream.accept();
            server.read_message();
            server.send(reply);
            assert_eq!(client.read_head().status(), 200);
            client.read_until(b"part");
            if by_reset {
                server.reset();
            } else {
                drop(server);
            }
            let (rest, _) = client.read_to_close();
            assert!(!rest.ends_with(b"0\r\n\r\n"), "{reply}: the reply looks whole");
            assert_eq!(verdicts(&gateway.stop()), [(200, "upstream_broke_off")], "{reply}");
        }
    }
}

#[test]
fn an_upstream_that_closes_instead_of_a_reply_is_a_502() {
    for bytes in
        ["", "HTTP/1.1 200", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"]
    {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send(GET);
        let mut server = upstream.accept();
        server.read_message();
        server.send(bytes);
        drop(server);
        let reply = client.read_message();
        assert_eq!(reply.status(), 502, "{bytes:?}");
        assert_eq!(reply.field("content-type"), Some("application/problem+json"));
        assert!(!upstream.is_called(), "{bytes:?}: it was tried again");
        assert_eq!(verdicts(&gateway.stop()), [(502, "upstream_broken")]);
    }
}

#[test]
fn a_request_on_a_link_that_was_closed_is_sent_again_only_where_that_is_safe() {
    for (request, is_safe) in [
        (GET, true),
        ("DELETE /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", true),
        ("POST /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n", false),
        ("PUT /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1\r\n\r\nx", false),
    ] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(open_to(upstream.address()));
        let mut client = gateway.connect();
        client.send(GET);
        let mut server = upstream.accept();
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        client.read_message();
        client.send(request);
        // It has the request, and is gone before it replies.
        server.read_message();
        drop(server);
        if is_safe {
            let mut second = upstream.accept();
            assert_eq!(second.read_message().start, request.split("\r\n").next().unwrap());
            second.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            assert_eq!(client.read_message().status(), 200, "{request}");
        } else {
            assert_eq!(client.read_message().status(), 502, "{request}");
            assert!(!upstream.is_called(), "{request}: it was tried again");
        }
    }
}

#[test]
fn links_that_were_closed_while_they_waited_cost_no_request_and_no_attempt() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut clients: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    let mut servers: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            client.send(GET);
            let mut server = upstream.accept();
            server.read_message();
            server
        })
        .collect();
    for (client, server) in clients.iter_mut().zip(&mut servers) {
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        client.read_message();
    }
    drop(servers);
    let client = clients.first_mut().unwrap();
    // By the time that this is answered, the thread has been told of the closed sockets.
    client.send("GET /a HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
    assert_eq!(client.read_message().status(), 404);
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1\r\n\r\nx");
    let mut server = upstream.accept();
    assert_eq!(server.read_message().text(), "x");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
}

#[test]
fn a_request_that_met_one_dead_link_gets_a_new_one() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut clients: Vec<_> = (0..3).map(|_| gateway.connect()).collect();
    let mut servers = Vec::new();
    for client in &mut clients {
        client.send(GET);
        let mut server = upstream.accept();
        server.read_message();
        servers.push(server);
    }
    for (client, server) in clients.iter_mut().zip(&mut servers) {
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        client.read_message();
    }
    let client = clients.first_mut().unwrap();
    client.send(GET);
    // As after a restart of its host: each ends only when the next request has come to it.
    let mut last = servers.pop().unwrap();
    last.read_message();
    drop(last);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
}

#[test]
fn an_endpoint_that_takes_no_connection_is_passed_over() {
    // Bound and not listening: a connection to it is refused.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    closed.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let closed = closed.local_addr().unwrap().as_socket().unwrap();
    let open = Upstream::start();
    let snapshot = Tables::default()
        .rule("/", stages(to(upstream(&[closed, open.address()], Protocol::Http1))))
        .rule("/down", stages(forward(closed)))
        .rule("/empty", stages(to(upstream(&[], Protocol::Http1))));
    let gateway = Gateway::start(snapshot.snapshot());
    let mut client = gateway.connect();
    let mut server = None;
    for _ in 0..8 {
        client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1\r\n\r\nx");
        let server = server.get_or_insert_with(|| open.accept());
        assert_eq!(server.read_message().text(), "x");
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.read_message().status(), 200);
    }
    for (path, reason) in [("/down", "upstream_unreachable"), ("/empty", "no_endpoint")] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\n\r\n"));
        let reply = client.read_message();
        assert_eq!((reply.status(), reply.text().contains(reason)), (503, true), "{path}: {}", reply.text());
    }
}

#[test]
fn a_client_that_leaves_takes_its_request_with_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    drop(client);
    server.expect_close();
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    client.read_until(b"a\r\n");
    drop(client);
    server.expect_close();
    assert_eq!(verdicts(&gateway.stop()), [(499, "client_left"), (200, "client_left")]);
}

#[test]
fn a_client_that_leaves_in_mid_upload_breaks_the_request_off() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    let mut server = upstream.accept();
    server.read_head();
    server.read_until(b"part\r\n");
    drop(client);
    let (rest, _) = server.read_to_close();
    assert!(rest.is_empty(), "the request looks whole: {rest:?}");
}

#[test]
fn a_reply_that_comes_before_the_upload_is_over_is_passed_on() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1000000\r\n\r\n");
    client.send([b'x'; 1_000]);
    let mut server = upstream.accept();
    server.read_head();
    server.send("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch");
    server.finish();
    let reply = client.read_message();
    assert_eq!((reply.status(), reply.text()), (413, "much"));
    // The rest of the upload goes nowhere, and does not spoil the reply.
    assert!(server.read_to_close().0.len() <= 1_000);
    client.send(vec![b'x'; 999_000]);
    client.finish();
    client.expect_close();
}

#[test]
fn a_body_over_its_bound_is_refused_whether_announced_or_not() {
    let upstream = Upstream::start();
    let mut rule = stages(forward(upstream.address()));
    rule.max_body = Bytes(10);
    let gateway = Gateway::start(Tables::default().rule("/", rule).snapshot());
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 11\r\n\r\n0123456789a");
    let reply = client.read_message();
    assert_eq!((reply.status(), reply.field("connection")), (413, Some("close")));
    assert!(!upstream.is_called(), "a body that announces too much was forwarded");

    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
    let mut server = upstream.accept();
    server.read_head();
    server.read_until(b"01234\r\n");
    client.send("6\r\n56789a\r\n");
    assert_eq!(client.read_message().status(), 413);
    let (rest, _) = server.read_to_close();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the upstream got a body that looks whole");

    // The reply has begun: it cannot become a 413 any more.
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
    let mut server = upstream.accept();
    server.read_head();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    client.read_until(b"ok\r\n");
    client.send("6\r\n56789a\r\n");
    let (rest, _) = client.read_to_close();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the reply looks whole");

    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 10\r\n\r\n0123456789");
    let mut server = upstream.accept();
    assert_eq!(server.read_message().text(), "0123456789");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
    let expected = [(413, "body_too_large"), (413, "body_too_large"), (200, "body_too_large"), (200, "")];
    assert_eq!(verdicts(&gateway.stop()), expected);
}

#[test]
fn a_slow_client_holds_the_upstream_back() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    let piece = vec![b'x'; 64 << 10];
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    let mut sent = server.send_until_stuck(&piece);
    assert!(sent < 50_000_000, "the gateway took {sent} bytes that nobody read");
    assert_eq!(client.read_head().status(), 200);
    client.read_exactly(sent);
    while sent < 100_000_000 {
        let next = piece.len().min(100_000_000 - sent);
        server.send(&piece[..next]);
        client.read_exactly(next);
        sent += next;
    }
    assert_eq!(gateway.stop()[0]["sent"], 100_000_000);
}

#[test]
fn a_slow_upstream_holds_the_client_back() {
    let upstream = Upstream::start();
    let mut rule = stages(forward(upstream.address()));
    rule.max_body = Bytes(1 << 30);
    let gateway = Gateway::start(Tables::default().rule("/", rule).snapshot());
    let mut client = gateway.connect();
    client.send("POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 100000000\r\n\r\n");
    let mut server = upstream.accept();
    server.read_head();
    let sent = client.send_until_stuck(&vec![b'x'; 64 << 10]);
    assert!(sent < 50_000_000, "the gateway took {sent} bytes that nobody read");
}

#[test]
fn the_word_of_a_trusted_proxy_is_taken() {
    let upstream = Upstream::start();
    let settings = Settings { trusted: vec!["127.0.0.0/8"], ..Settings::default() };
    let gateway = Gateway::start_with(open_to(upstream.address()), &settings);
    let mut client = gateway.connect();
    client.send(
        "GET /a HTTP/1.1\r\nHost: api.example.com\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n\
         X-Forwarded-Proto: https\r\nX-Request-Id: abc-123\r\n\r\n",
    );
    let mut server = upstream.accept();
    let request = server.read_message();
    assert_eq!(request.field("x-forwarded-for"), Some("203.0.113.7, 127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-request-id"), Some("abc-123"));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    client.read_message();
    let log = gateway.stop();
    assert_eq!((&log[0]["client"], &log[0]["request_id"]), (&"203.0.113.7".into(), &"abc-123".into()));
}

#[test]
fn connections_over_the_bound_wait_for_one_to_end() {
    let upstream = Upstream::start();
    let limits = Limits { connections: 2, ..Limits::default() };
    let gateway = Gateway::start_with(open_to(upstream.address()), &Settings { limits, ..Settings::default() });
    let (mut first, mut second, mut third) = (gateway.connect(), gateway.connect(), gateway.connect());
    let ask = |client: &mut super::wire::End, server: &mut Option<super::wire::End>| {
        client.send(GET);
        let server = server.get_or_insert_with(|| upstream.accept());
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        client.read_message().status()
    };
    let mut server = None;
    assert_eq!(ask(&mut first, &mut server), 200);
    assert_eq!(ask(&mut second, &mut server), 200);
    assert!(gateway.metrics().contains("bearward_open_connections 2\n"));
    third.send(GET);
    assert!(!third.is_closed());
    assert!(third.arrived().is_empty());
    drop(first);
    server.as_mut().unwrap().read_message();
    server.as_mut().unwrap().send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(third.read_message().status(), 200);
}

#[test]
fn an_old_snapshot_is_let_go_by_its_last_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    let old = gateway.snapshot();
    let mut client = gateway.connect();
    client.send(GET);
    let mut server = upstream.accept();
    server.read_message();
    gateway.publish(Tables::default().snapshot());
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
    client.send(GET);
    let reply = client.read_message();
    assert_eq!(reply.status(), 404);
    // Dropped on another thread, soon.
    while old.upgrade().is_some() {
        std::thread::yield_now();
    }
}
