//! The unit of what a `TokenPolicy` issues.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::policy::{EntryUse, KeysDraft, OwnTokens, TakesDraft, inline, source};
use super::rule::duration;
use super::url::{IssuerUrl, Safety, parse_issuer};
use crate::api;
use crate::compile::notes::{At, Notes, Problem};
use crate::compile::ownership::Age;
use crate::finding::Code;
use crate::jose::{Algorithm, ISSUER_CLAIMS};
use crate::resources::{KeyPlace, Object};
use crate::rotation::{Schedule, Times};
use crate::snapshot::{Dpop, Format, Grants, HostPattern, Refresh};

/// How long an access token lives where a policy does not say.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long a key set may be cached where a policy does not say.
const JWKS_MAX_AGE: Duration = Duration::from_mins(5);
/// How long a key signs where a policy does not say.
const EVERY: Duration = Duration::from_hours(720);
/// How long a key is published before it signs where a policy does not say.
const PUBLISH_AHEAD: Duration = Duration::from_hours(24);
/// How long refresh tokens live where a policy does not say.
const REFRESH_LIFETIME: Duration = Duration::from_hours(720);
/// How long a refresh token that was used is answered once more where a policy does not say.
const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// An issuer without errors of its own; its keys are not there yet.
#[derive(Debug)]
pub(in crate::compile) struct IssueDraft {
    /// As tokens have it.
    pub(in crate::compile) url: Box<str>,
    pub(in crate::compile) place: IssuerUrl,
    pub(in crate::compile) audiences: Box<[Box<str>]>,
    pub(in crate::compile) lifetime: Duration,
    pub(in crate::compile) format: Format,
    pub(in crate::compile) dpop: Dpop,
    /// Sorted by id.
    pub(in crate::compile) clients: Vec<ClientDraft>,
    pub(in crate::compile) refresh: Refresh,
    pub(in crate::compile) subjects: Vec<SubjectDraft>,
    pub(in crate::compile) keys: SigningDraft,
}

/// Where the keys that sign are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) enum SigningDraft {
    /// In a Secret that the controller writes.
    Ring { secret: Arc<str>, schedule: Schedule },
    /// In Secrets that only their owner writes.
    Own { keys: Box<[api::SecretKeyRef]>, algorithm: Algorithm, lifetime: Duration, max_age: Duration },
}

/// A client that may ask for tokens.
#[derive(Debug)]
pub(in crate::compile) struct ClientDraft {
    /// Its place in `spec.issue.clients`.
    pub(in crate::compile) index: usize,
    pub(in crate::compile) id: Arc<str>,
    pub(in crate::compile) known_by: KnownBy,
    pub(in crate::compile) grants: Grants,
    pub(in crate::compile) scopes: Box<[Box<str>]>,
    pub(in crate::compile) audiences: Box<[Box<str>]>,
}

/// How a client is known.
#[derive(Debug)]
pub(in crate::compile) enum KnownBy {
    /// By the hashes in this Secret.
    Secret(Arc<str>),
    Keys(KeysDraft),
    Nothing,
}

/// A kind of token that can be exchanged.
#[derive(Debug)]
pub(in crate::compile) struct SubjectDraft {
    pub(in crate::compile) label: Box<str>,
    pub(in crate::compile) takes: TakesDraft,
    pub(in crate::compile) scopes: Option<Box<[Box<str>]>>,
    pub(in crate::compile) claims: Box<[Box<str>]>,
}

/// What a policy claims by its `issue`, as far as that can be read: a policy that is broken elsewhere keeps its claims, so
/// that nobody else becomes the issuer meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct IssuerClaim {
    pub(in crate::compile) age: Age,
    pub(in crate::compile) host: Arc<str>,
    pub(in crate::compile) path: Box<str>,
    /// The Secret that the controller would write.
    pub(in crate::compile) secret: Option<Arc<str>>,
}

impl IssuerClaim {
    pub(super) fn read(object: &Object, name: &Arc<str>, document: &Map<String, Value>) -> Option<Self> {
        let issue = document.get("spec")?.get("issue")?;
        let place = parse_issuer(issue.get("issuer")?.as_str()?).ok()?;
        let secret = issue.get("keysSecretRef").and_then(|secret| secret.get("name")?.as_str());
        Some(Self {
            age: (object.meta.created, Arc::clone(name)),
            host: place.host,
            path: place.path,
            secret: secret.map(Into::into),
        })
    }

    /// The host as routes claim theirs.
    pub(in crate::compile) fn pattern(&self) -> HostPattern {
        HostPattern::Exact((*self.host).into())
    }
}

