//! The stages of authentication and authorisation: who asks, and whether he may.

use std::sync::Arc;

use http::StatusCode;

use super::credential::{self, Found, Unusable};
use super::exchange::Exchange;
use super::receive::Matched;
use super::refusal::Refusal;
use super::token_cache::CacheKey;
use super::worker::Worker;
use crate::clock::UnixTime;
use crate::jose::{ApiKey, Claims, Reason, Token, TokenHash, Verified};
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, Access, ApiKeyEntry, ApiKeyPlace, Backend, ClaimMatcher, ClaimTest, JwtEntry,
    Policy, Takes, TokenRule,
};

/// A request whose sender may make it: everybody may, or a credential of his was accepted.
pub(super) struct Authenticated {
    pub(super) matched: Matched,
    pub(super) caller: Option<Caller>,
    _proof: (),
}

/// Who was let in, and by what.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) claims: Arc<Verified<Claims>>,
    pub(super) policy: Arc<Policy>,
    pub(super) place: ApiKeyPlace,
}

/// Lets a request through whose rule, and whose model backend if it has one, accept its credential.
pub(super) fn authenticate(
    worker: &Worker,
    exchange: &mut Exchange,
    matched: Matched,
) -> Result<Authenticated, Refusal> {
    let stages = matched.stages()?;
    let mut caller = pass(worker, exchange, &matched, &stages.access)?;
    if let Some(Backend::Upstream { access: Some(access), .. }) = matched.backend() {
        // Both must pass; what the upstream is told comes from the rule, unless only the backend asks for a token.
        let second = pass(worker, exchange, &matched, access)?;
        caller = caller.or(second);
    }
    Ok(Authenticated { matched, caller, _proof: () })
}

fn pass(
    worker: &Worker,
    exchange: &mut Exchange,
    matched: &Matched,
    access: &Access,
) -> Result<Option<Caller>, Refusal> {
    let rules = match access {
        Access::Anonymous => return Ok(None),
        Access::Tokens(rules) => rules,
    };
    let Some(first) = rules.first() else {
        return Err(Refusal::unresolved(crate::finding::Code::NoAuth));
    };
    let places: &[ApiKeyPlace] = match &rules[..] {
        [only] => &only.policy.key_places,
        // A header in which any of the policies takes keys is a credential for all of them.
        several => &all_places(several),
    };
    let found = match credential::find(&matched.received.head, places) {
        Ok(found) => found,
        Err(unusable) => return Err(unusable_credential(unusable, &first.policy)),
    };
    let mut judge = Judge { worker, found, hash: TokenHash::of(found.text), last: None };
    let mut refused = Verdict::Unknown;
    for rule in rules {
        match judge.decide(rule, exchange) {
            Ok(caller) => return Ok(Some(caller)),
            // The way that came closest to letting the request in says most about what is missing.
            Err(verdict) => refused = refused.max(verdict),
        }
    }
    Err(refused.refusal(&first.policy))
}

fn all_places(rules: &[TokenRule]) -> Vec<ApiKeyPlace> {
    let mut places: Vec<_> = rules.iter().flat_map(|rule| rule.policy.key_places.iter().copied()).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Why one way in was closed, in order of how far a request came on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// No entry takes tokens of this form and issuer.
    Unknown,
    /// The token itself is refused.
    Token(Reason),
    /// It cannot be judged now.
    KeysUnavailable,
    /// The token is good, but the rule's expression or claims refuse it.
    Denied(&'static str),
    /// The token is good, but lacks scopes: these are needed.
    Scopes(Box<[Box<str>]>),
}

impl Verdict {
    fn refusal(self, policy: &Policy) -> Refusal {
        let challenges = &policy.challenges;
        match self {
            Self::Unknown => Refusal::because(StatusCode::UNAUTHORIZED, "invalid_token", Reason::IssUnknown.as_str())
                .challenge(challenges.invalid_token.clone()),
            Self::Token(reason) if reason == Reason::MalformedCredentials => {
                Refusal::because(StatusCode::BAD_REQUEST, "invalid_request", reason.as_str())
                    .challenge(challenges.invalid_request.clone())
            }
            Self::Token(reason) => Refusal::because(StatusCode::UNAUTHORIZED, "invalid_token", reason.as_str())
                .challenge(challenges.invalid_token.clone()),
            Self::KeysUnavailable => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable")
                .retry_after(std::time::Duration::from_secs(10)),
            Self::Denied(reason) => Refusal::because(StatusCode::FORBIDDEN, "access_denied", reason),
            Self::Scopes(needed) => {
                let challenge = challenges.insufficient_scope(&needed);
                Refusal::because(StatusCode::FORBIDDEN, "insufficient_scope", "scope").challenge(challenge)
            }
        }
    }
}

fn unusable_credential(unusable: Unusable, policy: &Policy) -> Refusal {
    let challenges = &policy.challenges;
    let reason = unusable.as_str();
    match unusable {
        Unusable::Missing | Unusable::Scheme => {
            Refusal::because(StatusCode::UNAUTHORIZED, "no_credentials", reason).challenge(challenges.bare.clone())
        }
        Unusable::Malformed | Unusable::Several | Unusable::InQuery => {
            Refusal::because(StatusCode::BAD_REQUEST, "invalid_request", reason)
                .challenge(challenges.invalid_request.clone())
        }
    }
}

/// Judges the credential of one request, each policy entry at most once in a row.
struct Judge<'a> {
    worker: &'a Worker,
    found: Found<'a>,
    hash: TokenHash,
    last: Option<(*const Policy, Result<(Arc<Verified<Claims>>, usize), Verdict>)>,
}

