//! Every grant, by openid-client and by Authlib, each with its own discovery, client authentication and errors.

use serde_json::{Value, json};

use crate::issuing::Issuing;
use crate::node::Node;
use crate::script::Script;

/// What one library says, and what it calls an error of an answer.
struct Library {
    script: Script,
    error: &'static str,
    /// The same where the answer has a challenge besides.
    challenge: &'static str,
    /// The same where the library makes the grant itself.
    assertion: &'static str,
}

const OPENID_CLIENT: Library = Library {
    script: Script::Node(include_str!("clients/grants.mjs")),
    error: "ResponseBodyError",
    challenge: "WWWAuthenticateChallengeError",
    assertion: "ResponseBodyError",
};

const AUTHLIB: Library = Library {
    script: Script::Python(include_str!("clients/grants.py")),
    error: "OAuthError",
    challenge: "OAuthError",
    assertion: "OAuth2Error",
};

#[tokio::test]
async fn openid_client_runs_every_grant() {
    let mut expected = |library: &Library, issuer: &str| {
        let mut steps = steps(library, issuer);
        steps.extend(dpop());
        steps
    };
    run(&OPENID_CLIENT, &mut expected).await;
}

#[tokio::test]
async fn authlib_runs_every_grant() {
    run(&AUTHLIB, &mut steps).await;
}

async fn run(library: &Library, expected: &mut dyn FnMut(&Library, &str) -> Vec<Value>) {
    let upstream = Node::start().await;
    let issuing = Issuing::start(upstream.address, &[("stock", json!({}))]).await;
    let issuer = issuing.issuer("stock");
    let said = library.script.run(&issuing.given("stock")).await;
    let expected = expected(library, &issuer);
    for (said, expected) in said.iter().zip(&expected) {
        assert_eq!(said, expected, "left is what was said");
    }
    assert_eq!(said.len(), expected.len(), "steps are missing, or there are more");
    issuing.end().await;
    let (seen, errors) = upstream.end().await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(seen.len(), 1, "only one request with a token may pass: {seen:?}");
}

/// A token that is given: to whom, for what.
fn given(step: &str, client: &str, subject: &str, scope: &str) -> Value {
    json!({
        "step": step, "token_type": "bearer", "sub": subject, "aud": "stock", "client_id": client, "scope": scope,
    })
}

/// A step with more that is said.
fn and(mut step: Value, more: &Value) -> Value {
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// The steps of both scripts.
fn steps(library: &Library, issuer: &str) -> Vec<Value> {
    const BOTH: &str = "stock:read stock:write";
    let refused = |step: &str, error: &str| {
        let class = if error == "invalid_client" { library.challenge } else { library.error };
        json!({"step": step, "refused": error, "class": class})
    };
    let exchanged = json!({"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"});
    let alice =
        |step: &str, client: &str| and(given(step, client, "corp|alice", "stock:read"), &json!({"team": "shop"}));
    let token_of_signer = json!({
        "step": "introspection", "active": true, "sub": "signer", "client_id": "signer", "scope": BOTH,
        "token_type": "Bearer",
    });
    vec![
        json!({"step": "discovery", "issuer": issuer, "is_same": true}),
        given("client credentials by client_secret_basic", "batch", "batch", BOTH),
        given("client credentials by client_secret_post", "batch", "batch", BOTH),
        given("client credentials by private_key_jwt", "signer", "signer", BOTH),
        given("narrower scope", "batch", "batch", "stock:read"),
        refused("wider scope", "invalid_scope"),
        and(given("another audience", "batch", "batch", BOTH), &json!({"aud": "orders"})),
        refused("no such audience", "invalid_target"),
        refused("wrong client_secret_basic", "invalid_client"),
        refused("wrong client_secret_post", "invalid_client"),
        refused("wrong private_key_jwt", "invalid_client"),
        refused("grant of nobody", "unauthorized_client"),
        and(alice("exchange of a JWT", "batch"), &exchanged),
        refused("exchange of a JWT for more", "invalid_scope"),
        refused("exchange of an expired JWT", "invalid_request"),
        and(given("exchange of an API key", "batch", "keys|pipeline", "stock:read"), &exchanged),
        and(alice("exchange by a public client", "terminal"), &exchanged),
        given("JWT bearer", "terminal", "partner|bob", BOTH),
        and(refused("JWT bearer once more", "invalid_grant"), &json!({"class": library.assertion})),
        and(alice("refresh", "batch"), &json!({"is_new": true})),
        and(alice("refresh, answer lost", "batch"), &json!({"is_same": true})),
        refused("refresh for more", "invalid_scope"),
        refused("refresh by another", "invalid_grant"),
        refused("refresh with an old one", "invalid_grant"),
        refused("refresh after that", "invalid_grant"),
        token_of_signer,
        json!({"step": "introspection by a signed assertion", "active": true}),
        json!({"step": "introspection of what is no token", "active": false}),
        refused("revocation of another client’s", "unauthorized_client"),
        json!({"step": "revocation", "active": false}),
        refused("revocation of a refresh token", "invalid_grant"),
        json!({"step": "route", "status": 200}),
        json!({"step": "route of another scope", "status": 403, "scheme": "bearer", "error": "insufficient_scope"}),
        json!({"step": "route without a good token", "status": 401, "scheme": "bearer", "error": "invalid_token"}),
    ]
}

/// What openid-client does with keys of its own.
fn dpop() -> Vec<Value> {
    let scope = "stock:read stock:write";
    vec![
        and(given("DPoP", "batch", "batch", scope), &json!({"token_type": "dpop", "is_bound": true})),
        json!({
            "step": "DPoP, introspection", "active": true, "sub": "batch", "client_id": "batch", "scope": scope,
            "token_type": "DPoP",
        }),
        json!({"step": "DPoP token as a bearer token", "status": 401, "scheme": "bearer", "error": "invalid_token"}),
        json!({"step": "DPoP proof by hand", "status": 200, "token_type": "DPoP"}),
        json!({"step": "DPoP proof by hand, once more", "status": 400, "error": "invalid_dpop_proof"}),
    ]
}
