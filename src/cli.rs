//! Arguments and environment to typed commands and settings.
//!
//! What leaves here cannot be wrong: addresses are addresses, listeners do not collide, and what a command refuses it
//! refuses here, with exit code 2. The environment is read nowhere else.

mod environment;
mod examples;
mod gateway;
mod keys;
mod objects;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use keys::{Keys, KeysAt};
pub use objects::{Cluster, Files};
pub use settings::{Installation, Settings};
pub use token::Token;

/// The exit code of a command that found errors in what it was given to look at.
pub const EXIT_FINDINGS: u8 = 1;

/// The exit code of a command that was not called as it can be.
pub const EXIT_USAGE: u8 = 2;

/// What the user asked for.
#[derive(Debug)]
pub enum Command {
    /// The gateway and its controller, in a cluster.
    Run {
        /// Which objects.
        cluster: Cluster,
        /// How.
        settings: Settings,
    },
    /// The gateway alone, from files.
    Serve {
        /// Which objects.
        files: Files,
        /// How.
        settings: Settings,
    },
    /// A gateway with everything around it that it takes to try it.
    Demo {
        /// How.
        settings: Settings,
        /// Ports that were not asked for, and give way to free ones where they are taken.
        yielding: Vec<Listen>,
    },
    /// What is wrong with files.
    Check {
        /// Which.
        files: Files,
        /// What decides about their objects.
        installation: Installation,
        /// In a cluster, or with files.
        place: Place,
    },
    /// The custom resource definitions.
    Crds,
    /// Something about a token.
    Token(Token),
    /// Something about keys.
    Keys(Keys),
}

/// Where objects are to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They are in files, which belong to whoever runs the gateway.
    Files,
    /// They are in a cluster, which has tenants.
    Cluster,
}

/// The three sockets of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Where requests are served.
    Http,
    /// Health, readiness and metrics.
    Probes,
    /// The operator's view.
    Admin,
}

impl Listen {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Http, Self::Probes, Self::Admin];

    /// The flag that sets its address.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Http => "--http",
            Self::Probes => "--probes",
            Self::Admin => "--admin",
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Probes => "probes",
            Self::Admin => "admin",
        }
    }
}

/// Guards APIs and AI models with bearer tokens
///
/// bearward is a gateway in one binary. It reads three kinds of resources, ApiRoute (which requests go where, and who
/// may make them), TokenPolicy (which tokens are genuine) and ModelBackend (an AI model provider), from a Kubernetes
/// API server or from files, and serves what they say.
///
/// A rule that names no token policy, or one that is missing or broken, refuses its requests. A rule is open to
/// everybody only if it says `anonymous: true`.
#[derive(Debug, Parser)]
#[command(name = "bearward", version, arg_required_else_help = true, max_term_width = 100)]
#[command(disable_help_subcommand = true, after_long_help = examples::BEARWARD)]
struct Arguments {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Serve what the files say, without a cluster
    ///
    /// Reads the same resources that a cluster would hold, from YAML files, and reads a file again when it changes. A
    /// file that is broken, or that an API server would refuse, changes nothing: its findings are shown, and its last
    /// whole version stays in force. It does not start while a file, or the hosts of an
    /// ApiRoute, cannot be read.
    #[command(after_long_help = examples::SERVE, override_usage = "bearward serve [OPTIONS] <PATH>...")]
    Serve {
        #[command(flatten)]
        files: objects::FilesArgs,
        /// The folder for what outlives the process: signing keys, refresh tokens
        ///
        /// Needed by a TokenPolicy with issue alone. It is made with mode 700 where it is not there, and belongs to one
        /// process at a time. Keep it as you keep private keys.
        #[arg(long, value_name = "FOLDER", env = "BEARWARD_STATE", hide_env_values = true, help_heading = "Objects")]
        #[arg(value_hint = clap::ValueHint::DirPath)]
        state: Option<PathBuf>,
        #[command(flatten)]
        gateway: gateway::GatewayArgs,
    },
    /// Serve what the resources of a Kubernetes cluster say
    ///
    /// Watches ApiRoute, TokenPolicy, ModelBackend and what they refer to, serves them, and writes into their status
    /// what is in force. Inside a pod it uses the pod's service account, elsewhere the current context of `KUBECONFIG`.
    #[command(after_long_help = examples::RUN)]
    Run {
        #[command(flatten)]
        cluster: objects::ClusterArgs,
        #[command(flatten)]
        gateway: gateway::GatewayArgs,
    },
    /// Try it: a gateway with upstreams and a token issuer, all in this process
    ///
    /// Starts an echo server, a simulated model, a token issuer with keys of its own and a gateway in front of them, on
    /// loopback only; prints curl commands with real tokens, one a line, and then each decision as it is made. Keys
    /// live in memory and end with the process.
    #[command(after_long_help = examples::DEMO)]
    Demo {
        #[command(flatten)]
        gateway: gateway::GatewayArgs,
    },
    /// Say what is wrong with files, and how to mend it
    ///
    /// Reads and compiles the files as serve does, and shows each finding with its file, line and cure. Nothing is
    /// fetched and nothing is served. Exit code 1 where a part of some object would not be in force; warnings alone are
    /// 0.
    #[command(after_long_help = examples::CHECK, override_usage = "bearward check [OPTIONS] <PATH>...")]
    Check {
        #[command(flatten)]
        files: objects::FilesArgs,
        #[command(flatten)]
        installation: gateway::InstallationArgs,
        /// Judge as run would, and not as serve
        ///
        /// In a cluster, a route without hosts takes none, and URLs reach public addresses and those of --egress-allow.
        #[arg(long, help_heading = "Objects")]
        cluster: bool,
    },
    /// Print the custom resource definitions, for kubectl apply
    ///
    /// One stream of YAML documents: ApiRoute, TokenPolicy, ModelBackend.
    #[command(after_long_help = examples::CRDS)]
    Crds,
    /// Make, show and judge tokens
    ///
    /// For tests, and for finding out why a gateway refuses a token.
    #[command(subcommand, after_long_help = examples::TOKEN)]
    Token(token::TokenCommands),
    /// Make and hash keys
    ///
    /// API keys for callers, and keys that sign tokens.
    #[command(subcommand, after_long_help = examples::KEYS)]
    Keys(keys::KeysCommands),
}

