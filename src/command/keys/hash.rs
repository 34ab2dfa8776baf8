//! `bearward keys hash`: what a record keeps of an API key, or of a client's secret.

use std::io::{Read, Write};

use zeroize::Zeroizing;

use super::KeysError;
use crate::jose::{ApiKey, ClientSecret, Reason};

/// The most that is read: a key has 65 characters, or some more if its id was chosen by hand.
const MAX_BYTES: u64 = 1024;

/// Reads one API key, or one client's secret, from `input` and writes `sha256:` and its hash. White space around it is left
/// out, since files and `echo` end with a line feed.
pub fn run(input: &mut dyn Read, out: &mut dyn Write) -> Result<(), KeysError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_BYTES).unwrap_or_default()));
    input.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| KeysError::Input(error.kind()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeysError::NotApiKey(Reason::MalformedToken))?;
    let text = text.trim_ascii();
    let hash = if ClientSecret::claims_to_be_one(text) {
        ClientSecret::parse(text).map_err(|_| KeysError::NotClientSecret)?.hash()
    } else {
        ApiKey::parse(text).map_err(KeysError::NotApiKey)?.hash()
    };
    writeln!(out, "{hash}")?;
    Ok(())
}
