//! The stage of limits: what a request that may be made may cost.

use std::rc::Rc;
use std::sync::Arc;

use http_body::Body;
use hyper::body::Incoming;

use super::access::Authenticated;
use super::body::{RequestBody, Upload};
use super::exchange::Exchange;
use super::refusal::Refusal;
use crate::telemetry::Cause;

/// A request within its limits.
pub(super) struct Admitted {
    pub(super) authenticated: Authenticated,
    /// Its body, bounded.
    pub(super) body: RequestBody,
    _proof: (),
}

/// Refuses a body that announces more than its rule allows, and bounds one that does not say.
pub(super) fn admit(
    exchange: &mut Exchange,
    authenticated: Authenticated,
    incoming: Incoming,
) -> Result<Admitted, Refusal> {
    let bound = authenticated.matched.stages()?.max_body.0;
    if incoming.is_end_stream() {
        return Ok(Admitted { authenticated, body: RequestBody::Empty, _proof: () });
    }
    if incoming.size_hint().lower() > bound {
        return Err(too_large());
    }
    let upload = Rc::new(Upload::default());
    exchange.upload = Some(Rc::clone(&upload));
    let identity_headers = Arc::clone(&authenticated.matched.snapshot.identity_headers);
    let body = RequestBody::Streaming { incoming, bound, upload, identity_headers };
    Ok(Admitted { authenticated, body, _proof: () })
}

/// The answer to a body over its bound, announced or not. What is left of the body is not worth reading.
pub(super) const fn too_large() -> Refusal {
    Refusal::new(Cause::BodyTooLarge).closing()
}
