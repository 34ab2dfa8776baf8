//! Which client sends a request (RFC 6749, section 2.3; RFC 7523, section 2.2).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::keys::Unjudged;
use super::refusal::Refusal;
use super::{Asked, Authority};
use crate::jose::{Assertion, AssertionTerms, ClientSecret, KeySet, Reason, Token, TokenHash};
use crate::snapshot::{Authentication, Client, ClientSecrets, Endpoint, Issued, KeyCell};
use crate::state::{ReplayError, Source};
use crate::telemetry::{Cause, Denial};

/// RFC 7523, section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a client says who it is.
enum Shown<'f> {
    /// By a secret, in the field or in the form.
    Secret(Zeroizing<String>),
    /// By an assertion.
    Assertion(&'f str),
    /// It only says it.
    Nothing,
}

impl Authority {
    /// The client that sends this, which has shown that it is the client; a public one has only said so. What it has shown
    /// that by is good once, and is still to be used up.
    pub(super) async fn authenticate<'a>(&self, asked: &Asked<'a>) -> Result<(&'a Client, Option<Assertion>), Refusal> {
        let (id, shown) = shown(asked)?;
        let now = asked.request.time;
        // Whether there is such a client or not, so that ids cannot be found out by who is told to wait.
        let key = (Source::of(asked.request.client), name_of(&asked.issuer.name, &id));
        let wait = self.failing.wait(&key, asked.request.tick);
        if wait > Duration::ZERO {
            return Err(Refusal::limited(Denial::ClientFailing, wait));
        }
        let Some(client) = asked.issuer.client(&id) else {
            if let Shown::Secret(secret) = &shown {
                // The same hash as for a client that there is, so that ids cannot be found out by the clock.
                let _ = ClientSecret::parse(secret).and_then(|secret| secret.verify(&[], now));
            }
            let _ = self.failing.take(&key, asked.request.tick);
            return Err(Denial::ClientUnknown.into());
        };
        let result = match (&client.authentication, &shown) {
            (Authentication::Secret(secrets), Shown::Secret(secret)) => match secrets.load().as_ref() {
                ClientSecrets::Known(known) => ClientSecret::parse(secret)
                    .and_then(|secret| secret.verify(known, now))
                    .map(|()| None)
                    .map_err(|reason| Failed::Client(Refusal::client(reason))),
                ClientSecrets::Unavailable(code) => {
                    Err(Failed::Other(Refusal::keys(Cause::KeysUnavailable, None, Some(*code))))
                }
            },
            (Authentication::Keys(keys), Shown::Assertion(text)) => {
                self.check_assertion(asked, client, keys, text).await.map(Some)
            }
            (Authentication::Public, Shown::Nothing) => Ok(None),
            (Authentication::Secret(_), Shown::Assertion(_) | Shown::Nothing)
            | (Authentication::Keys(_), Shown::Secret(_) | Shown::Nothing)
            | (Authentication::Public, Shown::Secret(_) | Shown::Assertion(_)) => {
                Err(Failed::Client(Denial::ClientMethod.into()))
            }
        };
        match result {
            Ok(assertion) => Ok((client, assertion)),
            Err(Failed::Client(refusal)) => {
                let _ = self.failing.take(&key, asked.request.tick);
                Err(refusal)
            }
            Err(Failed::Other(refusal)) => Err(refusal),
        }
    }

    /// Uses up the assertion by which a client has shown who it is.
    pub(super) fn use_up_assertion(&self, asked: &Asked<'_>, assertion: &Assertion) -> Result<(), Refusal> {
        let Assertion { key, issued, until } = assertion;
        match self.replays.first(&asked.issuer.name, key, *issued, *until, asked.request.time) {
            Ok(true) => Ok(()),
            Ok(false) | Err(ReplayError::BeforeStart) => Err(Denial::AssertionReplayed.into()),
            Err(ReplayError::Full) => Err(Denial::ReplaysFull.into()),
        }
    }

    async fn check_assertion(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        keys: &Arc<KeyCell>,
        text: &str,
    ) -> Result<Assertion, Failed> {
        let now = asked.request.time;
        let client_fault = |reason| Failed::Client(Refusal::client(reason));
        let token = Token::parse(text).map_err(client_fault)?;
        let (token_endpoint, here) = (asked.issuer.url_of("token"), asked.issuer.url_of(path_of(asked.endpoint)));
        let audiences = [&*asked.issuer.url, &token_endpoint, &here];
        let terms = AssertionTerms { client: &client.id, audiences: &audiences };
        let verify = |set: &KeySet| Assertion::verify(&token, &terms, set, now);
        // Without keys nobody can be told that his assertion is wrong.
        let verified = self.judge(keys, Issued::of(&token, now), || Ok(()), verify).await;
        let assertion = verified.map_err(|unjudged| match unjudged {
            Unjudged::Refused(reason) => client_fault(reason),
            Unjudged::Missing(refusal) => Failed::Other(refusal),
        })?;
        match self.replays.is_new(&assertion.key, assertion.issued, now) {
            Ok(true) => Ok(assertion),
            Ok(false) | Err(_) => Err(Failed::Client(Denial::AssertionReplayed.into())),
        }
    }
}

