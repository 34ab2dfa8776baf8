//! What was granted before, by the policy of now: whether it would still take what the grant came from.

use super::Asked;
use super::family::{Credential, Origin};
use super::refusal::Refusal;
use crate::clock::UnixTime;
use crate::snapshot::{AcceptedApiKeys, Takes};
use crate::telemetry::{Cause, Denial};

/// What an origin is worth now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Worth {
    /// The scopes, if that can be said: of a token for which the entry names none, they are those that it had.
    pub(super) scopes: Option<Vec<String>>,
    /// When it ends, if it can be asked.
    pub(super) ends: Option<UnixTime>,
}

/// What an origin is worth now, if the issuer still takes it: the entry must be there and be for the same issuer, and an API
/// key must be there with the same secret, and within its time.
pub(super) fn worth(asked: &Asked<'_>, origin: &Origin) -> Result<Worth, Refusal> {
    let gone = || Refusal::from(Denial::RefreshOrigin);
    let subject = asked.issuer.subjects.iter().find(|subject| *subject.entry.label == *origin.entry);
    let subject = subject.ok_or_else(gone)?;
    let said = || Some(subject.scopes.as_deref()?.iter().map(ToString::to_string).collect());
    match (&subject.entry.takes, &origin.credential) {
        (Takes::Jwt(jwt), Credential::Token(_)) => {
            let is_same = Credential::of_issuer(jwt.expectation.issuer()) == origin.credential;
            if is_same { Ok(Worth { scopes: said(), ends: None }) } else { Err(gone()) }
        }
        (Takes::ApiKeys(entry), Credential::Key { id, hash }) => match entry.keys.load().as_ref() {
            AcceptedApiKeys::Unavailable(code) => Err(Refusal::keys(Cause::KeysUnavailable, None, Some(*code))),
            AcceptedApiKeys::Known(keys) => {
                let claims = keys.still(id, hash, asked.request.time).ok_or_else(gone)?;
                let own = || Some(claims.scopes().iter().map(str::to_owned).collect());
                Ok(Worth { scopes: said().or_else(own), ends: Some(claims.expires()) })
            }
        },
        (Takes::Jwt(_), Credential::Key { .. }) | (Takes::ApiKeys(_), Credential::Token(_)) => Err(gone()),
    }
}
