//! The unit of a `TokenPolicy`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use serde_json::{Map, Value};

use super::issue::{self, IssueDraft, IssuerClaim};
use super::rule::duration;
use super::url::{Safety, parse_source};
use super::{decode, headers};
use crate::api;
use crate::compile::notes::{At, Notes, Problem};
use crate::finding::{Code, Finding};
use crate::jose::{Algorithm, Expectation, Family, KeySet, Profile, SkippedKey, Terms};
use crate::name::Kind;
use crate::resources::{KeyPlace, KeySource, Object};
use crate::snapshot::{ApiKeyPlace, Challenges, Credential, Format, ForwardedClaim, Forwarding, Identity};

/// How long a token may live where a policy does not say.
const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// By how much the issuer's clock may differ where a policy does not say.
const LEEWAY: Duration = Duration::from_secs(30);

/// What keys of our own issuers sign by.
const OWN_ALGORITHMS: [Algorithm; 6] =
    [Algorithm::ES256, Algorithm::EdDSA, Algorithm::Ed25519, Algorithm::RS256, Algorithm::PS256, Algorithm::ES384];

/// What a `TokenPolicy` decides alone.
#[derive(Debug)]
pub(in crate::compile) struct PolicyUnit {
    pub(in crate::compile) draft: Result<PolicyDraft, Code>,
    /// The headers that carry an identity, as far as they can be read: they stay protected while the policy is broken.
    pub(in crate::compile) identity_headers: Vec<HeaderName>,
    /// What it claims as an issuer, as far as it can be read.
    pub(in crate::compile) claim: Option<Box<IssuerClaim>>,
    /// The object's own identity.
    pub(in crate::compile) uid: Box<str>,
    pub(in crate::compile) findings: Vec<Finding>,
}

/// A policy without errors of its own; its keys are not there yet.
#[derive(Debug)]
pub(in crate::compile) struct PolicyDraft {
    /// `namespace/name`.
    pub(in crate::compile) name: Arc<str>,
    pub(in crate::compile) entries: Vec<EntryDraft>,
    pub(in crate::compile) forwarding: Forwarding,
    pub(in crate::compile) identity: Identity,
    pub(in crate::compile) challenges: Challenges,
    pub(in crate::compile) issue: Option<Box<IssueDraft>>,
}

/// One kind of token that a policy accepts.
#[derive(Debug)]
pub(in crate::compile) struct EntryDraft {
    pub(in crate::compile) label: Box<str>,
    pub(in crate::compile) takes: TakesDraft,
}

/// What an entry takes.
#[derive(Debug)]
pub(in crate::compile) enum TakesDraft {
    Jwt {
        expectation: Box<Expectation>,
        keys: KeysDraft,
    },
    ApiKeys {
        selector: BTreeMap<String, String>,
        places: Box<[ApiKeyPlace]>,
    },
    /// What the policy itself issues.
    Issued {
        expectation: Box<Expectation>,
        format: Format,
    },
}

/// An entry as it is written, under `accept` or among what can be exchanged.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryUse<'a> {
    pub(super) name: &'a str,
    pub(super) jwt: Option<&'a api::Jwt>,
    pub(super) api_keys: Option<&'a api::ApiKeys>,
    pub(super) issued: Option<&'a api::Issued>,
}

/// The tokens that a policy issues itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnTokens<'a> {
    pub(super) issuer: &'a str,
    pub(super) audiences: &'a [String],
    pub(super) format: Format,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
pub(in crate::compile) enum KeysDraft {
    /// They are fetched.
    Source(KeySource),
    /// From a member of a Secret: a key set, or the key of this HMAC.
    Secret { secret: api::SecretKeyRef, hmac: Option<Algorithm> },
    /// They stand in the policy: this key set.
    Inline(Arc<str>),
}

