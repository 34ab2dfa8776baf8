//! The flags that `run`, `serve` and `demo` share.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};
use ipnet::IpNet;

use super::settings::{Installation, Settings};
use super::{Listen, environment, values};
use crate::telemetry::LogTarget;
use crate::transport::EgressItem;
use crate::wire::forwarded::{Convention, TrustedProxies};

/// The most data threads that are taken without being asked for.
const MOST_THREADS: usize = 8;

/// What a command takes where the user says nothing: command, flag, value.
const DEFAULTS: [(&str, &str, &str); 16] = [
    ("serve", "http", "127.0.0.1:8080"),
    ("serve", "probes", "127.0.0.1:9090"),
    ("serve", "admin", "127.0.0.1:9091"),
    ("serve", "shutdown_delay", "0s"),
    ("serve", "log", "info"),
    ("run", "http", "0.0.0.0:8080"),
    ("run", "probes", "0.0.0.0:9090"),
    ("run", "admin", "127.0.0.1:9091"),
    ("run", "shutdown_delay", "5s"),
    ("run", "log", "info"),
    ("demo", "http", "127.0.0.1:8080"),
    ("demo", "probes", "127.0.0.1:9090"),
    ("demo", "admin", "127.0.0.1:9091"),
    // So that decisions are shown in the order in which they were made.
    ("demo", "threads", "1"),
    ("demo", "shutdown_delay", "0s"),
    ("demo", "log", "warn"),
];

#[derive(Debug, Args)]
#[command(next_help_heading = "Listeners")]
pub(super) struct GatewayArgs {
    /// Where requests are served
    ///
    /// An IPv4 or IPv6 address and a port; `[::]:8080` serves both families. Port 0 takes a free one. The address that
    /// was taken is logged.
    #[arg(long, value_name = "ADDR", env = "BEARWARD_HTTP", hide_env_values = true, value_parser = values::address)]
    http: SocketAddr,
    /// Where /livez, /readyz and /metrics are served
    ///
    /// Nothing else is served there, so that it can be open to a cluster's probes and its Prometheus.
    #[arg(long, value_name = "ADDR", env = "BEARWARD_PROBES", hide_env_values = true, value_parser = values::address)]
    probes: SocketAddr,
    /// Where the operator's view is served: the snapshot in force, without secrets
    ///
    /// Loopback only: who may forward a port to it may look. No other address is taken.
    #[arg(long, value_name = "ADDR", env = "BEARWARD_ADMIN", hide_env_values = true, value_parser = values::address)]
    admin: SocketAddr,

    /// Threads that serve requests
    ///
    /// When unset, as many as there are processors to use, by the limits of the control group too, at most 8.
    #[arg(long, value_name = "N", env = "BEARWARD_THREADS", hide_env_values = true, value_parser = values::count)]
    #[arg(help_heading = "Traffic")]
    threads: Option<NonZeroUsize>,
    /// Client connections at once
    ///
    /// One more waits in the kernel's queue until another ends.
    #[arg(long, value_name = "N", env = "BEARWARD_MAX_CONNECTIONS", hide_env_values = true, default_value = "65536")]
    #[arg(value_parser = values::count, help_heading = "Traffic")]
    max_connections: NonZeroUsize,
    /// The proxies in front, whose word on the client's address is taken
    ///
    /// Networks or addresses, with commas between them. What anybody else says of itself is removed. When unset,
    /// nobody's.
    #[arg(long, value_name = "NETWORKS", env = "BEARWARD_TRUSTED_PROXIES", hide_env_values = true)]
    #[arg(value_delimiter = ',', value_parser = values::network, help_heading = "Traffic")]
    trusted_proxies: Vec<IpNet>,
    /// The headers in which trusted proxies give the client's address
    ///
    /// Only one kind is read: a proxy that writes one passes the other through from whoever sent it.
    #[arg(long, value_name = "KIND", env = "BEARWARD_PROXY_HEADERS", hide_env_values = true)]
    #[arg(default_value = "x-forwarded", help_heading = "Traffic")]
    proxy_headers: ProxyHeaders,
    /// More certificate authorities to trust in connections to upstreams and issuers
    ///
    /// A file of PEM certificates. The public authorities that are compiled in stay trusted.
    #[arg(long, value_name = "FILE", env = "BEARWARD_CA_FILE", hide_env_values = true, help_heading = "Traffic")]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    ca_file: Option<PathBuf>,

    #[command(flatten)]
    installation: InstallationArgs,

    /// Where the access log is written: a file, - for standard output, or none
    ///
    /// One line a request: JSON, or words where standard output is a terminal. Tokens, queries and bodies are never in
    /// it.
    #[arg(long, value_name = "PATH|-|none", env = "BEARWARD_ACCESS_LOG", hide_env_values = true, default_value = "-")]
    #[arg(help_heading = "Operating", allow_hyphen_values = true)]
    access_log: PathBuf,
    /// What else is logged, to standard error: error, warn, info, debug, trace
    ///
    /// JSON, or words on a terminal. A list sets parts apart: `info,kube_client=warn`.
    #[arg(long, value_name = "LEVEL", env = "BEARWARD_LOG", hide_env_values = true, value_parser = values::log_filter)]
    #[arg(help_heading = "Operating")]
    log: Box<str>,
    /// On SIGTERM, how long new connections are still taken
    ///
    /// Readiness fails from the start of it, so that whoever sends connections can learn of it.
    #[arg(long, value_name = "DURATION", env = "BEARWARD_SHUTDOWN_DELAY", hide_env_values = true)]
    #[arg(value_parser = values::duration, help_heading = "Operating")]
    shutdown_delay: Duration,
    /// After that, how long requests may take to finish
    ///
    /// Together with the delay, less than the pod's terminationGracePeriodSeconds.
    #[arg(long, value_name = "DURATION", env = "BEARWARD_SHUTDOWN_GRACE", hide_env_values = true)]
    #[arg(default_value = "20s", value_parser = values::duration, help_heading = "Operating")]
    shutdown_grace: Duration,
}