/// The whole command line, as clap has it: for help texts.
pub fn command() -> clap::Command {
    gateway::set_defaults(Arguments::command())
}

/// Reads the command line, its first item the program's own name, and the environment. An error is what the user should
/// see, and also carries `--help` and `--version`; [`clap::Error::exit_code`] tells them apart.
pub fn parse<I, T>(arguments: I) -> Result<Command, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let parsed = Arguments::from_arg_matches(&matches)?;
    typed(parsed.command, &matches).map_err(|message| error(&mut command, &matches, message))
}

fn typed(parsed: Commands, matches: &clap::ArgMatches) -> Result<Command, String> {
    Ok(match parsed {
        Commands::Serve { files, state, gateway } => {
            Command::Serve { files: files.typed()?, settings: Settings { state, ..gateway.typed()? } }
        }
        Commands::Run { cluster, gateway } => Command::Run { cluster: cluster.typed()?, settings: gateway.typed()? },
        Commands::Demo { gateway } => {
            let settings = gateway.typed()?;
            gateway::only_loopback(&settings)?;
            let yielding = matches.subcommand().map(|(_, demo)| gateway::not_asked_for(demo)).unwrap_or_default();
            Command::Demo { settings, yielding }
        }
        Commands::Check { files, installation, cluster } => Command::Check {
            files: files.typed()?,
            installation: installation.typed()?,
            place: if cluster { Place::Cluster } else { Place::Files },
        },
        Commands::Crds => Command::Crds,
        Commands::Token(token) => Command::Token(token.typed()?),
        Commands::Keys(keys) => Command::Keys(keys.typed()?),
    })
}

/// The message with the usage of the command that it is about.
fn error(command: &mut clap::Command, matches: &clap::ArgMatches, message: String) -> clap::Error {
    let kind = clap::error::ErrorKind::ValueValidation;
    match matches.subcommand_name().and_then(|name| command.find_subcommand_mut(name)) {
        Some(command) => command.error(kind, message),
        None => command.error(kind, message),
    }
}

/// The first path that is there twice.
fn twice(paths: &[PathBuf]) -> Option<&PathBuf> {
    paths.iter().enumerate().find(|(place, path)| paths.iter().take(*place).any(|other| other == *path)).map(|(_, p)| p)
}
