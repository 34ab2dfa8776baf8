//! Takes tokens back (RFC 7009).

use super::refusal::Refusal;
use super::reply::{self, Answer};
use super::{Asked, Authority};
use crate::snapshot::Client;
use crate::telemetry::Denial;

impl Authority {
    /// Revokes a token that was given to this client: a refresh token with all of its family, an access token by itself. What
    /// is no token of ours is none afterwards either, and so is answered the same (RFC 7009, section 2.2).
    pub(super) async fn revoke(&self, asked: &Asked<'_>, client: &Client) -> Result<Answer, Refusal> {
        let text = asked.form.require("token")?;
        if let Some(token) = self.own(asked.issuer, text, asked.request.time).await? {
            let claims = token.claims();
            // Section 2.1: it must have been given to who takes it back.
            if claims.client_id() != Some(&*client.id) {
                return Err(Denial::TokenOfOther.into());
            }
            self.forbid(asked.issuer, claims).await?;
        } else {
            self.revoke_family(asked, client, text).await?;
        }
        Ok(reply::done())
    }
}
