//! etcd and kube-apiserver, started, killed and started again.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::audit::{self, Write};
use super::process::Process;
use super::{User, certificates, eventually, tools};

/// How long the API server may take to be ready; it takes two seconds on an idle machine.
const READY: Duration = Duration::from_secs(90);

/// One control plane: with our definitions, and with the roles of `rbac.yaml`.
pub(crate) struct ControlPlane {
    // Before the folder, so that it is removed last.
    api_server: Mutex<Option<Process>>,
    _etcd: Process,
    folder: TempDir,
    tools: PathBuf,
    address: SocketAddr,
    /// What kubectl wrote to stderr when it applied the definitions.
    pub(crate) warnings: String,
}

impl ControlPlane {
    /// The one that all tests share. It ends with the test binary.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// One that the caller may break.
    pub(crate) async fn start() -> Self {
        let tools = tools::folder();
        let folder = tempfile::Builder::new().prefix("bearward-cluster-").tempdir().unwrap();
        let path = folder.path();
        certificates::write(path);
        std::fs::write(path.join("tokens.csv"), User::token_file()).unwrap();
        std::fs::write(path.join("audit.yaml"), audit::POLICY).unwrap();
        let etcd = start_etcd(&tools, path);
        let mut plane = Self {
            api_server: Mutex::new(None),
            _etcd: etcd,
            folder,
            tools,
            address: free_address(),
            warnings: String::new(),
        };
        plane.start_api_server().await;
        plane.warnings = plane.apply_definitions();
        plane
    }

    /// Applies our definitions and the roles; what kubectl wrote to stderr.
    pub(crate) fn apply_definitions(&self) -> String {
        let run = |arguments: &[&str]| {
            let done = self.kubectl(User::ADMIN, arguments);
            let printed = String::from_utf8(done.stderr).unwrap();
            assert!(done.status.success(), "{printed}");
            printed
        };
        let definitions = from_root("crds");
        let mut printed = run(&["apply", "-f", &definitions]);
        printed += &run(&["apply", "-f", &from_root("tests/cluster/rbac.yaml")]);
        run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &definitions]);
        printed
    }

    /// Starts the API server, again or for the first time, on the same port and the same etcd.
    pub(crate) async fn start_api_server(&self) {
        let process = start_api_server(&self.tools, self.folder.path(), self.address);
        *self.api_server() = Some(process);
        let client = self.client(User::ADMIN).await;
        eventually("the API server is ready", READY, async || {
            let alive = self.api_server().as_ref().is_some_and(Process::is_alive);
            assert!(alive, "the API server ended:\n{}", self.log("api-server.log"));
            let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
            client.request_text(request).await.ok().filter(|answer| answer == "ok")
        })
        .await;
    }

    /// Kills the API server, connections and all, as a power cut would.
    pub(crate) fn kill_api_server(&self) {
        let process = self.api_server().take().expect("the API server runs");
        process.signal("KILL");
    }

    /// A connection of `user`, without retries of its own.
    pub(crate) async fn client(&self, user: User) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig(user)).unwrap();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.default_retry = false;
        Client::try_from(config).unwrap()
    }

    /// A file for `KUBECONFIG` that connects as `user`.
    pub(crate) fn kubeconfig(&self, user: User) -> PathBuf {
        self.kubeconfig_with(user.name, user.name)
    }

    /// The same for whoever holds `token`; `name` is the file's.
    pub(crate) fn kubeconfig_with(&self, name: &str, token: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.kubeconfig"));
        // Written beside and moved, since tests of the shared plane ask at the same time.
        let draft = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        // JSON is YAML.
        let text = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority": self.folder.path().join("ca.crt"),
            }}],
            "users": [{"name": name, "user": {"token": token}}],
        });
        std::fs::write(draft.path(), text.to_string()).unwrap();
        draft.persist(&path).unwrap();
        path
    }

    /// Runs kubectl as `user`, with an empty home, so that it caches nothing across control planes.
    pub(crate) fn kubectl(&self, user: User, arguments: &[&str]) -> Output {
        Command::new(self.tools.join("kubectl"))
            .env("KUBECONFIG", self.kubeconfig(user))
            .env("HOME", self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What was written in a namespace to our kinds, to Leases, events and `ConfigMap`s, in order.
    pub(crate) fn writes(&self, namespace: &str) -> Vec<Write> {
        audit::writes(&self.folder.path().join("audit.log"), namespace)
    }

    fn api_server(&self) -> MutexGuard<'_, Option<Process>> {
        self.api_server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

/// A path of the repository.
pub(crate) fn from_root(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A loopback address that is free now. Somebody else may take it before the API server does; that test fails loudly.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// etcd listens on sockets in the folder. The URLs that it advertises are never dialled, and must have a port.
fn start_etcd(tools: &Path, folder: &Path) -> Process {
    let advertised = "http://127.0.0.1:1";
    let arguments = [
        format!("--data-dir={}", folder.join("etcd").display()),
        "--unsafe-no-fsync".to_owned(),
        format!("--listen-client-urls=unix://{}", folder.join("etcd.sock").display()),
        format!("--advertise-client-urls={advertised}"),
        format!("--listen-peer-urls=unix://{}", folder.join("peer.sock").display()),
        format!("--initial-advertise-peer-urls={advertised}"),
        format!("--initial-cluster=default={advertised}"),
    ];
    // The folder goes with etcd, since what is shared by all tests is never dropped.
    Process::start_and_remove(&tools.join("etcd"), &arguments, &folder.join("etcd.log"), folder)
}

fn start_api_server(tools: &Path, folder: &Path, address: SocketAddr) -> Process {
    let file = |name: &str| folder.join(name).display().to_string();
    let arguments = [
        format!("--etcd-servers=unix://{}", file("etcd.sock")),
        format!("--bind-address={}", address.ip()),
        format!("--secure-port={}", address.port()),
        format!("--cert-dir={}", file("certificates")),
        format!("--tls-cert-file={}", file("api-server.crt")),
        format!("--tls-private-key-file={}", file("api-server.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("service-accounts.pub")),
        format!("--service-account-signing-key-file={}", file("service-accounts.key")),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        // There is no controller that would make the default service account.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        // The address is loopback, which an endpoint may not be.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--audit-policy-file={}", file("audit.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
        // Wait for the line to be in the file before answering.
        "--audit-log-mode=blocking-strict".to_owned(),
    ];
    Process::start(&tools.join("kube-apiserver"), &arguments, &folder.join("api-server.log"))
}
