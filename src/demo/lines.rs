//! The commands that the demo prints, to be pasted into a shell as they are.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use super::LIFETIME;
use super::issuer::{Claims, Issuer};
use crate::clock::UnixTime;
use crate::jose::{NewApiKey, SigningKeyError};

/// One command: what it shows, and its arguments.
struct Line {
    shows: &'static str,
    path: &'static str,
    credential: Credential,
    more: &'static str,
}

enum Credential {
    None,
    Token(String),
    ApiKey,
}

const CHAT: &str = r#" -H 'content-type: application/json' -d '{"model":"demo-1","messages":[{"role":"user","content":"Write a haiku"}]}'"#;

const CHAT_STREAM: &str = r#" -N -H 'content-type: application/json' -d '{"model":"demo-1","stream":true,"messages":[{"role":"user","content":"Write a haiku"}]}'"#;

/// All commands, against the gateway at this address. Nothing in them needs more quoting than single quotes: tokens and
/// keys are of letters, digits and `-._`.
pub(super) fn write(
    gateway: SocketAddr,
    issuer: &Issuer,
    key: &NewApiKey,
    now: UnixTime,
) -> Result<String, SigningKeyError> {
    let key = std::str::from_utf8(key.text().expose()).unwrap_or_default();
    let mut text = String::new();
    for line in all(issuer, now)? {
        let credential = match &line.credential {
            Credential::None => String::new(),
            Credential::Token(token) => format!(" -H 'Authorization: Bearer {token}'"),
            Credential::ApiKey => format!(" -H 'x-api-key: {key}'"),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "# {}\ncurl -i http://{gateway}{}{credential}{}", line.shows, line.path, line.more);
    }
    Ok(text)
}

fn all(issuer: &Issuer, now: UnixTime) -> Result<Vec<Line>, SigningKeyError> {
    let good = Claims { id: "good", audience: "orders", scope: "orders:read chat", issued: now, lifetime: LIFETIME };
    let hour = Duration::from_hours(1);
    let token = |claims: Claims<'_>| issuer.token(&claims).map(Credential::Token);
    let line = |shows, path, credential, more| Line { shows, path, credential, more };
    let chat = "/v1/chat/completions";
    Ok(vec![
        line(
            "200: a good token; the upstream sees who asks, not the token",
            "/orders/7",
            token(Claims { ..good })?,
            "",
        ),
        line("401: no token", "/orders/7", Credential::None, ""),
        line(
            "401: a token that expired an hour ago",
            "/orders/7",
            token(Claims { id: "expired", issued: now.minus(2 * hour), lifetime: hour, ..good })?,
            "",
        ),
        line(
            "401: a token for another audience",
            "/orders/7",
            token(Claims { id: "elsewhere", audience: "invoices", ..good })?,
            "",
        ),
        line(
            "403: a good token without the scope orders:read",
            "/orders/7",
            token(Claims { id: "no-scope", scope: "profile", ..good })?,
            "",
        ),
        line("200: an API key", "/orders/7", Credential::ApiKey, ""),
        line(
            "503: the rule names a policy that does not exist, as the error above says, so nobody gets through",
            "/invoices",
            token(Claims { ..good })?,
            "",
        ),
        line("200: the rule says anonymous: true", "/health", Credential::None, ""),
        line("200: a call of a model", chat, token(Claims { ..good })?, CHAT),
        line("200: the same, streamed word by word", chat, Credential::ApiKey, CHAT_STREAM),
    ])
}
