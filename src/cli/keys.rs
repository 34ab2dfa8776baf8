//! `bearward keys …`: what the commands about keys take.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{examples, values};
use crate::clock::UnixTime;
use crate::command::keys::api_key::ApiKeyArgs;
use crate::command::keys::client_secret::ClientSecretArgs;
use crate::command::keys::signing::SigningArgs;
use crate::jose::Algorithm;

/// What is done with a key.
#[derive(Clone, Debug)]
pub enum Keys {
    /// An API key is made.
    GenerateApiKey(ApiKeyArgs),
    /// A client's secret is made.
    GenerateClientSecret(ClientSecretArgs),
    /// A signing key is made.
    GenerateSigning(SigningArgs),
    /// An API key, or a client's secret, is hashed.
    Hash,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommands {
    /// Make an API key, a client's secret, or a key that signs tokens
    ///
    /// What is secret is shown once or written to a new file that only its owner can read.
    #[command(subcommand, after_long_help = examples::GENERATE)]
    Generate(GenerateCommands),
    /// Print the hash of the API key or client's secret on standard input, as a Secret keeps it
    #[command(after_long_help = examples::HASH)]
    Hash,
}

#[derive(Debug, Subcommand)]
pub(super) enum GenerateCommands {
    /// Make an API key: the key for its user, and a Secret with its hash for the gateway
    ///
    /// The Secret goes to standard output and the key to standard error; with --secret, the Secret goes to that file and
    /// the key to standard output. The key is shown only now.
    #[command(after_long_help = examples::API_KEY)]
    ApiKey(Box<ApiKey>),
    /// Make a secret for a client of an issuer: the secret for the client, and a Secret with its hash for the gateway
    ///
    /// The Secret goes to standard output and the client's secret to standard error; with --secret, the Secret goes to that
    /// file and the client's secret to standard output. It is shown only now.
    #[command(after_long_help = examples::CLIENT_SECRET)]
    ClientSecret(ClientSecret),
    /// Make a key that signs tokens: the private half in a new file, the public half as a key set
    #[command(after_long_help = examples::SIGNING)]
    Signing(Signing),
}

#[derive(Debug, Args)]
pub(super) struct ApiKey {
    /// Who answers for the key: the subject of its requests
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// What it grants; several with commas between them
    ///
    /// When unset, it is good only where no scope is asked for.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scope: Vec<String>,
    /// How long it is good; at most a year (8760h)
    #[arg(long, value_name = "DURATION", default_value = "2160h", value_parser = values::duration)]
    lifetime: Duration,
    /// From when on it is good, such as 2027-01-31T00:00:00Z; when unset, at once
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    not_before: Option<UnixTime>,
    /// A label, as NAME=VALUE, by which policies select the key; may be said several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::pair)]
    label: Vec<(String, String)>,
    /// The name of the Secret; when unset, made from the key's id
    #[arg(long, value_name = "NAME", value_parser = values::subdomain)]
    name: Option<Box<str>>,
    /// The namespace of the Secret; when unset, whichever it is applied to
    #[arg(long, value_name = "NAME", value_parser = values::label)]
    namespace: Option<Box<str>>,
    /// Write the Secret to this new file, for its owner alone
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    secret: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ClientSecret {
    /// The name of the Secret, to which the TokenPolicy's client refers
    #[arg(long, value_name = "NAME", value_parser = values::subdomain)]
    name: Box<str>,
    /// The namespace of the Secret; when unset, whichever it is applied to
    #[arg(long, value_name = "NAME", value_parser = values::label)]
    namespace: Option<Box<str>>,
    /// How long it is good, such as 2160h; when unset, until it is replaced
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    lifetime: Option<Duration>,
    /// Write the Secret to this new file, for its owner alone
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    secret: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Signing {
    /// The file that the private key is written to, as PKCS #8 in PEM; it must not be there yet
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    private_key: PathBuf,
    /// The file that the key set is written to; when unset, standard output
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key_set: Option<PathBuf>,
    /// What it signs by
    #[arg(long, value_name = "NAME", default_value = "ES256", value_parser = values::algorithm)]
    algorithm: Algorithm,
}

impl KeysCommands {
    pub(super) fn typed(self) -> Result<Keys, String> {
        match self {
            Self::Generate(GenerateCommands::ApiKey(key)) => key.typed().map(Keys::GenerateApiKey),
            Self::Generate(GenerateCommands::ClientSecret(client)) => {
                let ClientSecret { name, namespace, lifetime, secret } = client;
                let (name, namespace) = (name.into(), namespace.map(Into::into));
                Ok(Keys::GenerateClientSecret(ClientSecretArgs { name, namespace, lifetime, secret }))
            }
            Self::Generate(GenerateCommands::Signing(key)) => {
                let Signing { private_key, key_set, algorithm } = key;
                Ok(Keys::GenerateSigning(SigningArgs { algorithm, private_key, key_set }))
            }
            Self::Hash => Ok(Keys::Hash),
        }
    }
}

impl ApiKey {
    fn typed(self) -> Result<ApiKeyArgs, String> {
        let mut names: Vec<_> = self.label.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[one, next]| one == next) {
            return Err(format!("--label has {name} twice"));
        }
        Ok(ApiKeyArgs {
            name: self.name.map(Into::into),
            namespace: self.namespace.map(Into::into),
            owner: self.owner,
            scopes: self.scope,
            not_before: self.not_before,
            lifetime: self.lifetime,
            labels: self.label,
            secret: self.secret,
        })
    }
}
