//! Requests to the endpoints of an issuer of ours: read whole, answered here, and logged and counted like any other.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use zeroize::Zeroizing;

use super::admit;
use super::body::Upload;
use super::exchange::{Exchange, IssuedBy};
use super::forward::Reply;
use super::patience::{Patience, TimeUp};
use super::receive::Received;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::issuer::{MAX_BODY, Request};
use crate::snapshot::{Endpoint, Issuer};
use crate::telemetry::Cause;

/// From a request's head to the end of its body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The issuer's answer to a request.
pub(super) async fn answer(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    (issuer, endpoint): (Arc<Issuer>, Endpoint),
    received: Received,
    body: Incoming,
) -> Result<Reply, Refusal> {
    exchange.issuer = Some(IssuedBy { policy: Arc::clone(&issuer.name), client: None });
    let head = &received.head;
    let takes_form = match endpoint {
        Endpoint::Metadata | Endpoint::Jwks => false,
        Endpoint::Token | Endpoint::Introspection | Endpoint::Revocation => head.method == Method::POST,
    };
    let body = if takes_form { read(worker, exchange, body).await? } else { Zeroizing::default() };
    let request = Request {
        method: &head.method,
        query: received.query(),
        headers: &head.headers,
        body: &body,
        client: exchange.client,
        time: exchange.time(),
        tick: exchange.started(),
        sources: worker.failing_sources(),
    };
    let answer = worker.authority().answer(&issuer, endpoint, &request).await;
    if let Some(grant) = answer.issued {
        worker.counters().issued(&issuer.name, grant);
    }
    exchange.reason = answer.reason;
    exchange.issuer = Some(IssuedBy { policy: Arc::clone(&issuer.name), client: answer.client });
    let (mut head, mut body) = answer.response.into_parts();
    if received.head.method == Method::HEAD {
        // RFC 9110, section 8.6: what a GET would have been answered with.
        if head.status != StatusCode::NOT_MODIFIED {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        body.clear();
    }
    Ok(Reply::whole(head, body))
}

/// The whole body, bounded in size and time. It is wiped when it was read, since secrets and tokens are in it.
async fn read(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    mut incoming: Incoming,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let most = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
    if incoming.size_hint().lower() > most {
        return Err(admit::too_large());
    }
    let upload = Rc::new(Upload::default());
    exchange.upload = Some(Rc::clone(&upload));
    let patience = Patience::start(worker.deadlines().create(), exchange.started(), Some(BODY_TIME), BODY_TIME);
    // Room for all of it at once, so that no part is left behind in a smaller buffer.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_BODY));
    while !incoming.is_end_stream() {
        let next = std::future::poll_fn(|context| match Pin::new(&mut incoming).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            Poll::Pending => patience.poll(context).map(Err),
        });
        let frame = match next.await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(Refusal::new(Cause::ClientBrokeOff).closing()),
            Err(TimeUp::Late) => return Err(Refusal::new(Cause::BodyTimeout).closing()),
            Err(TimeUp::Ended) => {
                return Err(Refusal::new(Cause::ShuttingDown).retry_after(Duration::from_secs(1)).closing());
            }
        };
        let Some(data) = frame.data_ref() else { continue };
        upload.passed(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if body.len().saturating_add(data.len()) > MAX_BODY {
            return Err(admit::too_large());
        }
        body.extend_from_slice(data);
        patience.progress();
    }
    Ok(body)
}
