//! The snapshot in force as JSON: findings, hosts, paths, chains, policies, issuers and upstreams.
//!
//! Every member is picked here. Left out on purpose, since they may carry secrets: the values of headers that rules
//! compare or set, credentials of providers, and everything of keys but their names.

mod chain;
mod issuer;
mod policy;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::View;
use crate::clock::UnixTime;
use crate::finding::Finding;
use crate::snapshot::{
    Access, Action, Backend, Chain, HostPattern, PathMatch, PathNode, Policy, Protocol, Route, Snapshot, Upstream,
};
use chain::ChainView;
use issuer::IssuerView;
use policy::PolicyView;

#[derive(Serialize)]
struct Dump<'a> {
    snapshot: u64,
    published: Option<String>,
    not_ready: Vec<String>,
    findings: Vec<FindingView<'a>>,
    hosts: Vec<HostView<'a>>,
    policies: Vec<PolicyView<'a>>,
    issuers: Vec<IssuerView<'a>>,
    upstreams: Vec<UpstreamView>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    severity: &'static str,
    code: &'static str,
    object: String,
    field: String,
    cause: &'a str,
    cure: &'a str,
}

#[derive(Serialize)]
struct HostView<'a> {
    host: String,
    routes: Vec<RouteView<'a>>,
}

#[derive(Serialize)]
struct RouteView<'a> {
    path: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<&'a str>,
    /// Names only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<&'a str>,
    rule: &'a str,
    chain: ChainView<'a>,
}

#[derive(Serialize)]
struct UpstreamView {
    id: String,
    protocol: &'static str,
    tls: bool,
    endpoints: Vec<String>,
}

/// The snapshot in force, in a fixed order.
pub(super) fn write(view: &View) -> serde_json::Result<String> {
    let snapshot = view.snapshot.load();
    let policies = policies(&snapshot);
    let findings = Arc::clone(&view.findings.borrow());
    let dump = Dump {
        snapshot: snapshot.id.0,
        published: view.publications.last().map(|(_, at)| time(at)),
        not_ready: view.readiness.missing().iter().map(ToString::to_string).collect(),
        findings: findings.iter().map(FindingView::of).collect(),
        hosts: snapshot.hosts.iter().map(|(host, paths)| HostView::of(&host, paths)).collect(),
        policies: policies.values().map(|policy| PolicyView::of(policy)).collect(),
        issuers: snapshot.issuers.iter().map(|issuer| IssuerView::of(issuer)).collect(),
        upstreams: upstreams(&snapshot).into_values().map(|upstream| UpstreamView::of(&upstream)).collect(),
    };
    serde_json::to_string_pretty(&dump)
}

/// As RFC 3339 has it.
fn time(time: UnixTime) -> String {
    jiff::Timestamp::from_millisecond(time.millis()).map_or_else(|_| String::new(), |time| time.to_string())
}

impl<'a> FindingView<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            severity: finding.severity.as_str(),
            code: finding.code.as_str(),
            object: finding.object.to_string(),
            field: finding.field.to_string(),
            cause: &finding.cause,
            cure: &finding.cure,
        }
    }
}

impl<'a> HostView<'a> {
    fn of(host: &HostPattern, paths: &'a PathNode) -> Self {
        let host = match host {
            HostPattern::Exact(host) => host.to_string(),
            HostPattern::Below(suffix) => format!("*.{suffix}"),
            HostPattern::Any => "*".to_owned(),
        };
        Self { host, routes: paths.routes().into_iter().map(|(path, route)| RouteView::of(&path, route)).collect() }
    }
}

impl<'a> RouteView<'a> {
    fn of(path: &PathMatch, route: &'a Route) -> Self {
        let (kind, path) = match path {
            PathMatch::Exact(path) => ("Exact", path),
            PathMatch::Prefix(path) => ("Prefix", path),
        };
        Self {
            path: path.to_string(),
            kind,
            methods: route.conditions.methods.iter().map(http::Method::as_str).collect(),
            headers: route.conditions.headers.iter().map(|(name, _)| name.as_str()).collect(),
            rule: route.chain.rule(),
            chain: ChainView::of(&route.chain),
        }
    }
}

impl UpstreamView {
    fn of(upstream: &Upstream) -> Self {
        Self {
            id: upstream.id.to_string(),
            protocol: match upstream.protocol {
                Protocol::Http1 => "HTTP1",
                Protocol::H2c => "H2C",
            },
            tls: upstream.tls.is_some(),
            endpoints: upstream.endpoints.load().addresses.iter().map(ToString::to_string).collect(),
        }
    }
}

/// All chains, some of them more than once.
fn chains(snapshot: &Snapshot) -> impl Iterator<Item = &Chain> {
    snapshot.hosts.iter().flat_map(|(_, paths)| paths.routes()).map(|(_, route)| route.chain.as_ref())
}

fn backends(chain: &Chain) -> impl Iterator<Item = &Backend> {
    let weighted = chain.stages().ok().and_then(|stages| match &stages.action {
        Action::Forward(weighted) => Some(weighted),
        Action::Redirect(_) => None,
    });
    weighted.into_iter().flat_map(|weighted| &weighted.backends).map(|(_, backend)| backend)
}

/// Every policy that some rule or model backend names, by name.
pub(super) fn policies(snapshot: &Snapshot) -> BTreeMap<Arc<str>, Arc<Policy>> {
    let mut policies = BTreeMap::new();
    let mut add = |access: &Access| {
        if let Access::Tokens(rules) = access {
            for rule in rules {
                policies.insert(Arc::clone(&rule.policy.name), Arc::clone(&rule.policy));
            }
        }
    };
    for chain in chains(snapshot) {
        if let Ok(stages) = chain.stages() {
            add(&stages.access);
        }
        for backend in backends(chain) {
            if let Backend::Upstream { access: Some(access), .. } = backend {
                add(access);
            }
        }
    }
    policies
}

fn upstreams(snapshot: &Snapshot) -> BTreeMap<Arc<str>, Arc<Upstream>> {
    let mut upstreams = BTreeMap::new();
    for backend in chains(snapshot).flat_map(backends) {
        if let Backend::Upstream { upstream, .. } = backend {
            upstreams.insert(Arc::clone(&upstream.id.0), Arc::clone(upstream));
        }
    }
    upstreams
}
