//! A token policy, ready to judge by.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue};

use super::issuer::{Format, IssuerCell};
use super::keys::{AcceptedApiKeys, KeyCell};
use crate::jose::Expectation;
use crate::wire::problem::{Challenge, ChallengeError, ChallengeScheme};

/// Which tokens are accepted, and what becomes of them on the way upstream.
#[derive(Debug)]
pub struct Policy {
    /// `namespace/name`.
    pub name: Arc<str>,
    /// A token is tried against the entry that its form and issuer select.
    pub entries: Box<[Entry]>,
    /// The headers, besides `Authorization`, in which some entry takes API keys; each once.
    pub key_places: Box<[ApiKeyPlace]>,
    /// What an upstream is told.
    pub forwarding: Forwarding,
    /// Which claims name the caller.
    pub identity: Identity,
    /// `WWW-Authenticate` values: constant for a policy, so written once.
    pub challenges: Challenges,
}

/// The challenges of one policy (RFC 6750, section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenges {
    realm: Box<str>,
    /// To a request without credentials.
    pub bare: HeaderValue,
    /// To a malformed or ambiguous one.
    pub invalid_request: HeaderValue,
    /// To a token that is refused, whatever is wrong with it.
    pub invalid_token: HeaderValue,
}

impl Challenges {
    /// The challenges of a policy whose realm is its name.
    pub fn new(realm: &str) -> Result<Self, ChallengeError> {
        let bare = Challenge::bare(ChallengeScheme::Bearer, realm);
        let of =
            |error, description| Challenge { error: Some(error), description: Some(description), ..bare }.to_value();
        Ok(Self {
            realm: realm.into(),
            bare: bare.to_value()?,
            invalid_request: of("invalid_request", "exactly one well-formed token is needed")?,
            invalid_token: of("invalid_token", "the token is not valid here")?,
        })
    }

    /// To a good token that lacks some of these scopes.
    pub fn insufficient_scope(&self, scopes: &[Box<str>]) -> HeaderValue {
        let scopes: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
        let challenge = Challenge {
            error: Some("insufficient_scope"),
            description: Some("the token lacks a scope"),
            scopes: &scopes,
            ..Challenge::bare(ChallengeScheme::Bearer, &self.realm)
        };
        // Scopes are checked when the rule is compiled; without them the bare challenge still says how to come back.
        challenge.to_value().unwrap_or_else(|_| self.bare.clone())
    }
}

/// One kind of token that a policy accepts.
#[derive(Debug)]
pub struct Entry {
    /// `namespace/policy/entry`, as logs show it.
    pub name: Arc<str>,
    /// Its name within the policy, as expressions see it.
    pub label: Box<str>,
    /// What it takes.
    pub takes: Takes,
}

/// What an entry takes.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "entries live in lists that are made once, and most are of the larger kind"
)]
pub enum Takes {
    /// Signed tokens of one issuer.
    Jwt(JwtEntry),
    /// API keys of ours.
    ApiKeys(ApiKeyEntry),
}

/// Signed tokens of one issuer.
#[derive(Debug)]
pub struct JwtEntry {
    /// What a token must be.
    pub expectation: Expectation,
    /// Who may have signed it; swapped in place when keys change.
    pub keys: Arc<KeyCell>,
    /// The tokens are our own: they may come sealed, and are opened by the keys of this cell.
    pub issued: Option<Arc<IssuerCell>>,
    /// In which form clients get these tokens, if they are our own. Where that is the sealed one, no client ever had the
    /// signed one inside, and a request that brings it has it from an upstream: it is refused.
    pub format: Format,
}

/// API keys of ours.
#[derive(Debug)]
pub struct ApiKeyEntry {
    /// The keys; swapped in place when Secrets change.
    pub keys: Arc<ArcSwap<AcceptedApiKeys>>,
    /// Where they may stand.
    pub places: Box<[ApiKeyPlace]>,
}

/// Where a request may carry an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiKeyPlace {
    /// `Authorization: Bearer`.
    Bearer,
    /// `X-Api-Key`, as Anthropic's SDKs send it.
    XApiKey,
    /// `X-Goog-Api-Key`, as Google's SDKs send it.
    XGoogApiKey,
    /// `Api-Key`, as Azure's SDKs send it.
    ApiKey,
}

impl ApiKeyPlace {
    /// Every place.
    pub const ALL: [Self; 4] = [Self::Bearer, Self::XApiKey, Self::XGoogApiKey, Self::ApiKey];

    /// The header, but for `Bearer`, which shares `Authorization` with tokens.
    pub const fn header(self) -> HeaderName {
        match self {
            Self::Bearer => http::header::AUTHORIZATION,
            Self::XApiKey => HeaderName::from_static("x-api-key"),
            Self::XGoogApiKey => HeaderName::from_static("x-goog-api-key"),
            Self::ApiKey => HeaderName::from_static("api-key"),
        }
    }
}

/// What an upstream is told of the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// Whether it gets the credential itself.
    pub credential: Credential,
    /// Which claims become headers.
    pub claims: Box<[ForwardedClaim]>,
}

/// Whether an upstream gets the credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// It does not.
    #[default]
    Strip,
    /// It does, as it came.
    Keep,
    /// It gets the signed token in it as a bearer token: of one that we sealed what is inside, of one that we signed the
    /// token itself. Of any other credential it gets nothing.
    Sign,
}

/// A claim that becomes a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedClaim {
    /// A top-level member of the claims.
    pub claim: Box<str>,
    /// The header that carries it.
    pub header: HeaderName,
}

/// Which claims name the caller in the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The subject; logs have its fingerprint.
    pub subject: Box<str>,
    /// The client; the first that is there counts.
    pub client: Box<[Box<str>]>,
    /// The team.
    pub team: Option<Box<str>>,
}

/// What a policy that says nothing of it means.
impl Default for Identity {
    fn default() -> Self {
        Self { subject: "sub".into(), client: ["client_id".into(), "azp".into()].into(), team: None }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
