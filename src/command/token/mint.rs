//! `bearward token mint`: a signed access token, for tests.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::TokenError;
use crate::clock::Clock;
use crate::command::files::{self, Readers};
use crate::command::private_key;
use crate::jose::{Algorithm, SigningKey};

/// What a token is to say, and who signs it.
#[derive(Clone, Debug)]
pub struct MintArgs {
    /// What signs it.
    pub key: MintKey,
    /// What it is signed by; unset: what the key says, else what is usual for its type.
    pub algorithm: Option<Algorithm>,
    /// Where the public key is written as a key set; unset: nowhere.
    pub key_set: Option<PathBuf>,
    /// `typ` of the header: `at+jwt` for an access token.
    pub typ: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`, as one string if it is one.
    pub audiences: Vec<String>,
    /// `sub`.
    pub subject: String,
    /// `client_id`.
    pub client: String,
    /// `scope`; none: the token has no such claim.
    pub scopes: Vec<String>,
    /// From now, which is `iat`, to `exp`.
    pub lifetime: Duration,
    /// Further claims. They replace those above, and one that is null takes it away, so that a test can make any token.
    pub claims: Map<String, Value>,
}

/// What signs a token.
#[derive(Clone, Debug)]
pub enum MintKey {
    /// A private key: a JWK, or PKCS #8 in PEM.
    File(PathBuf),
    /// A shared secret: the bytes of the file. The algorithm must be stated.
    Secret(PathBuf),
    /// A new key, which is kept in this file, in PEM, for its owner alone.
    New(PathBuf),
}

/// Writes one token and a line feed.
pub fn run(args: &MintArgs, clock: &Clock, random: &dyn SecureRandom, out: &mut dyn Write) -> Result<(), TokenError> {
    let key = key(&args.key, args.algorithm)?;
    let token = key.sign(&args.typ, &claims(args, clock, random)?)?;
    if let Some(path) = &args.key_set {
        files::write_new(path, private_key::key_set(&key)?.as_bytes(), Readers::Anybody)?;
    }
    writeln!(out, "{token}")?;
    Ok(())
}

fn key(source: &MintKey, algorithm: Option<Algorithm>) -> Result<SigningKey, TokenError> {
    match source {
        MintKey::File(path) => Ok(private_key::read(path, algorithm)?),
        MintKey::Secret(path) => Ok(SigningKey::hmac(&files::read(path)?, algorithm.unwrap_or(Algorithm::HS256))?),
        MintKey::New(path) => {
            let key = SigningKey::generate(algorithm.unwrap_or(Algorithm::ES256))?;
            files::write_new(path, private_key::to_pem(&key)?.expose(), Readers::Owner)?;
            Ok(key)
        }
    }
}

/// The claims of RFC 9068, section 2.2, and what was asked for besides.
fn claims(args: &MintArgs, clock: &Clock, random: &dyn SecureRandom) -> Result<Map<String, Value>, TokenError> {
    let now = clock.now();
    let mut id = [0; 16];
    random.fill(&mut id).map_err(|_| TokenError::NoRandomness)?;
    let audience: Value = match args.audiences.as_slice() {
        [one] => one.as_str().into(),
        several => several.into(),
    };
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", args.issuer.as_str().into());
    set("exp", now.plus(args.lifetime).secs().into());
    set("aud", audience);
    set("sub", args.subject.as_str().into());
    set("client_id", args.client.as_str().into());
    set("iat", now.secs().into());
    set("jti", URL_SAFE_NO_PAD.encode(id).into());
    if !args.scopes.is_empty() {
        set("scope", args.scopes.join(" ").into());
    }
    for (name, value) in &args.claims {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    Ok(claims)
}
