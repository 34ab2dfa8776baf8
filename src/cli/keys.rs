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
    /// The signing keys of policies are shown.
    List {
        /// Of which policy; `None`: of every one.
        policy: Option<Box<str>>,
        /// Where it is.
        at: KeysAt,
    },
    /// The signing keys of a policy are asked to rotate at once.
    Rotate {
        /// Of which policy.
        policy: Box<str>,
        /// The pods that are not waited for.
        despite: Vec<Box<str>>,
        /// Where it is.
        at: KeysAt,
    },
    /// A signing key is said to be compromised.
    Compromise {
        /// Of which policy.
        policy: Box<str>,
        /// Its id.
        kid: Box<str>,
        /// Where it is.
        at: KeysAt,
    },
}

/// Where policies are whose signing keys are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysAt {
    /// Their namespace; `None`: that of the current context, or `default` with a folder.
    pub namespace: Option<Box<str>>,
    /// The folder of a gateway without a cluster; `None`: the cluster of the current context.
    pub state: Option<PathBuf>,
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
    /// Show the signing keys of policies that issue tokens: state, age and next step
    ///
    /// What is shown is public: no private half is read or shown.
    #[command(after_long_help = examples::LIST)]
    List {
        /// The TokenPolicy; when unset, every one of the namespace
        #[arg(value_name = "POLICY", value_parser = values::subdomain)]
        policy: Option<Box<str>>,
        #[command(flatten)]
        at: At,
    },
    /// Rotate the signing keys of a policy now, without refusing anybody
    ///
    /// The next key signs as soon as it has been published for publishAhead. The leader does it; status shows when.
    #[command(after_long_help = examples::ROTATE)]
    Rotate {
        /// The TokenPolicy
        #[arg(value_name = "POLICY", value_parser = values::subdomain)]
        policy: Box<str>,
        /// Do not wait for this pod to say that it has the next key; may be said several times
        ///
        /// Tokens that others sign with it may be refused there. The event of the rotation names the pods.
        #[arg(long, value_name = "POD", value_parser = values::subdomain)]
        despite: Vec<Box<str>>,
        #[command(flatten)]
        at: At,
    },
    /// Say that a signing key is compromised: its tokens are refused from now on
    ///
    /// The key leaves the key set and is destroyed, and the next one signs as soon as every ready replica has it.
    /// Verifiers outside may take its tokens until the key set that they have cached ends (jwksMaxAge). It cannot be
    /// undone.
    #[command(after_long_help = examples::COMPROMISE)]
    Compromise {
        /// The TokenPolicy
        #[arg(value_name = "POLICY", value_parser = values::subdomain)]
        policy: Box<str>,
        /// The id of the key, as list shows it
        #[arg(value_name = "KID", value_parser = values::kid)]
        kid: Box<str>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Debug, Args)]
pub(super) struct At {
    /// The namespace of the TokenPolicy; when unset, that of the current context
    ///
    /// With --state, list shows all namespaces where it is unset, and a policy by name is looked for in default.
    #[arg(long, short = 'n', value_name = "NAME", value_parser = values::label)]
    namespace: Option<Box<str>>,
    /// The folder of a gateway without a cluster, as serve --state names it; when unset, the cluster is asked
    #[arg(long, value_name = "FOLDER", env = "BEARWARD_STATE", hide_env_values = true)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    state: Option<PathBuf>,
}

impl At {
    fn typed(self) -> KeysAt {
        KeysAt { namespace: self.namespace, state: self.state }
    }
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
            Self::List { policy, at } => Ok(Keys::List { policy, at: at.typed() }),
            Self::Rotate { despite, at: At { state: Some(_), .. }, .. } if !despite.is_empty() => {
                Err("--despite names pods of a cluster; a gateway with --state is one process, and waits for nobody"
                    .to_owned())
            }
            Self::Rotate { policy, despite, at } => {
                Ok(Keys::Rotate { policy, despite: super::gateway::once("--despite", despite)?, at: at.typed() })
            }
            Self::Compromise { policy, kid, at } => Ok(Keys::Compromise { policy, kid, at: at.typed() }),
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
