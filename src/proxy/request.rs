//! One request from head to reply: the stages, in the order that is security policy.
//!
//! ```text
//! Received ─► Matched ─► Authenticated ─► Admitted ─► Forwardable ─► reply
//! ```
//!
//! Each stage takes the value of the one before and is the only one that can make its own, so that no request reaches an
//! upstream past a check. A refusal at any stage ends here and is rendered in one place.

use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use super::access;
use super::admit;
use super::body::ReplyBody;
use super::exchange::Exchange;
use super::forward;
use super::issue;
use super::receive::Received;
use super::refusal::Refusal;
use super::session::Session;
use super::taking::Taking;
use super::transform;
use super::worker::Worker;
use crate::snapshot::Served;

/// The reply to `request`.
pub(super) async fn answer(
    worker: Rc<Worker>,
    session: Rc<Session>,
    taking: Option<Rc<Taking>>,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let mut exchange = Exchange::new(Rc::clone(&worker), session, taking, request.method().clone());
    match serve(&worker, &mut exchange, request).await {
        Ok(reply) => reply.attach(exchange),
        Err(refusal) => refusal.render(exchange),
    }
}

async fn serve(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    request: Request<Incoming>,
) -> Result<forward::Reply, Refusal> {
    let (head, body) = request.into_parts();
    let received = Received::read(worker, exchange, Box::new(head))?;
    let snapshot = worker.snapshot();
    // The endpoints of our own issuers precede routes: whoever owns the host has them there.
    match snapshot.issuers.find(exchange.host(), exchange.path()) {
        None => {}
        Some(Served::By(issuer, endpoint)) => {
            let issuer = (Arc::clone(issuer), endpoint);
            // Boxed, so that no other request pays for its room.
            return Box::pin(issue::answer(worker, exchange, issuer, received, body)).await;
        }
        Some(Served::Refused(code)) => return Err(Refusal::unresolved(code)),
    }
    let matched = received.find_route(worker, exchange, snapshot)?;
    let authenticated = access::authenticate(worker, exchange, matched).await?;
    let admitted = admit::admit(exchange, authenticated, body)?;
    let forwardable = transform::transform(worker, exchange, admitted)?;
    forward::forward(worker, exchange, forwardable).await
}