pub(super) fn unit(object: &Object, document: &Map<String, Value>) -> PolicyUnit {
    let key = object.key();
    let mut notes = Notes::new(key.clone());
    let name: Arc<str> = format!("{}/{}", key.namespace, key.name).into();
    let claim = IssuerClaim::read(object, &name, document).map(Box::new);
    let draft = decode::<api::TokenPolicySpec>(Kind::TokenPolicy, document, &mut notes)
        .and_then(|spec| draft(&spec, name, &mut notes));
    let identity_headers = identity_headers(document);
    PolicyUnit { draft, identity_headers, claim, uid: object.meta.uid.clone(), findings: notes.into_findings() }
}

fn draft(spec: &api::TokenPolicySpec, name: Arc<str>, notes: &mut Notes) -> Result<PolicyDraft, Code> {
    let at = At::spec();
    let uses = spec.accept.iter().map(|entry| EntryUse {
        name: &entry.name,
        jwt: entry.jwt.as_ref(),
        api_keys: entry.api_keys.as_ref(),
        issued: entry.issued.as_ref(),
    });
    let entries = entries(uses, spec.issue.as_deref().map(issue::own_tokens), &at.field("accept"), notes);
    let forwarding = forwarding(spec, &at.field("forward"), notes);
    let challenges = Challenges::new(&name).map_err(|error| {
        let problem = Problem::value(error.to_string(), "Give the object a name that Kubernetes allows.");
        notes.error(&At::spec(), problem)
    });
    let issue = spec.issue.as_deref().map(|written| issue::issue(written, &at.field("issue"), notes)).transpose();
    let identity = identity(spec.identity.as_ref());
    Ok(PolicyDraft {
        name,
        entries: entries?,
        forwarding: forwarding?,
        identity,
        challenges: challenges?,
        issue: issue?.map(Box::new),
    })
}

/// The entries of a list of which each selects tokens by their form and issuer.
pub(super) fn entries<'a>(
    written: impl Iterator<Item = EntryUse<'a>>,
    own: Option<OwnTokens<'a>>,
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<Vec<EntryDraft>, Code> {
    let mut entries = Vec::new();
    let mut issuers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut outcome = Ok(());
    for (index, entry) in written.enumerate() {
        let at = at.index(index);
        let issuer = match (entry.jwt, entry.issued, own) {
            (Some(jwt), _, _) => Some(jwt.issuer.as_str()),
            (None, Some(_), Some(own)) => Some(own.issuer),
            (None, _, _) => None,
        };
        if let Some(other) = issuer.and_then(|issuer| issuers.insert(issuer, entry.name)) {
            // A token is tried against one entry, never against several, and its issuer is what selects it.
            let cause = format!("entry {other} takes tokens of the same issuer, so none of the two is selected");
            let problem = Problem::value(cause, "Make one entry of the two, with the audiences of both.");
            let jwt = at.field("jwt");
            let at = if entry.jwt.is_some() { jwt.field("issuer") } else { at.field("issued") };
            outcome = outcome.and(Err(notes.error(&at, problem)));
        }
        match takes(entry, own, &at, notes) {
            Ok(takes) => entries.push(EntryDraft { label: entry.name.into(), takes }),
            Err(code) => outcome = outcome.and(Err(code)),
        }
    }
    outcome.map(|()| entries)
}

fn takes(entry: EntryUse<'_>, own: Option<OwnTokens<'_>>, at: &At<'_>, notes: &mut Notes) -> Result<TakesDraft, Code> {
    match (entry.jwt, entry.api_keys, entry.issued) {
        (Some(written), None, None) => jwt(written, &at.field("jwt"), notes),
        // Several entries may take API keys in one place: the id of a key is unique in its namespace, so at most one
        // Secret answers, and where two entries select the same Secret, the first of them takes it.
        (None, Some(keys), None) => api_keys(keys, &at.field("apiKeys").field("selector"), notes),
        (None, None, Some(written)) => issued(written, own, &at.field("issued"), notes),
        _ => {
            let problem = Problem::value("expected exactly one of jwt, apiKeys and issued", "Write one of them.");
            Err(notes.error(at, problem))
        }
    }
}

