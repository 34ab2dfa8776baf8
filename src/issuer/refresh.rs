//! Refresh tokens: what a family was granted for, and what each of its tokens is good for (RFC 6749, section 6).

use serde_json::{Value, json};

use super::family::{Families, FamilyId, Grant, RefreshFault, RefreshToken, Use};
use super::mint::Access;
use super::narrow::{self, Unasked};
use super::refusal::Refusal;
use super::reply::Answer;
use super::{Asked, Authority, token};
use crate::clock::UnixTime;
use crate::jose::Thumbprint;
use crate::snapshot::{Authentication, Client, Issuer, Signer};
use crate::store::StoreError;
use crate::telemetry::{self, Denial};

/// Where a grant keeps who acts for the subject. No claim that is taken over has this name.
const ACT: &str = "act";

impl From<RefreshFault> for Refusal {
    fn from(fault: RefreshFault) -> Self {
        match fault {
            RefreshFault::Malformed | RefreshFault::Unknown | RefreshFault::WrongClient | RefreshFault::Ended => {
                Denial::RefreshUnknown
            }
            RefreshFault::WrongKey => Denial::RefreshHolder,
            RefreshFault::Revoked(_) => Denial::RefreshRevoked,
            RefreshFault::Reuse { .. } => Denial::RefreshReused,
            RefreshFault::NoRandomness(_) => Denial::SigningFailed,
            RefreshFault::Store(StoreError::TooLarge) => Denial::TokenOversized,
            RefreshFault::Unreadable
            | RefreshFault::Store(StoreError::Conflict | StoreError::Full | StoreError::Unavailable(_)) => {
                Denial::StoreUnavailable
            }
        }
        .into()
    }
}

impl Authority {
    /// The families of an issuer now.
    pub(super) fn families<'a>(&'a self, issuer: &'a Issuer, now: UnixTime) -> Families<'a> {
        Families { store: &*self.store, issuer: &issuer.url, now, random: &*self.random }
    }

    /// Begins a family for this access: later tokens of it give the same, or less.
    pub(super) async fn begin(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        access: &Access,
        holder: Option<Thumbprint>,
    ) -> Result<(FamilyId, RefreshToken), Refusal> {
        let boxed = |list: &[String]| list.iter().map(|one| one.as_str().into()).collect();
        let mut claims = access.claims.clone();
        if let Some(act) = &access.act {
            claims.insert(ACT.to_owned(), act.clone());
        }
        // RFC 9449, section 5: one who shows who he is is bound by that already.
        let is_public = matches!(client.authentication, Authentication::Public);
        let grant = Grant {
            client: (*client.id).into(),
            subject: access.subject.as_str().into(),
            entry: access.entry.as_str().into(),
            scopes: boxed(&access.scopes),
            audiences: boxed(&access.audiences),
            claims,
            jkt: holder.filter(|_| is_public).map(|holder| holder.to_string().into()),
        };
        let now = asked.request.time;
        let ends = now.plus(asked.issuer.refresh.lifetime);
        Ok(self.families(asked.issuer, now).begin(grant, ends).await?)
    }

    /// Gives a token for a refresh token, which another one replaces.
    pub(super) async fn refresh(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        signer: &Signer,
        holder: Option<Thumbprint>,
    ) -> Result<Answer, Refusal> {
        let jkt = holder.map(|holder| holder.to_string());
        let by = Use {
            text: asked.form.require("refresh_token")?,
            client: &client.id,
            jkt: jkt.as_deref(),
            grace: asked.issuer.refresh.grace,
        };
        let families = self.families(asked.issuer, asked.request.time);
        let refreshed = families.refresh(by, |grant| approve(asked, client, grant)).await.inspect_err(|refusal| {
            if refusal.is_for(Denial::RefreshReused) {
                tracing::warn!(policy = %asked.issuer.name, client_id = %client.id, "replaced refresh token used, family revoked");
            }
        })?;
        let access = Access { ends: Some(refreshed.ends), ..refreshed.approved };
        let minted = self.mint(asked, client, signer, &access, holder, Some(refreshed.family))?;
        let answer = token::give(&minted, &access, holder, None, Some(refreshed.token.expose()));
        Ok(answer.by(telemetry::Grant::RefreshToken))
    }

    /// What introspection says of a refresh token of this client; `None` where it is none, or not good any more.
    pub(super) async fn of_refresh_token(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        text: &str,
    ) -> Result<Option<Value>, Refusal> {
        let found = self.families(asked.issuer, asked.request.time).look_up(text).await?;
        Ok(found.filter(|standing| *standing.grant.client == *client.id).map(|standing| {
            let grant = standing.grant;
            json!({
                "active": true,
                "iss": asked.issuer.url,
                "sub": grant.subject,
                "client_id": grant.client,
                "scope": grant.scopes.join(" "),
                "aud": grant.audiences,
                "iat": standing.created.secs(),
                "exp": standing.ends.secs(),
            })
        }))
    }

    /// Revokes the family of a refresh token of this client.
    pub(super) async fn revoke_family(&self, asked: &Asked<'_>, client: &Client, text: &str) -> Result<(), Refusal> {
        match self.families(asked.issuer, asked.request.time).revoke(text, &client.id).await {
            Err(RefreshFault::WrongClient) => Err(Denial::TokenOfOther.into()),
            Err(fault) if fault.is_ours() => Err(fault.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// What a use of a family gives: no more than was granted, than the client may have now, and than is asked for.
fn approve(asked: &Asked<'_>, client: &Client, grant: &Grant) -> Result<Access, Refusal> {
    let still = |granted: &[Box<str>], may: &[Box<str>]| -> Vec<String> {
        granted.iter().filter(|one| may.contains(one)).map(ToString::to_string).collect()
    };
    let (mut scopes, audiences) = (still(&grant.scopes, &client.scopes), still(&grant.audiences, &client.audiences));
    // What is not taken any more for a subject, nobody goes on having because it once was.
    let by = asked.issuer.subjects.iter().find(|subject| subject.entry.label == grant.entry);
    let by = by.ok_or(Denial::RefreshEntry)?;
    if let Some(worth) = &by.scopes {
        scopes.retain(|scope| worth.iter().any(|worth| **worth == **scope));
    }
    let mut claims = grant.claims.clone();
    let act = claims.remove(ACT);
    Ok(Access {
        subject: grant.subject.to_string(),
        entry: grant.entry.to_string(),
        audiences: narrow::audiences(&asked.form, &borrowed(&audiences), Unasked::All)?,
        scopes: narrow::scopes(&asked.form, &borrowed(&scopes))?,
        act,
        claims,
        ends: None,
        family: None,
    })
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
