//! The tokens and keys by which somebody is spoken for: subjects, actors and assertions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::family::{Credential, Origin};
use super::keys::Unjudged;
use super::mint::{self, Access};
use super::narrow::{self, Unasked};
use super::refusal::{Presented, Refusal};
use super::{Asked, Authority};
use crate::clock::UnixTime;
use crate::jose::{
    ApiKey, Claims, Introspected, KeySet, MAX_SEALED_BYTES, Reason, SealKey, Sealed, Thumbprint, Token, Verified,
};
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, Authentication, Client, Format, Issued, JwtEntry, Subject, Takes,
};
use crate::state::Source;
use crate::telemetry::{Cause, Denial};

/// The longest name of a subject, in bytes.
const MAX_NAME: usize = 1024;

/// What a credential is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An access token, signed or sealed.
    AccessToken,
    /// Any signed token.
    Jwt,
    /// A key of ours.
    ApiKey,
}

/// Somebody who is spoken for by a credential that an entry of the issuer takes.
pub(super) struct Vouched<'a> {
    claims: Proved,
    by: &'a Subject,
}

enum Proved {
    Token(Verified<Claims>),
    /// It is bound to a key, and its holder has proved that he holds that.
    Bound(Introspected),
    /// An API key, with its id and the hash of its secret.
    Key(Arc<Verified<Claims>>, Credential),
}

impl Vouched<'_> {
    /// What the credential says.
    pub(super) fn claims(&self) -> &Claims {
        match &self.claims {
            Proved::Token(claims) => claims,
            Proved::Bound(token) => token.claims(),
            Proved::Key(claims, _) => claims,
        }
    }

    /// What a family that begins with the credential is asked for at each use.
    pub(super) fn origin(&self) -> Origin {
        let credential = match &self.claims {
            Proved::Token(_) | Proved::Bound(_) => Credential::of_issuer(self.claims().issuer().unwrap_or_default()),
            Proved::Key(_, credential) => credential.clone(),
        };
        Origin { entry: (*self.by.entry.label).into(), credential }
    }

    /// When a family that begins with the credential ends at the latest: with an API key, since who takes that away means to
    /// end what comes of it. A refresh token is there to outlive the token that it came from.
    pub(super) fn family_ends(&self) -> Option<UnixTime> {
        match &self.claims {
            Proved::Token(_) | Proved::Bound(_) => None,
            Proved::Key(claims, _) => Some(claims.expires()),
        }
    }

    /// Whether the credential is a token of ours.
    pub(super) const fn is_ours(&self) -> bool {
        self.by.is_ours
    }

    /// By how much the clock of who issued the credential may differ from ours.
    pub(super) fn leeway(&self) -> Duration {
        match &self.by.entry.takes {
            Takes::Jwt(jwt) => jwt.expectation.leeway(),
            Takes::ApiKeys(_) => Duration::ZERO,
        }
    }

    /// What we call him: our own subjects by their name, others with the entry before it, so that nobody outside can take
    /// the name of another's subject, or of a client.
    pub(super) fn name(&self, presented: Presented) -> Result<String, Refusal> {
        let subject = self.claims().subject().ok_or_else(|| Refusal::denied(Denial::SubjectUnnamed, presented))?;
        let name = if self.by.is_ours { subject.to_owned() } else { format!("{}|{subject}", self.by.entry.label) };
        // No verifier of ours would take a longer one.
        if name.len() > MAX_NAME { Err(Denial::TokenOversized.into()) } else { Ok(name) }
    }

    /// What the client may have by this credential, of what it asks for.
    pub(super) fn access(&self, asked: &Asked<'_>, client: &Client, presented: Presented) -> Result<Access, Refusal> {
        let claims = self.claims();
        // Within the leeway it is still taken, and nothing is left of it.
        if claims.expires().secs() <= asked.request.time.secs() {
            return Err(Refusal::denied(Denial::SubjectEnding, presented));
        }
        // Of our own tokens it is both: what they have themselves was narrowed before.
        let is_said = self.by.scopes.as_ref().map(|worth| |scope: &str| worth.iter().any(|worth| **worth == *scope));
        let has_own = self.by.is_ours || is_said.is_none();
        let is_worth = |scope: &str| {
            is_said.as_ref().is_none_or(|is_said| is_said(scope)) && (!has_own || claims.scopes().contains(scope))
        };
        let scopes: Vec<&str> = client.scopes.iter().map(AsRef::as_ref).filter(|scope| is_worth(scope)).collect();
        // What an outside token is meant for has another meaning outside; for our own it is the same.
        let is_meant = |audience: &str| !self.by.is_ours || claims.audiences().any(|meant| meant == audience);
        let audiences: Vec<&str> =
            client.audiences.iter().map(AsRef::as_ref).filter(|audience| is_meant(audience)).collect();
        Ok(Access {
            subject: self.name(presented)?,
            presented,
            origins: vec![self.origin()],
            family_ends: self.family_ends(),
            audiences: narrow::audiences(&asked.form, &audiences, Unasked::First)?,
            scopes: narrow::scopes(&asked.form, &scopes)?,
            act: None,
            claims: self.taken_over(),
            ends: Some(claims.expires()),
            family: claims.jwt_id().filter(|_| self.by.is_ours).and_then(mint::family_of),
        })
    }

    fn taken_over(&self) -> Map<String, Value> {
        let names = self.by.claims.iter().map(AsRef::as_ref).filter(|name| mint::may_be_taken_over(name));
        names.filter_map(|name| Some((name.to_owned(), self.claims().get(name)?.clone()))).collect()
    }
}

