//! The grants that need no more than a page: a client's own, and a signed assertion.

use serde_json::Map;

use super::mint::Access;
use super::narrow::{self, Unasked};
use super::refusal::{Presented, Refusal};
use super::vouch::{Kind, Vouched};
use super::{Asked, Authority, exchange};
use crate::jose::{Thumbprint, TokenHash};
use crate::snapshot::{Authentication, Client};
use crate::state::ReplayError;
use crate::telemetry::{Denial, Grant};

/// RFC 6749, section 4.4.2.
pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";

/// RFC 6749, section 6.
pub(super) const REFRESH_TOKEN: &str = "refresh_token";

/// RFC 7523, section 2.1.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The grant that a request names, if the client may use it.
pub(super) fn named(asked: &Asked<'_>, client: &Client) -> Result<Grant, Refusal> {
    let grants = &client.grants;
    let (grant, may) = match asked.form.require("grant_type")? {
        // RFC 6749, section 4.4: of a client that shows who it is.
        CLIENT_CREDENTIALS => {
            let is_public = matches!(client.authentication, Authentication::Public);
            (Grant::ClientCredentials, grants.client_credentials && !is_public)
        }
        REFRESH_TOKEN => (Grant::RefreshToken, grants.refresh_token),
        exchange::GRANT_TYPE => (Grant::TokenExchange, grants.token_exchange),
        JWT_BEARER => (Grant::JwtBearer, grants.jwt_bearer),
        _ => return Err(Denial::GrantUnsupported.into()),
    };
    if may { Ok(grant) } else { Err(Denial::GrantNotAllowed.into()) }
}

/// What a client has for itself (RFC 6749, section 4.4).
pub(super) fn client_credentials(asked: &Asked<'_>, client: &Client) -> Result<Access, Refusal> {
    let scopes: Vec<&str> = client.scopes.iter().map(AsRef::as_ref).collect();
    let audiences: Vec<&str> = client.audiences.iter().map(AsRef::as_ref).collect();
    Ok(Access {
        subject: client.id.to_string(),
        presented: Presented::Assertion,
        origins: Vec::new(),
        audiences: narrow::audiences(&asked.form, &audiences, Unasked::First)?,
        scopes: narrow::scopes(&asked.form, &scopes)?,
        act: None,
        claims: Map::new(),
        ends: None,
        family: None,
        family_ends: None,
    })
}

impl Authority {
    /// What a signed assertion is worth (RFC 7523, section 2.1).
    pub(super) async fn jwt_bearer(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        holder: Option<Thumbprint>,
    ) -> Result<Access, Refusal> {
        const ASSERTION: Presented = Presented::Assertion;
        let presented = (asked.form.require("assertion")?, Kind::Jwt, ASSERTION);
        let assertion = self.vouch(asked, client, presented, holder).await?;
        // RFC 7523, section 3, item 3: besides what the entry asks of the audience.
        let token_endpoint = asked.issuer.url_of("token");
        let is_ours = |audience: &str| audience == &*asked.issuer.url || audience == token_endpoint;
        if !assertion.claims().audiences().any(is_ours) {
            return Err(Denial::GrantAudience.into());
        }
        let access = assertion.access(asked, client, ASSERTION)?;
        self.use_up(asked, &assertion)?;
        Ok(access)
    }

    /// An assertion that has a name is good once (RFC 7523, section 3, item 7).
    fn use_up(&self, asked: &Asked<'_>, assertion: &Vouched<'_>) -> Result<(), Refusal> {
        let claims = assertion.claims();
        let Some(id) = claims.get("jti") else { return Ok(()) };
        let from = claims.issuer().unwrap_or_default();
        let name = format!("assertion of {}:{from}{id}", from.len());
        let now = asked.request.time;
        // One that does not say when it was made may have been made now.
        let made = claims.issued_at().or(claims.not_before()).unwrap_or(now);
        let until = claims.expires().plus(assertion.leeway());
        match self.replays.first(&asked.issuer.name, TokenHash::of(&name).as_bytes(), made, until, now) {
            Ok(true) => Ok(()),
            Ok(false) | Err(ReplayError::BeforeStart) => Err(Denial::GrantReplayed.into()),
            Err(ReplayError::Full) => Err(Denial::ReplaysFull.into()),
        }
    }
}
