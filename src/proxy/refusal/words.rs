//! The words for the codes of refusals: the same for every cause, so that they teach nothing about a token.

/// The title and the detail of a code. Codes of findings share theirs: their cure is the operator's.
pub(super) fn of(code: &str) -> (&'static str, Option<&'static str>) {
    match code {
        "no_route" => ("No route", Some("Nothing is served under this host and path.")),
        "bad_request" => ("Bad request", Some("The request has no single meaning.")),
        "method_not_allowed" => ("Method not allowed", None),
        "no_credentials" => ("Credentials needed", Some("Send a token as Authorization: Bearer.")),
        "invalid_request" => ("Malformed credentials", Some("Send exactly one token, in the Authorization header.")),
        "invalid_token" => ("Token refused", Some("The token is not valid here.")),
        "insufficient_scope" => ("Scope needed", Some("The token lacks a scope; WWW-Authenticate names it.")),
        "access_denied" => ("Access denied", Some("The token is valid but does not allow this.")),
        "too_many_failures" => ("Too many failures", Some("Too many tokens from this address were refused.")),
        "keys_unavailable" => ("Keys unavailable", Some("The token cannot be checked now; it may well be good.")),
        "body_too_large" => ("Body too large", None),
        "head_too_large" => ("Head too large", Some("The request's fields are too many or too large.")),
        "body_timeout" => ("Body too slow", None),
        "head_timeout" => ("Head too slow", None),
        "target_too_long" => ("Target too long", None),
        "no_endpoint" | "upstream_unreachable" | "no_backend" => ("Upstream unavailable", None),
        "upstream_broken" => ("Upstream failed", Some("The upstream ended the exchange before a reply.")),
        "upstream_timeout" => ("Upstream too slow", None),
        "shutting_down" => ("Shutting down", Some("This replica ends; another try reaches the next one.")),
        _ => ("Route not in force", Some("The route's resources have a finding; its status says more.")),
    }
}
