//! The times that a token states, and whether now lies within them.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Expectation, Profile, Reason};
use crate::clock::UnixTime;

/// The last second that every JSON parser reads exactly (2⁵³). A later expiry is no date but an attempt to overflow.
const LAST_SECOND: i64 = 1 << 53;

/// How far ahead of our clock `iat` may lie: the policy's leeway, but at least and at most this much, whatever it says.
/// RFC 7519 demands neither; the bounds are those of the FAPI 2.0 security profile: 10 s must pass, 60 s must not.
const IAT_AHEAD: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(59));

/// `exp`, `nbf` and `iat` (RFC 7519, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) expires: UnixTime,
    pub(super) not_before: Option<UnixTime>,
    pub(super) issued_at: Option<UnixTime>,
}

impl Times {
    /// Reads the three claims. `exp` is required by every profile.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, Reason> {
        let optional = |name: &str, otherwise: Reason| match claims.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value).map(Some).ok_or(otherwise),
        };
        Ok(Self {
            expires: claims.get("exp").and_then(numeric_date).ok_or(Reason::ExpInvalid)?,
            not_before: optional("nbf", Reason::NotYetValid)?,
            issued_at: optional("iat", Reason::ClaimInvalid)?,
        })
    }

    /// Whether a token of these times may be used now.
    pub(super) fn check(&self, expectation: &Expectation, now: UnixTime) -> Result<(), Reason> {
        let leeway = expectation.leeway();
        // RFC 7519, section 4.1.4: not accepted on or after the expiry, so at it is too late.
        if now >= self.expires.plus(leeway) {
            return Err(Reason::Expired);
        }
        if self.not_before.is_some_and(|not_before| not_before > now.plus(leeway)) {
            return Err(Reason::NotYetValid);
        }
        let (least, most) = IAT_AHEAD;
        if self.issued_at.is_some_and(|issued| issued > now.plus(leeway.clamp(least, most))) {
            return Err(Reason::IatFuture);
        }
        // RFC 9068, section 2.2, requires it, and so does a limit on the age. Asked before the lifetime, which without it
        // has to guess.
        let needs_issue = expectation.profile() == Profile::Rfc9068 || expectation.max_age().is_some();
        if needs_issue && self.issued_at.is_none() {
            return Err(Reason::ClaimMissing);
        }
        if self.expires.secs() > LAST_SECOND || self.outlives(expectation, now) {
            return Err(Reason::LifetimeTooLong);
        }
        if self.is_too_old(expectation, now) { Err(Reason::TooOld) } else { Ok(()) }
    }

    fn is_too_old(&self, expectation: &Expectation, now: UnixTime) -> bool {
        let limit = expectation.max_age().map(|limit| limit.saturating_add(expectation.leeway()));
        limit.zip(self.issued_at).is_some_and(|(limit, issued)| now.since(issued) > limit)
    }

    /// Whether the token lives longer than it may. One that does not say when it was issued counts as issued now: then
    /// it passes only near its end, which is the strictest reading that still lets an issuer leave `iat` out.
    fn outlives(&self, expectation: &Expectation, now: UnixTime) -> bool {
        expectation.max_lifetime().is_some_and(|limit| match self.issued_at {
            Some(issued) => self.expires.since(issued) > limit,
            None => self.expires.since(now) > limit.saturating_add(expectation.leeway()),
        })
    }
}

/// RFC 7519, section 2: a JSON number of seconds, fractions allowed and here rounded down. Whole numbers beyond any date
/// stand for the far future, so that they are refused as too late and not as malformed.
pub(super) fn numeric_date(value: &Value) -> Option<UnixTime> {
    let number = value.as_number()?;
    if let Some(seconds) = number.as_u64() {
        return Some(UnixTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)));
    }
    let seconds = Duration::try_from_secs_f64(number.as_f64()?).ok()?.as_secs();
    i64::try_from(seconds).ok().filter(|seconds| *seconds <= LAST_SECOND).map(UnixTime::from_secs)
}
