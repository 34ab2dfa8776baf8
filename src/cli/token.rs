//! `bearward token …`: what the commands about tokens take.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::{examples, values};
use crate::command::token::mint::{MintArgs, MintKey};
use crate::command::token::verify::{VerifyArgs, VerifyKeys};
use crate::jose::{Algorithm, Profile};

/// What is done with a token.
#[derive(Clone, Debug)]
pub enum Token {
    /// One is made.
    Mint(MintArgs),
    /// One is shown.
    Inspect,
    /// One is judged.
    Verify(VerifyArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommands {
    /// Make a signed access token, for tests
    ///
    /// Writes the token to standard output. What is not said is as RFC 9068 asks for, so that a policy of the profile
    /// RFC9068 takes the token.
    #[command(after_long_help = examples::MINT)]
    Mint(Box<Mint>),
    /// Show what the token on standard input says, without believing it
    ///
    /// Header, claims and dates; the signature is neither checked nor shown.
    #[command(after_long_help = examples::INSPECT)]
    Inspect,
    /// Say whether the token on standard input would be accepted, and if not, why
    ///
    /// Judges by the same rules as a gateway; its log has the same words for reasons. Exit code 1 where the token is
    /// refused.
    #[command(after_long_help = examples::VERIFY)]
    Verify(Box<Verify>),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Key")]
#[group(id = "signer", required = true, multiple = false)]
pub(super) struct Signer {
    /// A private key: a JWK, or PKCS #8 in PEM
    #[arg(long, value_name = "FILE", group = "signer", value_hint = clap::ValueHint::FilePath)]
    key: Option<PathBuf>,
    /// A new key, which is kept in this file, in PEM, for its owner alone
    #[arg(long, value_name = "FILE", group = "signer", value_hint = clap::ValueHint::FilePath)]
    new_key: Option<PathBuf>,
    /// A shared secret: the bytes of the file, for HS256, HS384 and HS512
    #[arg(long, value_name = "FILE", group = "signer", value_hint = clap::ValueHint::FilePath)]
    secret: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Mint {
    #[command(flatten)]
    signer: Signer,
    /// The signature's algorithm
    ///
    /// When unset, what the key states, else what is usual for its type: ES256 for a new key, HS256 for a secret.
    #[arg(long, value_name = "NAME", value_parser = values::algorithm, help_heading = "Key")]
    algorithm: Option<Algorithm>,
    /// Write the public key to this new file, as a key set
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Key")]
    key_set: Option<PathBuf>,

    /// The issuer: claim iss
    #[arg(long, value_name = "URL", help_heading = "Claims")]
    issuer: String,
    /// The audience: claim aud; several with commas between them
    #[arg(long, value_name = "NAMES", required = true, value_delimiter = ',', help_heading = "Claims")]
    audience: Vec<String>,
    /// The subject: claim sub
    #[arg(long, value_name = "NAME", default_value = "test", help_heading = "Claims")]
    subject: String,
    /// The client: claim `client_id`
    #[arg(long, value_name = "NAME", default_value = "bearward-token", help_heading = "Claims")]
    client: String,
    /// What it grants: claim scope; several with commas between them
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', help_heading = "Claims")]
    scope: Vec<String>,
    /// From now to its end: claims iat and exp
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = values::duration, help_heading = "Claims")]
    lifetime: Duration,
    /// Another claim, as NAME=JSON; may be said several times
    ///
    /// What is no JSON is text: tenant=acme and tenant='"acme"' are the same. Replaces a claim of this name, and null
    /// takes it away, so that any token can be made.
    #[arg(long, value_name = "NAME=JSON", value_parser = values::claim, help_heading = "Claims")]
    claim: Vec<(String, Value)>,
    /// The header's typ
    #[arg(long = "type", value_name = "TYPE", default_value = "at+jwt", help_heading = "Claims")]
    typ: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
#[group(id = "verifier", required = true, multiple = false)]
pub(super) struct Verifier {
    /// The issuer's key set (RFC 7517)
    #[arg(long, value_name = "FILE", group = "verifier", value_hint = clap::ValueHint::FilePath)]
    key_set: Option<PathBuf>,
    /// A shared secret: the bytes of the file; needs one --algorithm
    #[arg(long, value_name = "FILE", group = "verifier", value_hint = clap::ValueHint::FilePath)]
    secret: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    verifier: Verifier,
    /// The algorithms that are allowed; several with commas between them
    ///
    /// When unset, those that the keys are for.
    #[arg(long, value_name = "NAMES", value_parser = values::algorithm, value_delimiter = ',', help_heading = "Keys")]
    algorithm: Vec<Algorithm>,

    /// The issuer, exactly as the token has it
    #[arg(long, value_name = "URL", help_heading = "Policy")]
    issuer: String,
    /// The audiences, one of which the token must name; several with commas between them
    #[arg(long, value_name = "NAMES", required = true, value_delimiter = ',', help_heading = "Policy")]
    audience: Vec<String>,
    /// How access tokens are told from others
    #[arg(long, value_name = "NAME", default_value = "RFC9068", help_heading = "Policy")]
    profile: ProfileName,
    /// By how much clocks may differ
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = values::duration, help_heading = "Policy")]
    leeway: Duration,
    /// The longest time from issue to expiry
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = values::duration, help_heading = "Policy")]
    max_lifetime: Duration,
    /// The longest time since issue; when unset, any
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Policy")]
    max_age: Option<Duration>,
    /// The claim that has the scopes; when unset, scope
    #[arg(long, value_name = "NAME", help_heading = "Policy")]
    scope_claim: Option<String>,
    /// Scopes that the token must have, all of them; several with commas between them
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', help_heading = "Policy")]
    scope: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileName {
    /// Access tokens as RFC 9068 has them
    #[value(name = "RFC9068")]
    Rfc9068,
    /// Tokens of issuers that do not type them
    #[value(name = "Generic")]
    Generic,
}

