//! The token endpoint (RFC 6749, section 3.2).

use http::StatusCode;
use serde::Serialize;

use super::family::{Drawn, RefreshToken};
use super::grants;
use super::mint::{Access, Minted, sooner};
use super::refusal::Refusal;
use super::reply::{self, Answer};
use super::{Asked, Authority};
use crate::jose::Thumbprint;
use crate::snapshot::Client;
use crate::telemetry::Grant;

/// What a client is given (RFC 6749, section 5.1; RFC 8693, section 2.2.1).
#[derive(Serialize)]
struct Given<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'a str>,
    token_type: &'a str,
    expires_in: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl Authority {
    /// Gives the client a token by the grant that it names.
    pub(super) async fn token(&self, asked: &Asked<'_>, client: &Client) -> Result<Answer, Refusal> {
        let grant = grants::named(asked, client)?;
        // First of all that follows: nothing is used up by a request that can have nothing.
        let signer = asked.issuer.keys.load().signer.clone().map_err(Refusal::unresolved)?;
        let holder = self.holder(asked)?;
        let mut issued_type = None;
        let mut access = match grant {
            Grant::ClientCredentials => grants::client_credentials(asked, client)?,
            Grant::JwtBearer => self.jwt_bearer(asked, client, holder).await?,
            Grant::TokenExchange => {
                let (access, named) = self.exchange(asked, client, holder).await?;
                issued_type = Some(named);
                access
            }
            Grant::RefreshToken => return self.refresh(asked, client, &signer, holder).await,
        };
        // RFC 8693, section 2.2.1: none for what was exchanged for a token of ours. It would outlive that, and whoever had a
        // token once could go on for ever.
        let origin = access.origins.first().map(|origin| &*origin.entry);
        let is_ours = asked.issuer.subjects.iter().any(|by| by.is_ours && Some(&*by.entry.label) == origin);
        let starts_family = client.grants.refresh_token && grant != Grant::ClientCredentials && !is_ours;
        let drawn = starts_family.then(|| self.draw(asked, client, &access, holder)).transpose()?;
        access.ends = sooner(access.ends, drawn.as_ref().map(Drawn::ends));
        let family = drawn.as_ref().map(Drawn::id).or(access.family);
        let minted = self.mint(asked, client, &signer, &access, holder, family)?;
        // Last, so that no family is kept of which nobody has a token.
        let begun = match drawn {
            Some(drawn) => Some(self.families(asked.issuer).begin(drawn).await?),
            None => None,
        };
        let refresh_token = begun.as_ref().map(RefreshToken::expose);
        Ok(give(&minted, &access, holder, issued_type, refresh_token).by(grant))
    }
}

/// The answer that has these tokens.
pub(super) fn give(
    minted: &Minted,
    access: &Access,
    holder: Option<Thumbprint>,
    issued_token_type: Option<&str>,
    refresh_token: Option<&str>,
) -> Answer {
    reply::json(
        StatusCode::OK,
        &Given {
            access_token: &minted.text,
            issued_token_type,
            // RFC 9449, section 5: how it is sent to who takes it.
            token_type: if holder.is_some() { "DPoP" } else { "Bearer" },
            expires_in: minted.expires_in.as_secs(),
            scope: &access.scopes.join(" "),
            refresh_token,
        },
    )
}
