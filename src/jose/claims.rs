//! What a verified credential says.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::check::audience_matches;
use super::fingerprint::FirstFingerprint;
use super::key::KeyIdentity;
use super::times::Times;
use super::{Expectation, Fingerprint, FingerprintKey, Reason, Scopes, Token};
use crate::clock::UnixTime;

/// Claims that only who issues a token says: none is taken over from another token. Those of other kinds of token are among
/// them, since an access token that had one would be taken for one of those; and the members by which introspection speaks
/// of a token.
pub const ISSUER_CLAIMS: [&str; 26] = [
    "iss",
    "exp",
    "nbf",
    "iat",
    "aud",
    "sub",
    "client_id",
    "jti",
    "scope",
    "act",
    "may_act",
    "cnf",
    "active",
    "token_type",
    "username",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "events",
    "htm",
    "htu",
    "status_list",
    "token_introspection",
    "token_use",
    "typ",
];

/// The claims of a token, or what the record of an API key says of it, owned and independent of the credential's text.
///
/// Times and scopes are read once; other claims are looked up by name, so that there is one copy of each. It prints the
/// names of its members only: subjects are personal data.
pub struct Claims {
    members: Map<String, Value>,
    times: Times,
    scopes: Scopes,
    verified_by: VerifiedBy,
    fingerprint: FirstFingerprint,
}

/// What vouches for the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifiedBy {
    /// The signature of this key.
    Key(Arc<KeyIdentity>),
    /// The API key of this id.
    ApiKey(Arc<str>),
}

impl Claims {
    /// The claims of a token that passed every check and whose signature `key` verified.
    pub(super) fn of_token(token: Token<'_>, times: Times, scopes: Scopes, key: &Arc<KeyIdentity>) -> Self {
        let verified_by = VerifiedBy::Key(Arc::clone(key));
        Self { members: token.claims, times, scopes, verified_by, fingerprint: FirstFingerprint::new() }
    }

    /// The claims of an API key.
    pub(super) const fn of_api_key(members: Map<String, Value>, times: Times, scopes: Scopes, id: Arc<str>) -> Self {
        let verified_by = VerifiedBy::ApiKey(id);
        Self { members, times, scopes, verified_by, fingerprint: FirstFingerprint::new() }
    }

    /// `iss`; an API key has none.
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `sub`; of an API key its owner.
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// `client_id`.
    pub fn client_id(&self) -> Option<&str> {
        self.text("client_id")
    }

    /// `jti`: the token's own name, unique at its issuer.
    pub fn jwt_id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// `aud`, one or several; an API key has none.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let one = self.get("aud").filter(|audience| audience.is_string());
        let several = self.get("aud").and_then(Value::as_array);
        one.into_iter().chain(several.into_iter().flatten()).filter_map(Value::as_str)
    }

    /// `exp`: the credential is not taken at or after this.
    pub const fn expires(&self) -> UnixTime {
        self.times.expires
    }

    /// `nbf`.
    pub const fn not_before(&self) -> Option<UnixTime> {
        self.times.not_before
    }

    /// `iat`.
    pub const fn issued_at(&self) -> Option<UnixTime> {
        self.times.issued_at
    }

    /// What the credential grants.
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// What vouches for all this.
    pub const fn verified_by(&self) -> &VerifiedBy {
        &self.verified_by
    }

    /// Any claim by name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A claim that is text, and not the empty one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// What a log may show of a claim that says who somebody is, if it is text: equal where issuer and text are. Made
    /// once for the claim and key that are asked for first, and each time for others.
    pub fn fingerprint(&self, claim: &str, key: &FingerprintKey) -> Option<Fingerprint> {
        self.fingerprint.of(claim, key, self.issuer().unwrap_or_default(), || self.text(claim))
    }

    /// All claims.
    pub const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// What may have changed since a token was verified: its times against the clock, and issuer and audience against
    /// the policy. For each use of a cached verdict.
    pub fn recheck(&self, expectation: &Expectation, now: UnixTime) -> Result<(), Reason> {
        if self.issuer() != Some(expectation.issuer()) {
            return Err(Reason::IssUnknown);
        }
        if !self.get("aud").is_some_and(|audience| audience_matches(audience, expectation)) {
            return Err(Reason::AudMismatch);
        }
        self.times.check(expectation, now)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.members.keys().collect();
        formatter.debug_struct("Claims").field("members", &names).finish_non_exhaustive()
    }
}
