//! What a rule says, and what its requests meet.

use serde_json::{Value, json};

use super::stage::{Stage, backend, route};
use crate::finding::Code;
use crate::name::Kind;
use crate::resources::{DnsName, Report, ReportFinding, ReportKey};
use crate::snapshot::{Action, Backend, Chain, PathRewrite, Stages};

/// A route whose one rule is open and leads to a URL, but for what is said.
fn spec(more: &Value) -> Value {
    let mut rule = json!({"name": "r", "auth": {"anonymous": true}, "backends": [{"url": "https://api.example.org"}]});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if rule.get("redirect").is_some() {
        rule.as_object_mut().unwrap().remove("backends");
    }
    json!({"hosts": ["a.example.com"], "rules": [rule]})
}

/// The stages that a request meets.
fn stages<T>(more: &Value, request: &str, look: impl FnOnce(&Stages) -> T) -> T {
    let mut stage = Stage::of([route("shop/a", &spec(more))]);
    let found = stage.find(request).expect("a route");
    assert_eq!(stage.difference(), [""; 0]);
    match &*found.chain {
        Chain::Serve(stages) => look(stages),
        Chain::Refuse(refused) => panic!("{refused:?} {:?}", stage.findings(Kind::ApiRoute, "shop/a")),
    }
}

/// The findings on the route.
fn findings(more: &Value) -> Vec<String> {
    Stage::of([route("shop/a", &spec(more))]).findings(Kind::ApiRoute, "shop/a")
}

const REQUEST: &str = "GET a.example.com/orders/7";

#[test]
fn what_a_rule_does_not_say_the_installation_does() {
    stages(&json!({}), REQUEST, |stages| {
        assert_eq!(format!("{:?}", stages.timeouts), "Timeouts { request: None, connect: 2s, idle: 60s }");
        assert_eq!(stages.max_body.0, 10 << 20);
        assert_eq!((&stages.host, &stages.path), (&None, &None));
    });
    let said =
        json!({"timeouts": {"request": "30s", "connect": "250ms", "idle": "1m30s"}, "request": {"maxBody": "1Ki"}});
    stages(&said, REQUEST, |stages| {
        assert_eq!(format!("{:?}", stages.timeouts), "Timeouts { request: Some(30s), connect: 250ms, idle: 90s }");
        assert_eq!(stages.max_body.0, 1024);
    });
    for (name, field) in [("request", "0s"), ("connect", "0ms"), ("idle", "0h")] {
        let findings = findings(&json!({"timeouts": {name: field}}));
        assert_eq!(findings, [format!("InvalidValue spec.rules[0].timeouts.{name}")]);
    }
}

#[test]
fn a_rewrite_takes_what_its_match_took() {
    let matches = json!([
        {"path": {"value": "/"}}, {"path": {"value": "/orders/"}}, {"path": {"type": "Exact", "value": "/orders/7"}},
    ]);
    for (replacement, request, matched, written) in [
        ("/v1", "GET a.example.com/items", 0, "/v1"),
        ("/v1", "GET a.example.com/orders/8", 7, "/v1"),
        ("/v1", "GET a.example.com/orders/7", 9, "/v1"),
        ("/v1/", "GET a.example.com/orders/8", 7, "/v1"),
        ("/", "GET a.example.com/orders/8", 7, ""),
        ("/v1//x/../y", "GET a.example.com/orders/8", 7, "/v1/y"),
    ] {
        let said = json!({"matches": matches, "request": {"path": {"replacePrefix": replacement}}});
        stages(&said, request, |stages| {
            let expected = PathRewrite::Prefix { matched, replacement: written.into() };
            assert_eq!(stages.path, Some(expected), "{replacement} {request}");
        });
    }
    stages(&json!({"request": {"path": {"replaceFull": "/health"}}}), REQUEST, |stages| {
        assert_eq!(stages.path, Some(PathRewrite::Full("/health".into())));
    });
    for (path, field) in [
        (json!({"replacePrefix": "/a;b"}), ".replacePrefix"),
        (json!({"replaceFull": "/a%2Fb"}), ".replaceFull"),
        (json!({}), ""),
        (json!({"replaceFull": "/a", "replacePrefix": "/b"}), ""),
    ] {
        let findings = findings(&json!({"request": {"path": path}}));
        assert_eq!(findings, [format!("InvalidValue spec.rules[0].request.path{field}")], "{path}");
    }
}

