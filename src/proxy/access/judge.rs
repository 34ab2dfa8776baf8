//! Judges the credential of one request.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::missing::{Missing, may_be_missing};
use super::{Caller, Identity, Verdict};
use crate::expr::{EvalError, Inputs, RequestInput, TokenInput};
use crate::jose::{
    ApiKey, Claims, KeySet, MAX_SEALED_BYTES, MAX_TOKEN_BYTES, Reason, SealKey, Sealed, Token, TokenHash, Verified,
};
use crate::proxy::credential::Found;
use crate::proxy::exchange::Exchange;
use crate::proxy::receive::Received;
use crate::proxy::token_cache::{CacheKey, CachedToken};
use crate::proxy::worker::Worker;
use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, ApiKeyEntry, ApiKeyPlace, AsOf, ClaimMatcher, ClaimTest, Entry, Format, Issued,
    JwtEntry, Policy, Takes, TokenRule,
};
use crate::state::Source;
use crate::telemetry::{Cause, Event, TokenLookUp};

/// Judges the credential of one request: its signature at most once for rules in a row that name the same policy.
pub(super) struct Judge<'a> {
    worker: &'a Worker,
    received: &'a Received,
    found: Found<'a>,
    hash: Option<TokenHash>,
    last: Option<(*const Policy, Result<Accepted, Verdict>)>,
}

/// A credential that a policy accepts, and by which of its entries.
#[derive(Clone)]
struct Accepted {
    identity: Identity,
    entry: usize,
}

impl<'a> Judge<'a> {
    pub(super) fn new(worker: &'a Worker, received: &'a Received, found: Found<'a>) -> Self {
        Self { worker, received, found, hash: None, last: None }
    }

    /// Whether this rule lets the request in: credential, scopes, claims, expression, in this order.
    pub(super) fn decide(&mut self, rule: &TokenRule, exchange: &mut Exchange) -> Result<Caller, Verdict> {
        let policy = Arc::as_ptr(&rule.policy);
        let known = self.last.take().filter(|(last, _)| *last == policy).map(|(_, result)| result);
        let result = known.unwrap_or_else(|| self.verify(&rule.policy, exchange));
        self.last = Some((policy, result.clone()));
        let Accepted { identity, entry: place } = result?;
        let Some(entry) = rule.policy.entries.get(place) else { return Err(Verdict::NoEntry) };
        let caller = Caller::new(identity, &rule.policy, place);
        // Whoever is refused from here on is known.
        exchange.caller = Some(caller.clone());
        let claims = caller.identity.claims();
        if !rule.scopes.iter().all(|scope| claims.scopes().contains(scope)) {
            return Err(Verdict::Scopes(rule.scopes.clone(), Arc::clone(&rule.policy)));
        }
        if !rule.claims.iter().all(|matcher| holds(matcher, claims)) {
            return Err(Verdict::Denied(Cause::ClaimMismatch));
        }
        if let Some(require) = &rule.require {
            match require.holds(&self.inputs(&rule.policy, entry, claims, exchange)) {
                Ok(true) => {}
                Ok(false) => return Err(Verdict::Denied(Cause::DeniedByRule)),
                Err(error) => return Err(Verdict::Denied(cause_of(error))),
            }
        }
        Ok(caller)
    }

