//! Reads the rules of an `ApiRoute` that is well-formed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, StatusCode};

use super::access::{self, AccessUnit};
use super::route::{ActionUnit, BackendUnit, RewriteUnit, RuleBody, RuleUnit, ServicePort, TargetUnit, label};
use super::url::{Url, normal_path, parse_target};
use super::{Context, claims, headers};
use crate::api;
use crate::compile::notes::{At, Notes, Problem};
use crate::compile::{Defaults, Settings};
use crate::finding::{Code, did_you_mean};
use crate::name::{Bytes, Kind, ObjectKey, parse_bytes, parse_duration};
use crate::snapshot::{HeaderEdits, Protocol, Timeouts};
use crate::wire::host::Host;

/// Reads the rules of one object.
pub(super) struct Rules<'a, 'c> {
    pub(super) spec: &'a api::ApiRouteSpec,
    /// `namespace/name` of the object.
    pub(super) name: &'a str,
    pub(super) notes: &'a mut Notes,
    pub(super) context: &'a mut Context<'c>,
}

impl<'a> Rules<'a, '_> {
    /// All of them, in order; what is wrong with any is noted.
    pub(super) fn read(&mut self) -> Vec<RuleUnit> {
        let spec = self.spec;
        let inherited = spec
            .auth
            .as_ref()
            .map(|auth| access::access(auth, &At::spec().field("auth"), self.notes, self.context.expressions));
        let upstreams = self.upstreams();
        let rules = At::spec();
        let rules = rules.field("rules");
        let read = spec.rules.iter().enumerate().map(|(index, rule)| {
            let at = rules.index(index);
            let (claims, claimed) = claims::of_rule(rule, &at, self.notes);
            // Read whole even if a match is broken, so that everything that is wrong is said at once.
            let body = self.body(rule, &at, inherited.as_ref(), &upstreams);
            RuleUnit { label: label(self.name, &rule.name), claims, body: claimed.and(body) }
        });
        read.collect()
    }

    fn upstreams(&self) -> BTreeMap<&'a str, ServicePort> {
        let spec = self.spec;
        let upstreams = spec.upstreams.iter().filter_map(|upstream| {
            let protocol = match upstream.protocol.unwrap_or_default() {
                api::Protocol::Http1 => Protocol::Http1,
                api::Protocol::H2c => Protocol::H2c,
            };
            Some((upstream.name.as_str(), self.service(&upstream.service, protocol)?))
        });
        upstreams.collect()
    }

    fn service(&self, written: &api::ServiceRef, protocol: Protocol) -> Option<ServicePort> {
        let namespace = Arc::clone(&self.notes.object().namespace);
        let port = u16::try_from(written.port).ok().filter(|port| *port > 0)?;
        Some(ServicePort { service: ObjectKey::new(Kind::Service, namespace, written.name.as_str()), port, protocol })
    }

    fn body(
        &mut self,
        rule: &api::RouteRule,
        at: &At<'_>,
        inherited: Option<&Result<AccessUnit, Code>>,
        upstreams: &BTreeMap<&str, ServicePort>,
    ) -> Result<RuleBody, Code> {
        let access = match (&rule.auth, inherited) {
            (Some(auth), _) => access::access(auth, &at.field("auth"), self.notes, self.context.expressions),
            (None, Some(inherited)) => inherited.clone(),
            (None, None) => Err(self.notes.error(at, access::no_auth())),
        };
        let defaults = self.context.settings.defaults;
        let timeouts = timeouts(rule.timeouts.as_ref(), defaults, &at.field("timeouts"), self.notes);
        let request = self.request(rule.request.as_ref(), defaults, &at.field("request"));
        let response = match &rule.response {
            Some(written) => {
                headers::edits(&written.set_headers, &written.remove_headers, &at.field("response"), self.notes)
            }
            None => Ok(HeaderEdits::default()),
        };
        let action = match (&rule.redirect, rule.backends.as_slice()) {
            (Some(redirect), []) => self.redirect(redirect, &at.field("redirect")),
            (None, backends @ [_, ..]) => Ok((self.backends(backends, upstreams, at), None)),
            (Some(_), [_, ..]) | (None, []) => {
                let problem = Problem::value("expected exactly one of backends and redirect", "Write one of the two.");
                Err(self.notes.error(at, problem))
            }
        };
        let (access, timeouts, request, response) = (access?, timeouts?, request?, response?);
        let (action, redirect_path) = action?;
        Ok(RuleBody {
            access,
            inherits_access: rule.auth.is_none(),
            max_body: request.max_body,
            timeouts,
            request: request.headers,
            host: request.host,
            path: request.path.or(redirect_path),
            response,
            action,
        })
    }

    fn request(
        &mut self,
        written: Option<&api::RequestTransform>,
        defaults: Defaults,
        at: &At<'_>,
    ) -> Result<RequestUnit, Code> {
        let Some(written) = written else {
            let headers = HeaderEdits::default();
            return Ok(RequestUnit { headers, host: None, path: None, max_body: defaults.max_body });
        };
        let headers = headers::edits(&written.set_headers, &written.remove_headers, at, self.notes);
        let host = written.host.as_deref().map(|host| host_and_port(host, &at.field("host"), self.notes)).transpose();
        let path = rewrite(written.path.as_ref(), &at.field("path"), self.notes);
        let max_body = match written.max_body.as_deref().map(parse_bytes) {
            None => Ok(defaults.max_body),
            Some(Ok(size)) => Ok(size),
            Some(Err(error)) => {
                let problem = Problem::value(error.to_string(), "Write a size such as 10Mi.");
                Err(self.notes.error(&at.field("maxBody"), problem))
            }
        };
        let host = host?.map(|host| HeaderValue::try_from(host.as_str())).transpose();
        // What a host is made of fits into a header.
        let host = host.map_err(|_| Code::InvalidValue)?;
        Ok(RequestUnit { headers: headers?, host, path: path?, max_body: max_body? })
    }

    fn backends(
        &mut self,
        written: &[api::Backend],
        upstreams: &BTreeMap<&str, ServicePort>,
        at: &At<'_>,
    ) -> ActionUnit {
        let at = at.field("backends");
        let read = written.iter().enumerate().map(|(index, backend)| {
            let at = at.index(index);
            let target = self.target(backend, upstreams, &at).unwrap_or_else(TargetUnit::Broken);
            let weight = u32::try_from(backend.weight.unwrap_or(1)).unwrap_or_default();
            BackendUnit { weight, target }
        });
        let read: Vec<BackendUnit> = read.collect();
        if read.iter().all(|backend| backend.weight == 0) {
            let cause = "the weights are all 0, so every request gets 503";
            self.notes.warning(&at, Problem::value(cause, "Give a weight above 0 to a backend that is to serve."));
        }
        ActionUnit::Forward(read)
    }

    fn target(
        &mut self,
        backend: &api::Backend,
        upstreams: &BTreeMap<&str, ServicePort>,
        at: &At<'_>,
    ) -> Result<TargetUnit, Code> {
        match backend {
            api::Backend { upstream: Some(name), service: None, url: None, model_ref: None, .. } => {
                let found = upstreams.get(name.as_str()).cloned().map(TargetUnit::Service);
                found.ok_or_else(|| {
                    let hint = did_you_mean(name, upstreams.keys().copied());
                    let cause = format!("spec.upstreams has no {name}{hint}");
                    let cure = "Correct the name, or add the upstream; until then its share is refused with 503.";
                    self.notes.error(&at.field("upstream"), Problem::new(Code::BackendNotFound, cause, cure))
                })
            }
            api::Backend { upstream: None, service: Some(service), url: None, model_ref: None, .. } => {
                let found = self.service(service, Protocol::Http1).map(TargetUnit::Service);
                found.ok_or_else(|| {
                    let problem = Problem::value("the port is not from 1 to 65535", "Write a port of the Service.");
                    self.notes.error(&at.field("service").field("port"), problem)
                })
            }
            api::Backend { upstream: None, service: None, url: Some(url), model_ref: None, .. } => {
                url_target(url, self.context.settings, &at.field("url"), self.notes).map(TargetUnit::Url)
            }
            api::Backend { upstream: None, service: None, url: None, model_ref: Some(model), .. } => {
                let namespace = Arc::clone(&self.notes.object().namespace);
                Ok(TargetUnit::Model(ObjectKey::new(Kind::ModelBackend, namespace, model.name.as_str())))
            }
            api::Backend { .. } => {
                let problem = Problem::value("expected exactly one of upstream, service, url, modelRef", "Write one.");
                Err(self.notes.error(at, problem))
            }
        }
    }

    fn redirect(&mut self, written: &api::Redirect, at: &At<'_>) -> Result<(ActionUnit, Option<RewriteUnit>), Code> {
        let scheme = written.scheme.map(|scheme| match scheme {
            api::Scheme::Http => Scheme::HTTP,
            api::Scheme::Https => Scheme::HTTPS,
        });
        let authority = written.host.as_deref().map(|host| host_and_port(host, &at.field("host"), self.notes));
        let path = rewrite(written.path.as_ref(), &at.field("path"), self.notes);
        let status = match written.status.unwrap_or(302) {
            301 => Ok(StatusCode::MOVED_PERMANENTLY),
            302 => Ok(StatusCode::FOUND),
            303 => Ok(StatusCode::SEE_OTHER),
            307 => Ok(StatusCode::TEMPORARY_REDIRECT),
            308 => Ok(StatusCode::PERMANENT_REDIRECT),
            _ => {
                let problem = Problem::value("the status is none of a redirect", "Write 301, 302, 303, 307 or 308.");
                Err(self.notes.error(&at.field("status"), problem))
            }
        };
        let authority = authority.transpose()?;
        Ok((ActionUnit::Redirect { status: status?, scheme, authority }, path?))
    }
}

