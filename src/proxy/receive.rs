//! The first two stages: read the head into one form, and find the rule that takes it.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, Version};

use super::Limits;
use super::exchange::Exchange;
use super::heads;
use super::pinned::Pinned;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::snapshot::{Backend, Chain, Stages};
use crate::telemetry::Cause;
use crate::wire::forwarded::{Forwarded, Scheme};
use crate::wire::headers::has_one_framing;
use crate::wire::host::Host;
use crate::wire::target::{Target, TargetError, TargetPolicy};

/// The methods of RFC 9110 and RFC 5789 that may be asked for; others may be too, and an upstream may know fewer.
const SERVED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// A request whose head has one reading.
pub(super) struct Received {
    /// Boxed: it is large, and each stage hands it on.
    pub(super) head: Box<Parts>,
    /// The Host field in its one form.
    pub(super) host: HeaderValue,
    pub(super) way: Forwarded,
    /// The target had to be normalised: the request's own URI is not the one to send on.
    pub(super) rewritten: Option<Rewritten>,
}

/// A path and query that differ from what was received.
pub(super) struct Rewritten {
    pub(super) query: Option<Box<str>>,
}

/// A request that a rule takes, without the headers that were meant for us alone or that only we may set.
pub(super) struct Matched {
    pub(super) received: Received,
    pub(super) chain: Arc<Chain>,
    pub(super) snapshot: Rc<Pinned>,
    /// Drawn once: all stages speak of the same backend.
    pub(super) point: u32,
}

impl Matched {
    /// The backend whose turn it is; `None` for a redirect, or if no weight is above zero.
    pub(super) fn backend(&self) -> Option<&Backend> {
        self.chain.stages().ok()?.backend(self.point)
    }

    /// The rule's stages; a chain without any refuses here.
    pub(super) fn stages(&self) -> Result<&Stages, Refusal> {
        stages_of(&self.chain)
    }
}

/// The stages of a chain that has some.
pub(super) fn stages_of(chain: &Chain) -> Result<&Stages, Refusal> {
    chain.stages().map_err(|refused| Refusal::unresolved(refused.code))
}

impl Received {
    /// Reads host, target and way. What is ambiguous is refused, since the upstream might read it otherwise.
    pub(super) fn read(worker: &Worker, exchange: &mut Exchange, head: Box<Parts>) -> Result<Self, Refusal> {
        let peer = exchange.peer();
        let is_trusted = peer.is_trusted();
        let way = Forwarded::of_request(peer, Scheme::Http, &head.headers, worker.trusted_proxies());
        exchange.client = way.client.unwrap_or(way.nearest);
        // RFC 9112, section 3.2: even where the target names one.
        if head.version == Version::HTTP_11 && !head.headers.contains_key(HOST) {
            return Err(bad_request(Cause::BadHost));
        }
        if is_trusted {
            exchange.name.adopt(&head);
        }

        let host = Host::of_request(&head.uri, &head.headers).map_err(|_| bad_request(Cause::BadHost))?;
        exchange.set_host(host.name(), head.uri.path().len());
        if head.version == Version::HTTP_2 {
            check_fields(&head, worker.limits())?;
        }
        if !has_one_framing(&head.headers) {
            return Err(bad_request(Cause::BadFraming));
        }
        let target = Target::from_uri(&head.method, &head.uri, &host, TargetPolicy::default()).map_err(bad_target)?;
        exchange.set_path(target.path());
        // It sends a request back with all that the gateway put into it (RFC 9110, section 9.3.8).
        if head.method == Method::TRACE {
            return Err(Refusal::new(Cause::MethodNotAllowed).allow(SERVED));
        }
        let rewritten = (!target.is_unchanged()).then(|| Rewritten { query: target.query().map(Into::into) });

        let host = match head.headers.get(HOST) {
            Some(field) if host.is_written_as(field.as_bytes()) => field.clone(),
            _ => HeaderValue::try_from(host.to_string()).map_err(|_| bad_request(Cause::BadHost))?,
        };
        Ok(Self { head, host, way, rewritten })
    }

    /// The query to send on.
    pub(super) fn query(&self) -> Option<&str> {
        match &self.rewritten {
            Some(rewritten) => rewritten.query.as_deref(),
            None => self.head.uri.query(),
        }
    }

    /// Finds the rule that takes this request, in one snapshot: all that follows is of the same compile.
    pub(super) fn find_route(
        mut self,
        worker: &Worker,
        exchange: &mut Exchange,
        snapshot: Rc<Pinned>,
    ) -> Result<Matched, Refusal> {
        let route = snapshot.hosts.find(exchange.host()).and_then(|paths| match exchange.path() {
            // Asks about the server, and is under no path (RFC 9110, section 9.3.7).
            "*" => None,
            path => paths.find(path, &self.head),
        });
        let Some(route) = route else {
            return Err(Refusal::new(Cause::NoRoute));
        };
        let chain = Arc::clone(&route.chain);
        exchange.set_chain(&chain);
        let point = chain.stages().map_or(0, |stages| stages.draw(|total| worker.random().below(total)));
        if heads::clean_request(&mut self.head.headers, &snapshot.identity_headers) {
            exchange.brought_spoofed_headers();
        }
        if self.head.version == Version::HTTP_2 {
            heads::join_cookies(&mut self.head.headers);
        }
        Ok(Matched { received: self, chain, snapshot, point })
    }
}

/// Holds a head that came over HTTP/2 to the bounds of HTTP/1.1, where hyper does. The names of the pseudo-header fields
/// do not count, and neither do the crumbs of a cookie, which become one field.
fn check_fields(head: &Parts, limits: Limits) -> Result<(), Refusal> {
    let (mut fields, mut crumbs) = (0_usize, 0_usize);
    let mut bytes = head.method.as_str().len() + head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if let Some(authority) = head.uri.authority() {
        fields += 1;
        bytes += authority.as_str().len();
    }
    for (name, value) in &head.headers {
        let value = value.as_bytes();
        // RFC 9113, section 8.2.1: malformed. In HTTP/1.1 they are no part of the value.
        if value.trim_ascii().len() < value.len() {
            return Err(bad_request(Cause::BadField));
        }
        if *name == COOKIE {
            crumbs += 1;
        } else {
            fields += 1;
        }
        // As many as HTTP/1.1 would need.
        bytes += name.as_str().len() + value.len() + ": \r\n".len();
    }
    if bytes > limits.head_bytes || fields + crumbs.min(1) > limits.head_fields {
        return Err(Refusal::new(Cause::HeadTooLarge).closing());
    }
    Ok(())
}

fn bad_target(error: TargetError) -> Refusal {
    if error == TargetError::TooLong {
        return Refusal::new(Cause::TargetTooLong).closing();
    }
    bad_request(Cause::BadTarget)
}

/// A request that nobody may read: the connection ends with it, since what follows on it may be read otherwise too.
fn bad_request(cause: Cause) -> Refusal {
    Refusal::new(cause).closing()
}
