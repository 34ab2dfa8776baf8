//! The specification of what an operator and a probe are shown.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Missing, Readiness, View, operator, probes};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::finding::{Code, FieldPath, Finding};
use crate::jose::{Algorithm, ApiKeySet, Expectation, KeySet, Profile, SigningKey, Terms};
use crate::name::{Bytes, Kind, ObjectKey, SnapshotId};
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, Access, Action, ApiKeyEntry, ApiKeyPlace, AsOf, Backend, Chain, Challenges,
    ClaimMatcher, ClaimTest, Conditions, Dialect, Endpoints, Entry, Format, Forwarding, HeaderEdits, HostHeader,
    HostPattern, Identity, JwtEntry, KeyCell, PathMatch, Policy, Protocol, Rank, Refused, Route, Snapshot, Stages,
    Takes, Timeouts, TokenRule, Upstream, UpstreamId, Weighted,
};
use crate::telemetry::{Counters, LogLosses, Publication, Publications};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn view(snapshot: Snapshot) -> View {
    let clock = Clock::manual(Arc::new(ManualClock::new(NOW)));
    View {
        publications: Arc::new(Publications::new(clock.clone())),
        clock,
        snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
        readiness: Readiness::new(),
        findings: watch::channel(findings()).1,
        counters: Counters::new(1),
        log_losses: LogLosses::default(),
    }
}

fn findings() -> Arc<[Finding]> {
    let object = ObjectKey::new(Kind::ApiRoute, "shop", "orders");
    Arc::new([Finding::error(&object, FieldPath::spec().field("rules"), Code::NoAuth, "no auth", "write some")])
}

fn get(path: &str) -> Request<()> {
    Request::get(path).header("host", "localhost:9091").body(()).unwrap()
}

