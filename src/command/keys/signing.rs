//! `bearward keys generate signing`: a new signing key, and the key set that its verifiers read.

use std::io::Write;
use std::path::PathBuf;

use super::KeysError;
use crate::command::files::{self, Readers};
use crate::command::private_key;
use crate::jose::{Algorithm, SigningKey};

/// Which key, and where its halves go.
#[derive(Clone, Debug)]
pub struct SigningArgs {
    /// What it signs by.
    pub algorithm: Algorithm,
    /// Where the private key is written, as PKCS #8 in PEM, for its owner alone.
    pub private_key: PathBuf,
    /// Where the public key is written as a key set; unset: to `out`.
    pub key_set: Option<PathBuf>,
}

/// Makes a key and writes its halves, the private one first. A file that is there already is left alone, and an error.
pub fn run(args: &SigningArgs, out: &mut dyn Write) -> Result<(), KeysError> {
    let key = SigningKey::generate(args.algorithm)?;
    files::write_new(&args.private_key, private_key::to_pem(&key)?.expose(), Readers::Owner)?;
    let key_set = private_key::key_set(&key)?;
    match &args.key_set {
        Some(path) => files::write_new(path, key_set.as_bytes(), Readers::Anybody)?,
        None => out.write_all(key_set.as_bytes())?,
    }
    Ok(())
}
