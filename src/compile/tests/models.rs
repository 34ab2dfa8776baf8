//! Model backends: endpoint, credential and their own `auth`.

use serde_json::{Value, json};

use super::stage::{Stage, backend, credential, inline_policy, model, route};
use crate::name::Kind;
use crate::resources::Object;
use crate::snapshot::{Action, Chain, Dialect};

fn chat(more: &Value) -> Object {
    let mut spec = json!({"provider": "OpenAICompatible", "endpoint": "https://models.example.org/openai/v1/"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    model("shop/chat", &spec)
}

fn with_credential() -> Object {
    chat(&json!({"credentials": {"secretRef": {"name": "provider", "key": "api-key"}}}))
}

fn leading_there() -> Object {
    let rule = json!({"name": "r", "auth": {"anonymous": true}, "backends": [{"modelRef": {"name": "chat"}}]});
    route("shop/ai", &json!({"hosts": ["ai.example.com"], "rules": [rule]}))
}

/// The backend of the route in words, and its dialect.
fn found(stage: &mut Stage) -> (String, Dialect) {
    let found = stage.find("POST ai.example.com/v1/chat/completions").expect("a route");
    let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
    let Action::Forward(backends) = &stages.action else { panic!("no backends") };
    (backend(&backends.backends[0].1), stages.dialect)
}

#[test]
fn a_model_is_its_endpoint_without_the_clients_own_version_segment() {
    let mut stage = Stage::of([leading_there(), chat(&json!({}))]);
    let (shown, dialect) = found(&mut stage);
    let upstream =
        r#"url:https://models.example.org:443 Http1 Fixed("models.example.org") Some("models.example.org") []"#;
    assert_eq!(shown, format!("{upstream} -/v1 +/openai/v1 None None"));
    assert_eq!(dialect, Dialect::OpenAi);
    assert_eq!(stage.verdict(Kind::ModelBackend, "shop/chat").rules, 1);
    assert_eq!(stage.compile().wanted.names.len(), 1);
    // A rule whose model is missing speaks to its clients as it will when it is there.
    stage.take(Kind::ModelBackend, "shop/chat");
    assert_eq!(found(&mut stage), ("BackendNotFound".to_owned(), Dialect::OpenAi));
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/ai"), ["BackendNotFound spec.rules[0].backends[0].modelRef"]);
    assert_eq!(stage.compile().wanted.names.len(), 0);
}

#[test]
fn the_credential_comes_from_a_secret_that_offers_it() {
    let mut stage = Stage::of([leading_there(), with_credential()]);
    let at = "spec.credentials.secretRef";
    for (name, object, expected) in [
        ("none", None, "SecretNotFound"),
        ("good", Some(credential("shop/provider", &json!({"api-key": "sk-1\n"}))), ""),
        ("another member", Some(credential("shop/provider", &json!({"key": "sk-1"}))), "InvalidSecret"),
        ("empty", Some(credential("shop/provider", &json!({"api-key": "\n"}))), "InvalidSecret"),
        ("two lines", Some(credential("shop/provider", &json!({"api-key": "sk-1\nsk-2"}))), "InvalidSecret"),
        ("a blank", Some(credential("shop/provider", &json!({"api-key": "sk 1"}))), "InvalidSecret"),
        ("of another namespace", Some(credential("bank/provider", &json!({"api-key": "sk-1"}))), "SecretNotFound"),
    ] {
        stage.take(Kind::Secret, "shop/provider");
        stage.put_all(object);
        let (shown, _) = found(&mut stage);
        let findings = stage.findings(Kind::ModelBackend, "shop/chat");
        if expected.is_empty() {
            assert!(shown.contains(&format!("{:?}", b"Bearer sk-1")), "{name}: {shown}");
            assert_eq!(findings, [""; 0], "{name}");
        } else {
            assert_eq!(shown, expected, "{name}");
            assert_eq!(findings, [format!("{expected} {at}")], "{name}");
            let findings = stage.findings(Kind::ApiRoute, "shop/ai");
            assert_eq!(findings, [format!("{expected} spec.rules[0].backends[0].modelRef")], "{name}");
        }
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn a_credential_is_never_shown() {
    let mut stage =
        Stage::of([leading_there(), with_credential(), credential("shop/provider", &json!({"api-key": "sk-secret"}))]);
    let compiled = stage.compile();
    let shown = format!("{compiled:?} {:?} {:?}", stage.compiler, stage.verdicts);
    assert!(!shown.contains("sk-secret"));
    stage.put(credential("shop/provider", &json!({"api-key": "sk-other"})));
    let compiled = stage.compile();
    assert_eq!(compiled.work.chains, 1);
    assert!(found(&mut stage).0.contains(&format!("{:?}", b"Bearer sk-other")));
}

#[test]
fn a_model_that_asks_for_tokens_asks_beside_the_rule() {
    let tokens = json!({"auth": {"tokens": [{"policyRef": {"name": "partners"}, "scopes": ["models"]}]}});
    let mut stage = Stage::of([leading_there(), chat(&tokens)]);
    assert_eq!(found(&mut stage).0, "PolicyNotFound");
    assert_eq!(stage.findings(Kind::ModelBackend, "shop/chat"), ["PolicyNotFound spec.auth.tokens[0].policyRef"]);
    stage.put(inline_policy("shop/partners"));
    let (shown, _) = found(&mut stage);
    assert!(shown.contains("shop/partners") && shown.contains("models"), "{shown}");
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/ai"), [""; 0]);
    let reads: Vec<_> =
        stage.verdict(Kind::ApiRoute, "shop/ai").reads.iter().map(|read| read.key.to_string()).collect();
    assert_eq!(reads, ["ApiRoute shop/ai", "TokenPolicy shop/partners", "ModelBackend shop/chat"]);
    // No rule names the policy itself.
    assert_eq!(stage.verdict(Kind::TokenPolicy, "shop/partners").rules, 0);
    assert_eq!(stage.difference(), [""; 0]);
    for (auth, code) in [(json!({"auth": {}}), "NoAuth"), (json!({"auth": {"anonymous": false}}), "InvalidValue")] {
        stage.put(chat(&auth));
        let (shown, _) = found(&mut stage);
        assert!(shown == code || shown == "InvalidValue", "{auth}: {shown}");
    }
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_refused() {
    for (endpoint, code) in [
        ("https://models.example.org?a=b", "InvalidValue"),
        ("https://models.example.org:99999", "InvalidValue"),
        ("http://10.0.0.1:666/v1", "EgressForbidden"),
    ] {
        let mut stage = Stage::of([leading_there(), chat(&json!({"endpoint": endpoint}))]);
        assert_eq!(found(&mut stage).0, code, "{endpoint}");
        assert_eq!(stage.findings(Kind::ModelBackend, "shop/chat"), [format!("{code} spec.endpoint")], "{endpoint}");
    }
}
