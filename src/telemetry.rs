//! Metrics, traces, access log and audit log: their names, labels and bounds.

mod access;
mod denial;
mod log_file;
mod metrics;
mod publications;
#[cfg(test)]
mod tests;
mod words;

pub use access::{AccessEntry, Style};
pub use denial::{Denial, Grant};
pub use log_file::{LogBuffer, LogFile, LogLosses, LogTarget};
pub use metrics::{Counters, Event, Outcome, TokenLookUp, WorkerCounters};
pub use publications::{Publication, Publications};
pub use words::{Blame, Cause, End, Ending};
