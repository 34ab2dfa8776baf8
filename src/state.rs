//! What outlives a snapshot: limiter cells, replay memory, revocations, health, acks; bounded.

mod board;

pub use board::{Board, Revision, Standing};
