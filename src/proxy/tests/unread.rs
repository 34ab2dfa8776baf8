//! What follows on a connection after a request that was refused before its body was read: it is read as what it is, or
//! not at all.

use super::gateway::{Gateway, verdicts};
use super::tables::{Tables, forward, stages};
use super::wire::Upstream;

/// A body that looks like a request.
const HIDDEN: &str = "GET /open/hidden HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

/// A gateway with one open path; all others are no route.
fn gateway(upstream: &Upstream) -> Gateway {
    Gateway::start(Tables::default().rule("/open", stages(forward(upstream.address()))).snapshot())
}

#[test]
fn the_body_of_a_refused_request_is_not_read_as_the_next_request() {
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let known = format!("Content-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len());
    for body in [chunked, known] {
        for method in ["GET", "POST"] {
            let upstream = Upstream::start();
            let gateway = gateway(&upstream);
            let mut client = gateway.connect();
            // All at once, so that the body is there before the refusal is.
            client.send(format!(
                "{method} /none HTTP/1.1\r\nHost: api.example.com\r\n{body}\
                 GET /open/next HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
            ));
            assert_eq!(client.read_message().status(), 404, "{method} {body}");
            let mut server = upstream.accept();
            assert_eq!(server.read_message().start, "GET /open/next HTTP/1.1", "{method} {body}");
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            assert_eq!(client.read_message().text(), "ok", "{method} {body}");
            assert_eq!(verdicts(&gateway.stop()), [(404, "no_route"), (200, "")], "{method} {body}");
        }
    }
}

#[test]
fn a_body_that_has_not_come_when_its_request_is_refused_is_never_a_request() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    for framing in
        [format!("Content-Length: {}\r\n\r\n", HIDDEN.len()), "Transfer-Encoding: chunked\r\n\r\n".to_owned()]
    {
        let mut client = gateway.connect();
        client.send(format!("POST /none HTTP/1.1\r\nHost: api.example.com\r\n{framing}"));
        assert_eq!(client.read_message().status(), 404, "{framing}");
        client.try_send(HIDDEN.as_bytes());
        client.finish();
        // Read as the body that it is, or the connection has ended: no second reply.
        client.expect_close();
    }
    assert!(!upstream.is_called());
    assert_eq!(verdicts(&gateway.stop()), [(404, "no_route"); 2]);
}

#[test]
fn a_client_that_waits_for_100_continue_is_refused_at_once_and_what_it_sends_then_is_not_misread() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    let head = format!(
        "POST /none HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        HIDDEN.len()
    );
    // It keeps its body to itself, or sends it in spite of the answer.
    for sends in [false, true] {
        let mut client = gateway.connect();
        client.send(&head);
        let reply = client.read_message();
        assert_eq!(reply.status(), 404);
        if sends {
            client.try_send(HIDDEN.as_bytes());
        }
        client.finish();
        client.expect_close();
    }
    assert!(!upstream.is_called());
    assert_eq!(verdicts(&gateway.stop()), [(404, "no_route"); 2]);
}
