//! What rules mean, what is refused, and that nothing costs more than is stated.

mod agreement;
mod bounds;
mod evaluation;
mod refused;

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value as Json, json};

use super::{Inputs, RequestInput, TokenInput};
use crate::jose::Scopes;

/// What the rules of these tests look at.
struct World {
    claims: Map<String, Json>,
    scopes: Scopes,
    headers: HeaderMap,
    query: String,
}

impl World {
    fn new() -> Self {
        let Json::Object(claims) = json!({
            "sub": "alice",
            "tenant": "acme",
            "level": 3,
            "ratio": 1.5,
            "three": 3.0,
            "huge": 18_446_744_073_709_551_615_u64,
            "active": true,
            "nothing": null,
            "roles": ["admin", "dev"],
            "mixed": [1, "two", null],
            "none": [],
            "address": {"city": "Berlin", "zip": "10115"},
            "https://example.com/plan": "gold",
            "iat": 1_000,
            "exp": 4_600,
        }) else {
            panic!("an object")
        };
        let mut headers = HeaderMap::new();
        headers.append("x-team", HeaderValue::from_static("shop"));
        headers.append("accept", HeaderValue::from_static("text/html"));
        headers.append("accept", HeaderValue::from_static("text/plain"));
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        headers.append("x-bytes", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        Self {
            claims,
            scopes: ["orders:read", "orders:write"].into_iter().collect(),
            headers,
            query: "debug=1&name=J%C3%BCrgen+K&tag=a&tag=b&flag&%61dmin=x&bad=%FF".to_owned(),
        }
    }

    /// A world whose claims are these.
    fn with_claims(claims: Json) -> Self {
        let Json::Object(claims) = claims else { panic!("claims are an object") };
        Self { claims, ..Self::new() }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            claims: &self.claims,
            token: TokenInput {
                policy: "shop/partners",
                entry: "corp",
                issuer: "https://idp.example.com",
                scopes: &self.scopes,
            },
            request: RequestInput {
                method: "GET",
                host: "api.example.com",
                path: "/orders/42",
                query: &self.query,
                headers: &self.headers,
                ip: Some(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))),
            },
        }
    }
}