/// What the policy itself issues: whatever it has ever signed, with whichever algorithm, as long as that may be valid.
fn issued(
    written: &api::Issued,
    own: Option<OwnTokens<'_>>,
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<TakesDraft, Code> {
    let Some(own) = own else {
        let problem = Problem::value("the policy issues no tokens", "Write issue, or take the entry away.");
        return Err(notes.error(at, problem));
    };
    let audiences = if written.audiences.is_empty() { own.audiences } else { &written.audiences };
    if let Some(other) = audiences.iter().find(|audience| !own.audiences.contains(audience)) {
        let cause = format!("{other} is none of issue.audiences, so no token could be for it");
        let problem = Problem::value(cause, "Add it to issue.audiences, or take it away here.");
        return Err(notes.error(&at.field("audiences"), problem));
    }
    let terms = Terms {
        issuer: own.issuer.to_owned(),
        audiences: audiences.to_vec(),
        algorithms: OWN_ALGORITHMS.map(|algorithm| algorithm.as_str().to_owned()).into(),
        profile: Profile::Rfc9068,
        max_lifetime: Some(MAX_LIFETIME),
        max_age: None,
        leeway: LEEWAY,
        scope_claim: None,
    };
    let expectation = Expectation::new(terms).map_err(|error| {
        notes.error(at, Problem::value(error.to_string(), "Correct issue.issuer and issue.audiences."))
    })?;
    Ok(TakesDraft::Issued { expectation: Box::new(expectation), format: own.format })
}

fn api_keys(written: &api::ApiKeys, at: &At<'_>, notes: &mut Notes) -> Result<TakesDraft, Code> {
    let selector = written.selector.match_labels.clone();
    if selector.is_empty() {
        let problem = Problem::value("the selector has no labels, so it would select every key", "Name a label.");
        return Err(notes.error(&at.field("matchLabels"), problem));
    }
    let mut places: Vec<ApiKeyPlace> = written.locations.iter().map(|location| place(*location)).collect();
    if places.is_empty() {
        places = vec![ApiKeyPlace::Bearer, ApiKeyPlace::XApiKey, ApiKeyPlace::XGoogApiKey, ApiKeyPlace::ApiKey];
    }
    places.sort_unstable();
    places.dedup();
    Ok(TakesDraft::ApiKeys { selector, places: places.into() })
}

const fn place(location: api::KeyLocation) -> ApiKeyPlace {
    match location {
        api::KeyLocation::Bearer => ApiKeyPlace::Bearer,
        api::KeyLocation::XApiKey => ApiKeyPlace::XApiKey,
        api::KeyLocation::XGoogApiKey => ApiKeyPlace::XGoogApiKey,
        api::KeyLocation::ApiKey => ApiKeyPlace::ApiKey,
    }
}

fn jwt(written: &api::Jwt, at: &At<'_>, notes: &mut Notes) -> Result<TakesDraft, Code> {
    let algorithms: Vec<String> = match written.algorithms.as_slice() {
        [] => vec![Algorithm::ES256.as_str().to_owned(), Algorithm::RS256.as_str().to_owned()],
        named => named.iter().map(|algorithm| algorithm.as_str().to_owned()).collect(),
    };
    let max_lifetime = duration(written.max_lifetime.as_deref(), "maxLifetime", at, notes);
    let max_age = duration(written.max_age.as_deref(), "maxAge", at, notes);
    let leeway = leeway(written.leeway.as_deref(), &at.field("leeway"), notes);
    let profile = match written.profile.unwrap_or_default() {
        api::Profile::RFC9068 => Profile::Rfc9068,
        api::Profile::Generic => {
            notes.warning(&at.field("profile"), weaker());
            Profile::Generic
        }
    };
    let keys = keys(written, &at.field("keys"), notes);
    let terms = Terms {
        issuer: written.issuer.clone(),
        audiences: written.audiences.clone(),
        algorithms,
        profile,
        max_lifetime: Some(max_lifetime?.unwrap_or(MAX_LIFETIME)),
        max_age: max_age?,
        leeway: leeway?,
        scope_claim: written.scope_claim.clone(),
    };
    // The schema has refused such terms already; were it wider by mistake, this would not be.
    let expectation = Expectation::new(terms).map_err(|error| {
        let cure = "State issuer, audiences and asymmetric algorithms, or one HMAC algorithm from a Secret alone.";
        notes.error(at, Problem::value(error.to_string(), cure))
    })?;
    let hmac = expectation.algorithms().iter().copied().find(|algorithm| algorithm.family() == Family::Hmac);
    let keys = match (keys?, hmac) {
        (KeysDraft::Secret { secret, .. }, hmac) => KeysDraft::Secret { secret, hmac },
        (KeysDraft::Source(_) | KeysDraft::Inline(_), Some(algorithm)) => {
            let cause = format!("{algorithm} needs a shared secret, which only keys.secretRef can name");
            return Err(notes.error(&at.field("keys"), Problem::value(cause, "Write keys.secretRef.")));
        }
        (keys @ (KeysDraft::Source(_) | KeysDraft::Inline(_)), None) => keys,
    };
    Ok(TakesDraft::Jwt { expectation: Box::new(expectation), keys })
}

/// What a policy gives up with `profile: Generic`; `jose::Profile` says it in full.
fn weaker() -> Problem {
    let cause = "profile Generic does not ask for typ at+jwt, nor for sub, client_id, iat and jti: an ID token of this \
                 issuer for one of these audiences passes unless its claims give it away";
    Problem::new(Code::Hardened, cause, "Have the issuer type its access tokens (RFC 9068) and set profile: RFC9068.")
}

fn leeway(written: Option<&str>, at: &At<'_>, notes: &mut Notes) -> Result<Duration, Code> {
    match written.map(crate::name::parse_duration) {
        None => Ok(LEEWAY),
        Some(Ok(leeway)) => Ok(leeway),
        Some(Err(error)) => Err(notes.error(at, Problem::value(error.to_string(), "Write a time such as 10s."))),
    }
}

fn keys(written: &api::Jwt, at: &At<'_>, notes: &mut Notes) -> Result<KeysDraft, Code> {
    let is_plain_allowed = written.insecure_http == Some(true);
    match &written.keys {
        api::Keys { discovery: Some(api::Discovery {}), url: None, secret_ref: None, inline: None } => {
            let place = KeyPlace::Discovery(written.issuer.as_str().into());
            source(place, &written.issuer, is_plain_allowed, at, notes)
        }
        api::Keys { discovery: None, url: Some(url), secret_ref: None, inline: None } => {
            source(KeyPlace::Url(url.as_str().into()), url, is_plain_allowed, &at.field("url"), notes)
        }
        api::Keys { discovery: None, url: None, secret_ref: Some(secret), inline: None } => {
            Ok(KeysDraft::Secret { secret: secret.clone(), hmac: None })
        }
        api::Keys { discovery: None, url: None, secret_ref: None, inline: Some(text) } => {
            inline(text, &at.field("inline"), notes)
        }
        api::Keys { .. } => {
            let problem = Problem::value("expected exactly one of discovery, url, secretRef, inline", "Write one.");
            Err(notes.error(at, problem))
        }
    }
}

/// Keys that are fetched from `url`, over plain HTTP only where that is allowed.
pub(super) fn source(
    place: KeyPlace,
    url: &str,
    is_plain_allowed: bool,
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<KeysDraft, Code> {
    let safety = parse_source(url).map_err(|problem| notes.error(at, problem))?;
    match (safety, is_plain_allowed) {
        (Safety::PlainHttp, false) => {
            let cause = "the keys would be fetched over plain HTTP, where anybody on the way can change them";
            let cure = "Use https, or write insecureHttp: true if the way is safe.";
            return Err(notes.error(at, Problem::new(Code::InsecureHttp, cause, cure)));
        }
        (Safety::PlainHttp, true) => {
            let cause = "insecureHttp: the keys are fetched over plain HTTP, where anybody on the way can change them";
            notes.warning(at, Problem::plain(Code::InsecureHttp, cause));
        }
        (Safety::Safe, _) => {}
    }
    // The permission is part of what is fetched, but only where it is used: policies then share the key set.
    let insecure_http = safety == Safety::PlainHttp;
    Ok(KeysDraft::Source(KeySource { place, insecure_http }))
}

/// Keys that stand in the policy.
pub(super) fn inline(text: &str, at: &At<'_>, notes: &mut Notes) -> Result<KeysDraft, Code> {
    match KeySet::parse(text.as_bytes()) {
        Ok((set, skipped)) => {
            for key in &skipped {
                notes.warning(at, skipped_key(key));
            }
            if set.is_empty() && !skipped.is_empty() {
                let cause = "none of the keys can be used, so no token could be verified";
                return Err(notes.error(at, Problem::new(Code::InvalidKeySet, cause, "Write public keys that can be.")));
            }
            Ok(KeysDraft::Inline(text.into()))
        }
        Err(error) => Err(notes.error(at, Problem::plain(Code::InvalidKeySet, error.to_string()))),
    }
}

/// One key of a key set is left out.
pub(in crate::compile) fn skipped_key(key: &SkippedKey) -> Problem {
    let name = key.kid.as_deref().map_or_else(String::new, |kid| format!(" ({kid:?})"));
    let cause = format!("key {} of the set{name} is not used: {}", key.index, key.reason);
    Problem::new(Code::KeySkipped, cause, "Remove the key or replace it.")
}

fn forwarding(spec: &api::TokenPolicySpec, at: &At<'_>, notes: &mut Notes) -> Result<Forwarding, Code> {
    let Some(written) = &spec.forward else { return Ok(Forwarding::default()) };
    let credential = match written.credential.unwrap_or_default() {
        api::CredentialForwarding::Strip => Credential::Strip,
        api::CredentialForwarding::Keep => Credential::Keep,
        api::CredentialForwarding::Sign if spec.accept.iter().all(|entry| entry.issued.is_some()) => Credential::Sign,
        api::CredentialForwarding::Sign => {
            let cause = "Sign sends on what issue has signed, and some entry takes other credentials";
            let problem = Problem::value(cause, "Make every entry one of issued, or write Strip or Keep.");
            return Err(notes.error(&at.field("credential"), problem));
        }
    };
    let at = at.field("claims");
    let mut names = BTreeSet::new();
    let mut claims = Vec::with_capacity(written.claims.len());
    let mut outcome = Ok(());
    for (index, claim) in written.claims.iter().enumerate() {
        let at = at.index(index);
        match headers::identity(&claim.header) {
            Ok(header) if names.insert(header.as_str().replace('_', "-")) => {
                claims.push(ForwardedClaim { claim: claim.claim.as_str().into(), header });
            }
            Ok(header) => {
                let problem = Problem::value(format!("{header} is set by two claims"), "Use another header for one.");
                outcome = outcome.and(Err(notes.error(&at.field("header"), problem)));
            }
            Err(problem) => outcome = outcome.and(Err(notes.error(&at.field("header"), problem))),
        }
    }
    outcome.map(|()| Forwarding { credential, claims: claims.into() })
}

fn identity(written: Option<&api::Identity>) -> Identity {
    let unsaid = Identity::default();
    let Some(written) = written else { return unsaid };
    let client: Vec<_> = written.client.iter().map(|claim| claim.as_str().into()).collect();
    Identity {
        subject: written.subject.as_deref().map_or(unsaid.subject, Into::into),
        client: if client.is_empty() { unsaid.client } else { client.into() },
        team: written.team.as_deref().map(Into::into),
    }
}

/// The headers of `spec.forward.claims`, read from the document itself: if the object is broken elsewhere, clients
/// still must not set them on other routes to the same upstreams.
fn identity_headers(document: &Map<String, Value>) -> Vec<HeaderName> {
    let claims = document.get("spec").and_then(|spec| spec.get("forward")?.get("claims")?.as_array());
    let names = claims.into_iter().flatten().filter_map(|claim| claim.get("header")?.as_str());
    let mut names: Vec<HeaderName> = names.filter_map(|name| headers::identity(name).ok()).collect();
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}
