//! `bearward run`, as it is installed: real processes that share a service account.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::Process;
use super::{Ask, ControlPlane, Namespace, eventually};

/// The service account, and our own Service.
const NAME: &str = "bearward";

/// How long a replica may take to be ready; it takes a second on an idle machine.
const READY: Duration = Duration::from_mins(1);

/// An installation that serves its own namespace alone, with exactly the rights that it needs there. It may not read
/// Secrets.
pub(crate) struct Installation<'a> {
    space: &'a Namespace,
    kubeconfig: PathBuf,
}

/// One replica: a `bearward run`. Dropping it kills it.
pub(crate) struct Gateway {
    process: Process,
    /// Where it serves requests.
    pub(crate) http: SocketAddr,
    probes: SocketAddr,
    folder: TempDir,
}

impl<'a> Installation<'a> {
    /// Makes the service account and binds its roles.
    pub(crate) async fn new(plane: &ControlPlane, space: &'a Namespace) -> Self {
        let installation = Self::without_archive(plane, space).await;
        installation.bind("bearward-archive").await;
        installation
    }

    /// The same without the right to keep the archive of key sets.
    pub(crate) async fn without_archive(plane: &ControlPlane, space: &'a Namespace) -> Self {
        let accounts: Api<ServiceAccount> = Api::namespaced(space.admin.clone(), &space.name);
        let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": NAME}})).unwrap();
        accounts.create(&PostParams::default(), &account).await.unwrap();
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(3_600), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let issued = accounts.create_token_request(NAME, &PostParams::default(), &request).await.unwrap();
        let kubeconfig = plane.kubeconfig_with(&format!("{}-{NAME}", space.name), &issued.status.unwrap().token);
        let installation = Self { space, kubeconfig };
        installation.bind("bearward").await;
        installation.bind("bearward-leases").await;
        installation
    }

    /// Lets it read the Secrets that the namespace offers.
    pub(crate) async fn consent(&self) {
        self.bind("bearward-secrets").await;
    }

    /// Lets it read the Secrets that the namespace offers, and keep signing keys there.
    pub(crate) async fn issues(&self) {
        self.consent().await;
        self.bind("bearward-issue").await;
        self.bind("bearward-signing").await;
    }

    /// Lets it serve another namespace than its own, and issue tokens there.
    pub(crate) async fn joins(&self, space: &Namespace) {
        self.bind("bearward-signing").await;
        let subject = json!({"kind": "ServiceAccount", "name": NAME, "namespace": self.space.name});
        for role in ["bearward", "bearward-secrets", "bearward-issue"] {
            space.bind_as(&format!("{role}-of-{}", self.space.name), role, &subject).await;
        }
    }

    /// Whom the API server takes it for.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{NAME}", self.space.name)
    }

    async fn bind(&self, role: &str) {
        let subject = json!({"kind": "ServiceAccount", "name": NAME, "namespace": self.space.name});
        self.space.bind_to(role, &subject).await;
    }

    /// Starts the replica `identity`, and waits until it is ready. `flags` come after those that every replica has.
    pub(crate) async fn start(&self, identity: &str, flags: &[&str]) -> Gateway {
        let folder = tempfile::Builder::new().prefix("bearward-replica-").tempdir().unwrap();
        let path = folder.path().display();
        let kubeconfig = format!("KUBECONFIG={}", self.kubeconfig.display());
        let log = format!("--access-log={path}/access.log");
        let own = [
            // Nothing of the environment in which the tests run.
            "-i",
            &kubeconfig,
            env!("CARGO_BIN_EXE_bearward"),
            "run",
            "--http=127.0.0.1:0",
            "--probes=127.0.0.1:0",
            "--admin=127.0.0.1:0",
            "--threads=1",
            &log,
            "--namespaces",
            &self.space.name,
            "--pod-namespace",
            &self.space.name,
            "--service-account",
            NAME,
            "--identity",
            identity,
        ];
        let arguments = [&own, flags].concat();
        let process = Process::start(Path::new("/usr/bin/env"), &arguments, &folder.path().join("log"));
        let started = eventually(&format!("{identity} starts"), READY, async || {
            assert!(process.is_alive(), "{identity} ended:\n{}", log_of(&folder));
            log_of(&folder).lines().find(|line| line.contains("\"gateway started\"")).map(str::to_owned)
        })
        .await;
        let started: Value = serde_json::from_str(&started).unwrap();
        let address = |of: &str| started[of].as_str().unwrap().parse().unwrap();
        let gateway = Gateway { process, http: address("http"), probes: address("probes"), folder };
        eventually(&format!("{identity} is ready"), READY, async || gateway.is_ready().await.then_some(())).await;
        gateway
    }

    /// What Kubernetes would write once it has probed the pods of our own Service: these are ready, no other is.
    pub(crate) async fn ready(&self, identities: &[&str]) {
        let pods: Vec<(&str, bool)> = identities.iter().map(|identity| (*identity, true)).collect();
        self.space.pods(NAME, &pods).await;
    }

    /// Who leads.
    pub(crate) async fn leader(&self) -> Option<String> {
        let lease = self.space.api("Lease").get_opt("bearward-bearward").await.unwrap()?;
        lease.data["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }
}

impl Gateway {
    /// Whether its probe says so.
    pub(crate) async fn is_ready(&self) -> bool {
        Ask::of("probes").at("/readyz").send(self.probes).await.status == 200
    }

    /// Sends a signal, such as `KILL`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// What it logged so far, for the message of a test that fails.
    pub(crate) fn log(&self) -> String {
        log_of(&self.folder)
    }
}

fn log_of(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}
