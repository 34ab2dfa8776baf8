//! Token policies: what they accept, where their keys come from, and what is wrong with them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::stage::{
    KEY_SET, Stage, api_key, credential, inline_policy, key, open_route, policy, route, secret, secrets_of,
};
use crate::finding::{Code, Severity};
use crate::jose::KeySet;
use crate::name::Kind;
use crate::resources::{Body, KeyPlace, KeySource, Report, ReportFinding, ReportKey, Update};
use crate::snapshot::{AcceptedApiKeys, AcceptedKeys, Access, AsOf, Chain, Policy, Takes};

/// A policy with one entry for JWTs, but for what is said.
fn jwt_policy(more: &Value) -> crate::resources::Object {
    policy("shop/partners", &json!({"accept": [{"name": "corp", "jwt": jwt(more)}]}))
}

fn jwt(more: &Value) -> Value {
    let mut jwt = json!({"issuer": "https://login.example.com", "audiences": ["orders"], "keys": {"inline": KEY_SET}});
    jwt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jwt
}

fn guarded() -> crate::resources::Object {
    let rule = json!({
        "name": "r",
        "auth": {"tokens": [{"policyRef": {"name": "partners"}}]},
        "backends": [{"url": "https://api.example.org"}],
    });
    route("shop/orders", &json!({"hosts": ["a.example.com"], "rules": [rule]}))
}

/// The findings on the policy of these objects, and the code with which the rule that names it refuses, if it does.
fn judge(objects: impl IntoIterator<Item = crate::resources::Object>) -> (Vec<String>, String) {
    let mut stage = Stage::of(objects.into_iter().chain([guarded()]));
    let outcome = stage.outcome("GET a.example.com/");
    assert_eq!(stage.difference(), [""; 0]);
    (stage.findings(Kind::TokenPolicy, "shop/partners"), outcome)
}

/// The policy that the route's rule uses.
fn policy_of(stage: &mut Stage) -> Arc<Policy> {
    let found = stage.find("GET a.example.com/").expect("a route");
    let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
    let Access::Tokens(rules) = &stages.access else { panic!("{:?}", stages.access) };
    Arc::clone(&rules[0].policy)
}

/// The keys of the first entry, in words.
fn keys_of(policy: &Policy) -> String {
    match &policy.entries[0].takes {
        Takes::Jwt(jwt) => match &**jwt.keys.load() {
            AcceptedKeys::Known { set, as_of } => format!("{} keys {as_of:?}", set.len()),
            AcceptedKeys::Unavailable { code, .. } => code.to_string(),
        },
        Takes::ApiKeys(keys) => match &**keys.keys.load() {
            AcceptedApiKeys::Known(set) => {
                let mut ids: Vec<&str> = set.iter().map(|(id, _)| &**id).collect();
                ids.sort_unstable();
                ids.join(" ")
            }
            AcceptedApiKeys::Unavailable(code) => code.to_string(),
        },
    }
}

/// A Secret in a file that others than its owner can read.
fn withheld(name: &str, offered: &str) -> crate::resources::Object {
    let mut object = secret(name, "Opaque", &json!({"bearward.dev/use": offered, "team": "shop"}), &json!({}));
    object.body = Body::Withheld(Code::SecretFileReadable, "others can read its file".to_owned());
    object
}

