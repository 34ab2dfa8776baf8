//! What is logged besides requests, to standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// kube's client prints whole responses that it cannot decode, Secrets among them, and an error for each answer of an API
/// server that is away. What matters of it is said by `sources` and `operate`. h2 warns of each connection whose client
/// floods it, which lets any client fill the log; those are counted (`bearward_http2_floods_total`). A filter that names
/// one of them wins.
const QUIET: &str = "kube_client=off,h2=error";

/// Starts the log: one JSON object a line, or words where standard error is a terminal. Called once; a second call, as in
/// a process that has its own log already, changes nothing.
pub(super) fn start(filter: &str) {
    let log = fmt().with_env_filter(with_quiet(filter)).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        log.with_target(false).try_init()
    } else {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("log was started before");
    }
}

fn with_quiet(filter: &str) -> EnvFilter {
    EnvFilter::new(format!("{QUIET},{filter}"))
}
