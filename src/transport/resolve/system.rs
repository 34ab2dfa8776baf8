//! The system's resolver, without the C library: `/etc/hosts`, then the name servers of `/etc/resolv.conf`.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use thiserror::Error;

use super::{MAX_TTL, Resolve, ResolveError, Resolved, Resolving, by_rule};

/// How long one name server has for one question. Whoever dials has a few seconds for everything.
const PATIENCE: Duration = Duration::from_secs(2);
/// Suffixes that are tried; more are ignored, as the C library does.
const MAX_SEARCH: usize = 6;

/// Asks as the machine is set up to.
///
/// A name with a dot is first taken as it stands, whatever `ndots` says, and only if it does not exist with the suffixes
/// of the search list. Kubernetes sets `ndots:5`, by which `idp.example.com` is first looked for as
/// `idp.example.com.svc.cluster.local`, and so may lead to a Service in a namespace that somebody called `com`.
///
/// Answers are not cached: whoever asks knows when to ask again.
pub struct SystemResolver {
    resolver: TokioResolver,
    search: Vec<Name>,
}

/// The resolver cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the resolver cannot be set up: {0}")]
pub struct ResolverSetupError(String);

impl SystemResolver {
    /// Reads `/etc/resolv.conf`. A machine without one, or without name servers in it, gets a resolver that knows
    /// `/etc/hosts` alone.
    pub fn new() -> Result<Self, ResolverSetupError> {
        let (config, options) = system_conf::read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "found no name servers; only /etc/hosts is used");
            (ResolverConfig::from_name_servers(Vec::new()), ResolverOpts::default())
        });
        Self::from_config(config, options)
    }

    pub(super) fn from_config(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, ResolverSetupError> {
        options.timeout = options.timeout.min(PATIENCE);
        options.attempts = options.attempts.min(2);
        options.cache_size = 0;
        // Looked up by us, so that a name with one address there does not wait for the name servers' other kind.
        options.use_hosts_file = ResolveHosts::Never;
        let search = config.search().iter().take(MAX_SEARCH).cloned().collect();
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|error| ResolverSetupError(error.to_string()))?;
        Ok(Self { resolver, search })
    }

    async fn look_up(&self, host: &str) -> Result<Resolved, ResolveError> {
        if let Some(resolved) = by_rule(host) {
            return Ok(resolved);
        }
        let name = Name::from_ascii(host).map_err(|_| ResolveError::NotFound)?;
        if let Some(resolved) = in_hosts_file(&name) {
            return Ok(resolved);
        }
        for candidate in candidates(&name, &self.search) {
            match self.ask(candidate).await {
                Err(ResolveError::NotFound) => {}
                answer => return answer,
            }
        }
        Err(ResolveError::NotFound)
    }

    /// Both kinds of address of one complete name. One kind suffices if the other cannot be had.
    async fn ask(&self, name: Name) -> Result<Resolved, ResolveError> {
        let (v4, v6) = futures_util::join!(
            self.resolver.lookup(name.clone(), RecordType::A),
            self.resolver.lookup(name, RecordType::AAAA)
        );
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => resolved([v4, v6].iter()),
            (Ok(answer), Err(_)) | (Err(_), Ok(answer)) => resolved([answer].iter()),
            (Err(v4), Err(v6)) if v4.is_no_records_found() => Err(failure(&v6)),
            (Err(v4), Err(_)) => Err(failure(&v4)),
        }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(self.look_up(host))
    }
}

/// The complete names to try, in order.
pub(super) fn candidates(name: &Name, search: &[Name]) -> Vec<Name> {
    let mut absolute = name.clone();
    absolute.set_fqdn(true);
    if name.is_fqdn() {
        return vec![absolute];
    }
    let with_suffix = search.iter().filter_map(|suffix| name.clone().append_domain(suffix).ok());
    if name.num_labels() > 1 {
        std::iter::once(absolute).chain(with_suffix).collect()
    } else {
        with_suffix.chain(std::iter::once(absolute.clone())).collect()
    }
}

/// Read anew each time: the file is small, and an edit counts at once.
fn in_hosts_file(name: &Name) -> Option<Resolved> {
    let hosts = Hosts::from_system().ok()?;
    let answers: Vec<_> = [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
        .collect();
    resolved(answers.iter()).ok()
}

fn resolved<'a>(answers: impl Iterator<Item = &'a Lookup> + Clone) -> Result<Resolved, ResolveError> {
    let records = answers.flat_map(Lookup::answers);
    let addresses: Vec<IpAddr> = records.clone().filter_map(|record| record.data.ip_addr()).collect();
    // The aliases on the way count too: the chain is as short-lived as its shortest link.
    let ttl = records.map(|record| Duration::from_secs(u64::from(record.ttl))).min().unwrap_or(MAX_TTL);
    Resolved::new(addresses, ttl)
}

fn failure(error: &NetError) -> ResolveError {
    if error.is_no_records_found() {
        ResolveError::NotFound
    } else if matches!(error, NetError::Timeout) {
        ResolveError::TimedOut
    } else {
        ResolveError::Failed(error.to_string().into())
    }
}