#[test]
fn a_redirect_answers_where_a_backend_would() {
    let said = json!({"redirect": {"scheme": "https", "host": "www.example.com:8443", "status": 308}});
    stages(&said, REQUEST, |stages| {
        let Action::Redirect(redirect) = &stages.action else { panic!("{:?}", stages.action) };
        assert_eq!(redirect.status, 308);
        assert_eq!(redirect.scheme, Some(http::uri::Scheme::HTTPS));
        assert_eq!(redirect.authority.as_ref().map(http::uri::Authority::as_str), Some("www.example.com:8443"));
        assert_eq!(redirect.path, None);
    });
    let said = json!({"matches": [{"path": {"value": "/orders"}}], "redirect": {"path": {"replacePrefix": "/new"}}});
    stages(&said, REQUEST, |stages| {
        let Action::Redirect(redirect) = &stages.action else { panic!("{:?}", stages.action) };
        assert_eq!(redirect.status, 302);
        assert_eq!(redirect.path, Some(PathRewrite::Prefix { matched: 7, replacement: "/new".into() }));
        assert_eq!(stages.path, None);
    });
    assert_eq!(findings(&json!({"redirect": {"scheme": "https", "status": 200}})).len(), 1);
}

#[test]
fn headers_are_edited_as_the_rule_says() {
    let said = json!({
        "request": {"setHeaders": {"X-A": "b"}, "removeHeaders": ["X-C"], "host": "orders.internal:81"},
        "response": {"setHeaders": {"cache-control": "no-store"}, "removeHeaders": ["server"]},
    });
    stages(&said, REQUEST, |stages| {
        assert_eq!(format!("{:?}", stages.request), r#"HeaderEdits { set: [("x-a", "b")], remove: ["x-c"] }"#);
        assert_eq!(
            format!("{:?}", stages.response),
            r#"HeaderEdits { set: [("cache-control", "no-store")], remove: ["server"] }"#
        );
        assert_eq!(stages.host.as_ref().unwrap(), "orders.internal:81");
    });
    for (part, edit, field) in [
        ("request", json!({"setHeaders": {"Host": "a"}}), "setHeaders.Host"),
        ("request", json!({"removeHeaders": ["Content-Length"]}), "removeHeaders[0]"),
        ("response", json!({"setHeaders": {"transfer-encoding": "chunked"}}), "setHeaders.transfer-encoding"),
        ("response", json!({"removeHeaders": ["x-a", "Connection"]}), "removeHeaders[1]"),
    ] {
        assert_eq!(findings(&json!({part: edit})), [format!("HeaderReserved spec.rules[0].{part}.{field}")]);
    }
}

#[test]
fn weights_are_shares_and_a_broken_backend_keeps_its_own() {
    let said = json!({"backends": [
        {"url": "https://one.example.org", "weight": 3},
        {"service": {"name": "nobody", "port": 80}},
        {"url": "https://two.example.org/base/", "weight": 0},
        {"url": "http://10.0.0.1:666", "weight": 2},
    ]});
    stages(&said, REQUEST, |stages| {
        let Action::Forward(weighted) = &stages.action else { panic!("{:?}", stages.action) };
        assert_eq!(weighted.total, 6);
        let shown: Vec<_> = (0..6).map(|point| backend(weighted.at(point).unwrap())).collect();
        assert!(shown[..3].iter().all(|shown| shown.starts_with("url:https://one.example.org:443 ")), "{shown:?}");
        assert_eq!(shown[3..], ["BackendNotFound", "EgressForbidden", "EgressForbidden"]);
    });
    assert_eq!(
        findings(&said),
        ["BackendNotFound spec.rules[0].backends[1]", "EgressForbidden spec.rules[0].backends[3].url",]
    );
}

#[test]
fn a_rule_that_lets_nothing_through_is_counted() {
    let good = json!({"url": "https://one.example.org"});
    let bad = json!({"url": "http://10.0.0.1:666"});
    let idle = |backend: &Value| {
        let mut backend = backend.clone();
        backend["weight"] = json!(0);
        backend
    };
    for (backends, refusing, warnings) in [
        (json!([good, bad]), 0, 0),
        (json!([bad, bad]), 1, 0),
        (json!([bad, idle(&good)]), 1, 0),
        (json!([idle(&bad), good]), 0, 0),
        // Nobody made a mistake here that would be an error, but nobody is served either.
        (json!([idle(&good)]), 0, 1),
    ] {
        let stage = Stage::of([route("shop/a", &spec(&json!({"backends": backends})))]);
        assert_eq!(stage.verdict(Kind::ApiRoute, "shop/a").refusing_rules, refusing, "{backends}");
        let findings = stage.findings(Kind::ApiRoute, "shop/a");
        let found = findings.iter().filter(|finding| *finding == "InvalidValue? spec.rules[0].backends").count();
        assert_eq!(found, warnings, "{findings:?}");
    }
    stages(&json!({"backends": [idle(&good)]}), REQUEST, |stages| assert!(stages.backend(0).is_none()));
}

#[test]
fn a_url_is_an_upstream_whose_name_is_looked_up_unless_it_is_an_address() {
    let said = |url: &str| json!({"backends": [{"url": url}]});
    for (url, expected) in [
        (
            "https://api.example.org/base/",
            r#"url:https://api.example.org:443 Http1 Fixed("api.example.org") Some("api.example.org") [] - +/base None None"#,
        ),
        (
            "http://10.0.0.1:8080",
            r#"url:http://10.0.0.1:8080 Http1 Fixed("10.0.0.1:8080") None [10.0.0.1:8080] - + None None"#,
        ),
        (
            "https://[fd00::1]",
            r#"url:https://[fd00::1]:443 Http1 Fixed("[fd00::1]") Some("fd00::1") [[fd00::1]:443] - + None None"#,
        ),
    ] {
        stages(&said(url), REQUEST, |stages| assert_eq!(backend(stages.backend(0).unwrap()), expected));
    }
    for url in ["https://api.example.org?a=b", "https://api.example.org:0", "https://api.example.org/..", "https://"] {
        assert_eq!(findings(&said(url)), ["InvalidValue spec.rules[0].backends[0].url"], "{url}");
    }
    let several = json!({"backends": [
        {"url": "https://b.example.org"}, {"url": "http://b.example.org:443"}, {"url": "https://a.example.org"},
        {"url": "http://10.0.0.1"},
    ]});
    let mut stage = Stage::new();
    stage.put(route("shop/a", &spec(&several)));
    let compiled = stage.compile();
    let wanted: Vec<_> = compiled.wanted.names.iter().map(|(name, _)| format!("{}:{}", name.host, name.port)).collect();
    assert_eq!(wanted, ["a.example.org:443", "b.example.org:443"]);
    assert!(std::sync::Arc::ptr_eq(&compiled.wanted, &stage.compile().wanted));

    // What is found goes into the cell, and the route has it at once.
    let (_, cell) = &compiled.wanted.names[1];
    cell.store(std::sync::Arc::new(crate::snapshot::Endpoints { addresses: ["10.0.0.2:443".parse().unwrap()].into() }));
    let found = stage.find(REQUEST).unwrap();
    let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
    for point in [0, 1] {
        assert!(backend(stages.backend(point).unwrap()).contains("10.0.0.2:443"));
    }
    // An edit of the route keeps the cell and what is in it.
    stage.put(route("shop/a", &spec(&json!({"backends": [{"url": "https://b.example.org/v2"}]}))));
    let compiled = stage.compile();
    assert_eq!(compiled.wanted.names.len(), 1);
    assert!(std::sync::Arc::ptr_eq(&compiled.wanted.names[0].1, cell));
}

#[test]
fn a_name_that_cannot_be_looked_up_is_a_finding_until_it_can() {
    let mut stage = Stage::of([route("shop/a", &spec(&json!({})))]);
    let name = || ReportKey::Name(DnsName { host: "api.example.org".into(), port: 443 });
    let finding = ReportFinding {
        code: Code::BackendNotFound,
        severity: crate::finding::Severity::Warning,
        cause: "no such name".to_owned(),
        cure: "correct it".to_owned(),
    };
    stage.report(name(), Report { findings: vec![finding] });
    stage.compile();
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), ["BackendNotFound? spec.rules[0].backends[0].url"]);
    stage.report(name(), Report::default());
    stage.compile();
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), [""; 0]);
}