impl TokenCommands {
    pub(super) fn typed(self) -> Result<Token, String> {
        match self {
            Self::Mint(mint) => mint.typed().map(Token::Mint),
            Self::Inspect => Ok(Token::Inspect),
            Self::Verify(verify) => verify.typed().map(Token::Verify),
        }
    }
}

impl Mint {
    fn typed(self) -> Result<MintArgs, String> {
        let Signer { key, new_key, secret } = self.signer;
        // clap sees to it that exactly one is there.
        let key = match (key, new_key, secret) {
            (Some(path), ..) => MintKey::File(path),
            (_, Some(path), _) => MintKey::New(path),
            (.., Some(path)) => MintKey::Secret(path),
            (None, None, None) => return Err("one of --key, --new-key and --secret is needed".to_owned()),
        };
        let mut claims = Map::new();
        for (name, value) in self.claim {
            if claims.insert(name.clone(), value).is_some() {
                return Err(format!("--claim has {name} twice"));
            }
        }
        Ok(MintArgs {
            key,
            algorithm: self.algorithm,
            key_set: self.key_set,
            typ: self.typ,
            issuer: self.issuer,
            audiences: self.audience,
            subject: self.subject,
            client: self.client,
            scopes: self.scope,
            lifetime: self.lifetime,
            claims,
        })
    }
}

impl Verify {
    fn typed(self) -> Result<VerifyArgs, String> {
        let Verifier { key_set, secret } = self.verifier;
        let keys = match (key_set, secret, self.algorithm.as_slice()) {
            (Some(path), ..) => VerifyKeys::KeySet(path),
            (None, Some(path), [algorithm]) => VerifyKeys::Secret(path, *algorithm),
            (None, Some(_), _) => return Err("--secret needs one --algorithm: HS256, HS384 or HS512".to_owned()),
            (None, None, _) => return Err("one of --key-set and --secret is needed".to_owned()),
        };
        Ok(VerifyArgs {
            keys,
            issuer: self.issuer,
            audiences: self.audience,
            algorithms: self.algorithm.iter().map(|algorithm| algorithm.as_str().to_owned()).collect(),
            profile: match self.profile {
                ProfileName::Rfc9068 => Profile::Rfc9068,
                ProfileName::Generic => Profile::Generic,
            },
            leeway: self.leeway,
            max_lifetime: Some(self.max_lifetime),
            max_age: self.max_age,
            scope_claim: self.scope_claim,
            scopes: self.scope,
        })
    }
}
