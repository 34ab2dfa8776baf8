//! The authorization server: metadata, JWKS, token, introspection, revocation.
//!
//! ```text
//! Request ─► Form ─► client (authenticate) ─► grant ─► Access ─► mint ─► reply
//!                                              │ subject (vouch), proof (dpop), family (refresh)
//!                                              └ what may be had: the subject's, the client's and the request's together
//! ```
//!
//! Each endpoint takes a whole request and gives a whole answer; the proxy reads and writes them, logs and counts. What is
//! told to the client is one of few errors with a description that never changes; why exactly is a word for the log. What
//! we cannot judge for a fault of ours is a 503, never a 4xx.
//!
//! Not here: which issuers there are and what signs for them, which the snapshot says.

mod authenticate;
mod documents;
mod dpop;
mod exchange;
pub mod family;
mod form;
mod grants;
mod introspection;
mod keys;
mod mint;
mod narrow;
mod origin;
mod own;
mod refresh;
mod refusal;
mod reply;
mod revocation;
pub mod revoked;
#[cfg(test)]
mod tests;
mod token;
mod vouch;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use http::{HeaderMap, Method};

use crate::clock::{Clock, Tick, UnixTime};
use crate::jose::TokenHash;
use crate::limit::Rate;
use crate::snapshot::{Authentication, Client, Endpoint, Issuer};
use crate::state::{FailingSources, Rates, Replays, Source};
use crate::store::{Memory, Store};
use crate::telemetry::Denial;
use form::Form;
use refusal::Refusal;
pub use reply::Answer;

/// The most bytes of a request's body.
pub const MAX_BODY: usize = 64 << 10;

/// Failures of a client to show who it is, from one address: so many at once.
const FAILURES_AT_ONCE: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// And so many in a second after that.
const FAILURES_PER_SECOND: NonZeroU32 = NonZeroU32::new(1).unwrap();

/// Requests of one client to one replica, and of a public one from one address: so many at once.
const REQUESTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(500).unwrap();

/// And so many in a second after that: an RSA signature for each takes a thirtieth of a core.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// What the authorization server is made of.
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// Where families of refresh tokens and revocations are kept.
    pub store: Arc<dyn Store>,
    /// What was used once.
    pub replays: Arc<Replays>,
    /// What identifiers are drawn from.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
}

impl Parts {
    /// All in memory: what is given out, used up or revoked is forgotten with the process.
    pub fn in_memory(clock: Clock) -> Self {
        Self {
            store: Arc::new(Memory::new(clock.clone())),
            replays: Arc::new(Replays::new(clock.now())),
            random: Arc::new(SystemRandom::new()),
            clock,
        }
    }
}

/// The authorization server of a process: one for all issuers and all threads.
pub struct Authority {
    clock: Clock,
    store: Arc<dyn Store>,
    replays: Arc<Replays>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    /// Which clients fail to show who they are, and from where, be there such clients or not. By address and client
    /// together: a client that is set up wrongly costs no other behind the same address anything.
    failing: Rates<(Source, TokenHash)>,
    /// How often each client asks; a public one by address, since anybody can say that he is one.
    asking: Rates<(Option<Source>, ClientKey)>,
}

/// The name of the issuer's policy, and the client's id. Only of clients that there are.
type ClientKey = (Arc<str>, Arc<str>);

/// A request to an endpoint, whole.
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its query.
    pub query: Option<&'a str>,
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// Its body, of [`MAX_BODY`] at most.
    pub body: &'a [u8],
    /// Who sent it.
    pub client: IpAddr,
    /// When its head was complete.
    pub time: UnixTime,
    /// The same, for what is counted.
    pub tick: Tick,
    /// The sources whose tokens keep failing, on routes and here.
    pub sources: &'a FailingSources,
}

/// A request with a form, at an endpoint of an issuer.
struct Asked<'a> {
    issuer: &'a Issuer,
    endpoint: Endpoint,
    request: &'a Request<'a>,
    form: Form,
}

impl Authority {
    /// A server that has answered nobody yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { clock, store, replays, random } = parts;
        let second = Duration::from_secs(1);
        Self {
            clock,
            store,
            replays,
            random,
            failing: Rates::new(Rate::new(FAILURES_PER_SECOND, second, FAILURES_AT_ONCE)),
            asking: Rates::new(Rate::new(REQUESTS_PER_SECOND, second, REQUESTS_AT_ONCE)),
        }
    }

    /// The answer to a request.
    pub async fn answer(&self, issuer: &Issuer, endpoint: Endpoint, request: &Request<'_>) -> Answer {
        match endpoint {
            Endpoint::Metadata => documents::metadata(issuer, request),
            Endpoint::Jwks => documents::jwks(issuer, request),
            Endpoint::Token | Endpoint::Introspection | Endpoint::Revocation => {
                if *request.method != Method::POST {
                    return reply::method_not_allowed(&[Method::POST]);
                }
                let mut known = None;
                let answer = Box::pin(self.answer_form(issuer, endpoint, request, &mut known)).await;
                let answer = answer.unwrap_or_else(|refusal| refusal.render(&issuer.name));
                answer.of_client(known.map(|client| Arc::clone(&client.id)))
            }
        }
    }

    /// The answer to a form. Whose it is, is told as soon as it is known, for the log.
    async fn answer_form<'a>(
        &self,
        issuer: &'a Issuer,
        endpoint: Endpoint,
        request: &'a Request<'a>,
        known: &mut Option<&'a Client>,
    ) -> Result<Answer, Refusal> {
        let asked = Asked { issuer, endpoint, request, form: Form::read(request)? };
        let (client, assertion) = self.authenticate(&asked).await?;
        *known = Some(client);
        let is_public = matches!(client.authentication, Authentication::Public);
        let source = is_public.then(|| Source::of(request.client));
        let key = (source, (Arc::clone(&issuer.name), Arc::clone(&client.id)));
        self.asking.take(&key, request.tick).map_err(|wait| Refusal::limited(Denial::ClientLimited, wait))?;
        // Not before: a client that asks too often would take the room in which others' are remembered.
        if let Some(assertion) = &assertion {
            self.use_up_assertion(&asked, assertion)?;
        }
        match endpoint {
            Endpoint::Introspection => self.introspect(&asked, client).await,
            Endpoint::Revocation => self.revoke(&asked, client).await,
            Endpoint::Token | Endpoint::Metadata | Endpoint::Jwks => self.token(&asked, client).await,
        }
    }
}
