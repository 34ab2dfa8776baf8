//! Each kind of reverse reference is needed: without it, the compiler misses a change that the oracle sees.

use serde_json::json;

use super::issuing::{self, issuing};
use super::stage::{
    KEY_SET, Stage, api_key, credential, inline_policy, key, model, plain_service, plain_slice, policy, route, secret,
    secrets_of, service,
};
use crate::finding::{Code, Severity};
use crate::name::Kind;
use crate::resources::{DnsName, KeyPlace, KeySource, Lookup, Object, Report, ReportFinding, ReportKey, Update};

/// What is there before, and what happens then.
struct Case {
    name: &'static str,
    edge: fn(&Lookup) -> bool,
    before: Vec<Object>,
    change: fn(&mut Stage),
}

/// A route of one rule with this auth and this backend.
fn with(auth: &serde_json::Value, backend: &serde_json::Value) -> Object {
    let rule = json!({"name": "r", "auth": auth, "backends": [backend]});
    route("shop/orders", &json!({"hosts": ["a.example.com"], "rules": [rule]}))
}

fn guarded_by(policy: &str) -> Object {
    with(&json!({"tokens": [{"policyRef": {"name": policy}}]}), &json!({"url": "https://api.example.org"}))
}

fn leading_to(backend: &serde_json::Value) -> Object {
    with(&json!({"anonymous": true}), backend)
}

fn keys_from(keys: &serde_json::Value) -> Object {
    let jwt = json!({"issuer": "https://login.example.com", "audiences": ["orders"], "keys": keys});
    policy("shop/partners", &json!({"accept": [{"name": "corp", "jwt": jwt}]}))
}

fn chosen_keys() -> Object {
    let keys = json!({"selector": {"matchLabels": {"team": "red"}}});
    policy("shop/partners", &json!({"accept": [{"name": "keys", "apiKeys": keys}]}))
}

fn chat(endpoint: &str) -> Object {
    model("shop/chat", &json!({"provider": "OpenAICompatible", "endpoint": endpoint}))
}

fn with_client() -> serde_json::Value {
    json!({"clients": [{"id": "batch", "secretRef": {"name": "batch"}, "grants": ["client_credentials"]}]})
}

fn client_secret(digit: &str) -> Object {
    let data = json!({"hash": format!("sha256:{}", digit.repeat(64))});
    secret("shop/batch", "bearward.dev/client-secret", &json!({"bearward.dev/use": "credentials"}), &data)
}

fn bad_news(stage: &mut Stage, key: ReportKey) {
    let finding = ReportFinding {
        code: Code::KeysUnavailable,
        severity: Severity::Error,
        cause: "it does not answer".to_owned(),
        cure: "mend it".to_owned(),
    };
    stage.report(key, Report { findings: vec![finding] });
}

/// Of policies that issue tokens.
fn issuing_cases() -> Vec<Case> {
    vec![
        Case {
            name: "keys cannot be rotated",
            edge: |edge| matches!(edge, Lookup::Report(ReportKey::Signing(_))),
            before: vec![issuing::guarded(), issuing("shop/shop", &json!({}))],
            change: |stage| bad_news(stage, ReportKey::Signing(key(Kind::TokenPolicy, "shop/shop"))),
        },
        Case {
            name: "an annotation asks for a rotation",
            edge: |edge| matches!(edge, Lookup::Annotations(_)),
            before: vec![issuing("shop/shop", &json!({}))],
            change: |stage| {
                let mut object = issuing("shop/shop", &json!({}));
                object.meta.annotations.insert("bearward.dev/rotate-keys".into(), "now".into());
                stage.put(object);
            },
        },
        Case {
            name: "the Secret of a client changes",
            edge: |edge| matches!(edge, Lookup::Object(key) if key.kind == Kind::Secret && &*key.name == "batch"),
            before: vec![issuing("shop/shop", &with_client()), client_secret("0")],
            change: |stage| stage.put(client_secret("1")),
        },
        Case {
            name: "the Secret with the signing keys comes",
            edge: |edge| matches!(edge, Lookup::Object(key) if key.kind == Kind::Secret && &*key.name == "ring"),
            before: vec![issuing::guarded(), issuing("shop/shop", &json!({}))],
            change: |stage| stage.put(issuing::Keys::new(issuing::URL).secret("shop/ring")),
        },
    ]
}

fn all_cases() -> impl Iterator<Item = Case> {
    cases().into_iter().chain(issuing_cases())
}

