//! `bearward keys`: makes API keys, secrets of clients and signing keys, and hashes one for a record.

pub mod api_key;
pub mod client_secret;
pub mod hash;
pub mod signing;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;

use jiff::Timestamp;
use thiserror::Error;

use super::{FileError, PrivateKeyError};
use crate::clock::UnixTime;
use crate::jose::{InvalidApiKey, InvalidClientSecret, NoRandomness, Reason, SigningKeyError};

/// Why a key could not be made or hashed.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum KeysError {
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The signing key could not be made.
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    /// The signing key could not be made.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// The source of randomness failed.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What the record was to say, no record may say.
    #[error(transparent)]
    Record(#[from] InvalidApiKey),
    /// What the record was to say, no record may say.
    #[error(transparent)]
    SecretRecord(#[from] InvalidClientSecret),
    /// A secret that ends when it begins is of no use.
    #[error("the secret would never be valid, expected a lifetime above zero")]
    NeverValid,
    /// A key that is good for longer is forgotten before it ends.
    #[error("the key would live longer than a year (8760h)")]
    LivesTooLong,
    /// The time of expiry is beyond any calendar.
    #[error("the time of expiry is no date")]
    NoDate,
    /// The label decides what a Secret is, and is set by the command.
    #[error("the label bearward.dev/use is set by the command itself")]
    ReservedLabel,
    /// What was read is no API key.
    #[error("not an API key: {}", is_not(*.0))]
    NotApiKey(Reason),
    /// What was read is meant to be a client's secret and is none.
    #[error("not a client's secret: expected bws_ and 49 characters with a checksum")]
    NotClientSecret,
    /// The key could not be read.
    #[error("the key cannot be read: {0}")]
    Input(ErrorKind),
    /// What was made could not be written.
    #[error("cannot write: {0}")]
    Output(ErrorKind),
}

/// Why something is no API key. The word for what is of no form speaks of tokens too, which are not expected here.
fn is_not(reason: Reason) -> &'static str {
    if reason == Reason::MalformedToken {
        "expected bw_, an id, _, and a secret with its checksum"
    } else {
        reason.meaning()
    }
}

/// RFC 3339, in whole seconds.
fn time(time: UnixTime) -> Result<String, KeysError> {
    Timestamp::from_second(time.secs()).map(|time| time.to_string()).map_err(|_| KeysError::NoDate)
}

impl From<std::io::Error> for KeysError {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error.kind())
    }
}
