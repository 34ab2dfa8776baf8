//! The stage that writes the request anew: what the upstream sees is what was checked, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, TE, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri, Version};
use http_body::Body;
use zeroize::Zeroizing;

use super::access::Caller;
use super::admit::Admitted;
use super::body::RequestBody;
use super::claims;
use super::credential;
use super::exchange::Exchange;
use super::heads;
use super::receive::{Received, stages_of};
use super::redirect;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::jose::{SealKey, Sealed};
use crate::snapshot::{
    Action, ApiKeyPlace, Backend, Chain, Credential, HostHeader, JwtEntry, PathRewrite, Protocol, Stages, Takes,
    Timeouts, Upstream,
};
use crate::telemetry::Cause;
use crate::wire::forwarded::Convention;

/// When a token whose key has gone between two looks at it can be judged by the keys of then.
const JUDGED_ANEW: Duration = Duration::from_secs(1);

/// A request that may be sent. Only this module makes one, only `forward` takes one.
pub(super) struct Forwardable {
    pub(super) head: Box<Parts>,
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
    let chain = matched.chain;
    let stages = stages_of(&chain)?;
    if let Action::Redirect(rule) = &stages.action {
        return Err(redirect::refusal(rule, exchange, &matched.received));
    }
    let Some(backend) = stages.backend(matched.point) else {
        return Err(Refusal::new(Cause::NoBackend));
    };
    let (upstream, strip, base, own) = match backend {
        Backend::Upstream { upstream, strip, base, credential, .. } => (Arc::clone(upstream), strip, base, credential),
        Backend::Unresolved(code) => return Err(Refusal::unresolved(*code)),
    };

    let target = target(stages, exchange, &matched.received, strip, base)?;
    let Received { mut head, host, way, .. } = matched.received;
    head.uri = target;
    way.write(&host, Convention::default(), &mut head.headers);
    exchange.name.tell(worker.random(), &mut head);
    strip_credential(authenticated.caller.as_ref(), &mut head.headers)?;
    heads::edit(&mut head.headers, &stages.request);
    if let Some(caller) = &authenticated.caller {
        claims::tell(worker, &caller.policy.forwarding.claims, caller.identity.claims(), &mut head.headers);
    }
    if let Some(own) = own {
        // Whatever else the client identifies itself with is not for this provider.
        credential::remove(&mut head.headers, &ApiKeyPlace::ALL);
        head.headers.insert(AUTHORIZATION, own.as_ref().clone());
    }
    let host = match (&stages.host, &upstream.host) {
        (Some(host), _) | (None, HostHeader::Fixed(host)) => host.clone(),
        (None, HostHeader::FromClient) => host,
    };
    head.headers.insert(HOST, host);
    frame(&head.method, &body, upstream.protocol, &mut head.headers);
    head.version = Version::HTTP_11;
    head.extensions = http::Extensions::new();
    let timeouts = stages.timeouts;
    Ok(Forwardable { head, body, upstream, timeouts, chain, _proof: () })
}

/// Says how the body is framed where hyper would not say it, or say it wrongly.
fn frame(method: &Method, body: &RequestBody, protocol: Protocol, headers: &mut HeaderMap) {
    if protocol == Protocol::H2c {
        return;
    }
    // It would have to be named in `Connection` (RFC 9110, section 10.1.4), and trailers are asked for only by those
    // who speak HTTP/2.
    headers.remove(TE);
    match body {
        // RFC 9110, section 8.6: who expects a body wants to be told that there is none.
        RequestBody::Empty if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        // hyper leaves out the body of a GET or HEAD of which no length is known.
        RequestBody::Streaming { .. } if body.size_hint().exact().is_none() => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        RequestBody::Empty | RequestBody::Streaming { .. } => {}
    }
}

/// The path and query to send: as received where nothing changes, which costs a counter.
fn target(stages: &Stages, exchange: &Exchange, received: &Received, strip: &str, base: &str) -> Result<Uri, Refusal> {
    let uri = &received.head.uri;
    let is_plain = stages.path.is_none() && strip.is_empty() && base.is_empty();
    if is_plain && received.rewritten.is_none() {
        if uri.authority().is_none() {
            return Ok(uri.clone());
        }
        // Of `http://host#fragment` nothing is left behind the host, and nothing would be written.
        let target = uri.path_and_query().cloned().map(Uri::from).filter(|target| !target.path().is_empty());
        return Ok(target.unwrap_or_default());
    }
    let mut text = String::with_capacity(exchange.path().len() + base.len() + 64);
    text.push_str(base);
    push_path(&mut text, stages.path.as_ref(), exchange.path());
    strip_front(&mut text, base.len(), strip);
    if let Some(query) = received.query() {
        text.push('?');
        text.push_str(query);
    }
    // A base or a replacement comes from a resource and was checked there; this is for the sum of them.
    PathAndQuery::try_from(text).map(Uri::from).map_err(|_| Refusal::new(Cause::BadTarget))
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

/// Takes `front` off the path that begins at `start`, if it is there by whole segments.
pub(super) fn strip_front(text: &mut String, start: usize, front: &str) {
    let Some(rest) = text.get(start..).and_then(|path| path.strip_prefix(front)) else { return };
    if front.is_empty() || !(rest.is_empty() || rest.starts_with('/')) {
        return;
    }
    let end = start + front.len();
    text.replace_range(start..end, if end == text.len() { "/" } else { "" });
}

/// The credential was for us: unless the policy says so, nobody behind us gets to use it. A rule that is open to
/// everybody looks at none, and its upstream may have its own; but keys of ours are not for it either.
fn strip_credential(caller: Option<&Caller>, headers: &mut HeaderMap) -> Result<(), Refusal> {
    let Some(caller) = caller else {
        credential::remove_our_keys(headers);
        return Ok(());
    };
    let (forwarded, places) = (caller.policy.forwarding.credential, &caller.policy.key_places);
    let signed = match forwarded {
        Credential::Keep => {
            credential::remove_odd(headers, places);
            return Ok(());
        }
        Credential::Strip => None,
        Credential::Sign => signed(caller, headers)?,
    };
    headers.remove(AUTHORIZATION);
    credential::remove(headers, places);
    credential::remove_our_keys(headers);
    if let Some(signed) = signed {
        headers.insert(AUTHORIZATION, signed);
    }
    Ok(())
}

/// The signed token of ours by which the caller was let in, as upstreams get it; of another credential there is none. A sealed
/// one is opened for each request, some two microseconds, so that no signed token is ever kept.
fn signed(caller: &Caller, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
    let Some(Takes::Jwt(JwtEntry { issued: Some(cell), .. })) = caller.takes() else { return Ok(None) };
    let Some(field) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = field.to_str().ok().and_then(|field| field.split_ascii_whitespace().nth(1));
    let Some(token) = token else { return Ok(None) };
    if !SealKey::claims_to_be_one(token) {
        return Ok(Some(field.clone()));
    }
    // It was good a moment ago: what is missing now is a key that has just been taken away.
    let gone = || Refusal::new(Cause::KeysUnavailable).retry_after(JUDGED_ANEW);
    let opened = Sealed::decode(token).and_then(|sealed| cell.load().open(&sealed)).ok_or_else(gone)?;
    let field = Zeroizing::new(format!("Bearer {}", opened.as_str()));
    HeaderValue::from_str(&field).map(Some).map_err(|_| gone())
}
