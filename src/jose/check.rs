//! The checks of a token's header and claims: all that costs less than its signature, and so comes before it.

use serde_json::Value;

use super::claims::Claims;
use super::times::Times;
use super::{Expectation, Introspected, KeySet, Profile, Reason, Scopes, Token, Verified};
use crate::clock::UnixTime;

/// The longest subject, token id or client id, in bytes: they become keys of limits, logs and headers.
const MAX_NAME_BYTES: usize = 1024;

/// Claims that only other kinds of token have: ID tokens (OpenID Connect Core, sections 2 and 3.3.2.11; FAPI), security
/// events and logout tokens (RFC 8417, section 2.2), DPoP proofs (RFC 9449, section 4.2), status lists, and signed
/// introspection answers (RFC 9701, section 5). Any of them makes an untyped token something else than an access token.
const OF_OTHER_TOKENS: [&str; 9] =
    ["nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu", "status_list", "token_introspection"];

impl Expectation {
    /// Every check but the choice of the key and the signature.
    pub fn check(&self, token: &Token<'_>, now: UnixTime) -> Result<(), Reason> {
        self.examine(token, now)?;
        refuse_bound(token)
    }

    /// The one way from a token to its claims: cheap checks, key, signature, in this order.
    pub fn verify(&self, token: Token<'_>, keys: &KeySet, now: UnixTime) -> Result<Verified<Claims>, Reason> {
        let read = self.examine(&token, now)?;
        refuse_bound(&token)?;
        self.finish(token, read, keys).map(Verified::new)
    }

    /// What a genuine token says, for whoever asks about a token that somebody else holds (RFC 7662; RFC 9449, section 6.2):
    /// the same checks, but that it may be bound to a key or certificate of its holder, which `cnf` then names. That it was
    /// shown to us lets nobody in.
    pub fn introspect(&self, token: Token<'_>, keys: &KeySet, now: UnixTime) -> Result<Introspected, Reason> {
        let read = self.examine(&token, now)?;
        self.finish(token, read, keys).map(Introspected)
    }

    /// Key and signature.
    fn finish(&self, token: Token<'_>, (times, scopes): (Times, Scopes), keys: &KeySet) -> Result<Claims, Reason> {
        let key = keys.select(&token, self)?;
        key.verify(token.algorithm(), token.signed().as_bytes(), token.signature())?;
        // RFC 9068 knows no use for such headers, and other verifiers have fetched what they name. Asked last, so that
        // a stranger's token with its own key is logged for what it is, a bad signature.
        if token.header.bears_key && self.profile() == Profile::Rfc9068 {
            return Err(Reason::UnexpectedHeader);
        }
        Ok(Claims::of_token(token, times, scopes, key.identity()))
    }

    /// Makes every cheap check, and keeps what it read.
    fn examine(&self, token: &Token<'_>, now: UnixTime) -> Result<(Times, Scopes), Reason> {
        if !self.algorithms().contains(&token.algorithm()) {
            return Err(Reason::AlgNotAllowed);
        }
        self.check_type(token)?;
        self.check_issuer(token)?;
        self.check_audience(token)?;
        let times = Times::read(&token.claims)?;
        times.check(self, now)?;
        self.check_names(token)?;
        Ok((times, Scopes::read(token.claims.get(self.scope_claim()))?))
    }

    fn check_type(&self, token: &Token<'_>) -> Result<(), Reason> {
        let typed = token.typ().map(media_type);
        let is = |name: &str| typed.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        let fits = match self.profile() {
            Profile::Rfc9068 => is("at+jwt"),
            // Bearing no type or that of any JWT, it must bear no mark of another kind of token either.
            Profile::Generic => is("at+jwt") || ((typed.is_none() || is("jwt")) && !is_other_token(token)),
        };
        if fits { Ok(()) } else { Err(Reason::WrongTyp) }
    }

    /// A single string, compared byte by byte (RFC 7519, section 4.1.1). An array that contains the right issuer is not
    /// the right issuer (CVE-2025-30144).
    fn check_issuer(&self, token: &Token<'_>) -> Result<(), Reason> {
        match token.claims.get("iss") {
            Some(Value::String(issuer)) if issuer == self.issuer() => Ok(()),
            Some(Value::String(issuer)) if !issuer.is_empty() => Err(Reason::IssUnknown),
            _ => Err(Reason::IssInvalid),
        }
    }

    /// Stricter than RFC 7519, section 4.1.3: a token without an audience is not for everybody but for nobody.
    fn check_audience(&self, token: &Token<'_>) -> Result<(), Reason> {
        match token.claims.get("aud") {
            Some(audience @ (Value::String(_) | Value::Array(_))) => {
                if audience_matches(audience, self) {
                    Ok(())
                } else {
                    Err(Reason::AudMismatch)
                }
            }
            None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(Reason::AudInvalid),
        }
    }

    /// `sub`, `client_id` and `jti`; that of `iat` is asked with the times (RFC 9068, section 2.2).
    fn check_names(&self, token: &Token<'_>) -> Result<(), Reason> {
        let required = self.profile() == Profile::Rfc9068;
        for (name, otherwise) in
            [("sub", Reason::SubInvalid), ("client_id", Reason::ClaimInvalid), ("jti", Reason::ClaimInvalid)]
        {
            match token.claims.get(name) {
                None if required => return Err(Reason::ClaimMissing),
                Some(value) if !is_name(value) => return Err(otherwise),
                None | Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether one of the audiences is ours, byte by byte. An array with anything but strings matches nobody.
pub(super) fn audience_matches(audience: &Value, expectation: &Expectation) -> bool {
    let ours = |audience: &str| expectation.audiences().iter().any(|expected| expected == audience);
    match audience {
        Value::String(audience) => ours(audience),
        Value::Array(audiences) => {
            audiences.iter().all(Value::is_string) && audiences.iter().filter_map(Value::as_str).any(ours)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// A media type with `application/` left out, as RFC 7515, section 4.1.9, has it.
pub(super) fn media_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}

/// Whether an untyped token's claims say that it is no access token.
fn is_other_token(token: &Token<'_>) -> bool {
    let claim = |name: &str| token.claims.get(name);
    OF_OTHER_TOKENS.iter().any(|name| claim(name).is_some())
        || claim("token_use").is_some_and(|kind| kind.as_str() != Some("access"))
        || matches!(claim("typ").and_then(Value::as_str), Some("ID" | "Refresh" | "Offline" | "Logout"))
}

/// Whether a value can name somebody: a string, not empty, of bounded length, without control characters.
pub(super) fn is_name(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(char::is_control))
}

/// A token bound to a key or certificate (RFC 7800, section 3.1) is worth nothing without the proof of holding it, so
/// no such token is ever taken as a bearer token, whatever the method.
fn refuse_bound(token: &Token<'_>) -> Result<(), Reason> {
    match token.claims.get("cnf") {
        None => Ok(()),
        Some(Value::Object(methods)) if methods.contains_key("jkt") || methods.contains_key("x5t#S256") => {
            Err(Reason::BoundAsBearer)
        }
        Some(_) => Err(Reason::CnfUnsupported),
    }
}