impl Judge<'_> {
    fn decide(&mut self, rule: &TokenRule, exchange: &mut Exchange) -> Result<Caller, Verdict> {
        let policy = Arc::as_ptr(&rule.policy);
        let known = self.last.take().filter(|(last, _)| *last == policy).map(|(_, result)| result);
        let result = known.unwrap_or_else(|| self.verify(&rule.policy, exchange));
        self.last = Some((policy, result.clone()));
        let (claims, entry) = result?;
        let Some(entry) = rule.policy.entries.get(entry) else { return Err(Verdict::Unknown) };
        if !rule.scopes.iter().all(|scope| claims.scopes().contains(scope)) {
            return Err(Verdict::Scopes(rule.scopes.clone()));
        }
        if !rule.claims.iter().all(|matcher| holds(matcher, &claims)) {
            return Err(Verdict::Denied("claim_mismatch"));
        }
        exchange.policy = Some(Arc::clone(&entry.name));
        Ok(Caller { claims, policy: Arc::clone(&rule.policy), place: self.found.place })
    }

    /// Verifies the credential against the first entry that its form and issuer select.
    fn verify(&self, policy: &Policy, exchange: &Exchange) -> Result<(Arc<Verified<Claims>>, usize), Verdict> {
        let now = exchange.time();
        let is_key = ApiKey::claims_to_be_one(self.found.text);
        let mut refused = Verdict::Unknown;
        for (place, entry) in policy.entries.iter().enumerate() {
            let result = match &entry.takes {
                Takes::ApiKeys(keys) if is_key && keys.places.contains(&self.found.place) => self.verify_key(keys, now),
                Takes::Jwt(jwt) if !is_key && self.found.place == ApiKeyPlace::Bearer => self.verify_jwt(jwt, now),
                Takes::ApiKeys(_) | Takes::Jwt(_) => continue,
            };
            match result {
                Ok(claims) => return Ok((claims, place)),
                Err(verdict) => refused = refused.max(verdict),
            }
        }
        Err(refused)
    }

    fn verify_key(&self, entry: &ApiKeyEntry, now: UnixTime) -> Result<Arc<Verified<Claims>>, Verdict> {
        let key = ApiKey::parse(self.found.text).map_err(Verdict::Token)?;
        match entry.keys.load().as_ref() {
            AcceptedApiKeys::Known(keys) => keys.verify(&key, now).map(Arc::clone).map_err(Verdict::Token),
            AcceptedApiKeys::Unavailable(_) => Err(Verdict::KeysUnavailable),
        }
    }

    fn verify_jwt(&self, entry: &JwtEntry, now: UnixTime) -> Result<Arc<Verified<Claims>>, Verdict> {
        let keys = entry.keys.load();
        let AcceptedKeys::Known { set: keys, .. } = keys.as_ref() else { return Err(Verdict::KeysUnavailable) };
        let key = CacheKey::new(&self.hash, entry.expectation.content_hash());
        if let Some(claims) = self.worker.tokens().get(&key, keys.content_hash()) {
            self.worker.counters().token_cache(true);
            claims.recheck(&entry.expectation, now).map_err(Verdict::Token)?;
            return Ok(claims);
        }
        self.worker.counters().token_cache(false);
        let token = Token::parse(self.found.text).map_err(Verdict::Token)?;
        match token.issuer() {
            Some(issuer) if issuer != entry.expectation.issuer() => return Err(Verdict::Unknown),
            _ => {}
        }
        let claims = entry.expectation.verify(token, keys, now).map_err(Verdict::Token)?;
        let claims = Arc::new(claims);
        self.worker.tokens().put(key, *keys.content_hash(), Arc::clone(&claims));
        Ok(claims)
    }
}

/// Whether a claim meets its test; one that is absent or neither a string nor a list does not.
fn holds(matcher: &ClaimMatcher, claims: &Claims) -> bool {
    let test = |text: &str| match &matcher.test {
        ClaimTest::Equals(wanted) => text == wanted.as_ref(),
        ClaimTest::OneOf(wanted) => wanted.iter().any(|wanted| text == wanted.as_ref()),
        ClaimTest::Prefix(wanted) => text.starts_with(wanted.as_ref()),
    };
    match claims.get(&matcher.claim) {
        Some(serde_json::Value::String(text)) => test(text),
        Some(serde_json::Value::Array(items)) => items.iter().filter_map(|item| item.as_str()).any(test),
        _ => false,
    }
}