#[test]
fn a_policy_that_is_not_safe_is_refused_and_every_rule_with_it() {
    let at = "spec.accept[0].jwt";
    let plain = json!({"keys": {"url": "http://login.example.com/keys"}});
    for (more, finding) in [
        (json!({"keys": {"inline": "no JSON"}}), format!("InvalidKeySet {at}.keys.inline")),
        (
            json!({"keys": {"inline": r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#}}),
            format!("InvalidKeySet {at}.keys.inline"),
        ),
        (plain, format!("InsecureHttp {at}.keys.url")),
        (json!({"issuer": "http://login.example.com", "keys": {"discovery": {}}}), format!("InsecureHttp {at}.keys")),
        (json!({"maxLifetime": "0s"}), format!("InvalidValue {at}.maxLifetime")),
        (json!({"maxAge": "0s"}), format!("InvalidValue {at}.maxAge")),
    ] {
        let (findings, outcome) = judge([jwt_policy(&more)]);
        let code = finding.split(' ').next().unwrap();
        assert!(findings.contains(&finding), "{more}: {findings:?}");
        assert_eq!(outcome, format!("shop/orders/r {code}"), "{more}");
    }
    // These the schema refuses already; the compiler would too.
    for more in [
        json!({"issuer": ""}),
        json!({"audiences": []}),
        json!({"audiences": [""]}),
        json!({"algorithms": ["none"]}),
        json!({"algorithms": ["HS256", "RS256"], "keys": {"secretRef": {"name": "a", "key": "b"}}}),
        json!({"algorithms": ["HS256"]}),
        json!({"leeway": "6m"}),
        json!({"scopeClaim": ""}),
        json!({"keys": {}}),
        json!({"keys": {"discovery": {}, "inline": KEY_SET}}),
        json!({"issuer": "corp", "keys": {"discovery": {}}}),
    ] {
        let (findings, outcome) = judge([jwt_policy(&more)]);
        assert!(!findings.is_empty(), "{more}");
        assert!(!outcome.ends_with("serves"), "{more}: {outcome}");
    }
}

#[test]
fn a_policy_that_is_weaker_says_so_and_is_in_force() {
    let at = "spec.accept[0].jwt";
    let skipped = format!(r#"{{"keys":[{{"kty":"oct","k":"AAAA"}},{}"#, KEY_SET.split_once('[').unwrap().1);
    for (more, finding) in [
        (json!({}), vec![]),
        (json!({"profile": "RFC9068"}), vec![]),
        (json!({"profile": "Generic"}), vec![format!("Hardened? {at}.profile")]),
        (json!({"keys": {"inline": skipped}}), vec![format!("KeySkipped? {at}.keys.inline")]),
        (
            json!({"insecureHttp": true, "keys": {"url": "http://login.example.com/keys"}}),
            vec![format!("InsecureHttp? {at}.keys.url")],
        ),
        (json!({"keys": {"url": "http://127.0.0.1:8080/keys"}}), vec![]),
        (json!({"insecureHttp": true, "keys": {"url": "https://login.example.com/keys"}}), vec![]),
    ] {
        let (findings, outcome) = judge([jwt_policy(&more)]);
        assert_eq!(findings, finding, "{more}");
        assert_eq!(outcome, "shop/orders/r serves", "{more}");
    }
}

#[test]
fn what_a_policy_does_not_say_is_strict() {
    let mut stage = Stage::of([jwt_policy(&json!({})), guarded()]);
    let policy = policy_of(&mut stage);
    assert_eq!((&*policy.name, &*policy.entries[0].name), ("shop/partners", "shop/partners/corp"));
    let Takes::Jwt(jwt) = &policy.entries[0].takes else { panic!("{policy:?}") };
    let expectation = &jwt.expectation;
    assert_eq!(format!("{:?}", expectation.algorithms()), "[RS256, ES256]");
    assert_eq!(format!("{:?} {:?}", expectation.max_lifetime(), expectation.leeway()), "Some(86400s) 30s");
    assert_eq!(expectation.profile(), crate::jose::Profile::Rfc9068);
    assert_eq!(keys_of(&policy), "1 keys Always");
    assert_eq!(
        format!("{:?}", policy.identity),
        r#"Identity { subject: "sub", client: ["client_id", "azp"], team: None }"#
    );
    assert_eq!(policy.forwarding.credential, crate::snapshot::Credential::Strip);
    assert_eq!(policy.challenges.bare, r#"Bearer realm="shop/partners""#);
}

#[test]
fn a_policy_names_callers_by_the_claims_that_it_says() {
    for (identity, expected) in [
        (json!({}), r#"Identity { subject: "sub", client: ["client_id", "azp"], team: None }"#),
        (
            json!({"team": "groups"}),
            r#"Identity { subject: "sub", client: ["client_id", "azp"], team: Some("groups") }"#,
        ),
        (
            json!({"subject": "oid", "client": ["appid"]}),
            r#"Identity { subject: "oid", client: ["appid"], team: None }"#,
        ),
    ] {
        let accept = json!([{"name": "corp", "jwt": jwt(&json!({}))}]);
        let said = policy("shop/partners", &json!({"accept": accept, "identity": identity}));
        assert_eq!(format!("{:?}", policy_of(&mut Stage::of([said, guarded()])).identity), expected);
    }
}

#[test]
fn one_issuer_has_one_entry() {
    let entry = |name: &str, audience: &str| json!({"name": name, "jwt": jwt(&json!({"audiences": [audience]}))});
    let accept = json!({"accept": [entry("one", "a"), entry("two", "b")]});
    let (findings, outcome) = judge([policy("shop/partners", &accept)]);
    assert_eq!(findings, ["InvalidValue spec.accept[1].jwt.issuer"]);
    assert_eq!(outcome, "shop/orders/r InvalidValue");
    let other = json!({"name": "two", "jwt": jwt(&json!({"issuer": "https://login.example.org"}))});
    let accept = json!({"accept": [entry("one", "a"), other]});
    assert_eq!(judge([policy("shop/partners", &accept)]), (vec![], "shop/orders/r serves".to_owned()));
}

#[test]
fn keys_that_are_fetched_are_wanted_once_and_are_unavailable_until_then() {
    let fetched = |name: &str, keys: &Value, insecure: Value| {
        let jwt = jwt(&json!({"keys": keys, "insecureHttp": insecure}));
        policy(name, &json!({"accept": [{"name": "corp", "jwt": jwt}]}))
    };
    let mut stage = Stage::of([
        guarded(),
        fetched("shop/partners", &json!({"discovery": {}}), Value::Null),
        fetched("bank/partners", &json!({"discovery": {}}), json!(true)),
        fetched("bank/others", &json!({"url": "https://login.example.com/keys"}), Value::Null),
    ]);
    let wanted = stage.compile().wanted;
    let source = |place| KeySource { place, insecure_http: false };
    let places: Vec<_> = wanted.keys.iter().map(|(source, _)| source.clone()).collect();
    let discovery = source(KeyPlace::Discovery("https://login.example.com".into()));
    assert_eq!(places, [discovery.clone(), source(KeyPlace::Url("https://login.example.com/keys".into()))]);
    let policy = policy_of(&mut stage);
    assert_eq!(keys_of(&policy), "KeysUnavailable");
    let (set, _) = KeySet::parse(KEY_SET.as_bytes()).unwrap();
    wanted.keys[0].1.store(AcceptedKeys::Known { set, as_of: AsOf::Always });
    assert_eq!(keys_of(&policy), "1 keys Always");

    // An edit of the policy keeps the cell; what is reported of the source is its finding.
    let finding = ReportFinding {
        code: Code::IssuerMismatch,
        severity: Severity::Error,
        cause: "another issuer".to_owned(),
        cure: "correct it".to_owned(),
    };
    stage.report(ReportKey::Keys(discovery), Report { findings: vec![finding] });
    stage.put(fetched("shop/partners", &json!({"discovery": {}}), json!(false)));
    stage.compile();
    assert_eq!(keys_of(&policy_of(&mut stage)), "1 keys Always");
    for (name, expected) in [("shop/partners", 1), ("bank/partners", 1), ("bank/others", 0)] {
        assert_eq!(stage.findings(Kind::TokenPolicy, name).len(), expected, "{name}");
    }
    assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), ["IssuerMismatch spec.accept[0].jwt.keys"]);

    // Nobody wants it any more, so what was reported is gone too.
    stage.take(Kind::TokenPolicy, "shop/partners");
    stage.take(Kind::TokenPolicy, "bank/partners");
    assert_eq!(stage.compile().wanted.keys.len(), 1);
    stage.put(fetched("shop/partners", &json!({"discovery": {}}), Value::Null));
    stage.compile();
    assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), [""; 0]);
    assert_eq!(keys_of(&policy_of(&mut stage)), "KeysUnavailable");
}

#[test]
fn keys_of_a_secret_are_swapped_without_a_compile_of_the_rules() {
    let from = json!({"keys": {"secretRef": {"name": "corp", "key": "jwks"}}});
    let at = "spec.accept[0].jwt.keys.secretRef";
    let mut stage = Stage::of([guarded(), jwt_policy(&from)]);
    let policy = policy_of(&mut stage);
    let weak = r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#;
    let partly = format!(r#"{{"keys":[{{"kty":"oct","k":"AAAA"}},{}"#, KEY_SET.split_once('[').unwrap().1);
    for (name, object, keys, findings) in [
        ("no Secret", None, "SecretNotFound", vec!["SecretNotFound"]),
        ("a good one", Some(credential("shop/corp", &json!({"jwks": KEY_SET}))), "1 keys Always", vec![]),
        (
            "no such member",
            Some(credential("shop/corp", &json!({"keys": KEY_SET}))),
            "InvalidSecret",
            vec!["InvalidSecret"],
        ),
        (
            "no key set",
            Some(credential("shop/corp", &json!({"jwks": "<html>"}))),
            "InvalidKeySet",
            vec!["InvalidKeySet"],
        ),
        (
            "no usable key",
            Some(credential("shop/corp", &json!({"jwks": weak}))),
            "InvalidKeySet",
            vec!["InvalidKeySet", "KeySkipped?"],
        ),
        ("no key at all", Some(credential("shop/corp", &json!({"jwks": r#"{"keys": []}"#}))), "0 keys Always", vec![]),
        (
            "one key that is not usable",
            Some(credential("shop/corp", &json!({"jwks": partly}))),
            "1 keys Always",
            vec!["KeySkipped?"],
        ),
        (
            "in a file that others can read",
            Some(withheld("shop/corp", "credentials")),
            "SecretFileReadable",
            vec!["SecretFileReadable"],
        ),
        (
            "not offered",
            Some(secret("shop/corp", "Opaque", &json!({}), &json!({"jwks": KEY_SET}))),
            "SecretNotFound",
            vec!["SecretNotFound"],
        ),
        (
            "offered for something else",
            Some(secret("shop/corp", "Opaque", &json!({"bearward.dev/use": "tls"}), &json!({"jwks": KEY_SET}))),
            "SecretNotFound",
            vec!["SecretNotFound"],
        ),
        (
            "of another namespace",
            Some(credential("bank/corp", &json!({"jwks": KEY_SET}))),
            "SecretNotFound",
            vec!["SecretNotFound"],
        ),
    ] {
        stage.take(Kind::Secret, "shop/corp");
        stage.put_all(object);
        let compiled = stage.compile();
        assert_eq!((compiled.work.chains, compiled.work.policies), (0, 0), "{name}");
        assert_eq!(keys_of(&policy), keys, "{name}");
        let expected: Vec<String> = findings.iter().map(|code| format!("{code} {at}")).collect();
        assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), expected, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn whoever_names_a_secret_that_is_withheld_is_told_why() {
    let from = json!({"keys": {"secretRef": {"name": "corp", "key": "jwks"}}});
    let mut stage = Stage::of([guarded(), jwt_policy(&from), withheld("shop/corp", "credentials")]);
    let finding = &stage.verdict(Kind::TokenPolicy, "shop/partners").findings[0];
    assert_eq!(finding.cause, "the Secret corp is not taken: others can read its file");
    assert!(finding.cure.contains("chmod 600"), "{finding}");
    // One that offers an API key: its policy is told as well, and not that there is none.
    stage.put(keys_policy("shop/partners", "shop"));
    stage.put(withheld("shop/key", "api-key"));
    stage.compile();
    let at = "spec.accept[0].apiKeys.selector";
    assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), [format!("SecretFileReadable {at}")]);
}

#[test]
fn a_shared_secret_is_long_enough_or_no_key() {
    let from = json!({"algorithms": ["HS256"], "keys": {"secretRef": {"name": "corp", "key": "k"}}});
    for (bytes, keys, finding) in [(32, "1 keys Always", None), (31, "WeakKey", Some("WeakKey"))] {
        let mut stage =
            Stage::of([guarded(), jwt_policy(&from), credential("shop/corp", &json!({"k": "x".repeat(bytes)}))]);
        assert_eq!(keys_of(&policy_of(&mut stage)), keys);
        let expected: Vec<String> =
            finding.iter().map(|code| format!("{code} spec.accept[0].jwt.keys.secretRef")).collect();
        assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), expected);
    }
}

fn keys_policy(name: &str, team: &str) -> crate::resources::Object {
    let keys = json!({"selector": {"matchLabels": {"team": team}}});
    policy(name, &json!({"accept": [{"name": "keys", "apiKeys": keys}]}))
}

#[test]
fn api_keys_are_those_that_the_labels_choose() {
    let at = "spec.accept[0].apiKeys.selector";
    let mut stage = Stage::of([guarded(), keys_policy("shop/partners", "red"), keys_policy("shop/others", "blue")]);
    let policy = policy_of(&mut stage);
    assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), [format!("SecretNotFound? {at}")]);

    let chosen = json!({"bearward.dev/use": "api-key", "team": "red"});
    stage.put(api_key("shop/one", "aaaa", "read", "red"));
    stage.put(api_key("shop/two", "bbbb", "read", "blue"));
    stage.put(api_key("bank/three", "cccc", "read", "red"));
    let compiled = stage.compile();
    assert_eq!((compiled.work.chains, compiled.work.policies), (0, 0));
    assert_eq!(keys_of(&policy), "aaaa");
    assert_eq!(stage.findings(Kind::TokenPolicy, "shop/partners"), [""; 0]);

    // What is wrong with one does not touch the others.
    stage.put(secret("shop/four", "Opaque", &chosen, &json!({"id": "dddd"})));
    stage.put(secret("shop/five", "bearward.dev/api-key", &chosen, &json!({"id": "eeee", "secret": "x"})));
    stage.put(secret("shop/six", "bearward.dev/api-key", &json!({"team": "red"}), &json!({})));
    stage.compile();
    assert_eq!(keys_of(&policy), "aaaa");
    assert_eq!(
        stage.findings(Kind::TokenPolicy, "shop/partners"),
        [format!("InvalidSecret {at}"), format!("InvalidSecret {at}")]
    );
    assert_eq!(stage.difference(), [""; 0]);

    // Two keys of one id: neither is taken, whoever chose it.
    stage.put(api_key("shop/two", "aaaa", "read", "blue"));
    stage.compile();
    assert_eq!(keys_of(&policy), "");
    for name in ["shop/partners", "shop/others"] {
        assert!(stage.findings(Kind::TokenPolicy, name).contains(&format!("DuplicateKeyId {at}")), "{name}");
    }
    let findings = &stage.verdict(Kind::TokenPolicy, "shop/others").findings;
    assert_eq!(findings[0].cause, "the Secrets one, two have keys of the same id aaaa; all of them are refused");
    stage.take(Kind::Secret, "shop/two");
    stage.compile();
    assert_eq!(keys_of(&policy), "aaaa");

    // Taken back: the label that offers it, then the Secret itself.
    stage.take(Kind::Secret, "shop/one");
    assert!(stage.compiler.is_urgent());
    stage.compile();
    assert_eq!(keys_of(&policy), "");
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn secrets_that_may_not_be_read_are_unavailable_rather_than_unknown() {
    let from = json!({"name": "corp", "jwt": jwt(&json!({"keys": {"secretRef": {"name": "corp", "key": "jwks"}}}))});
    let keys = json!({"name": "keys", "apiKeys": {"selector": {"matchLabels": {"team": "red"}}}});
    for (name, entry, known) in [("a key set", from, "1 keys Always"), ("API keys", keys, "aaaa")] {
        let mut stage = Stage::of([guarded(), policy("shop/partners", &json!({"accept": [entry]}))]);
        let scope = || secrets_of("shop");
        let secrets =
            || vec![credential("shop/corp", &json!({"jwks": KEY_SET})), api_key("shop/one", "aaaa", "read", "red")];
        let list = |objects| Update::Replace {
            scope: scope(),
            objects,
            findings: vec![],
            version: crate::resources::Version(1),
        };
        stage.compiler.apply(list(secrets()));
        stage.compile();
        let policy = policy_of(&mut stage);
        assert_eq!(keys_of(&policy), known, "{name}");
        stage.compiler.apply(Update::Forbid { scope: scope() });
        stage.compile();
        assert_eq!(keys_of(&policy), "SecretsNotGranted", "{name}");
        let finding = &stage.verdict(Kind::TokenPolicy, "shop/partners").findings[0];
        assert_eq!(finding.code, Code::SecretsNotGranted);
        assert!(
            finding.cure.ends_with(
                "kubectl create rolebinding bearward-secrets --namespace shop --clusterrole bearward-secrets \
                 --serviceaccount bearward:bearward"
            ),
            "{}",
            finding.cure
        );
        assert_eq!(stage.difference(), [""; 0], "{name}");
        stage.compiler.apply(list(secrets()));
        stage.compile();
        assert_eq!(keys_of(&policy), known, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn identity_headers_are_those_of_every_policy_even_a_broken_one() {
    let forwarding = |name: &str, header: &str, more: &Value| {
        let mut spec = json!({
            "accept": [{"name": "corp", "jwt": jwt(&json!({}))}],
            "forward": {"claims": [{"claim": "sub", "header": header}]},
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy(name, &spec)
    };
    let is_protected = |stage: &mut Stage, name: &'static str| {
        stage.compile().snapshot.identity_headers.matches(&http::HeaderName::from_static(name))
    };
    let mut stage = Stage::of([
        forwarding("shop/a", "X-Subject", &json!({})),
        forwarding("bank/b", "x-subject", &json!({})),
        forwarding("bank/c", "x-team", &json!({"unknown": 1})),
        forwarding("bank/d", "x-other", &json!({"class": "other"})),
    ]);
    let first = stage.compile().snapshot.id;
    for (name, expected) in [("x-subject", true), ("x_subject", true), ("x-team", true), ("x-other", false)] {
        assert_eq!(is_protected(&mut stage, name), expected, "{name}");
    }
    stage.take(Kind::TokenPolicy, "shop/a");
    assert!(is_protected(&mut stage, "x-subject"));
    assert_eq!(stage.compile().snapshot.id, first);
    stage.take(Kind::TokenPolicy, "bank/b");
    assert!(!is_protected(&mut stage, "x-subject"));

    let (findings, outcome) = judge([forwarding("shop/partners", "Cookie", &json!({}))]);
    assert_eq!(findings, ["HeaderReserved spec.forward.claims[0].header"]);
    assert_eq!(outcome, "shop/orders/r HeaderReserved");
}

#[test]
fn a_verdict_names_all_that_it_was_judged_by() {
    let from = json!({"keys": {"secretRef": {"name": "corp", "key": "jwks"}}});
    let mut stage = Stage::of([
        guarded().version(10),
        jwt_policy(&from).version(20),
        keys_policy("shop/keys", "red").version(30),
        credential("shop/corp", &json!({"jwks": KEY_SET})).version(40),
        api_key("shop/one", "aaaa", "read", "red").version(50),
    ]);
    let reads = |stage: &Stage, kind, name: &str| -> Vec<String> {
        let reads = &stage.verdict(kind, name).reads;
        reads.iter().map(|read| format!("{} {} {}", read.key.kind, read.key.name, read.version)).collect()
    };
    assert_eq!(
        reads(&stage, Kind::ApiRoute, "shop/orders"),
        ["ApiRoute orders 10", "TokenPolicy partners 20", "Secret corp 40"]
    );
    assert_eq!(reads(&stage, Kind::TokenPolicy, "shop/partners"), ["TokenPolicy partners 20", "Secret corp 40"]);
    assert_eq!(reads(&stage, Kind::TokenPolicy, "shop/keys"), ["TokenPolicy keys 30", "Secret one 50"]);

    // A status that is written, ours or somebody else's, changes no content and no verdict.
    stage.put(guarded().version(11));
    stage.put(credential("shop/corp", &json!({"jwks": KEY_SET})).version(41));
    let compiled = stage.compile();
    assert_eq!(compiled.verdicts, []);
    assert_eq!(compiled.work, crate::compile::Work::default());
    // Another content is another version, for whoever refers to it.
    stage.put(credential("shop/corp", &json!({"jwks": r#"{"keys": []}"#})).version(42));
    stage.compile();
    assert_eq!(
        reads(&stage, Kind::ApiRoute, "shop/orders"),
        ["ApiRoute orders 10", "TokenPolicy partners 20", "Secret corp 42"]
    );
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn a_policy_is_joined_once_for_all_rules() {
    let mut objects: Vec<_> = (0..20)
        .map(|number| {
            let rule = json!({
                "name": "r",
                "auth": {"tokens": [{"policyRef": {"name": "partners"}}]},
                "backends": [{"url": "https://api.example.org"}],
            });
            route(&format!("shop/r{number}"), &json!({"hosts": [format!("h{number}.example.com")], "rules": [rule]}))
        })
        .collect();
    objects.push(inline_policy("shop/partners"));
    objects.push(open_route("shop/open", "open.example.com", "/"));
    let mut stage = Stage::new();
    stage.put_all(objects);
    let compiled = stage.compile();
    assert_eq!((compiled.work.policies, compiled.work.chains, compiled.work.units), (1, 21, 22));
    assert_eq!(stage.verdict(Kind::TokenPolicy, "shop/partners").rules, 20);
    let policies: Vec<_> = (0..20)
        .map(|number| {
            let found = stage.find(&format!("GET h{number}.example.com/")).unwrap();
            let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
            let Access::Tokens(rules) = &stages.access else { panic!("{:?}", stages.access) };
            Arc::as_ptr(&rules[0].policy)
        })
        .collect();
    assert!(policies.iter().all(|policy| *policy == policies[0]));
    // A new policy is a new chain for those who name it, and for nobody else.
    stage.put(jwt_policy(&json!({"audiences": ["others"]})));
    let compiled = stage.compile();
    assert_eq!((compiled.work.policies, compiled.work.chains, compiled.work.units), (1, 20, 1));
    assert_eq!(compiled.work.hosts, 20);
    assert!(compiled.verdicts.iter().all(|(key, _)| key.kind != Kind::ApiRoute || *key.name != *"open"));
    assert_eq!(stage.compiler.resources().object(&key(Kind::ApiRoute, "shop/r0")).unwrap().meta.version.0, 1);
}
