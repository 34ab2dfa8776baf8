//! One request's dealings with its upstream, an attempt at a time.

use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::HOST;
use http::{Request, Response, StatusCode, Uri, response};
use http_body::Body;
use hyper::body::Incoming;

use super::{broken, time_up};
use crate::balance;
use crate::proxy::body::{H2Source, LinkSource, RequestBody, Source, Upload};
use crate::proxy::h2_link::H2Link;
use crate::proxy::link::{Link, LinkError};
use crate::proxy::patience::{Patience, Within};
use crate::proxy::pool::{InFlight, PoolKey};
use crate::proxy::refusal::Refusal;
use crate::proxy::worker::Worker;
use crate::snapshot::{Protocol, Upstream};
use crate::telemetry::Cause;
use crate::transport::{self, Stream};
use crate::wire::headers::has_one_framing;

/// A reply's body up to this size that arrived with its head is handed over in one piece.
const WHOLE: u64 = 64 << 10;

/// Why an attempt gave no reply.
pub(super) enum Failed {
    /// Nothing was sent; here is the request.
    BeforeSending(Box<Request<RequestBody>>),
    /// The endpoint let it go without looking at it: a connection that had been waiting was closed, or it said so.
    Unprocessed,
    /// There is no other try.
    Final(Refusal),
}

/// What has been tried for one request, and for how long it may go on.
pub(super) struct Call {
    worker: Rc<Worker>,
    upstream: Arc<Upstream>,
    /// Moves on with the body of the reply.
    patience: Option<Patience>,
    connect: Duration,
    /// The endpoint that was tried last.
    tried: Option<SocketAddr>,
    /// A connection that had been waiting was dead: the others that wait may be too, and it shows only when a request has
    /// been given to one.
    wants_new: bool,
}

impl Call {
    pub(super) fn new(worker: Rc<Worker>, upstream: Arc<Upstream>, patience: Patience, connect: Duration) -> Self {
        Self { worker, upstream, patience: Some(patience), connect, tried: None, wants_new: false }
    }

    /// Where to send it next.
    pub(super) fn pick(&mut self) -> Result<InFlight, Refusal> {
        let endpoints = self.upstream.endpoints.load();
        let addresses = &endpoints.addresses;
        let random = self.worker.random();
        let pool = self.worker.pool();
        let avoid = self.tried.and_then(|tried| addresses.iter().position(|address| *address == tried));
        let picked = balance::pick(
            addresses.len(),
            avoid,
            || random.below_usize(addresses.len()),
            |place| addresses.get(place).map_or(0, |address| pool.load(&self.key(*address))),
        );
        let address =
            picked.and_then(|place| addresses.get(place).copied()).ok_or_else(|| Refusal::new(Cause::NoEndpoint))?;
        self.tried = Some(address);
        Ok(pool.enter(self.key(address)))
    }

    fn key(&self, address: SocketAddr) -> PoolKey {
        PoolKey { address, protocol: self.upstream.protocol, tls: self.upstream.tls.clone() }
    }

    /// One attempt: the head of the reply, and where its body comes from.
    pub(super) async fn send(
        &mut self,
        place: InFlight,
        request: Box<Request<RequestBody>>,
    ) -> Result<(response::Parts, Source), Failed> {
        let Some(patience) = self.patience.take() else { return Err(Failed::Final(broken())) };
        let upload = request.body().upload();
        let sent = match self.upstream.protocol {
            Protocol::Http1 => {
                self.send_http1(&patience, &place, request).await.map(|(link, reply)| (Some(link), reply))
            }
            Protocol::H2c => Box::pin(self.send_h2(&patience, &place, request)).await.map(|reply| (None, reply)),
        };
        match sent {
            // We never ask to switch protocols, so whoever says that it does is not to be understood any more.
            Ok((_, reply)) if reply.status() == StatusCode::SWITCHING_PROTOCOLS => Err(Failed::Final(broken())),
            // Nor for a coding that the client would have to undo, and would not be told of.
            Ok((_, reply)) if !has_one_framing(reply.headers()) => Err(Failed::Final(broken())),
            Ok((Some(link), reply)) => Ok(self.receive(patience, upload, place, link, reply)),
            Ok((None, reply)) => {
                let (head, incoming) = reply.into_parts();
                Ok((head, Source::H2(Box::new(H2Source { incoming, patience, upload, _place: place }))))
            }
            Err(failed) => {
                self.patience = Some(patience);
                self.wants_new = self.wants_new || matches!(failed, Failed::Unprocessed);
                Err(failed)
            }
        }
    }

    async fn send_http1(
        &self,
        patience: &Patience,
        place: &InFlight,
        mut request: Box<Request<RequestBody>>,
    ) -> Result<(Box<Link>, Response<Incoming>), Failed> {
        loop {
            let waiting = if self.wants_new { None } else { place.endpoint.take() };
            let was_waiting = waiting.is_some();
            let opened = match waiting {
                Some(link) => Some(link),
                // Boxed, as all that is seldom: a request carries the room for its whole way with it.
                None => Box::pin(self.open_link(patience, place.address)).await?,
            };
            let Some(mut link) = opened else { return Err(Failed::BeforeSending(request)) };
            return match link.exchange(request, patience).await {
                Ok(reply) => Ok((link, reply)),
                // Closed while it waited: no attempt, since the endpoint saw nothing of the request.
                Err(LinkError::NotSent(back)) if was_waiting => {
                    request = back;
                    continue;
                }
                Err(LinkError::NotSent(back)) => Err(Failed::BeforeSending(back)),
                Err(LinkError::TimeUp(why)) => Err(Failed::Final(time_up(why))),
                Err(LinkError::Closed) if was_waiting => Err(Failed::Unprocessed),
                Err(LinkError::Closed | LinkError::Broken) => Err(Failed::Final(broken())),
            };
        }
    }

