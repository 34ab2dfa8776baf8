//! From Services and slices to addresses.

use serde_json::{Value, json};

use super::stage::{Stage, backend, open_route, plain_service, plain_slice, route, service, slice};
use crate::name::Kind;
use crate::resources::Object;
use crate::snapshot::{Action, Chain};

/// The addresses behind port 80 of `orders`, or why there are none, and the findings on the route.
fn addresses(objects: Vec<Object>) -> (String, Vec<String>) {
    let mut stage = Stage::of(objects.into_iter().chain([open_route("shop/orders", "a.example.com", "/")]));
    let found = stage.find("GET a.example.com/").expect("a route");
    let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
    let Action::Forward(backends) = &stages.action else { panic!("no backends") };
    let text = match &backends.backends[0].1 {
        crate::snapshot::Backend::Upstream { upstream, .. } => {
            let addresses = &upstream.endpoints.load().addresses;
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        crate::snapshot::Backend::Unresolved(code) => code.to_string(),
    };
    let findings = stage.findings(Kind::ApiRoute, "shop/orders");
    assert_eq!(stage.difference(), [""; 0]);
    (text, findings)
}

fn with_selector(more: &Value) -> Object {
    let mut spec = json!({"selector": {"app": "orders"}, "ports": [{"port": 80}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    service("shop/orders", &spec, &json!({}))
}

fn endpoints(endpoints: &Value) -> Object {
    slice("shop/orders-1", "orders", &json!({"addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 8080}]}))
}

#[test]
fn the_port_gives_a_name_and_the_name_gives_the_port_of_each_slice() {
    let ports = json!({"ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]});
    let named = |name: &str, address: &str, ports: &Value| {
        let endpoints = json!([{"addresses": [address]}]);
        slice(name, "orders", &json!({"addressType": "IPv4", "endpoints": endpoints, "ports": ports}))
    };
    let slices = vec![
        with_selector(&ports),
        named("shop/1", "10.0.0.1", &json!([{"name": "http", "port": 8080}, {"name": "admin", "port": 8081}])),
        named("shop/2", "10.0.0.2", &json!([{"name": "admin", "port": 9091}, {"name": "http", "port": 9090}])),
        named("shop/3", "10.0.0.3", &json!([{"name": "https", "port": 8443}])),
        named("shop/4", "10.0.0.4", &json!([{"port": 8080}])),
        named("shop/5", "10.0.0.5", &json!([{"name": "http", "port": 53, "protocol": "UDP"}])),
        named("shop/6", "10.0.0.6", &json!([{"name": "http"}])),
        // Another Service's, and one of another namespace.
        slice("shop/7", "other", &json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.7"]}]})),
        plain_slice("bank/8", "orders", &["10.0.0.8"], 8080),
    ];
    assert_eq!(addresses(slices), ("10.0.0.1:8080 10.0.0.2:9090".to_owned(), vec![]));
}

#[test]
fn addresses_come_once_and_in_order() {
    let slices = vec![
        plain_service("shop/orders", 80),
        plain_slice("shop/1", "orders", &["10.0.0.3", "10.0.0.1"], 8080),
        plain_slice("shop/2", "orders", &["10.0.0.1", "10.0.0.2", "no address"], 8080),
    ];
    assert_eq!(addresses(slices).0, "10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080");
    let several = endpoints(&json!([{"addresses": ["10.0.0.1", "10.0.0.2"]}]));
    assert_eq!(addresses(vec![plain_service("shop/orders", 80), several]).0, "10.0.0.1:8080");
}

#[test]
fn only_families_that_the_service_has_are_used() {
    let six = || {
        let endpoints = json!([{"addresses": ["fd00::1"]}]);
        slice("shop/6", "orders", &json!({"addressType": "IPv6", "endpoints": endpoints, "ports": [{"port": 8080}]}))
    };
    let four = || plain_slice("shop/4", "orders", &["10.0.0.1", "fd00::9"], 8080);
    for (families, expected) in [
        (json!({}), "10.0.0.1:8080 [fd00::1]:8080"),
        (json!({"ipFamilies": ["IPv4", "IPv6"]}), "10.0.0.1:8080 [fd00::1]:8080"),
        (json!({"ipFamilies": ["IPv4"]}), "10.0.0.1:8080"),
        (json!({"ipFamilies": ["IPv6"]}), "[fd00::1]:8080"),
    ] {
        assert_eq!(addresses(vec![with_selector(&families), four(), six()]).0, expected, "{families}");
    }
}

#[test]
fn endpoints_are_used_while_they_are_ready_and_else_while_they_serve_and_leave() {
    for (name, conditions, expected) in [
        ("ready", json!([{"ready": true}, {"ready": false}]), "10.0.0.0:8080"),
        ("unknown is ready", json!([{}, {"ready": null}, {"ready": false}]), "10.0.0.0:8080 10.0.0.1:8080"),
        ("none ready", json!([{"ready": false}, {"ready": false, "serving": true}]), ""),
        (
            "none ready, some leave",
            json!([
                {"ready": false, "serving": true, "terminating": true},
                {"ready": false, "terminating": true},
                {"ready": false, "serving": false, "terminating": true},
                {"ready": false, "serving": true, "terminating": false},
            ]),
            "10.0.0.0:8080 10.0.0.1:8080",
        ),
        (
            "one ready, others leave",
            json!([{"ready": false, "serving": true, "terminating": true}, {"ready": true}]),
            "10.0.0.1:8080",
        ),
    ] {
        let conditions = conditions.as_array().unwrap().iter().enumerate();
        let written: Vec<Value> = conditions
            .map(|(index, conditions)| json!({"addresses": [format!("10.0.0.{index}")], "conditions": conditions}))
            .collect();
        let objects = vec![plain_service("shop/orders", 80), endpoints(&json!(written))];
        assert_eq!(addresses(objects), (expected.to_owned(), vec![]), "{name}");
    }
}

#[test]
fn what_cannot_be_a_target_keeps_its_share_and_refuses_it() {
    let without_selector = json!({"selector": {}});
    let fqdn = |name: &str| {
        slice(
            name,
            "orders",
            &json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a.org"]}], "ports": [{"port": 80}]}),
        )
    };
    let consenting = |value: &str| {
        service("shop/orders", &json!({"ports": [{"port": 80}]}), &json!({"bearward.dev/endpoints": value}))
    };
    let at = "spec.rules[0].backends[0]";
    let pods = || plain_slice("shop/1", "orders", &["10.0.0.1"], 8080);
    for (name, objects, expected, finding) in [
        ("no Service", vec![pods()], "BackendNotFound", "BackendNotFound"),
        (
            "a Service of another namespace",
            vec![plain_service("bank/orders", 80)],
            "BackendNotFound",
            "BackendNotFound",
        ),
        ("no such port", vec![plain_service("shop/orders", 81), pods()], "PortNotFound", "PortNotFound"),
        (
            "a port for UDP",
            vec![with_selector(&json!({"ports": [{"port": 80, "protocol": "UDP"}]})), pods()],
            "PortNotFound",
            "PortNotFound",
        ),
        ("a name", vec![with_selector(&json!({"type": "ExternalName"}))], "UnsupportedService", "UnsupportedService"),
        ("no selector", vec![with_selector(&without_selector), pods()], "UnsupportedService", "UnsupportedService"),
        ("no consent", vec![consenting("yes"), pods()], "UnsupportedService", "UnsupportedService"),
        ("consent", vec![consenting("true"), pods()], "10.0.0.1:8080", ""),
        (
            "names only",
            vec![plain_service("shop/orders", 80), fqdn("shop/2")],
            "UnsupportedService",
            "UnsupportedService",
        ),
        (
            "names among addresses",
            vec![plain_service("shop/orders", 80), pods(), fqdn("shop/2")],
            "10.0.0.1:8080",
            "UnsupportedService?",
        ),
        ("no slices yet", vec![plain_service("shop/orders", 80)], "", ""),
        ("headless", vec![with_selector(&json!({"clusterIP": "None"})), pods()], "10.0.0.1:8080", ""),
    ] {
        let findings = if finding.is_empty() { vec![] } else { vec![format!("{finding} {at}")] };
        assert_eq!(addresses(objects), (expected.to_owned(), findings), "{name}");
    }
}

#[test]
fn endpoints_move_without_a_compile_of_the_route() {
    let mut stage = Stage::of([
        open_route("shop/orders", "a.example.com", "/"),
        plain_service("shop/orders", 80),
        plain_slice("shop/1", "orders", &["10.0.0.1"], 8080),
    ]);
    let before = stage.find("GET a.example.com/").unwrap();
    stage.put(plain_slice("shop/1", "orders", &["10.0.0.2"], 8080));
    assert!(stage.compiler.is_urgent());
    let compiled = stage.compile();
    assert_eq!(compiled.work, crate::compile::Work::default());
    assert_eq!(compiled.verdicts, []);
    // The route that a request found before leads to the new address.
    let Chain::Serve(stages) = &*before.chain else { panic!("{:?}", before.chain) };
    let Action::Forward(backends) = &stages.action else { panic!("no backends") };
    assert!(backend(&backends.backends[0].1).contains("10.0.0.2:8080"));
    assert!(!stage.compiler.is_urgent());
}

#[test]
fn an_upstream_says_what_is_spoken_and_two_protocols_are_two_upstreams() {
    let rule = |name: &str, path: &str, backend: &Value| json!({"name": name, "matches": [{"path": {"value": path}}], "auth": {"anonymous": true}, "backends": [backend]});
    let spec = json!({
        "hosts": ["a.example.com"],
        "upstreams": [{"name": "grpc", "service": {"name": "orders", "port": 80}, "protocol": "H2C"}],
        "rules": [
            rule("plain", "/plain", &json!({"service": {"name": "orders", "port": 80}})),
            rule("grpc", "/grpc", &json!({"upstream": "grpc"})),
            rule("typo", "/typo", &json!({"upstream": "grcp"})),
        ],
    });
    let mut stage = Stage::of([
        route("shop/a", &spec),
        plain_service("shop/orders", 80),
        plain_slice("shop/1", "orders", &["10.0.0.1"], 8080),
    ]);
    for (path, expected) in [
        ("/plain", "service:shop/orders:80/http1 Http1 FromClient None [10.0.0.1:8080] - + None None"),
        ("/grpc", "service:shop/orders:80/h2c H2c FromClient None [10.0.0.1:8080] - + None None"),
        ("/typo", "BackendNotFound"),
    ] {
        let found = stage.find(&format!("GET a.example.com{path}")).unwrap();
        let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
        let Action::Forward(backends) = &stages.action else { panic!("no backends") };
        assert_eq!(backend(&backends.backends[0].1), expected);
    }
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), ["BackendNotFound spec.rules[2].backends[0].upstream"]);
    let cause = &stage.verdict(Kind::ApiRoute, "shop/a").findings[0].cause;
    assert_eq!(cause, "spec.upstreams has no grcp; did you mean grpc?");
}
