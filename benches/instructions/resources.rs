//! Ten thousand `ApiRoutes` with twelve policies, as a compiler gets them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bearward::clock::UnixTime;
use bearward::compile::{Compiler, Defaults, Settings};
use bearward::name::{Generation, Kind, ObjectKey};
use bearward::resources::{Body, Meta, Object, Scope, Update, Version};
use serde_json::{Value, json};

const ROUTES: usize = 10_000;
const POLICIES: usize = 12;

fn scope(kind: Kind) -> Scope {
    Scope::Watch { kind, namespace: None }
}

fn object(kind: Kind, name: String, version: u64, spec: &Value) -> Object {
    let document = json!({"apiVersion": "bearward.dev/v1alpha1", "kind": kind.as_str(), "spec": spec});
    let Value::Object(document) = document else { unreachable!() };
    let meta = Meta {
        key: ObjectKey::new(kind, "shop", name),
        uid: "".into(),
        version: Version(version),
        generation: Generation(version),
        created: UnixTime::from_millis(0),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    Object { meta, body: Body::Ours(document) }
}

/// Route `number`, in its given edition.
fn route(number: usize, edition: u64) -> Object {
    let spec = json!({
        "hosts": [format!("host-{number}.example.com")],
        "rules": [{
            "name": "orders",
            "matches": [{"path": {"value": format!("/v{edition}/orders")}, "methods": ["GET"]}],
            "auth": {"tokens": [{
                "policyRef": {"name": format!("policy-{}", number % POLICIES)},
                "scopes": ["orders:read"],
                "require": "claims.tenant == 'acme' && request.method == 'GET'",
            }]},
            "backends": [{"url": "http://127.0.0.1:9000"}],
        }],
    });
    object(Kind::ApiRoute, format!("route-{number}"), edition, &spec)
}

/// A compiler that was given everything and has compiled nothing.
pub(crate) fn cold() -> Compiler {
    let mut compiler = Compiler::new(Settings {
        class: "bearward".into(),
        hosts_without_names: false,
        defaults: Defaults::default(),
        egress: Arc::new(|_| true),
        service_account: "bearward:bearward".into(),
    });
    let keys = crate::tokens::key_set();
    let policies = (0..POLICIES).map(|number| {
        let jwt = json!({"issuer": format!("https://issuer-{number}.example.com"), "audiences": ["orders"], "keys": {"inline": keys}});
        object(Kind::TokenPolicy, format!("policy-{number}"), 1, &json!({"accept": [{"name": "corp", "jwt": jwt}]}))
    });
    let routes = (0..ROUTES).map(|number| route(number, 1));
    for (kind, objects) in [(Kind::TokenPolicy, policies.collect::<Vec<_>>()), (Kind::ApiRoute, routes.collect())] {
        compiler.apply(Update::Replace { scope: scope(kind), objects, findings: Vec::new(), version: Version(1) });
    }
    compiler
}

/// The same, compiled.
pub(crate) fn warm() -> Compiler {
    let mut compiler = cold();
    drop(compiler.compile());
    compiler
}

/// An edit of one route.
pub(crate) fn edit(edition: u64) -> Update {
    Update::Apply { scope: scope(Kind::ApiRoute), object: route(4_711, edition) }
}
