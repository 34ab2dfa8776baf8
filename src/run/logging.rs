//! What is logged besides requests, to standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts the log: one JSON object a line, or words where standard error is a terminal. Called once; a second call, as in
/// a process that has its own log already, changes nothing.
pub(super) fn start(filter: &str) {
    // The Kubernetes client logs each failure of each request as an error. Our watches say once that they fail, and once
    // that they do not any more.
    let filter = if filter.contains("kube_client") { filter.to_owned() } else { format!("{filter},kube_client=off") };
    let log = fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        log.with_target(false).try_init()
    } else {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("log was started before");
    }
}
