//! The last stage: pick an endpoint, send the request there, and hand the reply back.
//!
//! A request is sent twice only where that is safe: when no connection was made, when the endpoint's connection took
//! none of it, or when a connection that had been waiting was closed under a request that has no body and may be
//! repeated (RFC 9110, section 9.2.2).

mod call;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;

use super::body::{ReplyBody, RequestBody, Source};
use super::exchange::Exchange;
use super::heads;
use super::patience::{Patience, TimeUp};
use super::receive::stages_of;
use super::refusal::Refusal;
use super::transform::Forwardable;
use super::worker::Worker;
use crate::snapshot::Stages;
use crate::telemetry::Cause;
use call::{Call, Failed};

/// How many times a request is tried when connections fail.
const ATTEMPTS: usize = 3;

/// A reply on its way back: an upstream's, or one of an issuer of ours.
pub(super) struct Reply {
    head: http::response::Parts,
    source: Source,
}

impl Reply {
    /// A reply that is all here: nobody forwarded anything.
    pub(super) const fn whole(head: http::response::Parts, body: Bytes) -> Self {
        Self { head, source: Source::Whole(body) }
    }

    /// The reply with its body, which ends `exchange` when it is done.
    pub(super) fn attach(mut self, mut exchange: Box<Exchange>) -> Response<ReplyBody> {
        exchange.status = Some(self.head.status);
        if exchange.must_close() {
            self.head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Response::from_parts(self.head, ReplyBody::new(self.source, exchange))
    }

    /// Takes out what was meant for us, and applies the rule's edits.
    fn finish(mut self, stages: &Stages, is_head: bool) -> Self {
        // Where there is no body to take the length from, the upstream's word is passed on (RFC 9110, section 8.6).
        heads::clean_reply(&mut self.head.headers, is_head);
        heads::edit(&mut self.head.headers, &stages.response);
        self.head.version = http::Version::HTTP_11;
        self
    }
}

/// Sends `request` to its upstream and waits for the head of the reply.
pub(super) async fn forward(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    request: Forwardable,
) -> Result<Reply, Refusal> {
    let Forwardable { head, body, upstream, timeouts, chain, .. } = request;
    let stages = stages_of(&chain)?;
    let is_head = head.method == Method::HEAD;
    let may_repeat = body.is_end_stream() && is_idempotent(&head.method);
    let deadline = worker.deadlines().create();
    let patience = Patience::start(deadline, exchange.started(), timeouts.request, timeouts.idle);
    let mut call = Call::new(Rc::clone(worker), upstream, patience, timeouts.connect);

    // Boxed: what is handed on from here is a pointer.
    let mut request = Box::new(Request::from_parts(*head, body));
    for attempt in 0..ATTEMPTS {
        let place = call.pick()?;
        exchange.upstream = Some(place.address);
        // Kept only where it may be needed: a link that waited can have been closed since.
        let spare = (may_repeat && attempt + 1 < ATTEMPTS && place.endpoint.has_waiting()).then(|| copy(&request));
        match call.send(place, request).await {
            Ok((head, source)) => return Ok(Reply { head, source }.finish(stages, is_head)),
            Err(Failed::BeforeSending(back)) => request = back,
            Err(Failed::Unprocessed) => match spare {
                Some(spare) => request = spare,
                None => return Err(blame(exchange, broken())),
            },
            Err(Failed::Final(refusal)) => return Err(blame(exchange, refusal)),
        }
    }
    Err(Refusal::new(Cause::UpstreamUnreachable))
}

/// Whether a request may be repeated without harm (RFC 9110, section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::TRACE].contains(method)
}

/// The same request again; it has no body.
fn copy(request: &Request<RequestBody>) -> Box<Request<RequestBody>> {
    let mut copy = Box::new(Request::new(RequestBody::Empty));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// A request can fail because of its own body; then the upstream is not to blame.
fn blame(exchange: &Exchange, refusal: Refusal) -> Refusal {
    match &exchange.upload {
        Some(upload) if upload.too_large.get() => super::admit::too_large(),
        Some(upload) if upload.broken.get() => Refusal::new(Cause::ClientBrokeOff).closing(),
        _ => refusal,
    }
}

/// The upstream ended the exchange before a reply, or sent what is none.
const fn broken() -> Refusal {
    Refusal::new(Cause::UpstreamBroken)
}

/// The upstream did not reply in time.
const fn time_up(why: TimeUp) -> Refusal {
    match why {
        TimeUp::Late => Refusal::new(Cause::UpstreamTimeout),
        TimeUp::Ended => Refusal::new(Cause::ShuttingDown).retry_after(Duration::from_secs(1)).closing(),
    }
}
