//! A gateway in this process, from YAML text and with time driven by hand.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bearward::cli::{self, Command};
use bearward::clock::{Clock, ManualClock, UnixTime};
use bearward::jose::FingerprintKey;
use bearward::operate::signing::Folder;
use bearward::run::{Gateway, Objects, Parts, start};
use bearward::secret::Secret;
use bearward::transport::FixedNames;
use tempfile::TempDir;

use crate::client::{Reply, get, within};

/// When every test begins.
pub(crate) const START: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A running gateway, its files and its clock.
pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gateway: Gateway,
    folder: TempDir,
}

impl Rig {
    /// Serves one file of this text, and is ready.
    pub(crate) async fn serve(yaml: &str) -> Self {
        Self::serve_with(yaml, &[]).await
    }

    /// The same, with more flags.
    pub(crate) async fn serve_with(yaml: &str, flags: &[&str]) -> Self {
        let rig = Self::start(yaml, flags).await;
        within(rig.gateway.ready()).await;
        rig
    }

    /// Serves one file of this text, ready or not.
    pub(crate) async fn start(yaml: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "config.yaml", yaml);
        Self::open(folder, "config.yaml", flags, START).await
    }

    /// The same with a folder for what outlives a process, which is [`Rig::state`].
    pub(crate) async fn serve_with_state(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "config.yaml", yaml);
        Self::open_with_state(folder, START).await
    }

    async fn open_with_state(folder: TempDir, now: UnixTime) -> Self {
        let state = folder.path().join("state");
        let rig = Self::open(folder, "config.yaml", &["--state", state.to_str().unwrap()], now).await;
        within(rig.gateway.ready()).await;
        rig
    }

    /// Ends the gateway in order, and has another one begin with the same files, of which `meanwhile` may change some.
    pub(crate) async fn restart_with_state(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let Self { clock, gateway, folder } = self;
        within(Box::pin(gateway.drain())).await;
        let state = folder.path().join("state");
        // A process ends with its last write, which nobody waits for here: the folder is in use until then.
        within(async {
            while Folder::open(&state).is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        meanwhile(&state);
        Self::open_with_state(folder, Clock::manual(clock).now()).await
    }

    /// The folder for what outlives the process.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Serves a folder of these files, by name and text, and is ready.
    pub(crate) async fn serve_folder(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write(&folder, name, text);
        }
        Self::serve_at(folder, "").await
    }

    /// Serves what is at a path of the folder, and is ready.
    pub(crate) async fn serve_at(folder: TempDir, name: &str) -> Self {
        let rig = Self::open(folder, name, &[], START).await;
        within(rig.gateway.ready()).await;
        rig
    }

    /// Serves what is at a path of the folder, ready or not.
    async fn open(folder: TempDir, name: &str, flags: &[&str], now: UnixTime) -> Self {
        let path = folder.path().join(name);
        let log = folder.path().join("access.log");
        let mut line = vec!["bearward", "serve", path.to_str().unwrap(), "--access-log", log.to_str().unwrap()];
        let usual = ["--http", "127.0.0.1:0", "--probes", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--threads", "2"];
        line.extend(usual.chunks(2).filter(|pair| !flags.contains(&pair[0])).flatten());
        line.extend(flags);
        let Ok(Command::Serve { files, settings }) = cli::parse(line) else { panic!("the command line is refused") };
        let clock = Arc::new(ManualClock::new(now));
        let parts = Parts {
            clock: Clock::manual(Arc::clone(&clock)),
            seed: 1,
            fingerprints: FingerprintKey::new(&Secret::new(vec![1; 32])),
            resolver: Arc::new(FixedNames::new()),
            objects: Objects::Files(files),
        };
        let gateway = within(Box::pin(start(settings, parts))).await.unwrap();
        Self { clock, gateway, folder }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.gateway.http()
    }

    /// GETs a path of the host `api.example.com`.
    pub(crate) async fn get(&self, path: &str, fields: &str) -> Reply {
        get(self.http(), "api.example.com", path, fields).await
    }

    /// Replaces the file as editors do, by a rename, and waits until another snapshot is in force. Time goes on
    /// meanwhile, since what is quiet is told by the clock.
    pub(crate) async fn reload(&self, yaml: &str) {
        let before = self.snapshot().await;
        self.replace(yaml);
        within(async {
            while self.snapshot().await == before {
                self.clock.advance(Duration::from_millis(50));
            }
        })
        .await;
    }

    /// Replaces the file as editors do, by a rename.
    pub(crate) fn replace(&self, yaml: &str) {
        write(&self.folder, "config.yaml.new", yaml);
        std::fs::rename(self.path("config.yaml.new"), self.path("config.yaml")).unwrap();
    }

    /// Puts one more file into the folder.
    pub(crate) fn add(&self, name: &str, yaml: &str) {
        write(&self.folder, name, yaml);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Which snapshot is in force.
    pub(crate) async fn snapshot(&self) -> u64 {
        self.shown().await["snapshot"].as_u64().unwrap()
    }

    /// Waits until something is so; time goes on meanwhile.
    pub(crate) async fn until(&self, is_so: impl AsyncFn() -> bool) {
        within(async {
            while !is_so().await {
                self.clock.advance(Duration::from_millis(50));
            }
        })
        .await;
    }

    /// The findings in force now, as they are told to operators.
    pub(crate) async fn findings_now(&self) -> String {
        self.shown().await["findings"].to_string()
    }

    /// Waits for findings, and shows them as they are told to operators.
    pub(crate) async fn findings(&self) -> String {
        within(async {
            loop {
                let shown = self.shown().await;
                if shown["findings"].as_array().is_some_and(|findings| !findings.is_empty()) {
                    return shown["findings"].to_string();
                }
                self.clock.advance(Duration::from_millis(50));
            }
        })
        .await
    }

    /// What time it is.
    pub(crate) fn now(&self) -> UnixTime {
        Clock::manual(Arc::clone(&self.clock)).now()
    }

    /// What operators see.
    pub(crate) async fn shown(&self) -> serde_json::Value {
        let shown = get(self.gateway.admin(), "localhost", "/snapshot", "").await;
        serde_json::from_slice(&shown.body).unwrap()
    }

    /// Ends the gateway in order, and shows its access log.
    pub(crate) async fn drain_and_read_log(self) -> String {
        within(Box::pin(self.gateway.drain())).await;
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }

    /// Ends the gateway in order; the folder goes with it.
    pub(crate) async fn drain(self) {
        within(Box::pin(self.gateway.drain())).await;
    }
}

/// Secrets are among the files, so that others may not read them.
fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