impl Authority {
    /// Judges a credential by the one entry that its form and issuer select, as strictly as a route would.
    pub(super) async fn vouch<'a>(
        &self,
        asked: &Asked<'a>,
        client: &Client,
        (text, kind, presented): (&str, Kind, Presented),
        holder: Option<Thumbprint>,
    ) -> Result<Vouched<'a>, Refusal> {
        let refuse = |reason| Refusal::presented(reason, presented);
        match (kind, ApiKey::claims_to_be_one(text), SealKey::claims_to_be_one(text)) {
            (Kind::ApiKey, true, _) => vouch_key(asked, text, presented),
            (Kind::AccessToken, false, true) => {
                let signed = self.open(asked, text, presented)?;
                self.vouch_token(asked, (&signed, presented), holder).await
            }
            (Kind::AccessToken | Kind::Jwt, false, false) => {
                // Where clients get sealed tokens alone, the signed ones are with those behind the gateway, and these show
                // who they are.
                let is_inside = !matches!(client.authentication, Authentication::Public);
                if !is_inside && is_never_outside(asked, text) {
                    return Err(refuse(Reason::NotSealed));
                }
                self.vouch_token(asked, (text, presented), holder).await
            }
            (Kind::AccessToken | Kind::Jwt | Kind::ApiKey, _, _) => Err(refuse(Reason::MalformedToken)),
        }
    }

    /// The signed token in a sealed one of ours.
    fn open(&self, asked: &Asked<'_>, text: &str, presented: Presented) -> Result<zeroize::Zeroizing<String>, Refusal> {
        if text.len() > MAX_SEALED_BYTES {
            return Err(Refusal::presented(Reason::TokenTooLarge, presented));
        }
        let source = Source::of(asked.request.client);
        let wait = asked.request.sources.wait(source, asked.request.tick);
        if !wait.is_zero() {
            return Err(Refusal::source(wait));
        }
        let sealed = Sealed::decode(text);
        let mut missing = None;
        for (_, jwt) in tokens_of(asked) {
            let Some(cell) = &jwt.issued else { continue };
            if let Some(signed) = sealed.as_ref().and_then(|sealed| cell.load().open(sealed)) {
                return Ok(signed);
            }
            if let AcceptedKeys::Unavailable { code, retry } = jwt.keys.load().as_ref() {
                let retry = retry.map(|next| next.since(self.clock.now()));
                missing = Some(Refusal::keys(Cause::KeysUnavailable, retry, Some(*code)));
            }
        }
        Err(missing.unwrap_or_else(|| {
            // A forgery, like one whose signature is wrong.
            asked.request.sources.failed(source, asked.request.tick);
            Refusal::presented(Reason::SealUnknown, presented)
        }))
    }

    async fn vouch_token<'a>(
        &self,
        asked: &Asked<'a>,
        (text, presented): (&str, Presented),
        holder: Option<Thumbprint>,
    ) -> Result<Vouched<'a>, Refusal> {
        let refuse = |reason| Refusal::presented(reason, presented);
        let now = asked.request.time;
        let token = Token::parse(text).map_err(refuse)?;
        let issuer = token.issuer().ok_or(refuse(Reason::IssInvalid))?;
        let selected = tokens_of(asked).find(|(_, jwt)| jwt.expectation.issuer() == issuer);
        let (by, jwt) = selected.ok_or(refuse(Reason::IssUnknown))?;
        let is_held = holder.is_some_and(|holder| is_bound_to(&token, holder));
        let cheap = || if is_held { Ok(()) } else { jwt.expectation.check(&token, now) };
        let source = Source::of(asked.request.client);
        let wait = asked.request.sources.wait(source, asked.request.tick);
        if !wait.is_zero() {
            // As on routes, only the signature is not checked.
            let select = |set: &KeySet| {
                cheap()?;
                set.select(&token, &jwt.expectation).map(drop)
            };
            return match self.judge(&jwt.keys, Issued::of(&token, now), cheap, select).await {
                Ok(()) => Err(Refusal::source(wait)),
                Err(Unjudged::Missing(refusal)) => Err(refusal),
                Err(Unjudged::Refused(reason)) => Err(refuse(reason)),
            };
        }
        let verify = |set: &KeySet| {
            let token = Token::parse(text)?;
            if is_held {
                return jwt.expectation.introspect(token, set, now).map(Proved::Bound);
            }
            jwt.expectation.verify(token, set, now).map(Proved::Token)
        };
        let proved = match self.judge(&jwt.keys, Issued::of(&token, now), cheap, verify).await {
            Ok(proved) => proved,
            Err(Unjudged::Missing(refusal)) => return Err(refusal),
            Err(Unjudged::Refused(reason)) => {
                if reason == Reason::BadSignature {
                    asked.request.sources.failed(source, asked.request.tick);
                }
                return Err(refuse(reason));
            }
        };
        let vouched = Vouched { claims: proved, by };
        if by.is_ours && self.is_revoked(asked.issuer, vouched.claims()).await? {
            return Err(Refusal::denied(Denial::SubjectRevoked, presented));
        }
        Ok(vouched)
    }
}

