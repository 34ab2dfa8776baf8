//! A compiler with objects to put on and take off.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use serde_json::{Value, json};

use crate::api::core;
use crate::clock::UnixTime;
use crate::compile::{Compiled, Compiler, Defaults, Settings, oracle};
use crate::finding::{Finding, Severity};
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Body, Meta, Object, Report, ReportKey, Scope, Update, Verdict, Version};
use crate::rotation::Plans;
use crate::snapshot::{Backend, Chain, Route};

/// The public key of RFC 7515, appendix A.3.
pub(super) const KEY_SET: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// Settings under which a URL may lead anywhere but to port 666.
pub(super) fn settings() -> Settings {
    Settings {
        class: "bearward".into(),
        hosts_without_names: false,
        defaults: Defaults::default(),
        egress: Arc::new(|address| address.port() != 666),
        service_account: "bearward:bearward".into(),
    }
}

/// The watch of a kind over all namespaces.
pub(super) fn watch(kind: Kind) -> Scope {
    Scope::Watch { kind, namespace: None }
}

/// The watch of the Secrets of one namespace.
pub(super) fn secrets_of(namespace: &str) -> Scope {
    Scope::Watch { kind: Kind::Secret, namespace: Some(namespace.into()) }
}

/// `namespace/name` of a kind.
pub(super) fn key(kind: Kind, name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').expect("namespace/name");
    ObjectKey::new(kind, namespace, name)
}

fn meta(key: ObjectKey, labels: &Value) -> Meta {
    let labels = labels.as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.as_str().into(), value.as_str().expect("a label").into()));
    Meta {
        key,
        uid: "".into(),
        version: Version(1),
        generation: Generation(0),
        created: UnixTime::from_millis(0),
        labels: labels.collect(),
        annotations: BTreeMap::new(),
    }
}

/// An object of ours with this spec.
pub(super) fn ours(kind: Kind, name: &str, spec: &Value) -> Object {
    let Value::Object(document) = json!({"apiVersion": "bearward.dev/v1alpha1", "kind": kind.as_str(), "spec": spec})
    else {
        unreachable!("an object")
    };
    Object { meta: meta(key(kind, name), &json!({})), body: Body::Ours(document) }
}

pub(super) fn route(name: &str, spec: &Value) -> Object {
    ours(Kind::ApiRoute, name, spec)
}

pub(super) fn policy(name: &str, spec: &Value) -> Object {
    ours(Kind::TokenPolicy, name, spec)
}

pub(super) fn model(name: &str, spec: &Value) -> Object {
    ours(Kind::ModelBackend, name, spec)
}

/// A Service with this spec and these labels.
pub(super) fn service(name: &str, spec: &Value, labels: &Value) -> Object {
    let body: core::Service = serde_json::from_value(json!({"spec": spec})).expect("a Service");
    Object { meta: meta(key(Kind::Service, name), labels), body: Body::Service(body) }
}

/// A Service with a selector and a port.
pub(super) fn plain_service(name: &str, port: u16) -> Object {
    service(name, &json!({"selector": {"app": "a"}, "ports": [{"port": port}]}), &json!({}))
}

/// A slice of a Service: the rest of it as JSON has it.
pub(super) fn slice(name: &str, of: &str, content: &Value) -> Object {
    let body: core::EndpointSlice = serde_json::from_value(content.clone()).expect("an EndpointSlice");
    let labels = json!({core::EndpointSlice::SERVICE_LABEL: of});
    Object { meta: meta(key(Kind::EndpointSlice, name), &labels), body: Body::EndpointSlice(body) }
}

/// A slice with these ready IPv4 addresses on one port.
pub(super) fn plain_slice(name: &str, of: &str, addresses: &[&str], port: u16) -> Object {
    let endpoints: Vec<Value> = addresses.iter().map(|address| json!({"addresses": [address]})).collect();
    slice(name, of, &json!({"addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": port}]}))
}

/// A Secret of a type with these labels and members, as text.
pub(super) fn secret(name: &str, kind: &str, labels: &Value, data: &Value) -> Object {
    let body: core::Secret = serde_json::from_value(json!({"type": kind, "stringData": data})).expect("a Secret");
    Object { meta: meta(key(Kind::Secret, name), labels), body: Body::Secret(body) }
}

/// A Secret that offers a credential.
pub(super) fn credential(name: &str, data: &Value) -> Object {
    secret(name, "Opaque", &json!({"bearward.dev/use": "credentials"}), data)
}

/// A Secret that holds the API key of this id, with a scope.
pub(super) fn api_key(name: &str, id: &str, scope: &str, team: &str) -> Object {
    let hash = format!("sha256:{}", "0".repeat(64));
    let data = json!({"id": id, "hash": hash, "expiresAt": "2099-01-01T00:00:00Z", "owner": "o", "scopes": scope});
    let labels = json!({"bearward.dev/use": "api-key", "team": team});
    secret(name, "bearward.dev/api-key", &labels, &data)
}

impl Object {
    /// The same, created so many milliseconds after 1970.
    pub(super) fn created(mut self, millis: i64) -> Self {
        self.meta.created = UnixTime::from_millis(millis);
        self
    }

    /// The same with another version.
    pub(super) fn version(mut self, version: u64) -> Self {
        self.meta.version = Version(version);
        self
    }
}

