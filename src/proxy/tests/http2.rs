//! HTTP/2, from clients and to upstreams.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::gateway::{Gateway, verdicts};
use super::h2_ends::{self, Client, next, read, request};
use super::tables::{Tables, open_to, stages, to, upstream};
use super::wire::Upstream;
use crate::name::Bytes as Limit;
use crate::snapshot::Protocol;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A gateway before an upstream that speaks HTTP/2.
fn h2_all_the_way() -> (Gateway, h2_ends::Upstream) {
    let gateway = Gateway::start(Tables::default().snapshot());
    let upstream_end = gateway.runtime().block_on(h2_ends::Upstream::start());
    gateway.publish(
        Tables::default().rule("/", stages(to(upstream(&[upstream_end.address()], Protocol::H2c)))).snapshot(),
    );
    (gateway, upstream_end)
}

fn trailers(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    rows.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[test]
fn a_request_over_http2_reaches_an_upstream_over_http1() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        let head = request("GET", "/a/../b?x=1").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap();
        let (reply, _) = client.send(head, true).await;
        let mut server = upstream.accept();
        let got = server.read_message();
        assert_eq!(got.start, "GET /b?x=1 HTTP/1.1");
        assert_eq!((got.field("host"), got.field("cookie")), (Some("api.example.com"), Some("a=1; b=2")));
        server.send(OK);
        let mut reply = reply.await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-length"], "2");
        assert_eq!(read(reply.body_mut()).await.unwrap().0, b"ok");

        let (reply, mut body) = client.send(request("POST", "/a").body(()).unwrap(), false).await;
        body.send_data(Bytes::from_static(b"up"), false).unwrap();
        let got = server.read_head();
        assert_eq!(got.field("transfer-encoding"), Some("chunked"));
        assert_eq!(server.read_until(b"up\r\n"), b"2\r\nup\r\n");
        body.send_data(Bytes::from_static(b"load"), true).unwrap();
        assert_eq!(server.read_chunks(), b"load");
        server.send("HTTP/1.1 200 OK\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        let mut reply = reply.await.unwrap();
        assert!(!reply.headers().contains_key("x-hop") && !reply.headers().contains_key("transfer-encoding"));
        assert_eq!(read(reply.body_mut()).await.unwrap().0, b"ok");
    });
    assert_eq!(verdicts(&gateway.stop()), [(200, ""), (200, "")]);
}

#[test]
fn streams_and_their_trailers_pass_both_ways_at_once() {
    let (gateway, mut upstream) = h2_all_the_way();
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        let head = request("POST", "/grpc").header("te", "trailers").body(()).unwrap();
        let (reply, mut up) = client.send(head, false).await;
        let (_, mut got, mut respond) = upstream.accept().await;
        assert_eq!(got.uri(), "http://api.example.com/grpc");
        assert_eq!(got.headers()["te"], "trailers");
        let mut down = respond.send_response(Response::new(()), false).unwrap();
        let mut reply = reply.await.unwrap();
        for word in ["one", "two"] {
            up.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
            assert_eq!(next(got.body_mut()).await, word);
            down.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
            assert_eq!(next(reply.body_mut()).await, word);
        }
        let brought = [
            ("x-sum", "1"),
            ("authorization", "x"),
            ("x_api_key", "x"),
            ("client-cert", "x"),
            ("x.forwarded.for", "x"),
            ("x-http-method-override", "x"),
            ("host", "x"),
        ];
        up.send_trailers(trailers(&brought)).unwrap();
        assert_eq!(read(got.body_mut()).await.unwrap().1, Some(trailers(&[("x-sum", "1")])));
        down.send_trailers(trailers(&[("grpc-status", "0"), ("set-cookie", "x"), ("content-length", "1")])).unwrap();
        assert_eq!(read(reply.body_mut()).await.unwrap().1, Some(trailers(&[("grpc-status", "0")])));
    });
    assert_eq!(verdicts(&gateway.stop()), [(200, "")]);
}