pub(super) fn issue(written: &api::Issue, at: &At<'_>, notes: &mut Notes) -> Result<IssueDraft, Code> {
    let place = place(written, &at.field("issuer"), notes);
    let lifetime = duration(written.lifetime.as_deref(), "lifetime", at, notes);
    let max_age = duration(written.jwks_max_age.as_deref(), "jwksMaxAge", at, notes);
    let times = lifetime.and_then(|lifetime| Ok((lifetime.unwrap_or(LIFETIME), max_age?.unwrap_or(JWKS_MAX_AGE))));
    let keys = times.and_then(|times| signing(written, times, at, notes));
    let refresh = refresh(written.refresh.as_ref(), &at.field("refresh"), notes);
    let clients = clients(written, &at.field("clients"), notes);
    let subjects = subjects(written, &at.field("subjects"), notes);
    Ok(IssueDraft {
        url: written.issuer.as_str().into(),
        place: place?,
        audiences: boxed(&written.audiences),
        lifetime: times?.0,
        format: format(written),
        dpop: match written.dpop.unwrap_or_default() {
            api::DpopMode::Disabled => Dpop::Disabled,
            api::DpopMode::Accept => Dpop::Accept,
            api::DpopMode::Require => Dpop::Require,
        },
        clients: clients?,
        refresh: refresh?,
        subjects: subjects?,
        keys: keys?,
    })
}

/// The tokens of this issuer, for entries that take them.
pub(super) fn own_tokens(written: &api::Issue) -> OwnTokens<'_> {
    OwnTokens { issuer: &written.issuer, audiences: &written.audiences, format: format(written) }
}

fn format(written: &api::Issue) -> Format {
    match written.format.unwrap_or_default() {
        api::TokenFormat::Jwt => Format::Jwt,
        api::TokenFormat::Opaque => Format::Opaque,
    }
}

fn boxed(texts: &[String]) -> Box<[Box<str>]> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

fn sorted(texts: &[String]) -> Box<[Box<str>]> {
    let mut texts = boxed(texts);
    texts.sort_unstable();
    texts
}

fn place(written: &api::Issue, at: &At<'_>, notes: &mut Notes) -> Result<IssuerUrl, Code> {
    let place = parse_issuer(&written.issuer).map_err(|problem| notes.error(at, problem))?;
    match (place.safety, written.insecure_http == Some(true)) {
        (Safety::PlainHttp, false) => {
            let cause =
                "secrets and tokens would go over plain HTTP, where anybody on the way can read and change them";
            let cure = "Use https, or write insecureHttp: true if the way is safe.";
            return Err(notes.error(at, Problem::new(Code::InsecureHttp, cause, cure)));
        }
        (Safety::PlainHttp, true) => {
            let cause = "insecureHttp: secrets and tokens go over plain HTTP, where anybody on the way can read and change them";
            notes.warning(at, Problem::plain(Code::InsecureHttp, cause));
        }
        (Safety::Safe, _) => {}
    }
    Ok(place)
}

