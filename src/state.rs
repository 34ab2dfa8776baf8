//! What outlives a snapshot: limiter cells, replay memory, revocations, health, acks; bounded.

mod failing_sources;
#[cfg(test)]
mod tests;

pub use failing_sources::{FailingSources, Source};