/// Why a client is not known to be the client.
enum Failed {
    /// By its own fault, which counts.
    Client(Refusal),
    /// By another.
    Other(Refusal),
}

/// What failures of a client are counted by: one size for any id, be it of a client or made up.
fn name_of(policy: &str, id: &str) -> TokenHash {
    TokenHash::of(&format!("client of {}:{policy}{id}", policy.len()))
}

/// The id that the request says, and what it shows for it.
///
/// RFC 6749, section 2.3: in one way only. The id may be in the form besides, if it is the same.
fn shown<'f>(asked: &'f Asked<'_>) -> Result<(String, Shown<'f>), Refusal> {
    let form = &asked.form;
    let mut fields = asked.request.headers.get_all(AUTHORIZATION).iter();
    let (field, id, secret) = (fields.next(), form.get("client_id"), form.get("client_secret"));
    let (assertion, kind) = (form.get("client_assertion"), form.get("client_assertion_type"));
    let has_assertion = assertion.is_some() || kind.is_some();
    let ways = [field.is_some(), secret.is_some(), has_assertion];
    if fields.next().is_some() || ways.into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err(Denial::ClientSeveral.into());
    }
    let is_same = |shown: &str| id.is_none_or(|id| id == shown);
    if let Some(field) = field {
        let (shown, secret) = basic(field).ok_or(Denial::ClientMalformed)?;
        return if is_same(&shown) { Ok((shown, Shown::Secret(secret))) } else { Err(Denial::ClientSeveral.into()) };
    }
    if has_assertion {
        let (Some(text), Some(kind)) = (assertion, kind) else { return Err(Denial::ParameterMissing.into()) };
        if kind != ASSERTION_TYPE {
            return Err(Denial::ParameterInvalid.into());
        }
        // RFC 7521, section 4.2: the assertion says whose it is; by that its keys are found.
        let shown =
            Token::parse(text).map_err(Refusal::client)?.claim("sub").and_then(|sub| sub.as_str().map(str::to_owned));
        let shown = shown.ok_or(Refusal::client(Reason::ClaimMissing))?;
        return if is_same(&shown) { Ok((shown, Shown::Assertion(text))) } else { Err(Denial::ClientSeveral.into()) };
    }
    let id = id.ok_or(Denial::ClientMissing)?.to_owned();
    let secret = secret.map_or(Shown::Nothing, |secret| Shown::Secret(Zeroizing::new(secret.to_owned())));
    Ok((id, secret))
}

/// The id and the secret of a `Basic` field (RFC 7617), each encoded as in a form before (RFC 6749, section 2.3.1).
fn basic(field: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, credentials) = field.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?);
    let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((form_decoded(id)?.to_string(), form_decoded(secret)?))
}

/// One value of a form, decoded.
fn form_decoded(text: &str) -> Option<Zeroizing<String>> {
    // An ampersand that was not encoded would begin another, even where nothing follows it.
    if text.contains('&') {
        return None;
    }
    let form = Zeroizing::new(format!("={text}"));
    let mut pairs = form_urlencoded::parse(form.as_bytes());
    let (_, value) = pairs.next()?;
    let value = Zeroizing::new(value.into_owned());
    (!value.contains(char::REPLACEMENT_CHARACTER)).then_some(value)
}

/// Where an endpoint that takes forms is, below the issuer.
const fn path_of(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Introspection => "introspect",
        Endpoint::Revocation => "revoke",
        Endpoint::Token | Endpoint::Metadata | Endpoint::Jwks => "token",
    }
}
