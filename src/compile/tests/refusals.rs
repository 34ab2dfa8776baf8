//! Never open by accident: whatever is wrong with a rule, its requests are refused and its status says why.

use serde_json::{Value, json};

use super::stage::{Stage, inline_policy, open_route, plain_service, policy, route};
use crate::name::Kind;

fn rule(auth: &Value) -> Value {
    json!({
        "name": "r",
        "matches": [{"path": {"value": "/orders"}}],
        "auth": auth,
        "backends": [{"service": {"name": "orders", "port": 80}}],
    })
}

/// What becomes of a request for a route of these rules, among good policies and a lax older route for all paths.
fn outcome(spec: &Value) -> (String, Vec<String>) {
    // Well-formed, but two entries take the same tokens.
    let jwt = json!({"issuer": "https://login.example.com", "audiences": ["a"], "keys": {"discovery": {}}});
    let broken = json!({"accept": [{"name": "one", "jwt": jwt}, {"name": "two", "jwt": jwt}]});
    let mut stage = Stage::of([
        open_route("shop/lax", "a.example.com", "/"),
        plain_service("shop/orders", 80),
        inline_policy("shop/partners"),
        inline_policy("bank/foreign"),
        policy("shop/broken", &broken),
        policy("shop/other", &json!({"class": "other", "accept": []})),
        route("shop/strict", spec).created(1),
    ]);
    let outcome = stage.outcome("GET a.example.com/orders/7");
    (outcome, stage.findings(Kind::ApiRoute, "shop/strict"))
}

#[test]
fn only_a_policy_that_stands_or_the_words_anonymous_true_serve_a_rule() {
    let with = |auth: &Value| json!({"hosts": ["a.example.com"], "rules": [rule(auth)]});
    let tokens = |name: &str| json!({"tokens": [{"policyRef": {"name": name}}]});
    let both = json!({"tokens": [{"policyRef": {"name": "partners"}}, {"policyRef": {"name": "broken"}}]});
    let expression = json!({"tokens": [{"policyRef": {"name": "partners"}, "scopes": ["a b"]}]});
    let claim = json!({"tokens": [{"policyRef": {"name": "partners"}, "claims": [{"claim": "a"}]}]});
    let require = json!({"tokens": [{"policyRef": {"name": "partners"}, "require": "claims.tenant == nowhere"}]});
    for (auth, expected, finding) in [
        (json!({"anonymous": true}), "serves", ""),
        (tokens("partners"), "serves", ""),
        (Value::Null, "NoAuth", "NoAuth spec.rules[0]"),
        (json!({"anonymous": false}), "InvalidValue", "InvalidValue spec.rules[0].auth.anonymous"),
        (json!({"anonymous": "true"}), "InvalidValue", "InvalidValue spec.rules[0].auth.anonymous"),
        (json!({"anonymos": true}), "UnknownField", "UnknownField spec.rules[0].auth.anonymos"),
        (
            json!({"anonymous": true, "tokens": [{"policyRef": {"name": "partners"}}]}),
            "InvalidValue",
            "InvalidValue spec.rules[0].auth",
        ),
        (tokens("partner"), "PolicyNotFound", "PolicyNotFound spec.rules[0].auth.tokens[0].policyRef"),
        (tokens("foreign"), "PolicyNotFound", "PolicyNotFound spec.rules[0].auth.tokens[0].policyRef"),
        (tokens("other"), "PolicyNotFound", "PolicyNotFound spec.rules[0].auth.tokens[0].policyRef"),
        (tokens("broken"), "InvalidValue", "InvalidValue spec.rules[0].auth.tokens[0].policyRef"),
        (both, "InvalidValue", "InvalidValue spec.rules[0].auth.tokens[1].policyRef"),
        (expression, "InvalidValue", "InvalidValue spec.rules[0].auth.tokens[0].scopes[0]"),
        (claim, "InvalidValue", "InvalidValue spec.rules[0].auth.tokens[0].claims[0]"),
        (require, "InvalidExpression", "InvalidExpression spec.rules[0].auth.tokens[0].require"),
    ] {
        let (outcome, findings) = outcome(&with(&auth));
        assert_eq!(outcome, format!("shop/strict/r {expected}"), "{auth}");
        assert_eq!(findings.join(", "), finding, "{auth}");
    }
}