async fn text(page: http::Response<http_body_util::Full<bytes::Bytes>>) -> String {
    String::from_utf8(page.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn probes_answer_get_for_three_pages_and_nothing_else() {
    let view = view(Snapshot::default());
    view.readiness.set(BTreeSet::new());
    for (method, path, status) in [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/", 404),
        ("GET", "/snapshot", 404),
        ("GET", "/livez/", 404),
        ("POST", "/livez", 405),
        ("DELETE", "/snapshot", 405),
    ] {
        let mut request = get(path);
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(probes(&view, &request).status().as_u16(), status, "{method} {path}");
    }
}

#[tokio::test]
async fn readiness_says_what_is_missing_and_draining_is_for_good() {
    let view = view(Snapshot::default());
    let page = probes(&view, &get("/readyz"));
    assert_eq!(page.status(), 503);
    assert_eq!(text(page).await, "not ready\n- no snapshot is served\n");

    view.readiness.set(BTreeSet::from([Missing::FirstAnswer("b".into()), Missing::Listing("a.yaml".into())]));
    let page = text(probes(&view, &get("/readyz"))).await;
    assert_eq!(page, "not ready\n- a.yaml has not been read\n- b has not answered\n");

    view.readiness.set(BTreeSet::new());
    assert_eq!(probes(&view, &get("/readyz")).status(), 200);

    view.readiness.set(BTreeSet::from([Missing::Draining]));
    view.readiness.set(BTreeSet::new());
    assert_eq!(text(probes(&view, &get("/readyz"))).await, "not ready\n- draining\n");
    assert_eq!(probes(&view, &get("/livez")).status(), 200);
}

#[tokio::test]
async fn the_operator_is_shown_only_what_is_asked_for_by_a_name_of_this_machine() {
    let view = view(Snapshot::default());
    for (host, status) in [
        ("evil.example.com:9091", 421),
        ("evil.example.com", 421),
        ("localhost.example.com:9091", 421),
        ("10.0.0.1:9091", 421),
        ("[fd00::1]:9091", 421),
        ("127.0.0.1.nip.io", 421),
        ("user@localhost", 421),
        ("", 421),
        ("localhost", 200),
        ("LOCALHOST:19091", 200),
        ("127.0.0.1:9091", 200),
        ("127.0.0.2", 200),
        ("[::1]:9091", 200),
    ] {
        let request = Request::get("/").header("host", host).body(()).unwrap();
        let page = operator(&view, "127.0.0.1:9091".parse().unwrap(), &request);
        assert_eq!(page.status().as_u16(), status, "{host}");
    }
    let address = "127.0.0.1:9091".parse().unwrap();
    let without = Request::get("/").body(()).unwrap();
    assert_eq!(operator(&view, address, &without).status(), 421);
    let elsewhere = Request::get("http://evil.example.com/snapshot").header("host", "localhost").body(()).unwrap();
    assert_eq!(operator(&view, address, &elsewhere).status(), 421);
}

#[tokio::test]
async fn the_operator_changes_nothing() {
    let view = view(Snapshot::default());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
        let mut request = get("/snapshot");
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        let page = operator(&view, "127.0.0.1:9091".parse().unwrap(), &request);
        assert_eq!((page.status().as_u16(), &page.headers()["allow"]), (405, &HeaderValue::from_static("GET")));
    }
}

/// One host with a rule that serves, with what must not be shown in all places that could hold it, and one that
/// refuses.
fn snapshot() -> (Snapshot, String) {
    let signing = SigningKey::generate(Algorithm::ES256).unwrap();
    let keys = json!({"keys": [signing.public_jwk().unwrap()]}).to_string();
    let (set, _) = KeySet::parse(keys.as_bytes()).unwrap();
    let as_of = AsOf::Fetch { began: NOW.minus(Duration::from_secs(90)), next: NOW.plus(Duration::from_secs(30)) };
    let terms = Terms {
        issuer: "https://login.example.com/".to_owned(),
        audiences: vec!["orders".to_owned()],
        algorithms: vec!["ES256".to_owned()],
        profile: Profile::Rfc9068,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::ZERO,
        scope_claim: None,
    };
    let keys = KeyCell::new(AcceptedKeys::Known { set, as_of });
    keys.fetched(NOW.minus(Duration::from_mins(1)));
    keys.failed();
    keys.failed();
    let jwt = JwtEntry { expectation: Expectation::new(terms).unwrap(), keys, issued: None, format: Format::Jwt };
    let api_keys = ApiKeyEntry {
        keys: Arc::new(ArcSwap::from_pointee(AcceptedApiKeys::Known(ApiKeySet::default()))),
        places: [ApiKeyPlace::XApiKey].into(),
    };
    let entry =
        |label: &str, takes| Entry { name: format!("shop/partners/{label}").into(), label: label.into(), takes };
    let policy = Arc::new(Policy {
        name: "shop/partners".into(),
        entries: [entry("corp", Takes::Jwt(jwt)), entry("keys", Takes::ApiKeys(api_keys))].into(),
        key_places: [ApiKeyPlace::XApiKey].into(),
        forwarding: Forwarding::default(),
        identity: Identity::default(),
        challenges: Challenges::new("shop/partners").unwrap(),
    });
    let upstream = Upstream {
        id: UpstreamId("shop/chat".into()),
        protocol: Protocol::Http1,
        host: HostHeader::FromClient,
        tls: Some("models.example.com".into()),
        endpoints: Arc::new(ArcSwap::from_pointee(Endpoints { addresses: ["10.0.0.1:443".parse().unwrap()].into() })),
    };
    let backend = Backend::Upstream {
        upstream: Arc::new(upstream),
        strip: "/v1".into(),
        base: "/api/v1".into(),
        credential: Some(Arc::new(HeaderValue::from_static("Bearer planted-1"))),
        access: None,
    };
    let claim = ClaimMatcher { claim: "tenant".into(), test: ClaimTest::Equals("acme".into()) };
    let header = |name: &'static str, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let stages = Stages {
        rule: "shop/chat/all".into(),
        access: Access::Tokens(
            [TokenRule { policy, scopes: ["chat".into()].into(), claims: [claim].into(), require: None }].into(),
        ),
        max_body: Bytes(1024),
        timeouts: Timeouts { request: None, connect: Duration::from_secs(1), idle: Duration::from_mins(1) },
        request: HeaderEdits { set: [header("x-internal", "planted-2")].into(), remove: Box::default() },
        host: None,
        path: None,
        response: HeaderEdits::default(),
        dialect: Dialect::Problem,
        action: Action::Forward(Weighted {
            backends: [(3, backend), (4, Backend::Unresolved(Code::BackendNotFound))].into(),
            total: 4,
        }),
    };
    let refused = Refused { rule: "shop/chat/old".into(), code: Code::PolicyNotFound };
    let mut snapshot = Snapshot { id: SnapshotId(7), ..Snapshot::default() };
    for (number, path, chain) in [
        (0, PathMatch::Prefix("/v1".into()), Chain::Serve(Box::new(stages))),
        (1, PathMatch::Exact("/v0/".into()), Chain::Refuse(refused)),
    ] {
        let conditions = Conditions { methods: [Method::POST].into(), headers: [header("x-pass", "planted-3")].into() };
        let rank = Rank {
            any_method: false,
            headers_missing: 0,
            created: NOW,
            object: "shop/chat".into(),
            rule: number,
            entry: 0,
        };
        let route = Arc::new(Route { conditions, rank, chain: Arc::new(chain) });
        snapshot.hosts.insert(&HostPattern::parse("*.example.com"), &path, route);
    }
    (snapshot, signing.thumbprint().to_string())
}