/// A policy that takes tokens of one issuer with an inline key.
pub(super) fn inline_policy(name: &str) -> Object {
    let jwt = json!({"issuer": "https://login.example.com", "audiences": ["orders"], "keys": {"inline": KEY_SET}});
    policy(name, &json!({"accept": [{"name": "corp", "jwt": jwt}]}))
}

/// A route with one rule on one host, open to everybody, that leads to a Service.
pub(super) fn open_route(name: &str, host: &str, path: &str) -> Object {
    let rule = json!({
        "name": "r",
        "matches": [{"path": {"value": path}}],
        "auth": {"anonymous": true},
        "backends": [{"service": {"name": "orders", "port": 80}}],
    });
    route(name, &json!({"hosts": [host], "rules": [rule]}))
}

/// A compiler and what it said last.
pub(super) struct Stage {
    pub(super) compiler: Compiler,
    pub(super) settings: Settings,
    pub(super) verdicts: BTreeMap<ObjectKey, Arc<Verdict>>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: Settings) -> Self {
        Self { compiler: Compiler::new(settings.clone()), settings, verdicts: BTreeMap::new() }
    }

    /// With these objects, compiled.
    pub(super) fn of(objects: impl IntoIterator<Item = Object>) -> Self {
        let mut stage = Self::new();
        stage.put_all(objects);
        stage.compile();
        stage
    }

    pub(super) fn put(&mut self, object: Object) {
        let scope = watch(object.key().kind);
        self.compiler.apply(Update::Apply { scope, object });
    }

    pub(super) fn put_all(&mut self, objects: impl IntoIterator<Item = Object>) {
        for object in objects {
            self.put(object);
        }
    }

    pub(super) fn take(&mut self, kind: Kind, name: &str) {
        let key = key(kind, name);
        self.compiler.apply(Update::Remove { scope: watch(kind), key, version: Version(2) });
    }

    pub(super) fn report(&mut self, key: ReportKey, report: Report) {
        self.compiler.apply(Update::Report { key, report });
    }

    pub(super) fn compile(&mut self) -> Compiled {
        let compiled = self.compiler.compile();
        for (key, verdict) in &compiled.verdicts {
            match verdict {
                Some(verdict) => self.verdicts.insert(key.clone(), Arc::clone(verdict)),
                None => self.verdicts.remove(key),
            };
        }
        compiled
    }

    /// What is different from what the oracle says; empty if nothing is.
    pub(super) fn difference(&mut self) -> Vec<String> {
        let compiled = self.compile();
        let (snapshot, verdicts, plans) = oracle(&self.settings, self.compiler.resources());
        let lines = |snapshot, verdicts: Vec<(&ObjectKey, &Verdict)>, plans: &Plans| {
            let verdicts = verdicts.into_iter().map(|(key, verdict)| format!("{key} {verdict:#?}"));
            let plans = plans.iter().map(|(key, plan)| format!("{key} {plan:?}"));
            super::render::snapshot(snapshot).into_iter().chain(verdicts).chain(plans).collect::<Vec<_>>()
        };
        let of_compiler = self.verdicts.iter().map(|(key, it)| (key, &**it)).collect();
        let now = lines(&compiled.snapshot, of_compiler, &compiled.plans);
        let anew = lines(&snapshot, verdicts.iter().collect(), &plans);
        let missing = anew.iter().filter(|line| !now.contains(line)).map(|line| format!("missing {line}"));
        let surplus = now.iter().filter(|line| !anew.contains(line)).map(|line| format!("surplus {line}"));
        missing.chain(surplus).collect()
    }

    /// The route that takes this request, if one does.
    pub(super) fn find(&mut self, request: &str) -> Option<Arc<Route>> {
        let compiled = self.compile();
        let (method, rest) = request.split_once(' ').expect("METHOD host/path");
        let (host, path) = rest.split_at(rest.find('/').expect("a path"));
        let (head, ()) = Request::builder().method(method).uri(path).body(()).expect("a request").into_parts();
        compiled.snapshot.hosts.find(host)?.find(path, &head).map(Arc::clone)
    }

    /// What becomes of this request: `404`, the code of a refusal, or the rule and its backends.
    pub(super) fn outcome(&mut self, request: &str) -> String {
        let Some(route) = self.find(request) else { return "404".to_owned() };
        match &*route.chain {
            Chain::Refuse(refused) => format!("{} {}", refused.rule, refused.code),
            Chain::Serve(stages) => format!("{} serves", stages.rule),
        }
    }

    /// The findings on an object, as `code field`; warnings with a question mark.
    pub(super) fn findings(&self, kind: Kind, name: &str) -> Vec<String> {
        let verdict = self.verdicts.get(&key(kind, name));
        verdict.map(|verdict| verdict.findings.iter().map(brief).collect()).unwrap_or_default()
    }

    pub(super) fn verdict(&self, kind: Kind, name: &str) -> &Verdict {
        self.verdicts.get(&key(kind, name)).expect("a verdict")
    }
}

/// A finding as `code field`, with a question mark behind the code of a warning.
pub(super) fn brief(finding: &Finding) -> String {
    let mark = if finding.severity == Severity::Warning { "?" } else { "" };
    format!("{}{mark} {}", finding.code, finding.field)
}

/// The addresses of a backend, and its other parts.
pub(super) fn backend(backend: &Backend) -> String {
    super::render::backend(backend)
}