    fn inputs<'i>(
        &'i self,
        policy: &'i Policy,
        entry: &'i Entry,
        claims: &'i Claims,
        exchange: &'i Exchange,
    ) -> Inputs<'i> {
        let head = &self.received.head;
        Inputs {
            claims: claims.members(),
            token: TokenInput {
                policy: &policy.name,
                entry: &entry.label,
                issuer: claims.issuer().unwrap_or_default(),
                scopes: claims.scopes(),
            },
            request: RequestInput {
                method: head.method.as_str(),
                host: exchange.host(),
                path: exchange.path(),
                query: self.received.query().unwrap_or_default(),
                headers: &head.headers,
                ip: self.received.way.client,
            },
        }
    }

    /// Verifies the credential against the one entry that its form and issuer select.
    fn verify(&mut self, policy: &Policy, exchange: &mut Exchange) -> Result<Accepted, Verdict> {
        if ApiKey::claims_to_be_one(self.found.text) {
            self.verify_key(policy, exchange)
        } else if SealKey::claims_to_be_one(self.found.text) && self.found.place == ApiKeyPlace::Bearer {
            self.verify_sealed(policy, exchange)
        } else if self.found.place == ApiKeyPlace::Bearer && policy.entries.iter().any(takes_tokens) {
            self.verify_token(policy, exchange)
        } else {
            Err(Verdict::Token(Reason::MalformedToken))
        }
    }

    /// API keys of one policy may come from several entries, which share one space of ids.
    fn verify_key(&self, policy: &Policy, exchange: &Exchange) -> Result<Accepted, Verdict> {
        let key = ApiKey::parse(self.found.text).map_err(Verdict::Token)?;
        let mut refused = Verdict::NoEntry;
        for (place, entry) in policy.entries.iter().enumerate() {
            let Takes::ApiKeys(ApiKeyEntry { keys, places }) = &entry.takes else { continue };
            if !places.contains(&self.found.place) {
                continue;
            }
            let loaded = keys.load();
            let keys = match loaded.as_ref() {
                AcceptedApiKeys::Known(keys) => keys,
                AcceptedApiKeys::Unavailable(_) => {
                    refused = refused.or_closer(Verdict::Unavailable);
                    continue;
                }
            };
            match keys.verify(&key, exchange.time()) {
                Ok(claims) => return Ok(Accepted { identity: Identity::Key(Arc::clone(claims)), entry: place }),
                // Known to one entry and out of its time says more than unknown to another, but unknown to one says
                // nothing where another cannot be asked.
                Err(Reason::KeyUnknown) => refused = refused.or_closer(Verdict::Token(Reason::KeyUnknown)),
                Err(reason) => refused = Verdict::Token(reason),
            }
        }
        Err(refused)
    }

    fn verify_token(&mut self, policy: &Policy, exchange: &mut Exchange) -> Result<Accepted, Verdict> {
        if let Some(known) = self.recall(policy, exchange)? {
            return Ok(known);
        }
        let token = Token::parse(self.found.text).map_err(Verdict::Token)?;
        let Some(issuer) = token.issuer() else { return Err(Verdict::Token(Reason::IssInvalid)) };
        let selected = tokens_of(policy).find(|(_, jwt)| jwt.expectation.issuer() == issuer);
        let Some((entry, jwt)) = selected else { return Err(Verdict::NoEntry) };
        if is_never_in_the_open(jwt) {
            return Err(Verdict::Token(Reason::NotSealed));
        }
        let cached = self.verify_new(jwt, token, exchange)?;
        Ok(Accepted { identity: Identity::Token(cached), entry })
    }

    /// A sealed token is one of our own: it is opened by the entry that takes those, and what is inside is judged as it would
    /// be by itself. It is remembered by its outside, so that another use of it opens nothing. One that cannot be opened is a
    /// forgery like one whose signature is wrong.
    fn verify_sealed(&mut self, policy: &Policy, exchange: &mut Exchange) -> Result<Accepted, Verdict> {
        if let Some(known) = self.recall(policy, exchange)? {
            return Ok(known);
        }
        if self.found.text.len() > MAX_SEALED_BYTES {
            return Err(Verdict::Token(Reason::TokenTooLarge));
        }
        if !tokens_of(policy).any(|(_, jwt)| jwt.issued.is_some()) {
            return Err(Verdict::NoEntry);
        }
        let source = Source::of(exchange.client);
        self.check_source(source, exchange)?;
        let sealed = Sealed::decode(self.found.text);
        let mut refused = Verdict::NoEntry;
        for (entry, jwt) in tokens_of(policy) {
            let Some(cell) = &jwt.issued else { continue };
            if let Some(signed) = sealed.as_ref().and_then(|sealed| cell.load().open(sealed)) {
                let token = Token::parse(&signed).map_err(Verdict::Token)?;
                let cached = self.verify_new(jwt, token, exchange)?;
                return Ok(Accepted { identity: Identity::Token(cached), entry });
            }
            // What cannot be opened for want of keys may well be good.
            refused = refused.or_closer(match jwt.keys.load().as_ref() {
                AcceptedKeys::Known { .. } => Verdict::Token(Reason::SealUnknown),
                AcceptedKeys::Unavailable { code, retry } => {
                    Verdict::Missing(Missing::all_keys(&jwt.keys, *code, *retry))
                }
            });
        }
        if matches!(refused, Verdict::Token(Reason::SealUnknown)) {
            self.worker.failing_sources().failed(source, exchange.started());
        }
        Err(refused)
    }

    /// Whether forgeries of this source are still looked at.
    fn check_source(&self, source: Source, exchange: &Exchange) -> Result<(), Verdict> {
        let wait = self.worker.failing_sources().wait(source, exchange.started());
        if wait == Duration::ZERO {
            return Ok(());
        }
        self.worker.counters().event(Event::SignatureLimited);
        Err(Verdict::Limited(wait))
    }

    /// A token that was verified before under the keys of now. Its times and audience are checked again.
    fn recall(&mut self, policy: &Policy, exchange: &mut Exchange) -> Result<Option<Accepted>, Verdict> {
        // None so long was ever kept, and hashing it would be the attacker's choice.
        let is_sealed = SealKey::claims_to_be_one(self.found.text);
        if self.found.text.len() > if is_sealed { MAX_SEALED_BYTES } else { MAX_TOKEN_BYTES } {
            return Ok(None);
        }
        let hash = *self.hash.get_or_insert_with(|| TokenHash::of(self.found.text));
        for (entry, jwt) in tokens_of(policy) {
            let keys = jwt.keys.load();
            let AcceptedKeys::Known { set, .. } = keys.as_ref() else { continue };
            let key = CacheKey::new(&hash, jwt.expectation.content_hash());
            if let Some(cached) = self.worker.tokens().get(&key, set.content_hash()) {
                exchange.token = Some(TokenLookUp::Hit);
                if !is_sealed && is_never_in_the_open(jwt) {
                    return Err(Verdict::Token(Reason::NotSealed));
                }
                cached.recheck(&jwt.expectation, exchange.time()).map_err(Verdict::Token)?;
                return Ok(Some(Accepted { identity: Identity::Token(cached), entry }));
            }
        }
        exchange.token = Some(TokenLookUp::Miss);
        Ok(None)
    }

    fn verify_new(&self, entry: &JwtEntry, token: Token<'_>, exchange: &Exchange) -> Result<Rc<CachedToken>, Verdict> {
        let (now, expectation) = (exchange.time(), &entry.expectation);
        let loaded = entry.keys.load();
        let (keys, as_of) = match loaded.as_ref() {
            AcceptedKeys::Known { set, as_of } => (set, *as_of),
            AcceptedKeys::Unavailable { code, retry } => {
                // What is wrong with the token without any key is wrong with it now.
                expectation.check(&token, now).map_err(Verdict::Token)?;
                return Err(Verdict::Missing(Missing::all_keys(&entry.keys, *code, *retry)));
            }
        };
        let issued = Issued::of(&token, now);
        let refuse = |reason| refuse(entry, issued, as_of, reason);
        let source = Source::of(exchange.client);
        if self.worker.failing_sources().wait(source, exchange.started()) > Duration::ZERO {
            // Only the signature is not checked.
            expectation.check(&token, now).map_err(Verdict::Token)?;
            keys.select(&token, expectation).map_err(refuse)?;
            self.check_source(source, exchange)?;
        }
        match expectation.verify(token, keys, now) {
            Ok(claims) => Ok(self.remember(entry, keys, claims)),
            Err(reason) => {
                if reason == Reason::BadSignature {
                    self.worker.failing_sources().failed(source, exchange.started());
                }
                Err(refuse(reason))
            }
        }
    }

    fn remember(&self, entry: &JwtEntry, keys: &KeySet, claims: Verified<Claims>) -> Rc<CachedToken> {
        let hash = self.hash.unwrap_or_else(|| TokenHash::of(self.found.text));
        let key = CacheKey::new(&hash, entry.expectation.content_hash());
        self.worker.tokens().put(key, *keys.content_hash(), claims)
    }
}

