//! RFC 9449, section 5: tokens that are bound to a key of their holder.

use std::time::Duration;

use serde_json::json;

use super::server::{ACCESS_TOKEN, START, Server, Setup, URL, proof};
use crate::issuer::exchange::GRANT_TYPE;
use crate::jose::{Algorithm, SigningKey};
use crate::snapshot::{Dpop, Endpoint};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn a_proof_is_of_this_request_and_used_once() {
    let server = Server::new();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let refused = |reason| (400, "invalid_dpop_proof", reason);
    let good = proof(&key, json!({}));
    let rows: [(&str, Vec<String>, _); 10] = [
        ("two", vec![good.clone(), good.clone()], refused("proof_multiple")),
        ("none", vec!["x".into()], refused("proof_malformed")),
        ("of another method", vec![proof(&key, json!({"htm": "GET"}))], refused("htm")),
        ("of another endpoint", vec![proof(&key, json!({"htu": format!("{URL}/revoke")}))], refused("htu")),
        ("too old", vec![proof(&key, json!({"iat": START.secs() - 60}))], refused("proof_time")),
        ("from the future", vec![proof(&key, json!({"iat": START.secs() + 11}))], refused("proof_time")),
        ("before the start", vec![proof(&key, json!({"iat": START.secs() - 1}))], refused("proof_replay")),
        ("without a name", vec![proof(&key, json!({"jti": null}))], refused("proof_claims")),
        ("good", vec![good.clone()], (200, "", "")),
        ("again", vec![good], refused("proof_replay")),
    ];
    for (name, proofs, expected) in &rows {
        let basic = server.basic("batch");
        let mut fields = vec![("authorization", basic.as_str())];
        fields.extend(proofs.iter().map(|proof| ("dpop", proof.as_str())));
        let told = server.post(Endpoint::Token, &fields, &[GRANT]);
        assert_eq!(told.refusal(), *expected, "{name}");
        if told.status == 200 {
            assert_eq!(told.text("token_type"), "DPoP");
            assert_eq!(told.claims()["cnf"], json!({"jkt": key.thumbprint().to_string()}));
        }
    }
}

#[test]
fn an_issuer_may_ask_for_proofs_or_take_none() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    for (dpop, without, with) in [
        (Dpop::Accept, (200, "", ""), (200, "", "")),
        (Dpop::Require, (400, "invalid_dpop_proof", "proof_missing"), (200, "", "")),
        (Dpop::Disabled, (200, "", ""), (400, "invalid_request", "dpop_disabled")),
    ] {
        let server = Server::with(Setup { dpop, ..Setup::default() });
        let basic = server.basic("batch");
        let proof = proof(&key, json!({}));
        let shown = ("authorization", basic.as_str());
        assert_eq!(server.post(Endpoint::Token, &[shown], &[GRANT]).refusal(), without, "{dpop:?}");
        assert_eq!(server.post(Endpoint::Token, &[shown, ("dpop", &proof)], &[GRANT]).refusal(), with, "{dpop:?}");
    }
}

#[test]
fn refresh_tokens_of_public_clients_and_bound_subjects_are_used_by_who_holds_the_key() {
    let server = Server::new();
    let [key, other] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
    let mut count = 0;
    let mut ask = |by: Option<&SigningKey>, parameters: &[(&str, &str)]| {
        count += 1;
        let proof = by.map(|key| proof(key, json!({"jti": format!("p{count}")})));
        let fields: Vec<(&str, &str)> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
        server.post(Endpoint::Token, &fields, &[&[("client_id", "spa")], parameters].concat())
    };
    let subject = server.corp_token(json!({}));
    let exchange = |token| [("grant_type", GRANT_TYPE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    let first = ask(Some(&key), &exchange(&subject));
    let (refresh, access) = (first.text("refresh_token"), first.text("access_token"));
    let used = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    for by in [None, Some(&other)] {
        assert_eq!(ask(by, &used).refusal(), (400, "invalid_grant", "refresh_holder"));
        assert_eq!(ask(by, &exchange(access)).refusal(), (400, "invalid_request", "bound_as_bearer"));
    }
    assert_eq!(ask(Some(&key), &exchange(access)).status, 200);
    let second = ask(Some(&key), &used);
    assert_eq!(second.claims()["cnf"], json!({"jkt": key.thumbprint().to_string()}));
    server.clock.advance(Duration::from_secs(1));
}
