//! What outlives a snapshot: limiter cells, replay memory, revocations, health, acks; bounded.

mod board;
mod failing_sources;
mod rates;
mod replays;
#[cfg(test)]
mod tests;

pub use board::{Board, Revision, SigningKeys, Standing};
pub use failing_sources::{FailingSources, Source};
pub use rates::Rates;
pub use replays::{ReplayError, Replays};
