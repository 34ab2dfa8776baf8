//! The unit of an `ApiRoute`.

use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::access::AccessUnit;
use super::claims::{self, Claim};
use super::rule::Rules;
use super::url::Url;
use super::{Context, decode, hosts};
use crate::api;
use crate::clock::UnixTime;
use crate::compile::notes::Notes;
use crate::finding::{Code, Finding};
use crate::name::{Bytes, Kind, ObjectKey};
use crate::resources::Object;
use crate::snapshot::{HeaderEdits, HostPattern, Protocol, Timeouts};

/// What an `ApiRoute` decides alone.
#[derive(Debug)]
pub(in crate::compile) struct RouteUnit {
    pub(in crate::compile) created: UnixTime,
    /// `namespace/name`.
    pub(in crate::compile) name: Arc<str>,
    /// The hosts that it asks for, each with its place in the spec.
    pub(in crate::compile) hosts: Vec<(usize, HostPattern)>,
    pub(in crate::compile) rules: Vec<RuleUnit>,
    pub(in crate::compile) findings: Vec<Finding>,
}

/// What a rule decides alone.
#[derive(Debug)]
pub(in crate::compile) struct RuleUnit {
    /// `namespace/name/rule`.
    pub(in crate::compile) label: Arc<str>,
    /// Which requests it takes, whatever becomes of them.
    pub(in crate::compile) claims: Vec<Claim>,
    /// What becomes of them; if the rule is broken, they are refused with the code.
    pub(in crate::compile) body: Result<RuleBody, Code>,
}

/// A rule without errors of its own.
#[derive(Debug)]
pub(in crate::compile) struct RuleBody {
    pub(in crate::compile) access: AccessUnit,
    /// Whether `access` is that of the whole object.
    pub(in crate::compile) inherits_access: bool,
    pub(in crate::compile) max_body: Bytes,
    pub(in crate::compile) timeouts: Timeouts,
    pub(in crate::compile) request: HeaderEdits,
    pub(in crate::compile) host: Option<HeaderValue>,
    pub(in crate::compile) path: Option<RewriteUnit>,
    pub(in crate::compile) response: HeaderEdits,
    pub(in crate::compile) action: ActionUnit,
}

/// Where requests go.
#[derive(Debug)]
pub(in crate::compile) enum ActionUnit {
    Forward(Vec<BackendUnit>),
    /// The path of the answer is that of the rule's rewrite.
    Redirect {
        status: StatusCode,
        scheme: Option<Scheme>,
        authority: Option<Authority>,
    },
}

/// One target and its share.
#[derive(Debug)]
pub(in crate::compile) struct BackendUnit {
    pub(in crate::compile) weight: u32,
    pub(in crate::compile) target: TargetUnit,
}

/// One target; nothing but its form is known yet.
#[derive(Debug)]
pub(in crate::compile) enum TargetUnit {
    Service(ServicePort),
    Url(Url),
    Model(ObjectKey),
    /// It is broken by itself.
    Broken(Code),
}

/// A port of a Service, and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::compile) struct ServicePort {
    pub(in crate::compile) service: ObjectKey,
    pub(in crate::compile) port: u16,
    pub(in crate::compile) protocol: Protocol,
}

/// How a path changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) enum RewriteUnit {
    /// What matched becomes this, without a trailing slash.
    Prefix(Box<str>),
    /// All of it becomes this.
    Full(Box<str>),
}

impl RouteUnit {
    /// Every port of a Service that the rules lead to.
    pub(in crate::compile) fn ports(&self) -> impl Iterator<Item = &ServicePort> {
        self.targets().filter_map(|target| match target {
            TargetUnit::Service(port) => Some(port),
            TargetUnit::Url(_) | TargetUnit::Model(_) | TargetUnit::Broken(_) => None,
        })
    }

    /// Every URL that the rules lead to.
    pub(in crate::compile) fn urls(&self) -> impl Iterator<Item = &Url> {
        self.targets().filter_map(|target| match target {
            TargetUnit::Url(url) => Some(url),
            TargetUnit::Service(_) | TargetUnit::Model(_) | TargetUnit::Broken(_) => None,
        })
    }

    fn targets(&self) -> impl Iterator<Item = &TargetUnit> {
        let bodies = self.rules.iter().filter_map(|rule| rule.body.as_ref().ok());
        let backends = bodies.flat_map(|body| match &body.action {
            ActionUnit::Forward(backends) => backends.as_slice(),
            ActionUnit::Redirect { .. } => &[],
        });
        backends.map(|backend| &backend.target)
    }
}

pub(super) fn unit(object: &Object, document: &Map<String, Value>, context: &mut Context<'_>) -> RouteUnit {
    let key = object.key();
    let mut notes = Notes::new(key.clone());
    let name: Arc<str> = format!("{}/{}", key.namespace, key.name).into();
    let (hosts, rules) = match decode::<api::ApiRouteSpec>(Kind::ApiRoute, document, &mut notes) {
        Ok(spec) => {
            let hosts = hosts::read(&spec.hosts, context.settings, &mut notes);
            (hosts, Rules { spec: &spec, name: &name, notes: &mut notes, context }.read())
        }
        Err(code) => {
            let spec = document.get("spec");
            (hosts::salvage(spec, context.settings, &mut notes), refusing_rules(&name, spec, code))
        }
    };
    RouteUnit { created: object.meta.created, name, hosts, rules, findings: notes.into_findings() }
}

/// The rules of an object that is not well-formed: they claim what can be read, and refuse it.
fn refusing_rules(name: &str, spec: Option<&Value>, code: Code) -> Vec<RuleUnit> {
    let salvaged = claims::salvage(spec).into_iter();
    salvaged.map(|(rule, claims)| RuleUnit { label: label(name, &rule), claims, body: Err(code) }).collect()
}

/// `namespace/name/rule`.
pub(super) fn label(route: &str, rule: &str) -> Arc<str> {
    format!("{route}/{rule}").into()
}
