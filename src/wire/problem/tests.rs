//! The bytes that a refused client gets.

use http::StatusCode;
use proptest::prelude::*;

use super::ChallengeError as E;
use super::{Challenge, ChallengeScheme, Problem, is_scope_token};

#[test]
fn a_problem_has_the_members_of_rfc_9457_section_3_1() {
    let problem = Problem {
        status: StatusCode::UNAUTHORIZED,
        code: "invalid_token",
        title: "The token is not valid",
        detail: Some("Get a new one."),
    };
    assert_eq!(
        problem.to_body(),
        r#"{"type":"tag:bearward.dev,2026:invalid_token","title":"The token is not valid","status":401,"detail":"Get a new one.","code":"invalid_token"}"#
    );
    assert!(!problem.to_body().is_empty());
    let bare = Problem { detail: None, ..problem };
    assert_eq!(
        bare.to_body(),
        r#"{"type":"tag:bearward.dev,2026:invalid_token","title":"The token is not valid","status":401,"code":"invalid_token"}"#
    );
}

#[test]
fn an_openai_error_has_the_type_and_code_that_its_sdks_know() {
    for (status, code, kind, shown) in [
        (StatusCode::UNAUTHORIZED, "invalid_token", "invalid_request_error", "invalid_api_key"),
        (StatusCode::UNAUTHORIZED, "no_credentials", "invalid_request_error", "invalid_api_key"),
        (StatusCode::FORBIDDEN, "insufficient_scope", "invalid_request_error", "insufficient_scope"),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "invalid_request_error", "body_too_large"),
        (StatusCode::TOO_MANY_REQUESTS, "too_many_failures", "requests", "rate_limit_exceeded"),
        (StatusCode::BAD_GATEWAY, "upstream_broken", "server_error", "upstream_broken"),
        (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", "server_error", "keys_unavailable"),
    ] {
        let problem = Problem { status, code, title: "A \"title\"", detail: None };
        assert_eq!(
            problem.to_openai_body(),
            format!(r#"{{"error":{{"message":"A \"title\"","type":"{kind}","param":null,"code":"{shown}"}}}}"#),
            "{status} {code}"
        );
    }
    let problem = Problem { status: StatusCode::FORBIDDEN, code: "a", title: "b", detail: Some("Said.") };
    assert!(problem.to_openai_body().starts_with(br#"{"error":{"message":"Said.","#));
}

#[test]
fn markup_and_line_ends_stay_inert() {
    let problem =
        Problem { status: StatusCode::BAD_REQUEST, code: "a", title: "</script>&\n\u{2028}\0\"\\", detail: None };
    let body = problem.to_body();
    let body = std::str::from_utf8(&body).unwrap();
    assert!(body.contains(r#""title":"\u003c/script\u003e\u0026\n\u2028\u0000\"\\""#), "{body}");
}

proptest! {
    #[test]
    fn any_text_survives_as_json(title: String, detail: String) {
        let problem = Problem { status: StatusCode::NOT_FOUND, code: "no_route", title: &title, detail: Some(&detail) };
        let read: serde_json::Value = serde_json::from_slice(&problem.to_body()).unwrap();
        prop_assert_eq!(&read["title"], &title);
        prop_assert_eq!(&read["detail"], &detail);
        prop_assert_eq!(&read["status"], 404);
    }
}

#[test]
fn a_challenge_with_a_character_outside_its_grammar_is_not_written() {
    let bare = Challenge::bare(ChallengeScheme::Bearer, "shop");
    for (challenge, error) in [
        (Challenge { realm: "sh\nop", ..bare }, E::Realm),
        (Challenge { realm: "sh\u{f6}p", ..bare }, E::Realm),
        (Challenge { error: Some("invalid\"token"), ..bare }, E::Error),
        (Challenge { error: Some(""), ..bare }, E::Error),
        (Challenge { description: Some("back\\slash"), ..bare }, E::Error),
        (Challenge { description: Some("tab\t"), ..bare }, E::Error),
        (Challenge { scopes: &["a b"], ..bare }, E::Scope),
        (Challenge { scopes: &["a", ""], ..bare }, E::Scope),
        (Challenge { scopes: &["a\""], ..bare }, E::Scope),
        (Challenge { algorithms: &["ES256\""], ..bare }, E::Algorithm),
        (Challenge { resource_metadata: Some("https://a/\"b"), ..bare }, E::ResourceMetadata),
        (Challenge { resource_metadata: Some("https://a/ b"), ..bare }, E::ResourceMetadata),
    ] {
        assert_eq!(challenge.to_value(), Err(error), "{challenge:?}");
    }
}

#[test]
fn challenges_are_written_as_the_rfcs_show_them() {
    let bare = Challenge::bare(ChallengeScheme::Bearer, "shop");
    for (challenge, value) in [
        (bare, r#"Bearer realm="shop""#),
        (Challenge { realm: "the \"shop\"\\", ..bare }, r#"Bearer realm="the \"shop\"\\""#),
        (
            Challenge { error: Some("invalid_token"), description: Some("The token is not valid"), ..bare },
            r#"Bearer realm="shop", error="invalid_token", error_description="The token is not valid""#,
        ),
        (
            Challenge { error: Some("insufficient_scope"), scopes: &["orders:read", "orders:write"], ..bare },
            r#"Bearer realm="shop", error="insufficient_scope", scope="orders:read orders:write""#,
        ),
        (
            Challenge { scheme: ChallengeScheme::Dpop, algorithms: &["ES256", "EdDSA"], ..bare },
            r#"DPoP realm="shop", algs="ES256 EdDSA""#,
        ),
        (
            Challenge { resource_metadata: Some("https://a.example/.well-known/oauth-protected-resource/x"), ..bare },
            r#"Bearer realm="shop", resource_metadata="https://a.example/.well-known/oauth-protected-resource/x""#,
        ),
    ] {
        assert_eq!(challenge.to_value().unwrap(), value);
    }
}

#[test]
fn scopes_are_tokens() {
    for scope in ["", "a b", "a\"b", "a\\b", "caf\u{e9}", "a\n"] {
        assert!(!is_scope_token(scope), "{scope:?}");
    }
    for scope in ["a", "orders:read", "https://example.com/scope#x", "!~["] {
        assert!(is_scope_token(scope), "{scope:?}");
    }
}