#[test]
fn an_auth_that_says_nothing_opens_nothing() {
    for auth in [json!({}), json!({"tokens": []}), json!({"tokens": null}), json!({"anonymous": null})] {
        let own = json!({"hosts": ["a.example.com"], "rules": [rule(&auth)]});
        let inherited = json!({"hosts": ["a.example.com"], "auth": auth, "rules": [rule(&Value::Null)]});
        // The object's own is for rules that have none: an empty one of a rule is not made up for by it.
        let open = json!({"hosts": ["a.example.com"], "auth": {"anonymous": true}, "rules": [rule(&auth)]});
        for spec in [own, inherited, open] {
            let (outcome, findings) = outcome(&spec);
            assert!(outcome.starts_with("shop/strict/r ") && !outcome.ends_with("serves"), "{spec}: {outcome}");
            assert_eq!(findings.len(), 1, "{spec}: {findings:?}");
        }
    }
}

#[test]
fn a_rule_without_its_own_auth_has_that_of_the_object() {
    let with = |auth: &Value| json!({"hosts": ["a.example.com"], "auth": auth, "rules": [rule(&Value::Null)]});
    for (auth, expected, finding) in [
        (json!({"anonymous": true}), "serves", ""),
        (
            json!({"tokens": [{"policyRef": {"name": "nobody"}}]}),
            "PolicyNotFound",
            "PolicyNotFound spec.auth.tokens[0].policyRef",
        ),
    ] {
        let (outcome, findings) = outcome(&with(&auth));
        assert_eq!(outcome, format!("shop/strict/r {expected}"), "{auth}");
        assert_eq!(findings.join(", "), finding, "{auth}");
    }
}

#[test]
fn a_broken_object_claims_what_can_be_read_of_it_and_refuses_it() {
    let good = rule(&json!({"anonymous": true}));
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut spec = json!({"hosts": ["a.example.com"], "rules": [good.clone()]});
        change(&mut spec);
        spec
    };
    for (name, spec) in [
        ("an unknown field", edit(&|spec| spec["rules"][0]["limits"] = json!([]))),
        ("another one", edit(&|spec| spec["unknown"] = json!(1))),
        ("a value of the wrong type", edit(&|spec| spec["rules"][0]["backends"] = json!("orders"))),
        ("a path of an unknown kind", edit(&|spec| spec["rules"][0]["matches"][0]["path"]["type"] = json!("Regex"))),
        (
            "a path that no request has",
            edit(&|spec| spec["rules"][0]["matches"][0]["path"]["value"] = json!("/orders/%2f")),
        ),
        ("a misspelt path", edit(&|spec| spec["rules"][0]["matches"] = json!([{"path": {"vaule": "/orders"}}]))),
        ("a path without a value", edit(&|spec| spec["rules"][0]["matches"] = json!([{"path": {}}]))),
        ("a path with a wildcard", edit(&|spec| spec["rules"][0]["matches"][0]["path"]["value"] = json!("/orders/*"))),
        (
            "a header with two values",
            edit(&|spec| {
                spec["rules"][0]["matches"][0]["headers"] =
                    json!([{"name": "A", "value": "b"}, {"name": "a", "value": "c"}]);
            }),
        ),
        ("a time that is too long to count", edit(&|spec| spec["rules"][0]["timeouts"] = json!({"idle": "99999999h"}))),
        (
            "a size that is too large to count",
            edit(&|spec| spec["rules"][0]["request"] = json!({"maxBody": "99999999999Gi"})),
        ),
        ("methods that are none", edit(&|spec| spec["rules"][0]["matches"][0]["methods"] = json!(["P UT"]))),
        ("a method in lower case", edit(&|spec| spec["rules"][0]["matches"][0]["methods"] = json!(["get"]))),
        (
            "a header with blanks around it",
            edit(&|spec| spec["rules"][0]["matches"][0]["headers"] = json!([{"name": "a", "value": " b"}])),
        ),
        ("one host that is no list", edit(&|spec| spec["hosts"] = json!("a.example.com"))),
        ("a host with a blank", edit(&|spec| spec["hosts"] = json!([" a.example.com"]))),
        (
            "misspelt hosts",
            edit(&|spec| {
                let hosts = spec.as_object_mut().unwrap().remove("hosts").unwrap();
                spec["host"] = hosts;
            }),
        ),
        ("methods of the wrong type", edit(&|spec| spec["rules"][0]["matches"][0]["methods"] = json!("PUT"))),
        (
            "headers that are none",
            edit(&|spec| spec["rules"][0]["matches"][0]["headers"] = json!([{"name": "a b", "value": "c"}])),
        ),
        ("matches of the wrong type", edit(&|spec| spec["rules"][0]["matches"] = json!({}))),
        (
            "misspelt matches",
            edit(&|spec| {
                let matches = spec["rules"][0].as_object_mut().unwrap().remove("matches").unwrap();
                spec["rules"][0]["match"] = matches;
            }),
        ),
        ("no rules", edit(&|spec| spec["rules"] = Value::Null)),
        ("a rule of the wrong type", edit(&|spec| spec["rules"] = json!(["r"]))),
        ("a class of the wrong type", edit(&|spec| spec["class"] = json!(7))),
        ("a host beside it that is none", edit(&|spec| spec["hosts"] = json!(["a.example.com", 7]))),
        (
            "a second match that is broken",
            edit(&|spec| {
                spec["rules"][0]["matches"] = json!([{"path": {"value": "/orders"}}, {"path": {"value": "/a;b"}}]);
            }),
        ),
        (
            "a header that may not be set",
            edit(&|spec| spec["rules"][0]["request"] = json!({"setHeaders": {"host": "a"}})),
        ),
        ("a time of nothing", edit(&|spec| spec["rules"][0]["timeouts"] = json!({"idle": "0s"}))),
        ("a size that is none", edit(&|spec| spec["rules"][0]["request"] = json!({"maxBody": "10MB"}))),
        ("no backend", edit(&|spec| spec["rules"][0]["backends"] = json!([]))),
    ] {
        let (outcome, findings) = outcome(&spec);
        assert!(outcome.starts_with("shop/strict/") && !outcome.ends_with("serves"), "{name}: {outcome}");
        assert!(!findings.is_empty(), "{name}");
    }
}