#[test]
fn a_method_that_is_probably_misspelt_is_warned_of_and_others_may_be_meant() {
    let warned = ["UnknownMethod? spec.rules[0].matches[0].methods[0]"];
    for (method, expected) in [
        ("GTE", &warned[..]),
        ("GET", &[]),
        ("POTS", &warned),
        ("OPTION", &warned),
        ("PURGE", &[]),
        ("BREW", &[]),
        ("PROPFIND", &[]),
        ("PROPFIDN", &warned),
    ] {
        assert_eq!(findings(&json!({"matches": [{"methods": [method]}]})), expected, "{method}");
    }
}

#[test]
fn a_backend_says_exactly_one_target() {
    for target in [json!({}), json!({"url": "https://a.example.org", "upstream": "b"})] {
        let stage = Stage::of([route("shop/a", &spec(&json!({"backends": [target]})))]);
        let findings = stage.findings(Kind::ApiRoute, "shop/a");
        assert_eq!(findings, ["InvalidValue spec.rules[0].backends[0]"], "{target}");
        assert_eq!(stage.verdict(Kind::ApiRoute, "shop/a").refusing_rules, 1);
    }
    let several = json!({"redirect": {"scheme": "https"}, "name": "r"});
    let mut written = spec(&several);
    written["rules"][0]["backends"] = json!([{"url": "https://a.example.org"}]);
    let stage = Stage::of([route("shop/a", &written)]);
    assert_eq!(stage.findings(Kind::ApiRoute, "shop/a"), ["InvalidValue spec.rules[0]"]);
}

