//! Keys that are missing: never a wrong refusal, never a long wait.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::gateway::{Gateway, START, verdicts};
use super::issuer::{CORP, Issuer, fetched, jwt, jwt_with, key_set, policy, token_rule, tokens};
use super::tables::{Tables, forward, stages};
use super::wire::{End, Upstream};
use crate::clock::UnixTime;
use crate::finding::Code;
use crate::jose::Profile;
use crate::snapshot::{AcceptedKeys, AsOf, KeyCell, Stages};

/// A gateway that takes tokens of one issuer, whose keys are in `cell`.
fn gateway(upstream: &Upstream, cell: &Arc<KeyCell>) -> Gateway {
    let access = tokens(vec![token_rule(policy("partners", vec![jwt("corp", CORP, cell)]))]);
    let rule = Stages { access, ..stages(forward(upstream.address())) };
    Gateway::start(Tables::default().rule("/", rule).snapshot())
}

fn ask(client: &mut End, token: &str) {
    client.send(format!("GET /a HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"));
}

/// This many seconds after the start of the test.
fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(START.secs() + seconds)
}

/// A token that says it was issued this many seconds after the start of the test.
fn issued(issuer: &Issuer, seconds: i64) -> String {
    issuer.token_with(|claims| {
        claims.insert("iat".to_owned(), (START.secs() + seconds).into());
    })
}

/// Waits until somebody has asked for newer keys.
fn wait_until_asked(gateway: &Gateway, cell: &Arc<KeyCell>) {
    gateway.runtime().block_on(cell.asked());
}