/// A token that its issuer's keys do not verify is refused, unless newer keys may.
fn refuse(entry: &JwtEntry, issued: Issued, as_of: AsOf, reason: Reason) -> Verdict {
    let missing = if may_be_missing(reason) { Missing::key_of(&entry.keys, issued, as_of) } else { None };
    missing.map_or(Verdict::Token(reason), Verdict::Missing)
}

/// Why an expression that has no value refuses.
const fn cause_of(error: EvalError) -> Cause {
    match error {
        EvalError::Missing => Cause::RuleValueMissing,
        EvalError::Type => Cause::RuleWrongType,
        EvalError::Range => Cause::RuleOutOfRange,
        EvalError::Unreadable => Cause::RuleUnreadable,
        EvalError::Cost => Cause::RuleTooCostly,
    }
}

/// Whether clients get these tokens sealed alone: one that is not has been taken from behind the gateway, where what is inside
/// of them is passed on.
fn is_never_in_the_open(entry: &JwtEntry) -> bool {
    entry.issued.is_some() && entry.format == Format::Opaque
}

fn takes_tokens(entry: &Entry) -> bool {
    matches!(entry.takes, Takes::Jwt(_))
}

/// The entries that take signed tokens, with their places.
fn tokens_of(policy: &Policy) -> impl Iterator<Item = (usize, &JwtEntry)> {
    policy.entries.iter().enumerate().filter_map(|(place, entry)| match &entry.takes {
        Takes::Jwt(jwt) => Some((place, jwt)),
        Takes::ApiKeys(_) => None,
    })
}

/// Whether a claim meets its test; one that is absent or neither a string nor a list does not.
fn holds(matcher: &ClaimMatcher, claims: &Claims) -> bool {
    claims.get(&matcher.claim).is_some_and(|claim| meets(&matcher.test, claim))
}

fn meets(test: &ClaimTest, claim: &Value) -> bool {
    let passes = |word: &str| match test {
        ClaimTest::Equals(wanted) => word == wanted.as_ref(),
        ClaimTest::OneOf(wanted) => wanted.iter().any(|wanted| word == wanted.as_ref()),
        ClaimTest::Prefix(wanted) => word.starts_with(wanted.as_ref()),
    };
    match claim {
        Value::String(word) => passes(word),
        Value::Array(items) => items.iter().filter_map(Value::as_str).any(passes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}
