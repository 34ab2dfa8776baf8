//! What a token is worth (RFC 7662).

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::reply::{self, Answer};
use super::{Asked, Authority};
use crate::snapshot::{Authentication, Client};
use crate::telemetry::Denial;

impl Authority {
    /// Says what a token of this issuer is worth, to a client that shows who it is: an access token to all of them, since
    /// resource servers ask, a refresh token to whom it was given. Of whatever else nothing is said but that it is not
    /// active.
    pub(super) async fn introspect(&self, asked: &Asked<'_>, client: &Client) -> Result<Answer, Refusal> {
        // RFC 7662, section 2.1: not everybody may try tokens here.
        if matches!(client.authentication, Authentication::Public) {
            return Err(Denial::ClientMethod.into());
        }
        // The hint is not needed: both kinds can be told apart (section 2.1 lets it be ignored).
        let text = asked.form.require("token")?;
        let found = match self.own(asked.issuer, text, asked.request.time).await? {
            Some(claims) => Some(of_access_token(claims.claims().members())),
            None => self.of_refresh_token(asked, client, text).await?,
        };
        let body = found.unwrap_or_else(|| json!({ "active": false }));
        Ok(reply::json(StatusCode::OK, &body))
    }
}

/// Section 2.2: the claims as they are, and how the token is sent.
fn of_access_token(claims: &Map<String, Value>) -> Value {
    let mut members = claims.clone();
    let token_type = if members.contains_key("cnf") { "DPoP" } else { "Bearer" };
    members.insert("active".to_owned(), true.into());
    members.insert("token_type".to_owned(), token_type.into());
    Value::Object(members)
}