#[test]
fn streams_are_served_side_by_side_and_share_the_upstreams_connection() {
    let (gateway, mut upstream) = h2_all_the_way();
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        // The first opens the connection that the others share.
        let (first, _) = client.send(request("GET", "/0").body(()).unwrap(), true).await;
        let mut waiting = vec![upstream.accept().await];
        let mut replies = vec![first];
        for path in ["/1", "/2"] {
            replies.push(client.send(request("GET", path).body(()).unwrap(), true).await.0);
            waiting.push(upstream.accept().await);
        }
        // The last is answered first.
        while let (Some((connection, got, mut respond)), Some(reply)) = (waiting.pop(), replies.pop()) {
            assert_eq!(connection, 0);
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::copy_from_slice(got.uri().path().as_bytes()), true).unwrap();
            let mut reply = reply.await.unwrap();
            assert_eq!(read(reply.body_mut()).await.unwrap().0, got.uri().path().as_bytes());
        }
    });
}

#[test]
fn a_stream_that_the_upstream_refused_unseen_is_sent_again_if_it_has_no_body() {
    let (gateway, mut upstream) = h2_all_the_way();
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        let (reply, _) = client.send(request("GET", "/warm").body(()).unwrap(), true).await;
        upstream.accept().await.2.send_response(Response::new(()), true).unwrap();
        reply.await.unwrap();

        let (reply, _) = client.send(request("GET", "/a").body(()).unwrap(), true).await;
        upstream.accept().await.2.send_reset(Reason::REFUSED_STREAM);
        let (_, got, mut respond) = upstream.accept().await;
        assert_eq!(got.uri().path(), "/a");
        respond.send_response(Response::new(()), true).unwrap();
        assert_eq!(reply.await.unwrap().status(), 200);

        let (reply, _) = client.send(request("GET", "/b").body(()).unwrap(), true).await;
        upstream.accept().await.2.send_reset(Reason::INTERNAL_ERROR);
        assert_eq!(reply.await.unwrap().status(), 502);

        let (reply, mut body) = client.send(request("POST", "/c").body(()).unwrap(), false).await;
        body.send_data(Bytes::from_static(b"x"), true).unwrap();
        upstream.accept().await.2.send_reset(Reason::REFUSED_STREAM);
        assert_eq!(reply.await.unwrap().status(), 502);
    });
    assert_eq!(verdicts(&gateway.stop()), [(200, ""), (200, ""), (502, "upstream_broken"), (502, "upstream_broken")]);
}

#[test]
fn a_reply_that_breaks_off_is_a_reset_stream() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        let (reply, _) = client.send(request("GET", "/a").body(()).unwrap(), true).await;
        let mut server = upstream.accept();
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart");
        let mut reply = reply.await.unwrap();
        assert_eq!(next(reply.body_mut()).await, "part");
        drop(server);
        let error = read(reply.body_mut()).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        // The connection goes on.
        let (reply, _) = client.send(request("GET", "/a").body(()).unwrap(), true).await;
        let mut server = upstream.accept();
        server.read_message();
        server.send(OK);
        assert_eq!(reply.await.unwrap().status(), 200);
    });
    assert_eq!(verdicts(&gateway.stop()), [(200, "upstream_broke_off"), (200, "")]);
}

#[test]
fn a_client_that_resets_its_stream_takes_its_request_with_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        let (reply, mut stream) = client.send(request("GET", "/a").body(()).unwrap(), true).await;
        let mut server = upstream.accept();
        server.read_message();
        stream.send_reset(Reason::CANCEL);
        drop(reply);
        server.expect_close();
    });
    assert_eq!(verdicts(&gateway.stop()), [(499, "client_left")]);
}

#[test]
fn a_body_over_its_bound_is_refused_on_its_stream_alone() {
    let upstream_end = Upstream::start();
    let mut rule = stages(super::tables::forward(upstream_end.address()));
    rule.max_body = Limit(10);
    let gateway = Gateway::start(Tables::default().rule("/", rule).snapshot());
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        let head = request("POST", "/a").header("content-length", "11").body(()).unwrap();
        let (reply, _body) = client.send(head, false).await;
        assert_eq!(reply.await.unwrap().status(), 413);
        let (reply, mut body) = client.send(request("POST", "/a").body(()).unwrap(), false).await;
        body.send_data(Bytes::from_static(b"0123456789a"), false).unwrap();
        assert_eq!(reply.await.unwrap().status(), 413);
        let (reply, _) = client.send(request("GET", "/a").body(()).unwrap(), true).await;
        // The one before was on its way when it went over the bound.
        let (rest, _) = upstream_end.accept().read_to_close();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "the upstream got a body that looks whole");
        let mut server = upstream_end.accept();
        server.read_message();
        server.send(OK);
        assert_eq!(reply.await.unwrap().status(), 200);
    });
}