    /// Takes what has arrived: often all of the reply, and then the link is free again before the client has it.
    fn receive(
        &self,
        patience: Patience,
        upload: Option<Rc<Upload>>,
        place: InFlight,
        link: Box<Link>,
        reply: Response<Incoming>,
    ) -> (response::Parts, Source) {
        let (head, mut incoming) = reply.into_parts();
        let is_short = incoming.size_hint().exact().is_some_and(|length| length <= WHOLE);
        let mut first = None;
        if is_short && let Poll::Ready(Some(Ok(frame))) = Link::take_frame(&mut incoming) {
            first = frame.into_data().ok();
        }
        if incoming.is_end_stream() {
            // As of when this thread last looked at its clock, which was not before the request came.
            place.endpoint.put(link, self.worker.last_tick());
            return (head, Source::Whole(first.unwrap_or_default()));
        }
        let source = LinkSource::new(Rc::clone(&self.worker), (incoming, first), (link, place), patience, upload);
        (head, Source::Link(Box::new(source)))
    }

    async fn send_h2(
        &self,
        patience: &Patience,
        place: &InFlight,
        request: Box<Request<RequestBody>>,
    ) -> Result<Response<Incoming>, Failed> {
        let waiting = place.endpoint.h2_link();
        let was_waiting = waiting.is_some();
        let mut link = match waiting {
            Some(link) => link,
            None => match self.open(patience, place.address).await? {
                Some(stream) => match H2Link::new(&self.worker, stream).await {
                    Ok(link) => place.endpoint.keep_h2(link),
                    Err(_) => return Err(Failed::BeforeSending(request)),
                },
                None => return Err(Failed::BeforeSending(request)),
            },
        };
        let upload = request.body().upload();
        let request = self.for_http2(*request);
        match patience.wait(upload, link.exchange(request)).await {
            Err(why) => Err(Failed::Final(time_up(why))),
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(mut error)) => Err(match error.take_message() {
                Some(request) => Failed::BeforeSending(Box::new(for_any_version(request))),
                None if was_waiting && is_unprocessed(error.error()) => Failed::Unprocessed,
                None => Failed::Final(broken()),
            }),
        }
    }

    /// HTTP/2 names scheme and host in the target instead of a field.
    fn for_http2(&self, mut request: Request<RequestBody>) -> Request<RequestBody> {
        let scheme = if self.upstream.tls.is_some() { "https" } else { "http" };
        if let Some(host) = request.headers_mut().remove(HOST) {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.scheme = scheme.parse().ok();
            parts.authority = http::uri::Authority::try_from(host.as_bytes()).ok();
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        }
        *request.version_mut() = http::Version::HTTP_2;
        request
    }

    /// A new link over HTTP/1.1; `None` if the endpoint took none.
    async fn open_link(&self, patience: &Patience, address: SocketAddr) -> Result<Option<Box<Link>>, Failed> {
        let Some(stream) = self.open(patience, address).await? else { return Ok(None) };
        Ok(Link::new(stream, self.worker.limits()).await.ok())
    }

    /// A new connection; `None` if the endpoint took none.
    async fn open(&self, patience: &Patience, address: SocketAddr) -> Result<Option<Stream>, Failed> {
        let tls = self.upstream.tls.as_deref().map(|name| (name, self.worker.tls()));
        let deadline = self.worker.deadlines().create();
        deadline.set(self.connect);
        let dial = transport::dial(address, tls);
        match patience.wait_within(&deadline, dial).await {
            Within::TimeUp(why) => Err(Failed::Final(time_up(why))),
            Within::Ready(Ok(stream)) => Ok(Some(stream)),
            Within::Ready(Err(error)) => {
                tracing::debug!(%error, upstream = %self.upstream.id, "endpoint could not be reached");
                Ok(None)
            }
            Within::Late => {
                tracing::debug!(%address, upstream = %self.upstream.id, "endpoint took too long to connect");
                Ok(None)
            }
        }
    }
}

/// Whether an HTTP/2 connection ended under a request, or the endpoint refused the stream: then it was not acted on (RFC
/// 9113, sections 6.8 and 8.7).
fn is_unprocessed(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_canceled()
        || error.is_closed()
        || cause.is_some_and(|cause| {
            cause.is_io() || cause.is_go_away() || cause.reason() == Some(h2::Reason::REFUSED_STREAM)
        })
}

/// Undoes [`Call::for_http2`] for the next attempt.
fn for_any_version(mut request: Request<RequestBody>) -> Request<RequestBody> {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = http::HeaderValue::try_from(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    request
}
