//! The first two stages: read the head into one form, and find the rule that takes it.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Version};

use super::exchange::Exchange;
use super::heads;
use super::pinned::Pinned;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::snapshot::{Backend, Chain, Stages};
use crate::wire::forwarded::{Forwarded, Scheme};
use crate::wire::host::Host;
use crate::wire::target::{Target, TargetError, TargetPolicy};

/// A request whose head has one reading.
pub(super) struct Received {
    pub(super) head: Parts,
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
    pub(super) fn read(worker: &Worker, exchange: &mut Exchange, head: Parts) -> Result<Self, Refusal> {
        let peer = exchange.peer();
        let is_trusted = peer.is_trusted();
        let way = Forwarded::of_request(peer, Scheme::Http, &head.headers, worker.trusted_proxies());
        exchange.client = way.client.unwrap_or(way.nearest);
        // RFC 9112, section 3.2: even where the target names one.
        if head.version == Version::HTTP_11 && !head.headers.contains_key(HOST) {
            return Err(bad_request("bad_host"));
        }
        if is_trusted {
            exchange.name.adopt(&head);
        }

        let host = Host::of_request(&head.uri, &head.headers).map_err(|_| bad_request("bad_host"))?;
        exchange.set_host(host.name(), head.uri.path().len());
        if !has_one_framing(&head.headers) {
            return Err(bad_request("bad_framing"));
        }
        let target = Target::from_uri(&head.method, &head.uri, &host, TargetPolicy::default()).map_err(bad_target)?;
        exchange.set_path(target.path());
        let rewritten = (!target.is_unchanged()).then(|| Rewritten { query: target.query().map(Into::into) });

        let host = match head.headers.get(HOST) {
            Some(field) if host.is_written_as(field.as_bytes()) => field.clone(),
            _ => HeaderValue::try_from(host.to_string()).map_err(|_| bad_request("bad_host"))?,
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
    pub(super) fn find_route(mut self, worker: &Worker, exchange: &mut Exchange) -> Result<Matched, Refusal> {
        let snapshot = worker.snapshot();
        let route = snapshot.hosts.find(exchange.host()).and_then(|paths| match exchange.path() {
            // Asks about the server, and is under no path (RFC 9110, section 9.3.7).
            "*" => None,
            path => paths.find(path, &self.head),
        });
        let Some(route) = route else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "no_route"));
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

/// Whether the body has one coding, `chunked`, or a length. hyper would read a list that ends in `chunked` and hand over
/// a body that is still coded; several fields of the same it would take as one.
fn has_one_framing(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

fn bad_target(error: TargetError) -> Refusal {
    if error == TargetError::TooLong {
        return Refusal::new(StatusCode::URI_TOO_LONG, "target_too_long").closing();
    }
    bad_request("bad_target")
}

/// A request that nobody may read: the connection ends with it, since what follows on it may be read otherwise too.
fn bad_request(reason: &'static str) -> Refusal {
    Refusal::because(StatusCode::BAD_REQUEST, "bad_request", reason).closing()
}
