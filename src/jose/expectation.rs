//! What one `accept` entry of a policy demands of a token.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use thiserror::Error;

use super::{Algorithm, Family};

/// The largest leeway: clocks that differ by more need mending, not allowance.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

/// Which rules tell an access token from the other tokens of its issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are required.
    #[default]
    Rfc9068,
    /// For issuers that do not type their tokens. Required: `iss`, `exp` and `aud`. `typ` may be absent, `JWT` or
    /// `at+jwt`; every other type is refused, and so is a token with a claim that only another kind of token has:
    /// `nonce`, `at_hash`, `c_hash`, `s_hash` (ID token), `events` (security event, logout), `htm`, `htu` (DPoP proof),
    /// `status_list`, `token_introspection`; a claim `token_use` other than `access` (Cognito); a claim `typ` of `ID`,
    /// `Refresh`, `Offline` or `Logout` (Keycloak).
    ///
    /// What is weaker: an ID token without any of these claims, for an audience that is ours, is taken for an access
    /// token. Without `iat` the age is unknown and the lifetime is judged by what is left of it; without `jti` a single
    /// token cannot be named for revocation; `sub` and `client_id` may be absent, and limits on them then refuse.
    /// Headers `jwk`, `jku` and `x5u` are ignored rather than refused.
    Generic,
}

/// An `accept` entry as written. [`Expectation::new`] judges it.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The issuer, compared byte by byte.
    pub issuer: String,
    /// The audiences of which a token must name at least one, compared byte by byte.
    pub audiences: Vec<String>,
    /// The names of the algorithms that may sign.
    pub algorithms: Vec<String>,
    /// What an access token looks like.
    pub profile: Profile,
    /// The longest time from issue to expiry; unset: any.
    pub max_lifetime: Option<Duration>,
    /// The longest time since issue; unset: any. Set, it makes `iat` required.
    pub max_age: Option<Duration>,
    /// By how much the issuer's clock may differ from ours, at most five minutes.
    pub leeway: Duration,
    /// The claim that has the scopes; unset: `scope`.
    pub scope_claim: Option<String>,
}

/// Why no token may be judged by these terms.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnsafeExpectation {
    /// Without an issuer any issuer's tokens would pass.
    #[error("the issuer is empty, expected the issuer's exact URL")]
    NoIssuer,
    /// Without an audience, tokens meant for others would pass.
    #[error("no audience is named, expected at least one")]
    NoAudience,
    /// An empty audience names nobody.
    #[error("an audience is empty, expected the name that the issuer puts into aud")]
    EmptyAudience,
    /// Without algorithms nothing can be verified.
    #[error("no algorithm is named, expected at least one")]
    NoAlgorithm,
    /// `none` is the absence of a signature.
    #[error("the algorithm none accepts tokens that nobody signed")]
    NoneAlgorithm,
    /// No such algorithm; names differ by case.
    #[error("the algorithm {0:?} is not known, expected one such as ES256 or RS256 in exactly this spelling")]
    UnknownAlgorithm(String),
    /// With both, a public key could be taken for a shared secret.
    #[error("HMAC and asymmetric algorithms are mixed, expected one or the other")]
    MixedFamilies,
    /// One secret serves one algorithm.
    #[error("several HMAC algorithms are named, expected one")]
    SeveralHmac,
    /// Clocks that differ by so much need mending.
    #[error("the leeway is over five minutes")]
    LeewayTooLong,
    /// No token could pass.
    #[error("a limit on lifetime or age is zero")]
    ZeroLimit,
    /// A claim without a name cannot be looked up.
    #[error("the name of the scope claim is empty")]
    EmptyScopeClaim,
}

/// What one `accept` entry demands of a token. Every instance is safe to judge by: it has an issuer, an audience, and
/// algorithms that cannot be confused with each other.
#[derive(Debug)]
pub struct Expectation {
    terms: Terms,
    algorithms: Vec<Algorithm>,
    content_hash: [u8; 32],
}

