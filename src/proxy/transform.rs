//! The stage that writes the request anew: what the upstream sees is what was checked, and nothing else.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, StatusCode, Uri, Version};

use super::access::Caller;
use super::admit::Admitted;
use super::body::RequestBody;
use super::exchange::Exchange;
use super::heads;
use super::receive::{Received, stages_of};
use super::redirect;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::snapshot::{Action, Backend, Chain, Credential, HostHeader, PathRewrite, Stages, Timeouts, Upstream};
use crate::wire::forwarded::Convention;
use crate::wire::traceparent::{Sampled, TRACEPARENT, TraceParent};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most bytes of a claim that becomes a header.
const MAX_CLAIM_BYTES: usize = 1 << 10;

/// A request that may be sent. Only this module makes one, only `forward` takes one.
pub(super) struct Forwardable {
    pub(super) head: Parts,
    pub(super) body: RequestBody,
    pub(super) upstream: Arc<Upstream>,
    pub(super) timeouts: Timeouts,
    pub(super) chain: Arc<Chain>,
    _proof: (),
}

/// Writes the head that the upstream gets, or answers with the rule's redirect.
pub(super) fn transform(worker: &Worker, exchange: &mut Exchange, admitted: Admitted) -> Result<Forwardable, Refusal> {
    let Admitted { authenticated, body, .. } = admitted;
    let matched = authenticated.matched;
    let chain = Arc::clone(&matched.chain);
    let stages = stages_of(&chain)?;
    if let Action::Redirect(rule) = &stages.action {
        return Err(redirect::refusal(rule, exchange, &matched.received));
    }
    let Some(backend) = stages.backend(matched.point) else {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no_backend"));
    };
    let (upstream, base, credential) = match backend {
        Backend::Upstream { upstream, base, credential, .. } => (upstream, base, credential),
        Backend::Unresolved(code) => return Err(Refusal::unresolved(*code)),
    };
    let upstream = Arc::clone(upstream);

    let target = target(stages, exchange, &matched.received, base)?;
    let Received { mut head, host, way, .. } = matched.received;
    head.uri = target;
    heads::clean_request(&mut head.headers, &matched.identity_headers);
    way.write(&host, Convention::default(), &mut head.headers);
    continue_trace(worker, exchange, &mut head);
    if let Some(caller) = &authenticated.caller {
        strip_credential(caller, &mut head);
    }
    heads::edit(&mut head.headers, &stages.request);
    if let Some(caller) = &authenticated.caller {
        tell_claims(worker, caller, &mut head);
    }
    if let Some(credential) = credential {
        head.headers.insert(AUTHORIZATION, credential.as_ref().clone());
    }
    let host = match (&stages.host, &upstream.host) {
        (Some(host), _) | (None, HostHeader::Fixed(host)) => host.clone(),
        (None, HostHeader::FromClient) => host,
    };
    head.headers.insert(HOST, host);
    head.version = Version::HTTP_11;
    head.extensions = http::Extensions::new();
    Ok(Forwardable { head, body, upstream, timeouts: stages.timeouts, chain, _proof: () })
}

/// The path and query to send: as received where nothing changed, which costs a counter.
fn target(stages: &Stages, exchange: &Exchange, received: &Received, base: &str) -> Result<Uri, Refusal> {
    let uri = &received.head.uri;
    if stages.path.is_none() && base.is_empty() && received.rewritten.is_none() {
        if uri.authority().is_none() {
            return Ok(uri.clone());
        }
        // Of `http://host#fragment` nothing is left behind the host, and nothing would be written.
        let target = uri.path_and_query().cloned().map(Uri::from).filter(|target| !target.path().is_empty());
        return Ok(target.unwrap_or_default());
    }
    let mut text = String::with_capacity(exchange.path.len() + base.len() + 64);
    text.push_str(base);
    push_path(&mut text, stages.path.as_ref(), &exchange.path);
    let query = match &received.rewritten {
        Some(rewritten) => rewritten.query.as_deref(),
        None => uri.query(),
    };
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    // A base or a replacement comes from a resource and was checked there; this is for the sum of them.
    PathAndQuery::try_from(text)
        .map(Uri::from)
        .map_err(|_| Refusal::because(StatusCode::BAD_REQUEST, "bad_request", "bad_target"))
}

/// Appends `path` as `rewrite` changes it.
pub(super) fn push_path(text: &mut String, rewrite: Option<&PathRewrite>, path: &str) {
    match rewrite {
        None => text.push_str(path),
        Some(PathRewrite::Full(whole)) => text.push_str(whole),
        Some(PathRewrite::Prefix { matched, replacement }) => {
            let rest = path.get(*matched..).unwrap_or_default();
            text.push_str(replacement);
            if !rest.starts_with('/') && (replacement.is_empty() || !rest.is_empty()) {
                text.push('/');
            }
            text.push_str(rest);
        }
    }
}

fn continue_trace(worker: &Worker, exchange: &Exchange, head: &mut Parts) {
    let random = worker.random();
    let span = random.next().to_be_bytes();
    let parent = TraceParent::of_request(&mut head.headers).map_or_else(
        || {
            let trace = (u128::from(random.next()) << 64) | u128::from(random.next());
            TraceParent::new(trace.to_be_bytes(), span, Sampled::No)
        },
        |parent| parent.child(span),
    );
    head.headers.insert(TRACEPARENT, parent.to_value());
    head.headers.insert(X_REQUEST_ID, exchange.request_id.clone());
}

/// The credential was for us: unless the policy says so, nobody behind us gets to use it.
fn strip_credential(caller: &Caller, head: &mut Parts) {
    match caller.policy.forwarding.credential {
        Credential::Keep => {}
        Credential::Strip => {
            head.headers.remove(AUTHORIZATION);
            for place in &caller.policy.key_places {
                head.headers.remove(place.header());
            }
        }
    }
}

/// Sets the headers that carry claims. What could be misread in a header is left out, and counted.
fn tell_claims(worker: &Worker, caller: &Caller, head: &mut Parts) {
    for told in &caller.policy.forwarding.claims {
        let Some(claim) = caller.claims.get(&told.claim) else { continue };
        match claim_text(claim).and_then(|text| HeaderValue::try_from(text).ok()) {
            Some(value) => {
                head.headers.insert(told.header.clone(), value);
            }
            None => worker.counters().claim_dropped(),
        }
    }
}

/// A claim as a header: strings as they are, numbers and booleans as text, lists joined by commas. `None` for objects,
/// nested lists, an item with a comma in it, anything but printable ASCII, and more than a kilobyte.
fn claim_text(claim: &serde_json::Value) -> Option<String> {
    let text = match claim {
        serde_json::Value::Array(items) => {
            let items: Option<Vec<_>> =
                items.iter().map(|item| scalar_text(item).filter(|text| !text.contains(','))).collect();
            items?.join(",")
        }
        scalar => scalar_text(scalar)?,
    };
    let is_plain = text.len() <= MAX_CLAIM_BYTES && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    is_plain.then_some(text)
}

fn scalar_text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}
