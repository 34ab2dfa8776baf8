//! `bearward keys hash`: what a record keeps of an API key.

use std::io::{Read, Write};

use zeroize::Zeroizing;

use super::KeysError;
use crate::jose::{ApiKey, Reason};

/// The most that is read: a key has 65 characters, or some more if its id was chosen by hand.
const MAX_BYTES: u64 = 1024;

/// Reads one API key from `input` and writes `sha256:` and the hash of its secret. White space around the key is left
/// out, since files and `echo` end with a line feed.
pub fn run(input: &mut dyn Read, out: &mut dyn Write) -> Result<(), KeysError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_BYTES).unwrap_or_default()));
    input.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| KeysError::Input(error.kind()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeysError::NotApiKey(Reason::MalformedToken))?;
    let key = ApiKey::parse(text.trim_ascii()).map_err(KeysError::NotApiKey)?;
    writeln!(out, "{}", key.hash())?;
    Ok(())
}