fn signing(
    written: &api::Issue,
    (lifetime, jwks_max_age): (Duration, Duration),
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<SigningDraft, Code> {
    let algorithm = algorithm(written.algorithm.unwrap_or_default());
    match (&written.keys_secret_ref, written.own_keys.as_slice()) {
        (Some(secret), []) => {
            let schedule = schedule(written, (algorithm, lifetime, jwks_max_age), at, notes)?;
            Ok(SigningDraft::Ring { secret: secret.name.as_str().into(), schedule })
        }
        (None, [_, ..]) => {
            let keys = written.own_keys.clone().into();
            Ok(SigningDraft::Own { keys, algorithm, lifetime, max_age: jwks_max_age })
        }
        (Some(_), [_, ..]) | (None, []) => {
            let problem = Problem::value("expected exactly one of keysSecretRef and ownKeys", "Write one of the two.");
            Err(notes.error(at, problem))
        }
    }
}

/// The schedule of the keys, held to what the arithmetic needs. The schema has said the same already.
fn schedule(
    written: &api::Issue,
    (algorithm, lifetime, jwks_max_age): (Algorithm, Duration, Duration),
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<Schedule, Code> {
    let unsaid = api::Rotation::default();
    let rotation = written.rotation.as_ref().unwrap_or(&unsaid);
    let at = at.field("rotation");
    let every = duration(rotation.every.as_deref(), "every", &at, notes);
    let publish_ahead = duration(rotation.publish_ahead.as_deref(), "publishAhead", &at, notes);
    let times = Times {
        every: every?.unwrap_or(EVERY),
        publish_ahead: publish_ahead?.unwrap_or(PUBLISH_AHEAD),
        lifetime,
        jwks_max_age,
    };
    Schedule::new(algorithm, times).map_err(|error| {
        let cure = "Change the times so that this holds; docs/signing-keys.md says why it must.";
        notes.error(&at, Problem::value(error.to_string(), cure))
    })
}

const fn algorithm(written: api::SigningAlgorithm) -> Algorithm {
    match written {
        api::SigningAlgorithm::ES256 => Algorithm::ES256,
        api::SigningAlgorithm::EdDSA => Algorithm::EdDSA,
        api::SigningAlgorithm::Ed25519 => Algorithm::Ed25519,
        api::SigningAlgorithm::RS256 => Algorithm::RS256,
        api::SigningAlgorithm::PS256 => Algorithm::PS256,
        api::SigningAlgorithm::ES384 => Algorithm::ES384,
    }
}

fn refresh(written: Option<&api::Refresh>, at: &At<'_>, notes: &mut Notes) -> Result<Refresh, Code> {
    let unsaid = api::Refresh::default();
    let written = written.unwrap_or(&unsaid);
    let lifetime = duration(written.lifetime.as_deref(), "lifetime", at, notes);
    let grace = match written.grace.as_deref().map(crate::name::parse_duration) {
        None => Ok(REFRESH_GRACE),
        Some(Ok(grace)) => Ok(grace),
        Some(Err(error)) => {
            Err(notes.error(&at.field("grace"), Problem::value(error.to_string(), "Write a time such as 10s.")))
        }
    };
    Ok(Refresh { lifetime: lifetime?.unwrap_or(REFRESH_LIFETIME), grace: grace? })
}

fn clients(written: &api::Issue, at: &At<'_>, notes: &mut Notes) -> Result<Vec<ClientDraft>, Code> {
    let mut outcome = Ok(());
    let mut clients = Vec::with_capacity(written.clients.len());
    for (index, client) in written.clients.iter().enumerate() {
        match known_by(client, &at.index(index), notes) {
            Ok(known_by) => clients.push(ClientDraft {
                index,
                id: client.id.as_str().into(),
                known_by,
                grants: grants(&client.grants),
                scopes: sorted(&client.scopes),
                audiences: boxed(if client.audiences.is_empty() { &written.audiences } else { &client.audiences }),
            }),
            Err(code) => outcome = outcome.and(Err(code)),
        }
    }
    clients.sort_by(|one, other| one.id.cmp(&other.id));
    outcome.map(|()| clients)
}

fn known_by(client: &api::Client, at: &At<'_>, notes: &mut Notes) -> Result<KnownBy, Code> {
    match (&client.secret_ref, &client.keys, client.public) {
        (Some(secret), None, None) => Ok(KnownBy::Secret(secret.name.as_str().into())),
        (None, Some(keys), None) => client_keys(keys, &at.field("keys"), notes).map(KnownBy::Keys),
        (None, None, Some(api::Public)) => Ok(KnownBy::Nothing),
        _ => {
            let problem = Problem::value("expected exactly one of secretRef, keys and public", "Write one of them.");
            Err(notes.error(at, problem))
        }
    }
}

fn client_keys(keys: &api::ClientKeys, at: &At<'_>, notes: &mut Notes) -> Result<KeysDraft, Code> {
    match keys {
        api::ClientKeys { inline: Some(text), secret_ref: None, url: None } => inline(text, &at.field("inline"), notes),
        api::ClientKeys { inline: None, secret_ref: Some(secret), url: None } => {
            Ok(KeysDraft::Secret { secret: secret.clone(), hmac: None })
        }
        api::ClientKeys { inline: None, secret_ref: None, url: Some(url) } => {
            source(KeyPlace::Url(url.as_str().into()), url, false, &at.field("url"), notes)
        }
        api::ClientKeys { .. } => {
            let problem = Problem::value("expected exactly one of inline, secretRef and url", "Write one of them.");
            Err(notes.error(at, problem))
        }
    }
}

fn grants(written: &[api::Grant]) -> Grants {
    let mut grants = Grants::default();
    for grant in written {
        match grant {
            api::Grant::ClientCredentials => grants.client_credentials = true,
            api::Grant::RefreshToken => grants.refresh_token = true,
            api::Grant::TokenExchange => grants.token_exchange = true,
            api::Grant::JwtBearer => grants.jwt_bearer = true,
        }
    }
    grants
}

fn subjects(written: &api::Issue, at: &At<'_>, notes: &mut Notes) -> Result<Vec<SubjectDraft>, Code> {
    let uses = written.subjects.iter().map(|subject| EntryUse {
        name: &subject.name,
        jwt: subject.jwt.as_deref(),
        api_keys: subject.api_keys.as_ref(),
        issued: subject.issued.as_ref(),
    });
    let entries = super::policy::entries(uses, Some(own_tokens(written)), at, notes);
    let mut outcome = Ok(());
    for (index, subject) in written.subjects.iter().enumerate() {
        if let Some(claim) = subject.claims.iter().find(|claim| ISSUER_CLAIMS.contains(&claim.as_str())) {
            let cause = format!("the claim {claim} is one that only the issuer of a token says");
            let at = at.index(index);
            outcome = Err(notes.error(&at.field("claims"), Problem::value(cause, "Leave it out.")));
        }
    }
    let entries = entries.and_then(|entries| outcome.map(|()| entries))?;
    let subjects = entries.into_iter().zip(&written.subjects).map(|(entry, subject)| SubjectDraft {
        label: entry.label,
        takes: entry.takes,
        scopes: subject.scopes.as_deref().map(sorted),
        claims: boxed(&subject.claims),
    });
    Ok(subjects.collect())
}
