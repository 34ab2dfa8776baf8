//! Who owns a host, and which of two routes has a path.

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use super::stage::{Stage, open_route, plain_service, route, settings};
use crate::compile::Settings;
use crate::name::Kind;
use crate::resources::Object;

fn on(name: &str, hosts: &Value) -> Object {
    let rule = json!({"name": "r", "auth": {"anonymous": true}, "backends": [{"url": "https://api.example.org"}]});
    route(name, &json!({"hosts": hosts, "rules": [rule]}))
}

#[test]
fn a_host_belongs_to_the_namespace_that_claimed_it_first() {
    for (name, objects, requests) in [
        (
            "the same host",
            vec![
                on("shop/a", &json!(["a.example.com"])).created(1),
                on("bank/a", &json!(["a.example.com"])).created(2),
            ],
            vec![("a.example.com", "shop/a/r serves")],
        ),
        (
            "of equal age, the first by name",
            vec![on("shop/a", &json!(["a.example.com"])), on("bank/a", &json!(["a.example.com"]))],
            vec![("a.example.com", "bank/a/r serves")],
        ),
        (
            "a younger wildcard over an older host",
            vec![
                on("shop/a", &json!(["a.example.com"])).created(1),
                on("bank/a", &json!(["*.example.com"])).created(2),
            ],
            vec![("a.example.com", "shop/a/r serves"), ("b.example.com", "404")],
        ),
        (
            "a younger host under an older wildcard",
            vec![
                on("shop/a", &json!(["*.example.com"])).created(1),
                on("bank/a", &json!(["a.b.example.com"])).created(2),
            ],
            vec![("a.b.example.com", "shop/a/r serves"), ("c.example.com", "shop/a/r serves")],
        ),
        (
            "a wildcard does not cover its own name",
            vec![on("shop/a", &json!(["*.example.com"])).created(1), on("bank/a", &json!(["example.com"])).created(2)],
            vec![("example.com", "bank/a/r serves"), ("c.example.com", "shop/a/r serves")],
        ),
        (
            "one that lost takes nothing from others",
            vec![
                on("shop/a", &json!(["a.example.com"])).created(1),
                on("bank/a", &json!(["*.example.com"])).created(2),
                on("mill/a", &json!(["b.example.com"])).created(3),
            ],
            vec![("a.example.com", "shop/a/r serves"), ("b.example.com", "mill/a/r serves")],
        ),
        (
            "within a namespace all may claim",
            vec![
                on("shop/a", &json!(["*.example.com"])).created(1),
                on("shop/b", &json!(["a.example.com"])).created(2),
            ],
            vec![("a.example.com", "shop/b/r serves"), ("b.example.com", "shop/a/r serves")],
        ),
    ] {
        let mut stage = Stage::of(objects);
        for (host, expected) in requests {
            assert_eq!(stage.outcome(&format!("GET {host}/")), expected, "{name}: {host}");
        }
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn whoever_lost_a_host_is_told_whose_it_is_and_has_it_when_the_owner_goes() {
    let mut stage = Stage::of([
        on("shop/a", &json!(["a.example.com"])).created(1),
        on("bank/a", &json!(["b.example.com", "*.example.com"])).created(2),
        on("mill/a", &json!(["b.example.com"])).created(3),
    ]);
    assert_eq!(stage.findings(Kind::ApiRoute, "bank/a"), ["HostNotOwned spec.hosts[1]"]);
    let finding = &stage.verdict(Kind::ApiRoute, "bank/a").findings[0];
    assert_eq!(finding.cause, "namespace shop has claimed a.example.com before, which overlaps *.example.com");
    assert_eq!(stage.findings(Kind::ApiRoute, "mill/a"), ["HostNotOwned spec.hosts[0]"]);

    stage.take(Kind::ApiRoute, "shop/a");
    assert_eq!(stage.outcome("GET c.example.com/"), "bank/a/r serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "bank/a"), [""; 0]);
    stage.take(Kind::ApiRoute, "bank/a");
    assert_eq!(stage.outcome("GET b.example.com/"), "mill/a/r serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "mill/a"), [""; 0]);
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn every_host_is_taken_only_where_the_installation_allows_it() {
    let mut stage = Stage::of([on("shop/a", &json!([]))]);
    assert_eq!(stage.outcome("GET a.example.com/"), "404");
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), ["HostNotOwned spec.hosts"]);

    let mut stage = Stage::with(Settings { hosts_without_names: true, ..settings() });
    stage.put(on("shop/a", &json!([])).created(1));
    stage.put(on("bank/a", &json!(["a.example.com"])).created(2));
    stage.put(on("shop/b", &json!(["b.example.com"])).created(2));
    assert_eq!(stage.outcome("GET a.example.com/"), "shop/a/r serves");
    assert_eq!(stage.outcome("GET b.example.com/"), "shop/b/r serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "bank/a"), ["HostNotOwned spec.hosts[0]"]);
    let finding = &stage.verdict(Kind::ApiRoute, "bank/a").findings[0];
    assert_eq!(finding.cause, "namespace shop has claimed every host before, which overlaps a.example.com");
}

#[test]
fn of_two_routes_for_the_same_requests_the_older_has_them_and_the_other_follows() {
    let mut stage = Stage::of([
        open_route("shop/old", "a.example.com", "/orders").created(1),
        open_route("shop/new", "a.example.com", "/orders/").created(2),
        open_route("shop/newer", "a.example.com", "/orders").created(3),
        plain_service("shop/orders", 80),
    ]);
    assert_eq!(stage.outcome("GET a.example.com/orders/7"), "shop/old/r serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/old"), [""; 0]);
    for name in ["shop/new", "shop/newer"] {
        assert_eq!(stage.findings(Kind::ApiRoute, name), ["DuplicateRoute spec.rules[0].matches[0]"], "{name}");
        let finding = &stage.verdict(Kind::ApiRoute, name).findings[0];
        assert_eq!(
            finding.cause,
            "the rule shop/old/r is older and takes the same requests: prefix /orders on a.example.com"
        );
    }
    stage.take(Kind::ApiRoute, "shop/old");
    assert_eq!(stage.outcome("GET a.example.com/orders/7"), "shop/new/r serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/new"), [""; 0]);
    let finding = &stage.verdict(Kind::ApiRoute, "shop/newer").findings[0];
    assert!(finding.cause.starts_with("the rule shop/new/r is older"), "{}", finding.cause);
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn routes_whose_requests_differ_are_no_duplicates() {
    let written = |path: &str, more: &Value| {
        let mut written = json!({"path": {"value": path}});
        written.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"name": "r", "matches": [written], "auth": {"anonymous": true}, "backends": [{"url": "https://a.org"}]})
    };
    for (name, more, is_same) in [
        ("nothing more", json!({}), true),
        ("methods in another order", json!({"methods": ["PUT", "GET"]}), false),
        ("a header", json!({"headers": [{"name": "a", "value": "b"}]}), false),
        ("an exact path", json!({"path": {"type": "Exact", "value": "/orders"}}), false),
    ] {
        let one = written("/orders", &json!({}));
        let other = written("/orders", &more);
        let mut stage = Stage::of([
            route("shop/one", &json!({"hosts": ["a.example.com"], "rules": [one]})),
            route("shop/other", &json!({"hosts": ["a.example.com"], "rules": [other]})),
        ]);
        assert_eq!(!stage.findings(Kind::ApiRoute, "shop/other").is_empty(), is_same, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
    let methods = |methods: &[&str]| written("/orders", &json!({"methods": methods}));
    let stage = Stage::of([
        route("shop/one", &json!({"hosts": ["a.example.com"], "rules": [methods(&["GET", "PUT"])]})),
        route("shop/other", &json!({"hosts": ["a.example.com"], "rules": [methods(&["PUT", "GET"])]})),
    ]);
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/other"), ["DuplicateRoute spec.rules[0].matches[0]"]);
}

#[test]
fn within_one_object_the_first_rule_has_the_requests() {
    let rule = |name: &str| json!({"name": name, "auth": {"anonymous": true}, "backends": [{"url": "https://api.example.org"}]});
    let mut stage =
        Stage::of([route("shop/a", &json!({"hosts": ["a.example.com"], "rules": [rule("one"), rule("two")]}))]);
    assert_eq!(stage.outcome("GET a.example.com/"), "shop/a/one serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), ["DuplicateRoute spec.rules[1]"]);
    let twice = json!({
        "name": "r",
        "matches": [{"path": {"value": "/a"}}, {"path": {"value": "/a/"}}],
        "auth": {"anonymous": true},
        "backends": [{"url": "https://api.example.org"}],
    });
    stage.put(route("shop/a", &json!({"hosts": ["a.example.com"], "rules": [twice]})));
    assert_eq!(stage.outcome("GET a.example.com/a"), "shop/a/r serves");
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), ["DuplicateRoute? spec.rules[0].matches[1]"]);
}

proptest! {
    #![proptest_config(Config { cases: 150, failure_persistence: None, ..Config::default() })]

    /// Hosts alone, in more namespaces and with more overlap than the general property has.
    #[test]
    fn ownership_is_the_same_whatever_was_claimed_before(
        claims in prop::collection::vec((0..4_usize, 0..3_usize, 0..3_i64, prop::collection::vec(0..8_usize, 0..3)), 1..24)
    ) {
        const HOSTS: [&str; 8] = [
            "example.com", "a.example.com", "*.example.com", "b.a.example.com", "*.a.example.com", "c.b.a.example.com",
            "*.com", "*.b.a.example.com",
        ];
        let mut stage = Stage::with(Settings { hosts_without_names: true, ..settings() });
        for (namespace, name, age, hosts) in claims {
            let name = format!("{}/{name}", ["a", "b", "c", "d"][namespace]);
            if hosts.is_empty() && age > 0 {
                stage.take(Kind::ApiRoute, &name);
            } else {
                let hosts: Vec<&str> = hosts.into_iter().map(|host| HOSTS[host]).collect();
                stage.put(on(&name, &json!(hosts)).created(age));
            }
            let difference = stage.difference();
            prop_assert!(difference.is_empty(), "{difference:#?}");
        }
    }
}
