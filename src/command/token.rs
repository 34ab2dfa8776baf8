//! `bearward token`: makes tokens for tests, looks into tokens, and says whether one would be accepted and why not.

pub mod inspect;
pub mod mint;
#[cfg(test)]
mod tests;
pub mod verify;

use std::fmt::Write as _;
use std::io::{ErrorKind, Read};

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use super::{FileError, PrivateKeyError};
use crate::jose::{KeySetError, SigningKeyError, UnsafeExpectation, WeakKey};

/// The most that is read of a token. Larger ones are refused by the gateway long before, and the command says so too.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why a command about tokens could not do what it was asked for. A token that is refused is no such error.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no key to sign with.
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    /// The key cannot sign.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// The shared secret is too short.
    #[error(transparent)]
    Weak(#[from] WeakKey),
    /// The key set is none.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The key set has nothing that verifies.
    #[error("the key set has no usable key")]
    NoUsableKey,
    /// No token may be judged by what was said.
    #[error(transparent)]
    Unsafe(#[from] UnsafeExpectation),
    /// The source of randomness failed.
    #[error("the source of randomness failed")]
    NoRandomness,
    /// The token could not be read.
    #[error("the token cannot be read: {0}")]
    Input(ErrorKind),
    /// The token is no text.
    #[error("the token is not text")]
    NotText,
    /// What was found out could not be written.
    #[error("cannot write: {0}")]
    Output(ErrorKind),
}

impl From<std::io::Error> for TokenError {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error.kind())
    }
}

/// One token, without the line feed that files and `echo` end with, and without a `Bearer` before it, since what is at
/// hand is often a whole header.
fn read_token(input: &mut dyn Read) -> Result<String, TokenError> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| TokenError::Input(error.kind()))?;
    let text = String::from_utf8(bytes).map_err(|_| TokenError::NotText)?;
    let text = text.trim_ascii();
    let bare = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim_ascii_start(),
        _ => text,
    };
    Ok(bare.to_owned())
}

/// JSON over several lines, in which nothing can move a terminal's cursor or turn its text around: characters that
/// would are written as escapes, which JSON allows wherever they can be.
fn printable(value: &Value) -> String {
    let mut printable = String::new();
    for character in format!("{value:#}").chars() {
        if is_harmless(character) {
            printable.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // A string takes whatever is written to it.
            let _ = write!(printable, "\\u{unit:04x}");
        }
    }
    printable
}

/// Neither a control character nor one of those that change the direction of text or are not seen (Unicode, general
/// category Cf, as far as they are in use).
fn is_harmless(character: char) -> bool {
    let is_format = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    character == '\n' || !(character.is_control() || is_format)
}

/// A time in seconds as a date, if it is one that a calendar has.
fn date(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}