#[tokio::test]
async fn the_snapshot_is_shown_without_its_secrets() {
    let (snapshot, kid) = snapshot();
    let view = view(snapshot);
    view.publications.published(Publication { id: SnapshotId(7), took: Duration::ZERO, work: &[] });
    let page = operator(&view, "127.0.0.1:9091".parse().unwrap(), &get("/snapshot"));
    assert_eq!(page.headers()["content-type"], "application/json");
    let text = text(page).await;
    assert!(!text.contains("planted"), "{text}");

    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["snapshot"], 7);
    assert_eq!(shown["published"], "2027-01-15T08:00:00Z");
    assert_eq!(
        shown["findings"],
        json!([{
            "severity": "error",
            "code": "NoAuth",
            "object": "ApiRoute shop/orders",
            "field": "spec.rules",
            "cause": "no auth",
            "cure": "write some",
        }])
    );
    let host = &shown["hosts"][0];
    assert_eq!(host["host"], "*.example.com");
    let (old, new) = (&host["routes"][0], &host["routes"][1]);
    assert_eq!((&old["path"], &old["type"]), (&json!("/v0/"), &json!("Exact")));
    assert_eq!(old["chain"], json!({"refuses": "PolicyNotFound"}));
    assert_eq!((&new["path"], &new["type"]), (&json!("/v1"), &json!("Prefix")));
    assert_eq!((&new["methods"], &new["headers"]), (&json!(["POST"]), &json!(["x-pass"])));
    let token = &new["chain"]["access"]["tokens"][0];
    assert_eq!((&token["policy"], &token["scopes"]), (&json!("shop/partners"), &json!(["chat"])));
    assert_eq!(new["chain"]["sets_headers"], json!(["x-internal"]));
    assert_eq!(
        new["chain"]["backends"],
        json!([
            {"weight": 3, "upstream": "shop/chat", "base": "/api/v1", "has_credential": true},
            {"weight": 1, "has_credential": false, "unresolved": "BackendNotFound"},
        ])
    );
    let jwt = &shown["policies"][0]["entries"][0]["jwt"];
    assert_eq!((&jwt["issuer"], &jwt["audiences"]), (&json!("https://login.example.com/"), &json!(["orders"])));
    assert_eq!(jwt["keys"]["kids"], json!([kid]));
    assert_eq!(jwt["keys"]["fetched"], "2027-01-15T07:58:30Z");
    let identity = json!({"subject": "sub", "client": ["client_id", "azp"], "team": null});
    assert_eq!(shown["policies"][0]["identity"], identity);
    assert_eq!(shown["policies"][0]["entries"][1]["api_keys"], json!({"count": 0, "headers": ["x-api-key"]}));
    assert_eq!(shown["upstreams"][0]["endpoints"], json!(["10.0.0.1:443"]));
}

#[tokio::test]
async fn metrics_have_the_form_of_the_format_and_each_family_once() {
    let (snapshot, _) = snapshot();
    let view = view(snapshot);
    let work = &[("units", 2), ("chains", 3)];
    view.publications.published(Publication { id: SnapshotId(7), took: Duration::from_millis(1500), work });
    let page = probes(&view, &get("/metrics"));
    assert_eq!(page.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = text(page).await;
    let mut families = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        assert!(families.insert(line), "{line} is there twice");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(series.starts_with("bearward_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    for line in [
        "bearward_ready 0",
        "bearward_findings{severity=\"error\"} 1",
        "bearward_snapshot_id 7",
        "bearward_snapshot_age_seconds 0",
        "bearward_compile_seconds_total 1.5",
        "bearward_recomputed_total{what=\"chains\"} 3",
        "bearward_key_set_keys{entry=\"shop/partners/corp\",issuer=\"https://login.example.com/\"} 1",
        "bearward_key_set_age_seconds{entry=\"shop/partners/corp\",issuer=\"https://login.example.com/\"} 90",
        "bearward_key_set_last_fetch_timestamp_seconds{entry=\"shop/partners/corp\",issuer=\"https://login.example.com/\"} 1799999940",
        "bearward_key_set_fetch_failures_total{entry=\"shop/partners/corp\",issuer=\"https://login.example.com/\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    assert!(text.ends_with("\n# EOF\n"));
}