#[test]
fn row_46_a_key_that_a_fetch_brings_lets_the_waiting_request_in() {
    let (old, new) = (Issuer::new(CORP), Issuer::new(CORP));
    let cell = KeyCell::new(fetched(&[old.jwk()], at(-60), at(-50)));
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    // Two at once: one fetch answers both.
    let (mut one, mut other) = (gateway.connect(), gateway.connect());
    ask(&mut one, &new.token());
    wait_until_asked(&gateway, &cell);
    ask(&mut other, &new.token());
    wait_until_asked(&gateway, &cell);
    assert!(!one.is_closed() && one.arrived().is_empty());
    cell.store(fetched(&[old.jwk(), new.jwk()], at(0), at(10)));
    // Both go on at once, in either order.
    let mut servers = [upstream.accept(), upstream.accept()];
    for server in &mut servers {
        server.read_message();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    for client in [&mut one, &mut other] {
        assert_eq!(client.read_message().status(), 200);
    }
    assert!(cell.asked().now_or_never().is_none(), "it was asked again");
    assert!(gateway.metrics().contains("bearward_key_waits_total 2\n"));
    assert_eq!(verdicts(&gateway.stop()), [(200, ""), (200, "")]);
}

#[test]
fn row_47_a_key_is_unknown_only_to_a_fetch_that_began_after_the_token_was_issued() {
    let (known, unknown) = (Issuer::new(CORP), Issuer::new(CORP));
    // When the token was issued, when the fetch began, and whether that settles it.
    for (iat, began, settled) in [(-10, -10, false), (-10, -11, false), (5, 0, false), (-10, -9, true), (-10, 0, true)]
    {
        let cell = KeyCell::new(fetched(&[known.jwk()], at(began), at(1)));
        let upstream = Upstream::start();
        let gateway = gateway(&upstream, &cell);
        let mut client = gateway.connect();
        ask(&mut client, &issued(&unknown, iat));
        if !settled {
            wait_until_asked(&gateway, &cell);
            assert!(!client.is_closed() && client.arrived().is_empty(), "{iat} {began}");
            // The round brings nothing newer.
            cell.end_round();
        }
        let reply = client.read_message();
        let expected = if settled { (401, "unknown_kid") } else { (503, "key_not_fetched_yet") };
        assert_eq!(reply.status(), expected.0, "issued {iat}, fetched {began}");
        assert_eq!(reply.field("www-authenticate").is_some(), settled);
        assert_eq!(reply.field("retry-after"), if settled { None } else { Some("1") });
        assert_eq!(verdicts(&gateway.stop()), [(u64::from(expected.0), expected.1)], "issued {iat}, fetched {began}");
    }
}

#[test]
fn row_47_after_the_fetch_it_waited_for_a_key_that_is_still_not_there_is_unknown() {
    let (known, unknown) = (Issuer::new(CORP), Issuer::new(CORP));
    let cell = KeyCell::new(fetched(&[known.jwk()], at(-60), at(-50)));
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    let mut client = gateway.connect();
    ask(&mut client, &issued(&unknown, -10));
    wait_until_asked(&gateway, &cell);
    cell.store(fetched(&[known.jwk()], at(0), at(10)));
    assert_eq!(client.read_message().status(), 401);
    assert_eq!(verdicts(&gateway.stop()), [(401, "unknown_kid")]);
}

#[test]
fn a_request_waits_two_seconds_for_a_fetch_and_no_longer() {
    let (known, unknown) = (Issuer::new(CORP), Issuer::new(CORP));
    let cell = KeyCell::new(fetched(&[known.jwk()], at(-60), at(-50)));
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    let mut client = gateway.connect();
    ask(&mut client, &unknown.token());
    wait_until_asked(&gateway, &cell);
    let passed = gateway.advance_until_answered(&mut client, Duration::from_secs(30));
    assert!(passed >= Duration::from_secs(2), "{passed:?}");
    assert_eq!(client.read_message().status(), 503);
}

#[test]
fn a_request_does_not_wait_for_a_fetch_that_cannot_come_in_time() {
    let (known, unknown) = (Issuer::new(CORP), Issuer::new(CORP));
    let cell = KeyCell::new(fetched(&[known.jwk()], at(-60), at(8)));
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    let mut client = gateway.connect();
    ask(&mut client, &unknown.token());
    let reply = client.read_message();
    assert_eq!((reply.status(), reply.field("retry-after")), (503, Some("8")));
    // Whoever fetches knows all the same that a key is missing.
    wait_until_asked(&gateway, &cell);
    // The others are served meanwhile.
    ask(&mut client, &known.token());
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
}

#[test]
fn keys_that_the_policy_wrote_down_are_all_there_are() {
    let (known, unknown) = (Issuer::new(CORP), Issuer::new(CORP));
    let cell = super::issuer::inline(&[known.jwk()]);
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    let mut client = gateway.connect();
    ask(&mut client, &unknown.token());
    assert_eq!(client.read_message().status(), 401);
    assert!(cell.asked().now_or_never().is_none(), "a fetch was asked for");
}

#[test]
fn a_token_that_does_not_say_when_it_was_issued_is_judged_by_when_it_came() {
    let (known, unknown) = (Issuer::new(CORP), Issuer::new(CORP));
    let cell = KeyCell::new(fetched(&[known.jwk()], at(-1), at(0)));
    let entry = jwt_with("corp", CORP, &cell, |terms| terms.profile = Profile::Generic);
    let upstream = Upstream::start();
    let access = tokens(vec![token_rule(policy("partners", vec![entry]))]);
    let rule = Stages { access, ..stages(forward(upstream.address())) };
    let gateway = Gateway::start(Tables::default().rule("/", rule).snapshot());
    let token = unknown.token_with(|claims| {
        claims.remove("iat");
    });
    let mut client = gateway.connect();
    ask(&mut client, &token);
    wait_until_asked(&gateway, &cell);
    cell.store(fetched(&[known.jwk()], at(0), at(10)));
    assert_eq!(client.read_message().status(), 401);
    assert_eq!(verdicts(&gateway.stop()), [(401, "unknown_kid")]);
}

#[test]
fn row_121_without_any_keys_nobody_is_told_that_his_token_is_wrong() {
    let issuer = Issuer::new(CORP);
    let unavailable = |code, retry| AcceptedKeys::Unavailable { code, retry };
    for (keys, retry, reason) in [
        (unavailable(Code::KeysUnavailable, Some(at(7))), "7", "keys_unavailable"),
        (unavailable(Code::IssuerMismatch, Some(at(7))), "7", "IssuerMismatch"),
    ] {
        let upstream = Upstream::start();
        let gateway = gateway(&upstream, &KeyCell::new(keys));
        let mut client = gateway.connect();
        ask(&mut client, &issuer.token());
        let reply = client.read_message();
        assert_eq!((reply.status(), reply.field("retry-after")), (503, Some(retry)));
        assert_eq!(reply.field("www-authenticate"), None);
        assert!(reply.text().contains("\"code\":\"keys_unavailable\""), "{}", reply.text());
        // What is wrong with a token without any key is wrong with it now.
        ask(&mut client, "a.b");
        assert_eq!(client.read_message().status(), 401);
        let expired = issuer.token_with(|claims| {
            claims.insert("exp".to_owned(), 1.into());
        });
        ask(&mut client, &expired);
        assert_eq!(client.read_message().status(), 401);
        assert_eq!(verdicts(&gateway.stop()), [(503, reason), (401, "malformed_token"), (401, "expired")]);
    }
}

#[test]
fn the_first_request_waits_for_the_first_keys() {
    let issuer = Issuer::new(CORP);
    let cell = KeyCell::new(AcceptedKeys::Unavailable { code: Code::KeysUnavailable, retry: None });
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    let mut client = gateway.connect();
    ask(&mut client, &issuer.token());
    wait_until_asked(&gateway, &cell);
    cell.store(fetched(&[issuer.jwk()], at(0), at(10)));
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
}

#[test]
fn row_122_keys_that_have_become_too_old_take_cached_tokens_with_them() {
    let issuer = Issuer::new(CORP);
    let cell = KeyCell::new(fetched(&[issuer.jwk()], at(-60), at(-50)));
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &cell);
    let mut client = gateway.connect();
    ask(&mut client, &issuer.token());
    let mut server = upstream.accept();
    server.read_message();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_message().status(), 200);
    cell.store(AcceptedKeys::Unavailable { code: Code::KeysUnavailable, retry: Some(at(20)) });
    ask(&mut client, &issuer.token());
    assert_eq!(client.read_message().status(), 503);
}

#[tokio::test]
async fn no_more_than_256_wait_for_one_source_and_none_for_another() {
    let of = |keys: &[serde_json::Value]| KeyCell::new(AcceptedKeys::Known { set: key_set(keys), as_of: AsOf::Always });
    let (cell, other) = (of(&[]), of(&[]));
    let mut waiters: Vec<_> = (0..256).map(|_| cell.wait().unwrap()).collect();
    assert!(cell.wait().is_none());
    assert!(cell.wait().is_none(), "a place was lost or gained by asking");
    assert!(other.wait().is_some());
    let mut last = waiters.pop().unwrap();
    assert!(last.round().now_or_never().is_none());
    cell.end_round();
    last.round().await;
    drop(last);
    assert!(cell.wait().is_some());
}
