//! Our own access tokens, as who issued them sees them.

use std::sync::Arc;
use std::time::Duration;

use super::family::Realm;
use super::refusal::Refusal;
use super::{Authority, mint, revoked};
use crate::clock::UnixTime;
use crate::jose::{
    Algorithm, Claims, Expectation, Introspected, MAX_SEALED_BYTES, Profile, SealKey, Sealed, Terms, Token,
};
use crate::snapshot::{Issuer, IssuerKeys};
use crate::telemetry::Denial;

impl Authority {
    /// What an access token of this issuer says, whoever holds it; `None` where it is none, or not in force any more.
    pub(super) async fn own(
        &self,
        issuer: &Issuer,
        text: &str,
        now: UnixTime,
    ) -> Result<Option<Introspected>, Refusal> {
        let keys = Arc::clone(&issuer.keys.load());
        if let (Err(code), true) = (&keys.signer, keys.set.is_empty()) {
            // Without keys nobody can be told that a token is not ours.
            return Err(Refusal::unresolved(*code));
        }
        let Some(claims) = verify(issuer, &keys, text, now) else { return Ok(None) };
        let is_revoked = self.is_revoked(issuer, claims.claims()).await?;
        Ok((!is_revoked).then_some(claims))
    }

    /// Whether a token of ours was revoked, by itself or with all of its family.
    pub(super) async fn is_revoked(&self, issuer: &Issuer, claims: &Claims) -> Result<bool, Refusal> {
        let Some(id) = claims.jwt_id() else { return Ok(true) };
        let is_revoked = revoked::is_revoked(&*self.store, Realm::of(issuer), id).await;
        if is_revoked.map_err(|_| Denial::StoreUnavailable)? {
            return Ok(true);
        }
        let Some(family) = mint::family_of(id) else { return Ok(false) };
        Ok(!self.families(issuer).stands(family).await?)
    }

    /// Remembers until its end that a token of ours was revoked.
    pub(super) async fn forbid(&self, issuer: &Issuer, claims: &Claims) -> Result<(), Refusal> {
        let Some(id) = claims.jwt_id() else { return Ok(()) };
        let revoked = revoked::revoke_token(&*self.store, Realm::of(issuer), id, claims.expires()).await;
        revoked.map_err(|_| Denial::StoreUnavailable.into())
    }
}

fn verify(issuer: &Issuer, keys: &IssuerKeys, text: &str, now: UnixTime) -> Option<Introspected> {
    let expectation = expectation(issuer, keys)?;
    if text.len() > MAX_SEALED_BYTES {
        return None;
    }
    let opened;
    let signed = if SealKey::claims_to_be_one(text) {
        opened = keys.open(&Sealed::decode(text)?)?;
        opened.as_str()
    } else {
        text
    };
    let token = Token::parse(signed).ok()?;
    expectation.introspect(token, &keys.set, now).ok()
}

/// What our own tokens are. No leeway: their times are those of our own clocks.
fn expectation(issuer: &Issuer, keys: &IssuerKeys) -> Option<Expectation> {
    let algorithms = keys.set.iter().flat_map(|key| key.algorithms().map(Algorithm::as_str).collect::<Vec<_>>());
    let clients = issuer.clients.iter().flat_map(|client| client.audiences.iter());
    Expectation::new(Terms {
        issuer: issuer.url.to_string(),
        audiences: issuer.audiences.iter().chain(clients).map(ToString::to_string).collect(),
        algorithms: algorithms.map(str::to_owned).collect(),
        profile: Profile::Rfc9068,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::ZERO,
        scope_claim: None,
    })
    .ok()
}
