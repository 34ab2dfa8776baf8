//! What a refused client is answered.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;

use super::tables::{forward, stages};
use super::worker::{exchange, worker};
use crate::finding::Code;
use crate::jose::Reason;
use crate::proxy::refusal::Refusal;
use crate::snapshot::{Chain, Dialect};
use crate::telemetry::Cause;

/// Status, fields and body of a refusal.
fn render(refusal: Refusal, method: Method, dialect: Dialect) -> (u16, Vec<(String, String)>, String) {
    let worker = worker();
    let mut exchange = exchange(&worker, method);
    let mut stages = stages(forward("127.0.0.1:1".parse().unwrap()));
    stages.dialect = dialect;
    exchange.set_chain(&Arc::new(Chain::Serve(Box::new(stages))));
    let (head, body) = refusal.render(exchange).into_parts();
    let fields = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let body = body.collect().now_or_never().unwrap().unwrap().to_bytes();
    (head.status.as_u16(), fields.collect(), String::from_utf8(body.to_vec()).unwrap())
}

fn fields(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_refusal_is_a_problem_that_says_less_than_the_log() {
    let refusal =
        Refusal::credential(Reason::BadSignature).challenge(HeaderValue::from_static("Bearer realm=\"shop\""));
    assert_eq!(
        render(refusal, Method::GET, Dialect::Problem),
        (
            401,
            fields(&[
                ("content-type", "application/problem+json"),
                ("cache-control", "no-store"),
                ("www-authenticate", "Bearer realm=\"shop\""),
            ]),
            "{\"type\":\"tag:bearward.dev,2026:invalid_token\",\"title\":\"Token refused\",\"status\":401,\
             \"detail\":\"The token is not valid here.\",\"code\":\"invalid_token\"}"
                .to_owned()
        )
    );
}

#[test]
fn a_model_route_refuses_in_its_clients_own_words() {
    let refusal =
        Refusal::credential(Reason::BadSignature).challenge(HeaderValue::from_static("Bearer realm=\"shop\""));
    assert_eq!(
        render(refusal, Method::GET, Dialect::OpenAi),
        (
            401,
            fields(&[
                ("content-type", "application/json"),
                ("cache-control", "no-store"),
                ("www-authenticate", "Bearer realm=\"shop\""),
            ]),
            "{\"error\":{\"message\":\"The token is not valid here.\",\"type\":\"invalid_request_error\",\
             \"param\":null,\"code\":\"invalid_api_key\"}}"
                .to_owned()
        )
    );
}

#[test]
fn a_head_request_is_refused_without_a_body() {
    let (status, head_fields, body) = render(Refusal::new(Cause::NoRoute), Method::HEAD, Dialect::Problem);
    let (_, get_fields, get_body) = render(Refusal::new(Cause::NoRoute), Method::GET, Dialect::Problem);
    assert_eq!((status, body.as_str()), (404, ""));
    let length = ("content-length".to_owned(), get_body.len().to_string());
    assert_eq!(head_fields, [get_fields, vec![length]].concat());
}

#[test]
fn another_try_is_asked_for_in_whole_seconds() {
    for (wait, expected) in [
        (Duration::ZERO, "1"),
        (Duration::from_millis(1), "1"),
        (Duration::from_secs(1), "1"),
        (Duration::from_millis(1_001), "2"),
        (Duration::from_secs(90), "90"),
    ] {
        let refusal = Refusal::new(Cause::KeysUnavailable).retry_after(wait);
        let (_, fields, _) = render(refusal, Method::GET, Dialect::Problem);
        assert!(fields.contains(&("retry-after".to_owned(), expected.to_owned())), "{wait:?}: {fields:?}");
    }
}

#[test]
fn a_refusal_of_an_unresolved_rule_has_the_code_of_its_finding_and_no_challenge() {
    let (status, fields, body) = render(Refusal::unresolved(Code::PolicyNotFound), Method::GET, Dialect::Problem);
    assert_eq!(status, 503);
    assert!(body.ends_with("\"code\":\"PolicyNotFound\"}"), "{body}");
    assert!(fields.iter().any(|(name, _)| name == "retry-after"), "{fields:?}");
    assert!(!fields.iter().any(|(name, _)| name == "www-authenticate"), "{fields:?}");
}

#[test]
fn every_cause_has_words_of_its_own_for_the_client() {
    for cause in Cause::ALL {
        let (status, _, body) = render(Refusal::new(*cause), Method::GET, Dialect::Problem);
        assert_eq!(status, cause.status().as_u16(), "{cause:?}");
        assert!(body.ends_with(&format!("\"code\":\"{}\"}}", cause.code())), "{body}");
        assert!(!body.contains("Route not in force"), "{cause:?} has no words: {body}");
        // What exactly is wrong with a credential, or denies it, is for the log alone.
        if [400, 401, 403].contains(&status) && !cause.code().contains(cause.as_str()) {
            assert!(!body.contains(cause.as_str()), "{body}");
        }
    }
}

#[test]
fn a_redirect_has_a_location_and_no_body() {
    let refusal = Refusal::redirect(StatusCode::FOUND, HeaderValue::from_static("https://example.com/"));
    assert_eq!(
        render(refusal, Method::GET, Dialect::Problem),
        (302, fields(&[("location", "https://example.com/")]), String::new())
    );
}

#[test]
fn a_refusal_that_closes_says_so() {
    let (_, fields, _) = render(Refusal::new(Cause::BadTarget).closing(), Method::GET, Dialect::Problem);
    assert!(fields.contains(&("connection".to_owned(), "close".to_owned())), "{fields:?}");
}