impl Expectation {
    /// Refuses terms under which a forged or a stranger's token could pass.
    pub fn new(terms: Terms) -> Result<Self, UnsafeExpectation> {
        if terms.issuer.is_empty() {
            return Err(UnsafeExpectation::NoIssuer);
        }
        if terms.audiences.is_empty() {
            return Err(UnsafeExpectation::NoAudience);
        }
        if terms.audiences.iter().any(String::is_empty) {
            return Err(UnsafeExpectation::EmptyAudience);
        }
        if terms.leeway > MAX_LEEWAY {
            return Err(UnsafeExpectation::LeewayTooLong);
        }
        if terms.max_lifetime == Some(Duration::ZERO) || terms.max_age == Some(Duration::ZERO) {
            return Err(UnsafeExpectation::ZeroLimit);
        }
        if terms.scope_claim.as_ref().is_some_and(String::is_empty) {
            return Err(UnsafeExpectation::EmptyScopeClaim);
        }
        let algorithms = algorithms(&terms.algorithms)?;
        let content_hash = content_hash(&terms, &algorithms);
        Ok(Self { terms, algorithms, content_hash })
    }

    /// The issuer whose tokens these are.
    pub fn issuer(&self) -> &str {
        &self.terms.issuer
    }

    /// The audiences of which a token must name one.
    pub fn audiences(&self) -> &[String] {
        &self.terms.audiences
    }

    /// The algorithms that may sign, sorted.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// What an access token looks like.
    pub const fn profile(&self) -> Profile {
        self.terms.profile
    }

    /// The longest time from issue to expiry.
    pub const fn max_lifetime(&self) -> Option<Duration> {
        self.terms.max_lifetime
    }

    /// The longest time since issue.
    pub const fn max_age(&self) -> Option<Duration> {
        self.terms.max_age
    }

    /// By how much the issuer's clock may differ from ours.
    pub const fn leeway(&self) -> Duration {
        self.terms.leeway
    }

    /// The claim that has the scopes.
    pub fn scope_claim(&self) -> &str {
        self.terms.scope_claim.as_deref().unwrap_or("scope")
    }

    /// Equal for expectations that judge alike. Part of a cache's key, so that an edited policy finds none of the
    /// verdicts of its predecessor.
    pub const fn content_hash(&self) -> &[u8; 32] {
        &self.content_hash
    }
}

/// The algorithms of these names, sorted, if they can stand together.
fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, UnsafeExpectation> {
    let mut algorithms = Vec::with_capacity(names.len());
    for name in names {
        if name.eq_ignore_ascii_case("none") {
            return Err(UnsafeExpectation::NoneAlgorithm);
        }
        let algorithm = Algorithm::from_name(name);
        algorithms.push(algorithm.ok_or_else(|| UnsafeExpectation::UnknownAlgorithm(name.clone()))?);
    }
    algorithms.sort_unstable();
    algorithms.dedup();
    match algorithms.iter().filter(|algorithm| algorithm.family() == Family::Hmac).count() {
        _ if algorithms.is_empty() => Err(UnsafeExpectation::NoAlgorithm),
        0 => Ok(algorithms),
        hmac if hmac < algorithms.len() => Err(UnsafeExpectation::MixedFamilies),
        1 => Ok(algorithms),
        _ => Err(UnsafeExpectation::SeveralHmac),
    }
}

/// SHA-256 over every term, each with its length, so that no two lists of terms read the same.
fn content_hash(terms: &Terms, algorithms: &[Algorithm]) -> [u8; 32] {
    let mut audiences: Vec<&str> = terms.audiences.iter().map(String::as_str).collect();
    audiences.sort_unstable();
    audiences.dedup();
    let mut context = Context::new(&SHA256);
    let mut add = |text: &str| {
        context.update(text.len().to_string().as_bytes());
        context.update(b":");
        context.update(text.as_bytes());
    };
    add(&terms.issuer);
    add(&audiences.len().to_string());
    audiences.into_iter().for_each(&mut add);
    add(&algorithms.len().to_string());
    algorithms.iter().map(|algorithm| algorithm.as_str()).for_each(&mut add);
    add(match terms.profile {
        Profile::Rfc9068 => "RFC9068",
        Profile::Generic => "Generic",
    });
    for duration in [terms.max_lifetime, terms.max_age, Some(terms.leeway)] {
        add(&duration.map_or_else(String::new, |duration| duration.as_millis().to_string()));
    }
    add(terms.scope_claim.as_deref().unwrap_or("scope"));
    super::thumbprint::array(context.finish().as_ref())
}
