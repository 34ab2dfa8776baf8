//! `bearward token verify`: whether a token would be accepted, and the first reason why not.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::{TokenError, printable, read_token};
use crate::clock::Clock;
use crate::command::files;
use crate::jose::{Algorithm, Claims, Expectation, KeySet, Profile, Reason, Terms, Token, VerificationKey, VerifiedBy};

/// What a token is judged by, as the `jwt` entry of a TokenPolicy has it.
#[derive(Clone, Debug)]
pub struct VerifyArgs {
    /// Where its issuer's keys are.
    pub keys: VerifyKeys,
    /// The issuer, exactly.
    pub issuer: String,
    /// The audiences, one of which the token must name.
    pub audiences: Vec<String>,
    /// The algorithms that are allowed; none: those that the keys state.
    pub algorithms: Vec<String>,
    /// What an access token looks like.
    pub profile: Profile,
    /// By how much the clocks may differ.
    pub leeway: Duration,
    /// The longest time from issue to expiry; unset: any.
    pub max_lifetime: Option<Duration>,
    /// The longest time since issue; unset: any.
    pub max_age: Option<Duration>,
    /// The claim that has the scopes; unset: `scope`.
    pub scope_claim: Option<String>,
    /// The scopes that the token must have, all of them.
    pub scopes: Vec<String>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum VerifyKeys {
    /// A key set (RFC 7517, section 5).
    KeySet(PathBuf),
    /// A shared secret: the bytes of the file, and what they are used for.
    Secret(PathBuf, Algorithm),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The token would be accepted.
    Accepted,
    /// It would not.
    Refused,
}

/// Reads a token from `input` and writes `ok` and its claims, or the reason and what it means. Keys of the set that are
/// not used are named first, since one of them may be the reason.
pub fn run(args: &VerifyArgs, clock: &Clock, input: &mut dyn Read, out: &mut dyn Write) -> Result<Verdict, TokenError> {
    let keys = keys(&args.keys, out)?;
    if keys.is_empty() {
        return Err(TokenError::NoUsableKey);
    }
    let expectation = Expectation::new(terms(args, &keys))?;
    let token = read_token(input)?;
    let judge = || -> Result<_, Reason> { expectation.verify(Token::parse(&token)?, &keys, clock.now()) };
    let claims = match judge() {
        Ok(claims) => claims,
        Err(reason) => {
            writeln!(out, "{reason}: {}", reason.meaning())?;
            return Ok(Verdict::Refused);
        }
    };
    let missing: Vec<&str> =
        args.scopes.iter().map(String::as_str).filter(|scope| !claims.scopes().contains(scope)).collect();
    if !missing.is_empty() {
        writeln!(out, "scope: the token is good but does not grant {}", missing.join(" "))?;
        return Ok(Verdict::Refused);
    }
    accepted(&claims, out)?;
    Ok(Verdict::Accepted)
}

fn accepted(claims: &Claims, out: &mut dyn Write) -> Result<(), TokenError> {
    writeln!(out, "ok")?;
    if let VerifiedBy::Key(key) = claims.verified_by() {
        writeln!(out, "key: {}", key.kid.as_deref().map_or_else(|| key.thumbprint.to_string(), printable_text))?;
    }
    writeln!(out, "claims: {}", printable(&claims.members().clone().into()))?;
    Ok(())
}

fn keys(source: &VerifyKeys, out: &mut dyn Write) -> Result<KeySet, TokenError> {
    match source {
        VerifyKeys::Secret(path, algorithm) => Ok(KeySet::hmac(&files::read(path)?, *algorithm)?),
        VerifyKeys::KeySet(path) => {
            let (keys, skipped) = KeySet::parse(files::read(path)?.expose())?;
            for key in skipped {
                let name = key.kid.map_or_else(String::new, |kid| format!(" ({})", printable_text(&kid)));
                writeln!(out, "note: key {} of the set{name} is not used: {}", key.index, key.reason)?;
            }
            Ok(keys)
        }
    }
}

/// A text in quotes, as JSON has it.
fn printable_text(text: &str) -> String {
    printable(&text.into())
}

fn terms(args: &VerifyArgs, keys: &KeySet) -> Terms {
    let of_keys = || keys.iter().flat_map(VerificationKey::algorithms).map(|algorithm| algorithm.as_str().to_owned());
    let algorithms = if args.algorithms.is_empty() { of_keys().collect() } else { args.algorithms.clone() };
    Terms {
        issuer: args.issuer.clone(),
        audiences: args.audiences.clone(),
        algorithms,
        profile: args.profile,
        max_lifetime: args.max_lifetime,
        max_age: args.max_age,
        leeway: args.leeway,
        scope_claim: args.scope_claim.clone(),
    }
}