#[test]
fn a_stream_whose_window_stays_shut_is_given_up_and_no_other() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(100);
        let mut client = Client::connect_with(gateway.address(), &builder).await;
        let (stuck, _) = client.send(request("GET", "/stuck").body(()).unwrap(), true).await;
        let mut server = upstream.accept();
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
        server.send_until_stuck(&vec![b'x'; 64 << 10]);
        let mut stuck = stuck.await.unwrap();
        let (alive, _) = client.send(request("GET", "/alive").body(()).unwrap(), true).await;
        let mut second = upstream.accept();
        second.read_message();
        let passed = gateway.advance_until_closed(&mut server, Duration::from_mins(5));
        assert!((Duration::from_secs(74)..Duration::from_secs(100)).contains(&passed), "{passed:?}");
        let error = read(stuck.body_mut()).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::CANCEL));
        // Its own patience is at its end too, which is answered and not cut off.
        assert_eq!(alive.await.unwrap().status(), 504);
    });
    let log = gateway.stop();
    assert!(verdicts(&log).contains(&(200, "client_too_slow")), "{log:?}");
}

#[test]
fn an_idle_connection_may_ping_and_is_told_when_it_ends() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        for _ in 0..4 {
            client.ping().await;
            gateway.advance(Duration::from_secs(12));
        }
        let (reply, _) = client.send(request("GET", "/a").body(()).unwrap(), true).await;
        let mut server = upstream.accept();
        server.read_message();
        server.send(OK);
        assert_eq!(reply.await.unwrap().status(), 200);
        // Now it is silent for longer than it may be: GOAWAY, not a reset.
        client.ping().await;
        gateway.advance(Duration::from_secs(76));
        assert!(client.end().await.is_none());
    });
}

#[test]
fn what_http2_says_twice_must_agree() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(open_to(upstream.address()));
    gateway.runtime().block_on(async {
        let mut client = Client::connect(gateway.address()).await;
        for (host, status) in [("other.example.com", 400), ("api.example.com:8080", 400)] {
            let head = request("GET", "/a").header("host", host).body(()).unwrap();
            assert_eq!(client.ask(head).await.status(), status, "{host}");
        }
        let mut reply = client.ask(request("HEAD", "/a%2f").body(()).unwrap()).await;
        assert_eq!(reply.status(), 400);
        assert!(reply.headers()["content-length"] != "0");
        assert!(read(reply.body_mut()).await.unwrap().0.is_empty(), "HEAD was answered with a body");
    });
    assert!(!upstream.is_called());
}

#[test]
fn a_drain_lets_streams_finish_and_says_goaway() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let runtime = gateway.runtime().handle().clone();
    let mut client = runtime.block_on(Client::connect(gateway.address()));
    let (reply, _) = runtime.block_on(client.send(request("GET", "/a").body(()).unwrap(), true));
    let mut server = upstream.accept();
    server.read_message();
    let draining = gateway.begin_drain(Duration::from_secs(30));
    gateway.advance(Duration::from_secs(20));
    server.send(OK);
    runtime.block_on(async {
        let mut reply = reply.await.unwrap();
        assert_eq!(read(reply.body_mut()).await.unwrap().0, b"ok");
        assert!(client.end().await.is_none());
    });
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
    assert_eq!(verdicts(&gateway.stop()), [(200, "")]);
}

#[test]
fn a_stream_that_outlasts_the_grace_is_reset() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(open_to(upstream.address()));
    let runtime = gateway.runtime().handle().clone();
    let mut client = runtime.block_on(Client::connect(gateway.address()));
    let (reply, _) = runtime.block_on(client.send(request("GET", "/a").body(()).unwrap(), true));
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    let mut reply = runtime.block_on(reply).unwrap();
    let draining = gateway.begin_drain(Duration::from_secs(30));
    let passed = gateway.advance_until_closed(&mut server, Duration::from_mins(1));
    assert!(passed >= Duration::from_secs(30), "{passed:?}");
    let error = runtime.block_on(read(reply.body_mut())).unwrap_err();
    assert!(error.is_reset() && error.is_remote(), "{error:?}");
    gateway.advance_until_drained(&draining, Duration::from_secs(5));
    assert_eq!(verdicts(&gateway.stop()), [(200, "shutting_down")]);
}
