//! The first two stages: read the head into one form, and find the rule that takes it.

use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::exchange::Exchange;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::snapshot::{Backend, Chain, Stages};
use crate::wire::forwarded::{Forwarded, Scheme};
use crate::wire::headers::IdentityHeaders;
use crate::wire::host::Host;
use crate::wire::target::{Target, TargetError, TargetPolicy};

/// A request whose head has one reading.
pub(super) struct Received {
    pub(super) head: Parts,
    /// The Host field as it was received, or as `:authority` said.
    pub(super) host: HeaderValue,
    pub(super) way: Forwarded,
    /// The target had to be normalised: the request's own URI is not the one to send on.
    pub(super) rewritten: Option<Rewritten>,
}

/// A path and query that differ from what was received.
pub(super) struct Rewritten {
    pub(super) query: Option<Box<str>>,
}

/// A request that a rule takes.
pub(super) struct Matched {
    pub(super) received: Received,
    pub(super) chain: Arc<Chain>,
    pub(super) identity_headers: Arc<IdentityHeaders>,
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
        let way = Forwarded::of_request(exchange.peer(), Scheme::Http, &head.headers, worker.trusted_proxies());
        exchange.client = way.client.unwrap_or(way.nearest);

        let host = Host::of_request(&head.uri, &head.headers).map_err(|_| bad_request("bad_host"))?;
        exchange.host = host.name().into();
        let target = Target::from_uri(&head.method, &head.uri, &host, TargetPolicy::default()).map_err(bad_target)?;
        exchange.path = target.path().into();
        let rewritten = (!target.is_unchanged()).then(|| Rewritten { query: target.query().map(Into::into) });

        let host = match head.headers.get(HOST) {
            Some(field) => field.clone(),
            None => HeaderValue::try_from(host.to_string()).map_err(|_| bad_request("bad_host"))?,
        };
        Ok(Self { head, host, way, rewritten })
    }

    /// Finds the rule that takes this request. One look at one snapshot: all that follows is of the same compile.
    pub(super) fn find_route(self, worker: &Worker, exchange: &mut Exchange) -> Result<Matched, Refusal> {
        let found = worker.with_snapshot(|snapshot| {
            let route = snapshot.hosts.find(&exchange.host)?.find(&exchange.path, &self.head)?;
            Some((Arc::clone(&route.chain), Arc::clone(&snapshot.identity_headers)))
        });
        let Some((chain, identity_headers)) = found else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "no_route"));
        };
        exchange.rule = Arc::clone(chain.rule());
        let point = chain.stages().map_or(0, |stages| stages.draw(|total| worker.random().below(total)));
        Ok(Matched { received: self, chain, identity_headers, point })
    }
}

fn bad_target(error: TargetError) -> Refusal {
    if error == TargetError::TooLong {
        return Refusal::new(StatusCode::URI_TOO_LONG, "target_too_long");
    }
    bad_request("bad_target")
}

/// A request that nobody may read: the connection ends with it, since what follows on it may be read otherwise too.
fn bad_request(reason: &'static str) -> Refusal {
    Refusal::because(StatusCode::BAD_REQUEST, "bad_request", reason).closing()
}
