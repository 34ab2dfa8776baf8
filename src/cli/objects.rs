//! Where a gateway's objects come from: files, or a cluster.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::environment::{host_name, variable};
use super::{twice, values};

/// Objects from files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Files and folders, each once.
    pub paths: Vec<PathBuf>,
    /// Read Secrets from files that others than their owner can read.
    pub allow_readable_secrets: bool,
}

/// Objects from a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The namespaces to serve; empty: every one.
    pub namespaces: Vec<Box<str>>,
    /// The Service in front of the replicas of this installation.
    pub service: Option<Box<str>>,
    /// The pod that this process runs in: what tells this replica from the others.
    pub pod: Box<str>,
    /// The namespace of that pod, the Service and the Leases.
    pub pod_namespace: Option<Box<str>>,
    /// The service account of that pod, as findings name it whom a namespace should let read its Secrets.
    pub service_account: Option<Box<str>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Objects")]
pub(super) struct FilesArgs {
    /// YAML files, and folders of them
    ///
    /// A folder is read with the folders in it: every file that ends in .yaml, .yml or .json, but nothing hidden.
    /// Objects of other API groups are skipped with a note; an unknown kind or field of bearward.dev is an error.
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath, help_heading = None)]
    pub(super) paths: Vec<PathBuf>,
    /// Take Secrets also from files that other users can read
    ///
    /// Without it such a file is refused: chmod 600 is the better cure.
    #[arg(long, env = "BEARWARD_ALLOW_READABLE_SECRETS", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(super) allow_readable_secrets: bool,
}

impl FilesArgs {
    pub(super) fn typed(self) -> Result<Files, String> {
        if let Some(path) = twice(&self.paths) {
            return Err(format!("{} is named twice", path.display()));
        }
        Ok(Files { paths: self.paths, allow_readable_secrets: self.allow_readable_secrets })
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Objects")]
pub(super) struct ClusterArgs {
    /// Serve the objects of these namespaces only
    ///
    /// Names, with commas between them. When unset, every namespace; then watching needs a cluster role.
    #[arg(long, value_name = "NAMES", env = "BEARWARD_NAMESPACES", hide_env_values = true)]
    #[arg(value_delimiter = ',', value_parser = values::label)]
    pub(super) namespaces: Vec<Box<str>>,
    /// The Service in front of this installation's replicas
    ///
    /// Which replicas must enforce a change before status calls it `Programmed` is read from its endpoints. When unset,
    /// the replicas that hold a Lease count.
    #[arg(long, value_name = "NAME", env = "BEARWARD_SERVICE", hide_env_values = true, value_parser = values::label)]
    pub(super) service: Option<Box<str>>,
    /// The name of the pod that this process runs in
    ///
    /// Names this replica's Lease. When unset, `POD_NAME`, else the host name.
    #[arg(long, value_name = "POD", env = "BEARWARD_IDENTITY", hide_env_values = true, value_parser = values::subdomain)]
    pub(super) identity: Option<Box<str>>,
    /// The namespace of that pod, of the Service and of the Leases
    ///
    /// When unset, `POD_NAMESPACE`, else the namespace of the service account or context.
    #[arg(long, value_name = "NAME", env = "BEARWARD_POD_NAMESPACE", hide_env_values = true)]
    #[arg(value_parser = values::label)]
    pub(super) pod_namespace: Option<Box<str>>,
    /// The service account that this process runs as
    ///
    /// Findings name it in the command by which a namespace lets it read Secrets. When unset, `POD_SERVICE_ACCOUNT`,
    /// else bearward.
    #[arg(long, value_name = "NAME", env = "BEARWARD_SERVICE_ACCOUNT", hide_env_values = true)]
    #[arg(value_parser = values::subdomain)]
    pub(super) service_account: Option<Box<str>>,
}

impl ClusterArgs {
    pub(super) fn typed(self) -> Result<Cluster, String> {
        let mut namespaces = self.namespaces;
        namespaces.sort_unstable();
        if let Some([name, _]) = namespaces.array_windows().find(|[one, next]| one == next) {
            return Err(format!("--namespaces has {name} twice"));
        }
        let pod = match self.identity {
            Some(name) => name,
            None => of_variable("POD_NAME", values::subdomain)?.map_or_else(of_host, Ok)?,
        };
        let pod_namespace = match self.pod_namespace {
            Some(name) => Some(name),
            None => of_variable("POD_NAMESPACE", values::label)?,
        };
        let service_account = match self.service_account {
            Some(name) => Some(name),
            None => of_variable("POD_SERVICE_ACCOUNT", values::subdomain)?,
        };
        Ok(Cluster { namespaces, service: self.service, pod, pod_namespace, service_account })
    }
}

fn of_host() -> Result<Box<str>, String> {
    let name = host_name().ok_or("this machine has no name; say --identity")?;
    values::subdomain(&name).map_err(|_| format!("the host name {name:?} is no name of a pod; say --identity"))
}

fn of_variable(name: &'static str, parse: fn(&str) -> Result<Box<str>, String>) -> Result<Option<Box<str>>, String> {
    let Some(text) = variable(name)? else { return Ok(None) };
    parse(&text).map(Some).map_err(|problem| format!("the variable {name} has {text:?}: {problem}"))
}
