//! Why one way in was closed, and what the client is told of it.

use std::sync::Arc;
use std::time::Duration;

use super::Closed;
use super::missing::Missing;
use crate::jose::Reason;
use crate::proxy::refusal::Refusal;
use crate::snapshot::Policy;
use crate::telemetry::Cause;

/// A namespace that does not let its Secrets be read is asked again this often.
const FORBIDDEN_RETRY: Duration = Duration::from_secs(30);

/// Why one way in was closed, in order of how far a request came on it.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// No entry takes tokens of this form and issuer.
    NoEntry,
    /// The token itself is refused.
    Token(Reason),
    /// Its source has sent too many forged ones, and must wait this long.
    Limited(Duration),
    /// It cannot be judged with the keys that are known.
    Missing(Missing),
    /// The Secrets with the keys of an entry may not be read: nobody can be told that his key is wrong.
    Unavailable,
    /// The token is good, but the rule's claims or expression refuse it.
    Denied(Cause),
    /// The token is good, but lacks some of these scopes of this policy.
    Scopes(Box<[Box<str>]>, Arc<Policy>),
}

impl Verdict {
    /// This one, unless `other` came closer to letting the request in.
    pub(super) fn or_closer(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::NoEntry => 0,
            Self::Token(_) => 1,
            Self::Limited(_) => 2,
            Self::Unavailable => 3,
            Self::Missing(_) => 4,
            Self::Denied(_) => 5,
            Self::Scopes(..) => 6,
        }
    }

    /// The end of the request's way. `first` is the first policy of the rule: whatever is wrong inside a token, the same
    /// challenge is sent, so that its realm does not tell which issuer's policy looked at it.
    pub(super) fn close(self, first: &Policy) -> Closed {
        let refusal = match self {
            Self::NoEntry => invalid_token(first, Reason::IssUnknown),
            Self::Token(Reason::MalformedCredentials) => {
                Refusal::credential(Reason::MalformedCredentials).challenge(first.challenges.invalid_request.clone())
            }
            Self::Token(reason) => invalid_token(first, reason),
            Self::Limited(wait) => Refusal::new(Cause::SourceLimited).retry_after(wait),
            Self::Unavailable => Refusal::new(Cause::KeysUnavailable).retry_after(FORBIDDEN_RETRY),
            Self::Missing(missing) => return Closed::Missing(missing),
            Self::Denied(cause) => Refusal::new(cause),
            Self::Scopes(needed, policy) => {
                let challenge = policy.challenges.insufficient_scope(&needed);
                Refusal::new(Cause::Scope).challenge(challenge)
            }
        };
        Closed::Refused(refusal)
    }
}

fn invalid_token(policy: &Policy, reason: Reason) -> Refusal {
    Refusal::credential(reason).challenge(policy.challenges.invalid_token.clone())
}