#[test]
fn hosts_that_cannot_be_read_guard_nothing_and_that_is_said() {
    const LOST: &str = "HostsUnreadable spec.hosts";
    let with = |hosts: &Value| json!({"hosts": hosts, "rules": [rule(&json!({"anonymous": true}))]});
    for (spec, is_lost) in [
        (with(&json!(["http://a.example.com"])), true),
        (with(&json!(["*"])), true),
        (with(&json!(["a.*.example.com"])), true),
        (with(&json!([7])), true),
        (with(&json!(7)), true),
        (with(&Value::Null), true),
        (json!({}), true),
        (Value::Null, true),
        // Some of it can be read, and is guarded.
        (with(&json!(["b.example.com", "a b"])), true),
        (with(&json!(" b.example.com")), false),
        (with(&json!(["B.example.com"])), false),
        (json!({"hosts": ["b.example.com"], "unknown": 1}), false),
    ] {
        let (outcome, findings) = outcome(&spec);
        assert_eq!(outcome, "shop/lax/r serves", "{spec}");
        assert_eq!(findings.iter().any(|finding| finding == LOST), is_lost, "{spec}: {findings:?}");
        let codes = findings.iter().filter(|finding| *finding != LOST);
        assert!(codes.count() > 0, "what an API server would say is said too: {spec}");
    }
}

#[test]
fn a_class_that_no_installation_has_is_broken_for_everybody() {
    for (class, finding) in [
        (json!("bearward "), "InvalidValue spec.class"),
        (json!("Bearward"), "InvalidValue spec.class"),
        (json!(""), "InvalidValue spec.class"),
        (json!(7), "InvalidValue spec.class"),
    ] {
        let spec = json!({"hosts": ["a.example.com"], "class": class, "rules": [rule(&json!({"anonymous": true}))]});
        assert_eq!(outcome(&spec), ("shop/strict/r InvalidValue".to_owned(), vec![finding.to_owned()]), "{class}");
    }
}

