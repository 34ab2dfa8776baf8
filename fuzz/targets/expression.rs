//! Any rule compiles to an evaluation that ends, or to an error that says where.
//!
//! Input: the expression, then, after a NUL, the claims as JSON.

#![no_main]

use bearward::expr::{Inputs, MAX_BYTES, RequestInput, Rule, TokenInput};
use bearward::jose::Scopes;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

fuzz_target!(|data: &str| {
    let (source, claims) = data.split_once('\0').unwrap_or((data, ""));
    let rule = match Rule::compile(source) {
        Ok(rule) => rule,
        Err(error) => {
            assert!(error.offset <= source.len(), "{error} at {}", error.offset);
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(source.len() <= MAX_BYTES && rule.source() == source);

    let claims = match serde_json::from_str::<Map<String, Value>>(claims) {
        Ok(claims) => claims,
        Err(_) => usual_claims(),
    };
    let scopes: Scopes = ["orders:read", "orders:write"].into_iter().collect();
    let mut headers = HeaderMap::new();
    headers.append("x-team", HeaderValue::from_static("shop"));
    headers.append("accept", HeaderValue::from_static("a"));
    headers.append("accept", HeaderValue::from_static("b"));
    let inputs = Inputs {
        claims: &claims,
        token: TokenInput { policy: "shop/partners", entry: "corp", issuer: "https://idp", scopes: &scopes },
        request: RequestInput {
            method: "GET",
            host: "api.example.com",
            path: "/orders/42",
            query: "debug=1&name=J%C3%BCrgen+K&tag=a&tag=b&flag",
            headers: &headers,
            ip: Some([10, 1, 2, 3].into()),
        },
    };
    assert_eq!(rule.holds(&inputs), rule.holds(&inputs), "the same inputs, another answer");
});

fn usual_claims() -> Map<String, Value> {
    let Value::Object(claims) = json!({
        "sub": "alice", "tenant": "acme", "level": 3, "ratio": 1.5, "active": true, "nothing": null,
        "roles": ["admin", "dev"], "address": {"city": "Berlin"}, "iat": 1_000, "exp": 4_600,
    }) else {
        return Map::new();
    };
    claims
}