/// Whether a token is bound to this key, and by no other method (RFC 9449, section 6.1).
fn is_bound_to(token: &Token<'_>, holder: Thumbprint) -> bool {
    let Some(Value::Object(methods)) = token.claim("cnf") else { return false };
    methods.len() == 1 && methods.get("jkt").and_then(Value::as_str) == Some(holder.to_string().as_str())
}

/// API keys may come from several entries, which share one space of ids.
fn vouch_key<'a>(asked: &Asked<'a>, text: &str, presented: Presented) -> Result<Vouched<'a>, Refusal> {
    let refuse = |reason| Refusal::presented(reason, presented);
    let key = ApiKey::parse(text).map_err(refuse)?;
    let mut refusal = refuse(Reason::KeyUnknown);
    for by in &asked.issuer.subjects {
        let Takes::ApiKeys(entry) = &by.entry.takes else { continue };
        match entry.keys.load().as_ref() {
            AcceptedApiKeys::Unavailable(code) => {
                // Unknown to another entry says nothing where this one cannot be asked.
                refusal = Refusal::keys(Cause::KeysUnavailable, None, Some(*code));
            }
            AcceptedApiKeys::Known(keys) => match keys.verify(&key, asked.request.time) {
                Ok(claims) => {
                    let credential = Credential::of_key(&key);
                    return Ok(Vouched { claims: Proved::Key(Arc::clone(claims), credential), by });
                }
                Err(Reason::KeyUnknown) => {}
                Err(reason) => return Err(refuse(reason)),
            },
        }
    }
    Err(refusal)
}

/// The entries that take signed tokens.
fn tokens_of<'a>(asked: &Asked<'a>) -> impl Iterator<Item = (&'a Subject, &'a JwtEntry)> {
    asked.issuer.subjects.iter().filter_map(|subject| match &subject.entry.takes {
        Takes::Jwt(jwt) => Some((subject, jwt)),
        Takes::ApiKeys(_) => None,
    })
}

/// Whether a signed token is of an issuer of ours that gives out sealed ones alone.
fn is_never_outside(asked: &Asked<'_>, text: &str) -> bool {
    let Ok(token) = Token::parse(text) else { return false };
    tokens_of(asked).any(|(subject, jwt)| {
        subject.is_ours && jwt.format == Format::Opaque && token.issuer() == Some(jwt.expectation.issuer())
    })
}
