//! `bearward token inspect`: what a token says, believed or not.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::{TokenError, date, printable, read_token};
use crate::clock::Clock;
use crate::jose::{ApiKey, Token};

/// As forgiving as any library: a token that the gateway refuses is the one that somebody wants to look into.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Reads a token from `input` and writes header, claims and dates. The signature is neither checked nor shown, so that
/// what is written lets nobody in.
pub fn run(clock: &Clock, input: &mut dyn Read, out: &mut dyn Write) -> Result<(), TokenError> {
    let token = read_token(input)?;
    if ApiKey::claims_to_be_one(&token) {
        return api_key(&token, out);
    }
    writeln!(out, "NOT VERIFIED: anybody can write a token that says this.")?;
    let segments: Vec<&str> = token.split('.').collect();
    let (header, claims) = match segments.as_slice() {
        [header, claims, _] => (Some(header), Some(claims)),
        // RFC 7516, section 9: what follows the header is encrypted.
        [header, _, _, _, _] => (Some(header), None),
        _ => (None, None),
    };
    if let Some(header) = header {
        segment("header", header, out)?;
    }
    if let Some(claims) = claims.and_then(|claims| segment("claims", claims, out).transpose()).transpose()? {
        dates(&claims, clock, out)?;
    }
    match Token::parse(&token) {
        Ok(_) => writeln!(out, "form: sound")?,
        Err(reason) => writeln!(out, "form: {reason}, {}", reason.meaning())?,
    }
    Ok(())
}

/// Writes a segment's JSON, or that it has none.
fn segment(name: &str, text: &str, out: &mut dyn Write) -> Result<Option<Value>, TokenError> {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let bytes = FORGIVING.decode(text).ok();
    let value: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match &value {
        Some(value) => writeln!(out, "{name}: {}", printable(value))?,
        None => writeln!(out, "{name}: not base64url of JSON")?,
    }
    Ok(value)
}

/// The times among the claims, for people.
fn dates(claims: &Value, clock: &Clock, out: &mut dyn Write) -> Result<(), TokenError> {
    let now = clock.now().secs();
    for (name, meaning) in [("iat", "issued"), ("nbf", "valid from"), ("exp", "expires")] {
        let Some(seconds) = claims.get(name).and_then(Value::as_i64) else { continue };
        let Some(date) = date(seconds) else { continue };
        let tense = if seconds > now { "to come" } else { "past" };
        writeln!(out, "{meaning}: {date} ({tense})")?;
    }
    Ok(())
}

fn api_key(key: &str, out: &mut dyn Write) -> Result<(), TokenError> {
    match ApiKey::parse(key) {
        Ok(key) => writeln!(out, "an API key, NOT VERIFIED; its id is {}", key.id())?,
        Err(reason) => writeln!(out, "no API key: {reason}, {}", reason.meaning())?,
    }
    Ok(())
}
