//! What a rule does with a request that it takes: rewrite, redirect, edit, choose a backend.

use http::{HeaderName, HeaderValue, StatusCode};

use super::gateway::{Gateway, verdicts};
use super::tables::{Tables, forward, open_to, stages, upstream};
use super::wire::{End, Message, Upstream};
use crate::finding::Code;
use crate::snapshot::{Action, Backend, HeaderEdits, PathRewrite, Protocol, Redirect, Stages, Weighted};

fn get(client: &mut End, target: &str) {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: API.example.com:8080\r\nX-In: 1\r\n\r\n"));
}

fn edits(set: &[(&'static str, &'static str)], remove: &[&'static str]) -> HeaderEdits {
    let name = HeaderName::from_static;
    HeaderEdits {
        set: set.iter().map(|(field, value)| (name(field), HeaderValue::from_static(value))).collect(),
        remove: remove.iter().map(|field| name(field)).collect(),
    }
}

/// The answer of a rule with this redirect.
fn redirected(redirect: Redirect, target: &str) -> Message {
    let rule = Stages { response: edits(&[("x-out", "1")], &[]), ..stages(Action::Redirect(redirect)) };
    let gateway = Gateway::start(Tables::default().rule("/old", rule).snapshot());
    let mut client = gateway.connect();
    get(&mut client, target);
    client.read_message()
}

#[test]
fn a_redirect_keeps_what_the_rule_leaves_open() {
    let as_it_was = Redirect { status: StatusCode::PERMANENT_REDIRECT, scheme: None, authority: None, path: None };
    let https = Redirect { scheme: Some(http::uri::Scheme::HTTPS), ..as_it_was.clone() };
    let elsewhere = Redirect {
        authority: Some("new.example.com:8443".parse().unwrap()),
        path: Some(PathRewrite::Prefix { matched: "/old".len(), replacement: "/new".into() }),
        ..https.clone()
    };
    for (redirect, target, location) in [
        (as_it_was, "/old/./a?x=%41", "http://api.example.com:8080/old/a?x=A"),
        (https, "/old/a", "https://api.example.com/old/a"),
        (elsewhere, "/old/a?x", "https://new.example.com:8443/new/a?x"),
    ] {
        let reply = redirected(redirect, target);
        assert_eq!((reply.status(), reply.field("location")), (308, Some(location)));
        assert_eq!((reply.field("content-length"), reply.field("x-out")), (Some("0"), Some("1")));
    }
}

#[test]
fn a_request_and_its_reply_are_changed_as_the_rule_says() {
    let upstream = Upstream::start();
    let rule = Stages {
        request: edits(&[("x-set", "new"), ("user-agent", "us")], &["x-in"]),
        response: edits(&[("x-set", "new"), ("server", "us")], &["x-powered-by"]),
        host: Some(HeaderValue::from_static("internal.example.com")),
        path: Some(PathRewrite::Prefix { matched: "/orders".len(), replacement: "/v1".into() }),
        ..stages(forward(upstream.address()))
    };
    let gateway = Gateway::start(Tables::default().rule("/orders", rule).snapshot());
    let mut client = gateway.connect();
    get(&mut client, "/orders/7?a=b");
    let mut server = upstream.accept();
    let request = server.read_message();
    assert_eq!(request.start, "GET /v1/7?a=b HTTP/1.1");
    for (name, value) in [
        ("host", Some("internal.example.com")),
        ("x-forwarded-host", Some("api.example.com:8080")),
        ("x-set", Some("new")),
        ("user-agent", Some("us")),
        ("x-in", None),
    ] {
        assert_eq!(request.field(name), value, "{name}");
    }
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Set: old\r\nX-Set: older\r\nX-Powered-By: x\r\n\r\n");
    let reply = client.read_message();
    for (name, value) in [("x-set", Some("new")), ("server", Some("us")), ("x-powered-by", None)] {
        assert_eq!(reply.field(name), value, "{name}");
    }
}

#[test]
fn backends_get_their_weights_share_and_an_unresolved_one_refuses_its_own() {
    let upstream_end = Upstream::start();
    let target = upstream(&[upstream_end.address()], Protocol::Http1);
    let open =
        Backend::Upstream { upstream: target, strip: "".into(), base: "/base".into(), credential: None, access: None };
    let backends =
        [(3, open), (3, Backend::Unresolved(Code::PortNotFound)), (4, Backend::Unresolved(Code::BackendNotFound))];
    let action = Action::Forward(Weighted { backends: backends.into(), total: 4 });
    let gateway = Gateway::start(Tables::default().rule("/", stages(action)).snapshot());
    let mut client = gateway.connect();
    let mut server = None;
    let (mut passed_on, mut refused) = (0, 0);
    for _ in 0..200 {
        get(&mut client, "/a");
        loop {
            if !client.is_closed() && !client.arrived().is_empty() {
                break;
            }
            let Some(server) = server.as_mut() else {
                server = upstream_end.try_accept();
                continue;
            };
            let server: &mut End = server;
            if !server.is_closed() && !server.arrived().is_empty() {
                assert_eq!(server.read_message().start, "GET /base/a HTTP/1.1");
                server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
        let reply = client.read_message();
        match reply.status() {
            200 => passed_on += 1,
            503 => {
                assert!(reply.text().contains("\"code\":\"BackendNotFound\""), "{}", reply.text());
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    // A weight of zero gets nothing; the numbers follow from the seed.
    assert!((120..180).contains(&passed_on) && (20..80).contains(&refused), "{passed_on} {refused}");
}

#[test]
fn a_rule_whose_weights_are_all_zero_refuses() {
    let upstream_end = Upstream::start();
    let target = upstream(&[upstream_end.address()], Protocol::Http1);
    let backend =
        Backend::Upstream { upstream: target, strip: "".into(), base: "".into(), credential: None, access: None };
    let action = Action::Forward(Weighted { backends: [(0, backend)].into(), total: 0 });
    let gateway = Gateway::start(Tables::default().rule("/", stages(action)).snapshot());
    let mut client = gateway.connect();
    get(&mut client, "/a");
    assert_eq!(client.read_message().status(), 503);
    assert!(!upstream_end.is_called());
    assert_eq!(verdicts(&gateway.stop()), [(503, "no_backend")]);
}

#[test]
fn an_upstream_is_asked_for_the_host_that_the_client_asked_for() {
    let upstream_end = Upstream::start();
    let gateway = Gateway::start(open_to(upstream_end.address()));
    let mut client = gateway.connect();
    get(&mut client, "/a");
    let mut server = upstream_end.accept();
    assert_eq!(server.read_message().field("host"), Some("api.example.com:8080"));
}