/// What a rule changes in requests.
struct RequestUnit {
    headers: HeaderEdits,
    host: Option<HeaderValue>,
    path: Option<RewriteUnit>,
    max_body: Bytes,
}

/// A URL whose address, if it has one, may be reached.
pub(super) fn url_target(text: &str, settings: &Settings, at: &At<'_>, notes: &mut Notes) -> Result<Url, Code> {
    let url = parse_target(text).map_err(|problem| notes.error(at, problem))?;
    match url.origin.address() {
        Some(address) if !(settings.egress)(address) => {
            let cause = format!("the installation does not allow requests to {address}");
            Err(notes.error(at, Problem::plain(Code::EgressForbidden, cause)))
        }
        Some(_) | None => Ok(url),
    }
}

fn host_and_port(text: &str, at: &At<'_>, notes: &mut Notes) -> Result<Authority, Code> {
    let host = Host::parse(text.as_bytes()).ok().and_then(|host| host.to_string().parse().ok());
    host.ok_or_else(|| {
        notes.error(
            at,
            Problem::value("the value is no host name", "Write a host such as www.example.com, or with a port."),
        )
    })
}

fn rewrite(written: Option<&api::PathRewrite>, at: &At<'_>, notes: &mut Notes) -> Result<Option<RewriteUnit>, Code> {
    let Some(written) = written else { return Ok(None) };
    let (name, text) = match (&written.replace_prefix, &written.replace_full) {
        (Some(prefix), None) => ("replacePrefix", prefix),
        (None, Some(full)) => ("replaceFull", full),
        (Some(_), Some(_)) | (None, None) => {
            let cause = "expected exactly one of replacePrefix and replaceFull";
            return Err(notes.error(at, Problem::value(cause, "Write one of the two.")));
        }
    };
    let path = normal_path(text).ok_or_else(|| {
        let cause =
            "the path has no normal form: dot segments above the root, escaped slashes and semicolons are refused";
        notes.error(&at.field(name), Problem::value(cause, "Write a plain path such as /v1."))
    })?;
    Ok(Some(match written.replace_prefix {
        Some(_) => RewriteUnit::Prefix(path.trim_end_matches('/').into()),
        None => RewriteUnit::Full(path),
    }))
}

fn timeouts(
    written: Option<&api::Timeouts>,
    defaults: Defaults,
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<Timeouts, Code> {
    let Some(written) = written else { return Ok(defaults.timeouts) };
    let request = duration(written.request.as_deref(), "request", at, notes);
    let connect = duration(written.connect.as_deref(), "connect", at, notes);
    let idle = duration(written.idle.as_deref(), "idle", at, notes);
    Ok(Timeouts {
        request: request?.or(defaults.timeouts.request),
        connect: connect?.unwrap_or(defaults.timeouts.connect),
        idle: idle?.unwrap_or(defaults.timeouts.idle),
    })
}

/// A time that something may take. None at all would let nothing through.
pub(super) fn duration(
    text: Option<&str>,
    name: &str,
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<Option<Duration>, Code> {
    let Some(text) = text else { return Ok(None) };
    let problem = match parse_duration(text) {
        Ok(Duration::ZERO) => Problem::value("a time of zero lets nothing through", "Leave it out, or write 30s."),
        Ok(duration) => return Ok(Some(duration)),
        Err(error) => Problem::value(error.to_string(), "Write a time such as 30s."),
    };
    Err(notes.error(&at.field(name), problem))
}
