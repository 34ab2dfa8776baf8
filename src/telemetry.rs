//! Metrics, traces, access log and audit log: their names, labels and bounds.

mod access;
mod log_file;
mod metrics;
#[cfg(test)]
mod tests;

pub use access::{AccessEntry, Style};
pub use log_file::{LogBuffer, LogFile, LogTarget};
pub use metrics::{Counters, Event, Outcome, TokenLookUp, WorkerCounters};