fn cases() -> Vec<Case> {
    let to_service = || leading_to(&json!({"service": {"name": "orders", "port": 80}}));
    let to_model = || leading_to(&json!({"modelRef": {"name": "chat"}}));
    let from_secret = || keys_from(&json!({"secretRef": {"name": "keys", "key": "jwks"}}));
    vec![
        Case {
            name: "a policy changes",
            edge: |edge| matches!(edge, Lookup::Object(key) if key.kind == Kind::TokenPolicy),
            before: vec![guarded_by("partners"), inline_policy("shop/partners")],
            change: |stage| stage.put(keys_from(&json!({"discovery": {}}))),
        },
        Case {
            name: "a model backend changes",
            edge: |edge| matches!(edge, Lookup::Object(key) if key.kind == Kind::ModelBackend),
            before: vec![to_model(), chat("https://one.example.org/v1")],
            change: |stage| stage.put(chat("https://two.example.org/v1")),
        },
        Case {
            name: "a Service changes",
            edge: |edge| matches!(edge, Lookup::Object(key) if key.kind == Kind::Service),
            before: vec![to_service(), plain_service("shop/orders", 80)],
            change: |stage| stage.put(plain_service("shop/orders", 81)),
        },
        Case {
            name: "a Secret that is named changes",
            edge: |edge| matches!(edge, Lookup::Object(key) if key.kind == Kind::Secret),
            before: vec![guarded_by("partners"), from_secret(), credential("shop/keys", &json!({"jwks": KEY_SET}))],
            change: |stage| stage.put(credential("shop/keys", &json!({"jwks": r#"{"keys": []}"#}))),
        },
        Case {
            name: "a Secret that a selector chooses comes",
            edge: |edge| matches!(edge, Lookup::Namespace(Kind::Secret, _)),
            before: vec![guarded_by("partners"), chosen_keys(), api_key("shop/one", "aaaa", "read", "red")],
            change: |stage| stage.put(api_key("shop/two", "bbbb", "read", "red")),
        },
        Case {
            name: "a policy comes that was perhaps meant",
            edge: |edge| matches!(edge, Lookup::Namespace(Kind::TokenPolicy, _)),
            before: vec![guarded_by("partner")],
            change: |stage| stage.put(inline_policy("shop/partners")),
        },
        Case {
            name: "a model backend comes that was perhaps meant",
            edge: |edge| matches!(edge, Lookup::Namespace(Kind::ModelBackend, _)),
            before: vec![leading_to(&json!({"modelRef": {"name": "chad"}}))],
            change: |stage| stage.put(chat("https://one.example.org/v1")),
        },
        Case {
            name: "a Service comes that was perhaps meant",
            edge: |edge| matches!(edge, Lookup::Namespace(Kind::Service, _)),
            before: vec![to_service()],
            change: |stage| stage.put(plain_service("shop/order", 80)),
        },
        Case {
            name: "a slice comes",
            edge: |edge| matches!(edge, Lookup::Slices(_)),
            before: vec![to_service(), plain_service("shop/orders", 80)],
            change: |stage| stage.put(plain_slice("shop/orders-1", "orders", &["10.0.0.1"], 8080)),
        },
        Case {
            name: "the Secrets of a namespace are closed",
            edge: |edge| matches!(edge, Lookup::Scope(_)),
            before: vec![guarded_by("partners"), from_secret()],
            change: |stage| stage.compiler.apply(Update::Forbid { scope: secrets_of("shop") }),
        },
        Case {
            name: "a key set cannot be fetched",
            edge: |edge| matches!(edge, Lookup::Report(ReportKey::Keys(_))),
            before: vec![guarded_by("partners"), keys_from(&json!({"url": "https://login.example.com/keys"}))],
            change: |stage| {
                let place = KeyPlace::Url("https://login.example.com/keys".into());
                bad_news(stage, ReportKey::Keys(KeySource { place, insecure_http: false }));
            },
        },
        Case {
            name: "a name cannot be looked up",
            edge: |edge| matches!(edge, Lookup::Report(ReportKey::Name(_))),
            before: vec![guarded_by("partners"), inline_policy("shop/partners")],
            change: |stage| {
                bad_news(stage, ReportKey::Name(DnsName { host: "api.example.org".into(), port: 443 }));
            },
        },
    ]
}

#[test]
fn a_change_reaches_whoever_looked_and_only_by_its_reverse_reference() {
    for Case { name, edge, .. } in all_cases() {
        for is_omitted in [false, true] {
            let Case { before, change, .. } = all_cases().find(|case| case.name == name).expect("the same case");
            let mut stage = Stage::new();
            if is_omitted {
                stage.compiler.without_edges(edge);
            }
            stage.put_all(before);
            assert_eq!(stage.difference(), [""; 0], "{name}: at first");
            change(&mut stage);
            let difference = stage.difference();
            assert_eq!(!difference.is_empty(), is_omitted, "{name}: {difference:#?}");
        }
    }
}

#[test]
fn what_was_missed_is_found_once_it_comes() {
    let objects = [
        ("a policy", inline_policy("shop/partners")),
        ("a Service", plain_service("shop/orders", 80)),
        ("a model", chat("https://one.example.org/v1")),
    ];
    for (name, object) in objects {
        let tokens = json!({"tokens": [{"policyRef": {"name": "partners"}}]});
        let rule = |name: &str, backend| json!({"name": name, "auth": tokens, "backends": [backend]});
        let rules = [
            rule("one", json!({"service": {"name": "orders", "port": 80}})),
            rule("two", json!({"modelRef": {"name": "chat"}})),
        ];
        let mut stage = Stage::of([route("shop/orders", &json!({"hosts": ["a.example.com"], "rules": rules}))]);
        let before = stage.findings(Kind::ApiRoute, "shop/orders");
        stage.put(object);
        assert_eq!(stage.difference(), [""; 0], "{name}");
        assert!(stage.findings(Kind::ApiRoute, "shop/orders").len() < before.len(), "{name}");
    }
}

#[test]
fn an_external_name_that_becomes_a_service_is_seen() {
    let mut stage = Stage::of([
        leading_to(&json!({"service": {"name": "orders", "port": 80}})),
        service("shop/orders", &json!({"type": "ExternalName"}), &json!({})),
    ]);
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/orders"), ["UnsupportedService spec.rules[0].backends[0]"]);
    stage.put(plain_service("shop/orders", 80));
    assert_eq!(stage.difference(), [""; 0]);
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/orders"), [""; 0]);
}