/// What an installation decides about objects: `check` needs it too, to give the verdict that the gateway would.
#[derive(Debug, Args)]
pub(super) struct InstallationArgs {
    /// The class of the objects that count
    ///
    /// Objects whose spec.class is another are left alone: they are another installation's.
    #[arg(long, value_name = "NAME", env = "BEARWARD_CLASS", hide_env_values = true, default_value = "bearward")]
    #[arg(value_parser = values::label, help_heading = "Objects")]
    class: Box<str>,
    /// Where URLs in resources may lead
    ///
    /// Networks, addresses, or addresses with a port, with commas between them, compared with the address that is
    /// dialled. With run, URLs reach public addresses and these. With serve, they reach everything but the metadata
    /// addresses of clouds, or, where this is set, these alone. A metadata address is reached only if it is listed
    /// itself.
    #[arg(long, value_name = "NETWORKS", env = "BEARWARD_EGRESS_ALLOW", hide_env_values = true)]
    #[arg(value_delimiter = ',', value_parser = values::egress_item, help_heading = "Objects")]
    egress_allow: Vec<EgressItem>,
}

impl InstallationArgs {
    pub(super) fn typed(self) -> Result<Installation, String> {
        Ok(Installation { class: self.class, egress_allow: once("--egress-allow", self.egress_allow)? })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProxyHeaders {
    /// X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host
    XForwarded,
    /// Forwarded, as RFC 7239 has it
    Forwarded,
}

/// The same flag has another default in each command, so the defaults cannot stand at the flag.
pub(super) fn set_defaults(command: clap::Command) -> clap::Command {
    ["serve", "run", "demo"].into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| {
            command.mut_args(|arg| match default(name, arg.get_id().as_str()) {
                Some(value) => arg.default_value(value).required(false),
                None => arg,
            })
        })
    })
}

fn default(command: &str, flag: &str) -> Option<&'static str> {
    let is_meant = |(name, id, _): &&(&str, &str, &str)| *name == command && *id == flag;
    DEFAULTS.iter().find(is_meant).map(|(_, _, value)| *value)
}

/// The listeners whose address neither the command line nor the environment sets.
pub(super) fn not_asked_for(matches: &ArgMatches) -> Vec<Listen> {
    let is_default = |listen: &Listen| matches.value_source(listen.id()) == Some(ValueSource::DefaultValue);
    Listen::ALL.into_iter().filter(is_default).collect()
}

/// Refuses listeners that others than this machine could reach.
pub(super) fn only_loopback(settings: &Settings) -> Result<(), String> {
    for listen in Listen::ALL {
        let address = settings.address(listen);
        if !address.ip().is_loopback() {
            return Err(format!(
                "{} {address} is not a loopback address; the demo hands out tokens, so it serves this machine alone",
                listen.flag()
            ));
        }
    }
    Ok(())
}

impl GatewayArgs {
    pub(super) fn typed(self) -> Result<Settings, String> {
        let convention = match self.proxy_headers {
            ProxyHeaders::XForwarded => Convention::XForwarded,
            ProxyHeaders::Forwarded => Convention::Rfc7239,
        };
        let settings = Settings {
            http: self.http,
            probes: self.probes,
            admin: self.admin,
            threads: self.threads.unwrap_or_else(usual_threads),
            max_connections: self.max_connections,
            installation: self.installation.typed()?,
            trusted_proxies: TrustedProxies::new(once("--trusted-proxies", self.trusted_proxies)?, convention),
            outbound_proxy: environment::outbound_proxy()?,
            ca_file: self.ca_file,
            state: None,
            access_log: match self.access_log.to_str() {
                Some("-") => LogTarget::Stdout,
                Some("none") => LogTarget::Nowhere,
                Some(_) | None => LogTarget::File(self.access_log),
            },
            log: self.log,
            shutdown_delay: self.shutdown_delay,
            shutdown_grace: self.shutdown_grace,
        };
        if !settings.admin.ip().is_loopback() {
            return Err(format!(
                "--admin {} is not a loopback address; the operator's view has no access control of its own, so it \
                 serves this machine alone",
                settings.admin
            ));
        }
        apart(&settings)?;
        Ok(settings)
    }
}

fn usual_threads() -> NonZeroUsize {
    let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    NonZeroUsize::new(MOST_THREADS).map_or(available, |most| available.min(most))
}

/// The items, if none is there twice.
pub(super) fn once<T: PartialEq + fmt::Display>(flag: &str, items: Vec<T>) -> Result<Vec<T>, String> {
    let mut rest = items.as_slice();
    while let Some((item, others)) = rest.split_first() {
        if others.contains(item) {
            return Err(format!("{flag} has {item} twice"));
        }
        rest = others;
    }
    Ok(items)
}

/// Refuses listeners of which one would take the other's connections.
fn apart(settings: &Settings) -> Result<(), String> {
    for (place, one) in Listen::ALL.into_iter().enumerate() {
        for other in Listen::ALL.into_iter().skip(place + 1) {
            let (first, second) = (settings.address(one), settings.address(other));
            if first.port() != 0 && first.port() == second.port() && overlap(first.ip(), second.ip()) {
                return Err(format!("{} {first} and {} {second} are the same socket", one.flag(), other.flag()));
            }
        }
    }
    Ok(())
}

/// Whether sockets of one port at these addresses take each other's place. `[::]` takes both families.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let takes = |wide: IpAddr, narrow: IpAddr| wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4());
    one == other || takes(one, other) || takes(other, one)
}
