//! How key sets are kept: real sockets, a scripted issuer, a hand-driven clock.

mod archived;
mod archives;
mod asking;
mod ends;
mod freshness;
mod metadata;
mod trouble;
mod wanting;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{Archive, Parts, Settings, WantedKeys, start};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::finding::{Code, Severity};
use crate::jose::{Algorithm, SigningKey};
use crate::resources::{KeyPlace, KeySource, Report, ReportKey, Update};
use crate::snapshot::{AcceptedKeys, AsOf, KeyCell};
use crate::tasks::Tasks;
use crate::transport::scripted::{Reply, ScriptedServer};
use crate::transport::{EgressRules, Fetcher, FixedNames, client_config};

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const PATH: &str = "/keys";

/// Fails a test that would wait for ever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it does not happen")
}

/// Lets every task do what it can do now.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A key set with keys of these names.
fn key_set(kids: &[&str]) -> String {
    let keys: Vec<_> = kids
        .iter()
        .map(|kid| {
            let mut jwk = SigningKey::generate(Algorithm::Ed25519).unwrap().public_jwk().unwrap().clone();
            jwk.insert("kid".to_owned(), (*kid).into());
            serde_json::Value::Object(jwk)
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}

fn metadata(issuer: &str, key_set_url: &str) -> String {
    serde_json::json!({ "issuer": issuer, "jwks_uri": key_set_url, "scopes_supported": ["a"] }).to_string()
}

fn by_url(url: &str) -> KeySource {
    KeySource { place: KeyPlace::Url(url.into()), insecure_http: false }
}

fn by_discovery(issuer: &str) -> KeySource {
    KeySource { place: KeyPlace::Discovery(issuer.into()), insecure_http: false }
}

fn empty_cell() -> Arc<KeyCell> {
    KeyCell::new(AcceptedKeys::Unavailable { code: Code::KeysUnavailable, retry: None })
}

/// What a cell shows; times in seconds since the start.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Keys { kids: Vec<String>, began: i64, next: i64 },
    Nothing { code: Code, retry: Option<i64> },
}

fn shown(cell: &KeyCell) -> Shown {
    let since_start = |time: UnixTime| time.secs() - START.secs();
    match &**cell.load() {
        AcceptedKeys::Known { set, as_of: AsOf::Fetch { began, next } } => Shown::Keys {
            kids: set.iter().map(|key| key.kid().unwrap().to_owned()).collect(),
            began: since_start(*began),
            next: since_start(*next),
        },
        AcceptedKeys::Known { as_of: AsOf::Always, .. } => panic!("fetched keys are never for always"),
        AcceptedKeys::Unavailable { code, retry } => Shown::Nothing { code: *code, retry: retry.map(since_start) },
    }
}

fn keys(kids: &[&str], began: i64, next: i64) -> Shown {
    Shown::Keys { kids: kids.iter().map(|kid| (*kid).to_owned()).collect(), began, next }
}

/// The running manager.
struct Bench {
    clock: Arc<ManualClock>,
    wanted: watch::Sender<Arc<WantedKeys>>,
    updates: mpsc::Receiver<Update>,
    _tasks: Tasks,
}

impl Bench {
    fn start(wanted: &[(&KeySource, &Arc<KeyCell>)]) -> Self {
        Self::with(wanted, EgressRules::files(vec![]), Settings::default())
    }

    fn with(wanted: &[(&KeySource, &Arc<KeyCell>)], egress: EgressRules, settings: Settings) -> Self {
        Self::with_archive(wanted, egress, settings, None)
    }

    fn with_archive(
        wanted: &[(&KeySource, &Arc<KeyCell>)],
        egress: EgressRules,
        settings: Settings,
        archive: Option<Archive>,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let fetcher = Fetcher::new(
            Arc::new(FixedNames::new()),
            egress,
            client_config().unwrap(),
            None,
            Clock::manual(Arc::clone(&clock)),
        );
        let (wanted, receiver) = watch::channel(Arc::new(list(wanted)));
        let (sender, updates) = mpsc::channel(16);
        let mut tasks = Tasks::new();
        let parts = Parts { fetcher: Arc::new(fetcher), draw: Arc::new(|| 0), archive };
        start(&mut tasks, receiver, parts, sender, settings);
        Self { clock, wanted, updates, _tasks: tasks }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The next report, and of what.
    async fn next_report(&mut self) -> (KeySource, Report) {
        match soon(self.updates.recv()).await {
            Some(Update::Report { key: ReportKey::Keys(source), report }) => (source, report),
            other => panic!("expected a report of keys: {other:?}"),
        }
    }

    /// The next report, as code, severity and cause.
    async fn findings(&mut self) -> Vec<(Code, Severity, String)> {
        let (_, report) = self.next_report().await;
        report.findings.into_iter().map(|finding| (finding.code, finding.severity, finding.cause)).collect()
    }

    fn is_quiet(&mut self) -> bool {
        self.updates.try_recv().is_err()
    }
}

fn list(wanted: &[(&KeySource, &Arc<KeyCell>)]) -> WantedKeys {
    wanted.iter().map(|(source, cell)| ((*source).clone(), Arc::clone(cell))).collect()
}

/// An issuer whose keys are at [`PATH`], kept by a bench, after its first round.
struct Kept {
    server: ScriptedServer,
    cell: Arc<KeyCell>,
    rounds: watch::Receiver<u64>,
    bench: Bench,
}

impl Kept {
    async fn start(reply: Reply) -> Self {
        Self::with(reply, Settings::default()).await
    }

    async fn with(reply: Reply, settings: Settings) -> Self {
        let server = ScriptedServer::start().await;
        server.reply(PATH, reply);
        let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
        let mut rounds = cell.rounds();
        let bench = Bench::with(&[(&source, &cell)], EgressRules::files(vec![]), settings);
        soon(rounds.changed()).await.unwrap();
        Self { server, cell, rounds, bench }
    }

    /// Moves the clock, and waits for the round that this begins.
    async fn round_after(&mut self, seconds: u64) {
        self.bench.advance(seconds);
        self.round().await;
    }

    async fn round(&mut self) {
        soon(self.rounds.changed()).await.unwrap();
    }

    fn shown(&self) -> Shown {
        shown(&self.cell)
    }
}
