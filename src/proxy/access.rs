//! The stages of authentication and authorisation: who asks, and whether he may.

mod caller;
mod judge;
mod missing;
mod verdict;

use super::credential::{self, Unusable};
use super::exchange::Exchange;
use super::receive::Matched;
use super::refusal::Refusal;
use super::worker::Worker;
use crate::finding::Code;
use crate::jose::Reason;
use crate::snapshot::{Access, ApiKeyPlace, Backend, Policy, TokenRule};
use crate::telemetry::Cause;
pub(super) use caller::Caller;
use caller::Identity;
use judge::Judge;
use missing::Missing;
use verdict::Verdict;

/// A request whose sender may make it: everybody may, or a credential of his was accepted.
pub(super) struct Authenticated {
    pub(super) matched: Matched,
    pub(super) caller: Option<Caller>,
    _proof: (),
}

/// Why a request does not get in.
enum Closed {
    /// It is refused.
    Refused(Refusal),
    /// That cannot be said before newer keys have been asked for.
    Missing(Missing),
}

impl From<Refusal> for Closed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Lets a request through whose rule, and whose model backend if it has one, accept its credential.
///
/// A key that is missing is asked for once; the wait for it is the one place where this takes time, and is boxed, so
/// that no other request pays for its room.
pub(super) async fn authenticate(
    worker: &Worker,
    exchange: &mut Exchange,
    matched: Matched,
) -> Result<Authenticated, Refusal> {
    let caller = match find_caller(worker, exchange, &matched) {
        Ok(caller) => caller,
        Err(Closed::Refused(refusal)) => return Err(refusal),
        Err(Closed::Missing(missing)) => {
            Box::pin(missing.wait(worker)).await?;
            match find_caller(worker, exchange, &matched) {
                Ok(caller) => caller,
                Err(Closed::Refused(refusal)) => return Err(refusal),
                Err(Closed::Missing(missing)) => return Err(missing.refusal(worker)),
            }
        }
    };
    Ok(Authenticated { matched, caller, _proof: () })
}

fn find_caller(worker: &Worker, exchange: &mut Exchange, matched: &Matched) -> Result<Option<Caller>, Closed> {
    let stages = matched.stages()?;
    let caller = pass(worker, exchange, matched, &stages.access)?;
    let Some(Backend::Upstream { access: Some(access), .. }) = matched.backend() else { return Ok(caller) };
    // Both must pass; what the upstream and the log are told comes from the rule, unless only the backend asks for a
    // token.
    let second = pass(worker, exchange, matched, access);
    if caller.is_some() {
        exchange.caller.clone_from(&caller);
    }
    Ok(caller.or(second?))
}

fn pass(
    worker: &Worker,
    exchange: &mut Exchange,
    matched: &Matched,
    access: &Access,
) -> Result<Option<Caller>, Closed> {
    let rules = match access {
        Access::Anonymous => return Ok(None),
        Access::Tokens(rules) => rules,
    };
    let Some(first) = rules.first() else { return Err(Refusal::unresolved(Code::NoAuth).into()) };
    let places: &[ApiKeyPlace] = match &rules[..] {
        [only] => &only.policy.key_places,
        // A header in which any of the policies takes keys is a credential for all of them.
        several => &all_places(several),
    };
    let found = match credential::find(&matched.received.head, places) {
        Ok(found) => found,
        Err(unusable) => return Err(unusable_credential(unusable, &first.policy).into()),
    };
    let mut judge = Judge::new(worker, &matched.received, found);
    let mut refused = Verdict::NoEntry;
    for rule in rules {
        match judge.decide(rule, exchange) {
            Ok(caller) => return Ok(Some(caller)),
            // The way that came closest to letting the request in says most about what is missing.
            Err(verdict) => refused = refused.or_closer(verdict),
        }
    }
    Err(refused.close(&first.policy))
}

fn all_places(rules: &[TokenRule]) -> Vec<ApiKeyPlace> {
    let mut places: Vec<_> = rules.iter().flat_map(|rule| rule.policy.key_places.iter().copied()).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// RFC 6750, section 3.1: without a credential the challenge has no error. Of several policies the first one's
/// challenge is sent: a client that has nothing yet needs one way in, not all of them.
fn unusable_credential(unusable: Unusable, policy: &Policy) -> Refusal {
    let challenges = &policy.challenges;
    match unusable {
        Unusable::Missing => Refusal::new(Cause::NoCredentials).challenge(challenges.bare.clone()),
        Unusable::Scheme => Refusal::new(Cause::SchemeUnsupported).challenge(challenges.bare.clone()),
        Unusable::Malformed => {
            Refusal::credential(Reason::MalformedCredentials).challenge(challenges.invalid_request.clone())
        }
        Unusable::Several => Refusal::new(Cause::MultipleCredentials).challenge(challenges.invalid_request.clone()),
        Unusable::InQuery => Refusal::new(Cause::TokenInQuery).challenge(challenges.invalid_request.clone()),
    }
}