#[test]
fn a_broken_match_comes_before_every_other_rule_of_its_path() {
    let strict = json!({
        "hosts": ["a.example.com"],
        "rules": [{"name": "r", "matches": [{"path": {"value": "/"}, "methods": "GET"}], "auth": {"anonymous": true}}],
    });
    let lax = json!({
        "hosts": ["a.example.com"],
        "rules": [{
            "name": "r",
            "matches": [{"methods": ["GET"], "headers": [{"name": "a", "value": "b"}]}, {"path": {"value": "/open"}}],
            "auth": {"anonymous": true},
            "backends": [{"url": "https://api.example.org"}],
        }],
    });
    let mut stage = Stage::of([route("shop/lax", &lax), route("shop/strict", &strict).created(1)]);
    assert_eq!(stage.outcome("GET a.example.com/"), "shop/strict/r InvalidValue");
    assert_eq!(stage.outcome("GET a.example.com/open"), "shop/lax/r serves");
    stage.take(Kind::ApiRoute, "shop/strict");
    assert_eq!(stage.outcome("GET a.example.com/"), "404");
}

#[test]
fn what_is_of_another_class_is_not_there() {
    let spec = |class: &Value| json!({"class": class, "hosts": ["b.example.com"], "rules": [rule(&json!({"anonymous": true}))]});
    for (class, expected) in [(json!("bearward"), "shop/orders/r serves"), (Value::Null, "shop/orders/r serves")] {
        let mut stage = Stage::of([route("shop/orders", &spec(&class)), plain_service("shop/orders", 80)]);
        assert_eq!(stage.outcome("GET b.example.com/orders"), expected, "{class}");
    }
    let mut stage = Stage::of([route("shop/orders", &spec(&json!("other")))]);
    assert_eq!(stage.outcome("GET b.example.com/orders"), "404");
    assert!(stage.verdicts.is_empty(), "{:?}", stage.verdicts);

    stage.put(route("shop/orders", &spec(&Value::Null)));
    stage.compile();
    assert_eq!(stage.verdicts.len(), 1);
    stage.put(route("shop/orders", &spec(&json!("other"))));
    let compiled = stage.compile();
    assert_eq!(compiled.verdicts.len(), 1);
    assert!(compiled.verdicts[0].1.is_none());
}

#[test]
fn an_edit_of_a_route_in_force_does_not_wait_and_a_new_one_does() {
    let spec = |auth: &Value| json!({"hosts": ["a.example.com"], "rules": [rule(auth)]});
    let open = || route("shop/a", &spec(&json!({"anonymous": true})));
    let mut stage = Stage::new();
    stage.put(open());
    assert!(!stage.compiler.is_urgent(), "it is new");
    stage.compile();
    stage.put(open());
    assert!(!stage.compiler.is_urgent(), "nothing has changed");
    stage.put(route("shop/a", &spec(&json!({"tokens": [{"policyRef": {"name": "p"}}]}))));
    assert!(stage.compiler.is_urgent());
    stage.compile();
    assert!(!stage.compiler.is_urgent());
    stage.put(route("shop/b", &spec(&json!({"anonymous": true}))));
    assert!(!stage.compiler.is_urgent());
    stage.take(Kind::ApiRoute, "shop/a");
    assert!(stage.compiler.is_urgent());
}

#[test]
fn a_route_that_is_mended_serves_and_one_that_breaks_refuses() {
    let spec = |policy: &str| {
        let auth = json!({"tokens": [{"policyRef": {"name": policy}}]});
        json!({"hosts": ["a.example.com"], "rules": [rule(&auth)]})
    };
    let mut stage = Stage::of([route("shop/strict", &spec("partners")), plain_service("shop/orders", 80)]);
    assert_eq!(stage.outcome("GET a.example.com/orders"), "shop/strict/r PolicyNotFound");
    assert_eq!(stage.verdict(Kind::ApiRoute, "shop/strict").refusing_rules, 1);
    stage.put(inline_policy("shop/partners"));
    assert_eq!(stage.outcome("GET a.example.com/orders"), "shop/strict/r serves");
    assert_eq!(stage.verdict(Kind::ApiRoute, "shop/strict").refusing_rules, 0);
    assert_eq!(stage.verdict(Kind::TokenPolicy, "shop/partners").rules, 1);
    // What was in force before decides nothing.
    stage.put(route("shop/strict", &spec("partnars")));
    assert_eq!(stage.outcome("GET a.example.com/orders"), "shop/strict/r PolicyNotFound");
    let finding = &stage.verdict(Kind::ApiRoute, "shop/strict").findings[0];
    assert_eq!(finding.cause, "this namespace has no TokenPolicy partnars; did you mean partners?");
    assert_eq!(stage.verdict(Kind::TokenPolicy, "shop/partners").rules, 0);
}
