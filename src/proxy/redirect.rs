//! Answers with a rule's redirect.

use http::HeaderValue;

use super::exchange::Exchange;
use super::receive::Received;
use super::refusal::Refusal;
use super::transform::push_path;
use crate::snapshot::Redirect;
use crate::telemetry::Cause;

/// The redirect of this request: what the rule leaves open stays as the client asked.
pub(super) fn refusal(rule: &Redirect, exchange: &Exchange, received: &Received) -> Refusal {
    let mut location = String::with_capacity(exchange.path().len() + 64);
    let scheme = rule.scheme.as_ref().map_or(received.way.scheme.as_str(), http::uri::Scheme::as_str);
    location.push_str(scheme);
    location.push_str("://");
    match &rule.authority {
        Some(authority) => location.push_str(authority.as_str()),
        // The port that was asked for is that of the other scheme.
        None if rule.scheme.is_some() => location.push_str(exchange.host()),
        None => location.push_str(received.host.to_str().unwrap_or(exchange.host())),
    }
    push_path(&mut location, rule.path.as_ref(), exchange.path());
    if let Some(query) = received.query() {
        location.push('?');
        location.push_str(query);
    }
    match HeaderValue::try_from(location) {
        Ok(location) => Refusal::redirect(rule.status, location),
        Err(_) => Refusal::new(Cause::BadTarget),
    }
}
