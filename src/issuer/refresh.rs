//! Refresh tokens: what a family was granted for, and what each of its tokens is good for (RFC 6749, section 6).

use serde_json::{Value, json};

use super::family::{Drawn, Families, Grant, Realm, RefreshFault, Standing, Use};
use super::mint::{Access, sooner};
use super::narrow::{self, Unasked};
use super::refusal::{Presented, Refusal};
use super::reply::Answer;
use super::{Asked, Authority, origin, token};
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
    /// The families of an issuer.
    pub(super) fn families<'a>(&'a self, issuer: &'a Issuer) -> Families<'a> {
        Families { store: &*self.store, realm: Realm::of(issuer), clock: &self.clock, random: &*self.random }
    }

    /// Draws a family for this access: later tokens of it give the same, or less.
    pub(super) fn draw(
        &self,
        asked: &Asked<'_>,
        client: &Client,
        access: &Access,
        holder: Option<Thumbprint>,
    ) -> Result<Drawn, Refusal> {
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
            origins: access.origins.clone(),
            scopes: boxed(&access.scopes),
            audiences: boxed(&access.audiences),
            claims,
            jkt: holder.filter(|_| is_public).map(|holder| holder.to_string().into()),
        };
        let ends = asked.request.time.plus(asked.issuer.refresh.lifetime);
        let ends = access.family_ends.map_or(ends, |other| ends.min(other));
        Ok(self.families(asked.issuer).draw(grant, ends)?)
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
        let approve = |standing: &Standing| {
            let access = approve(asked, client, standing)?;
            // Before the token is replaced: one for which nothing can be made is not used up.
            let minted = self.mint(asked, client, signer, &access, holder, Some(standing.family))?;
            Ok((access, minted))
        };
        let refreshed = self.families(asked.issuer).refresh(by, approve).await.inspect_err(|refusal: &Refusal| {
            if refusal.is_for(Denial::RefreshReused) {
                tracing::warn!(policy = %asked.issuer.name, client_id = %client.id, "replaced refresh token used, family revoked");
            }
        })?;
        let (access, minted) = refreshed.approved;
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
        let found = self.families(asked.issuer).look_up(text).await?;
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
        match self.families(asked.issuer).revoke(text, &client.id).await {
            Err(RefreshFault::WrongClient) => Err(Denial::TokenOfOther.into()),
            Err(fault) if fault.is_ours() => Err(fault.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// What a use of a family gives: no more than was granted, than what it came from is worth now, than the client and the issuer
/// may give now, and than is asked for.
fn approve(asked: &Asked<'_>, client: &Client, standing: &Standing) -> Result<Access, Refusal> {
    let grant = &standing.grant;
    let may = |one: &str, of: &[Box<str>]| of.iter().any(|other| **other == *one);
    let mut scopes: Vec<String> =
        grant.scopes.iter().filter(|scope| may(scope, &client.scopes)).map(ToString::to_string).collect();
    let mut ends = Some(standing.ends);
    for (place, origin) in grant.origins.iter().enumerate() {
        let worth = origin::worth(asked, origin)?;
        ends = sooner(ends, worth.ends);
        // The first is the subject's; an actor adds no scopes and takes none.
        if let (0, Some(worth)) = (place, &worth.scopes) {
            scopes.retain(|scope| worth.contains(scope));
        }
    }
    let audiences =
        grant.audiences.iter().filter(|one| may(one, &client.audiences) && may(one, &asked.issuer.audiences));
    let audiences: Vec<String> = audiences.map(ToString::to_string).collect();
    let mut claims = grant.claims.clone();
    let act = claims.remove(ACT);
    Ok(Access {
        subject: grant.subject.to_string(),
        presented: Presented::Assertion,
        origins: Vec::new(),
        audiences: narrow::audiences(&asked.form, &borrowed(&audiences), Unasked::All)?,
        scopes: narrow::scopes(&asked.form, &borrowed(&scopes))?,
        act,
        claims,
        ends,
        family: None,
        family_ends: None,
    })
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