#[test]
fn equal_expressions_are_compiled_once() {
    let guarded = |path: &str, text: &str| {
        let tokens = json!([{"policyRef": {"name": "partners"}, "require": text}]);
        json!({"name": path.trim_start_matches('/'), "matches": [{"path": {"value": path}}], "auth": {"tokens": tokens},
            "backends": [{"url": "https://api.example.org"}]})
    };
    let rules = [guarded("/a", "claims.a == 'b'"), guarded("/b", "claims.a == 'b'"), guarded("/c", "claims.a == 'c'")];
    let mut stage = Stage::of([
        super::stage::inline_policy("shop/partners"),
        route("shop/a", &json!({"hosts": ["a.example.com"], "rules": rules})),
    ]);
    let mut rule = |path: &str| {
        let found = stage.find(&format!("GET a.example.com{path}")).unwrap();
        let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
        let crate::snapshot::Access::Tokens(rules) = &stages.access else { panic!("{:?}", stages.access) };
        std::sync::Arc::clone(rules[0].require.as_ref().unwrap())
    };
    let (a, b, c) = (rule("/a"), rule("/b"), rule("/c"));
    assert!(std::sync::Arc::ptr_eq(&a, &b));
    assert!(!std::sync::Arc::ptr_eq(&a, &c));
    assert_eq!(c.source(), "claims.a == 'c'");
}

#[test]
fn a_model_is_no_url() {
    // Only a backend that names a model has its credential and its dialect.
    stages(&json!({}), REQUEST, |stages| {
        assert_eq!(stages.dialect, crate::snapshot::Dialect::Problem);
        let Some(Backend::Upstream { strip, credential, access, .. }) = stages.backend(0) else { panic!("no backend") };
        assert_eq!((&**strip, credential.is_none(), access.is_none()), ("", true, true));
    });
}

/// Each edit is tried many times: in which order slots are looked at is random.
#[test]
fn an_edit_of_conditions_alone_takes_nothing_out_of_the_table() {
    let of = |method: &str| spec(&json!({"matches": [{"path": {"value": "/orders"}, "methods": [method]}]}));
    let mut stage = Stage::of([route("shop/a", &of("GET"))]);
    for _ in 0..20 {
        for (method, other) in [("POST", "GET"), ("GET", "POST")] {
            stage.put(route("shop/a", &of(method)));
            assert!(stage.find(&format!("{method} a.example.com/orders/7")).is_some());
            assert!(stage.find(&format!("{other} a.example.com/orders/7")).is_none());
            assert_eq!(stage.difference(), [""; 0]);
        }
    }
}
