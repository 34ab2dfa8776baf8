//! HTTP grammar beyond the `http` crate: targets, forwarded headers, SSE, problem bodies. No I/O.
//!
//! What comes from a client is read here once, strictly, into one form; whatever has two readings is refused, because
//! the reading that we authorise must be the reading that the upstream acts on.

pub mod forwarded;
pub mod headers;
pub mod host;
pub mod problem;
pub mod target;
pub mod traceparent;
