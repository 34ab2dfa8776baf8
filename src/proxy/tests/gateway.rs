//! A data plane in this process, on loopback, with a hand-driven clock and a snapshot made by hand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::wire::{End, PATIENCE};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::issuer::{self, Authority};
use crate::jose::FingerprintKey;
use crate::proxy::{Limits, Listener, Parts, Proxy};
use crate::secret::Secret;
use crate::snapshot::Snapshot;
use crate::telemetry::{Counters, LogFile, LogTarget};
use crate::wire::forwarded::{Convention, TrustedProxies};

/// When every test begins.
pub(super) const START: UnixTime = UnixTime::from_secs(1_800_000_000);

/// What a test may change of a gateway.
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) trusted: Vec<&'static str>,
    pub(super) threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), trusted: Vec::new(), threads: 1 }
    }
}

/// What answers at the endpoints of issuers.
pub(super) fn authority(clock: &Arc<ManualClock>) -> Authority {
    Authority::new(issuer::Parts::in_memory(Clock::manual(Arc::clone(clock))))
}

/// A running data plane.
pub(super) struct Gateway {
    address: SocketAddr,
    clock: Arc<ManualClock>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    counters: Counters,
    proxy: Option<Proxy>,
    log: Option<LogFile>,
    log_path: PathBuf,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

/// How long the threads have for what is due before more time passes.
const TURN: Duration = Duration::from_millis(1);

impl Gateway {
    /// Serves `snapshot`.
    pub(super) fn start(snapshot: Snapshot) -> Self {
        Self::start_with(snapshot, &Settings::default())
    }

    pub(super) fn start_with(snapshot: Snapshot, settings: &Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log_path = folder.path().join("access.log");
        let log = LogFile::open(&LogTarget::File(log_path.clone())).unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let counters = Counters::new(settings.threads);
        let networks = settings.trusted.iter().map(|network| network.parse().unwrap());
        let parts = Parts {
            threads: settings.threads,
            limits: settings.limits,
            trusted_proxies: TrustedProxies::new(networks, Convention::default()),
            snapshot: Arc::clone(&snapshot),
            clock: Clock::manual(Arc::clone(&clock)),
            tls: crate::transport::client_config().unwrap(),
            seed: 1,
            fingerprints: FingerprintKey::new(&Secret::new(vec![1; 32])),
            authority: Arc::new(authority(&clock)),
            counters: counters.clone(),
        };
        let (proxy, address) = runtime.block_on(async {
            let mut proxy = Proxy::start(parts, &log).unwrap();
            let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = listener.address().unwrap();
            proxy.listen(listener);
            (proxy, address)
        });
        Self {
            address,
            clock,
            snapshot,
            counters,
            proxy: Some(proxy),
            log: Some(log),
            log_path,
            runtime,
            _folder: folder,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection of a client.
    pub(super) fn connect(&self) -> End {
        End::connect(self.address)
    }

    /// Where asynchronous ends of a test run.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(super) fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Lets time pass in steps until `end` has been closed by the gateway: how much passed. Something that must be
    /// closed later than `most` fails the test.
    pub(super) fn advance_until_closed(&self, end: &mut End, most: Duration) -> Duration {
        let step = Duration::from_millis(250);
        let mut passed = Duration::ZERO;
        // The threads may be slow: once no more time may pass, they are given all of ours.
        while !end.is_closed_within(if passed < most { TURN } else { PATIENCE }) {
            assert!(
                passed < most,
                "not closed after {passed:?}; received {:?}",
                end.arrived().escape_ascii().to_string()
            );
            self.advance(step);
            passed += step;
        }
        passed
    }

    /// Lets time pass in steps until `end` has received something.
    pub(super) fn advance_until_answered(&self, end: &mut End, most: Duration) -> Duration {
        let step = Duration::from_millis(250);
        let mut passed = Duration::ZERO;
        while !end.is_closed() && end.arrived().is_empty() {
            if passed >= most {
                assert!(end.read_more(), "no answer after {passed:?}");
                break;
            }
            self.advance(step);
            passed += step;
        }
        passed
    }

    /// Puts another snapshot in force.
    pub(super) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Whether anything but this test's own hands still holds the snapshot that is in force now.
    pub(super) fn snapshot(&self) -> std::sync::Weak<Snapshot> {
        Arc::downgrade(&self.snapshot.load_full())
    }

    pub(super) fn metrics(&self) -> String {
        let mut text = String::new();
        self.counters.write(&mut text);
        text
    }

    /// Begins to drain: the handle is done when all threads have ended.
    pub(super) fn begin_drain(&mut self, grace: Duration) -> Draining {
        let proxy = self.proxy.take().unwrap();
        let mut tasks = crate::tasks::Tasks::new();
        let (done, is_done) = std::sync::mpsc::channel();
        self.runtime.block_on(async {
            tasks.spawn("drain", async move {
                proxy.drain(grace).await;
                let _ = done.send(());
            });
        });
        Draining { is_done, _tasks: tasks }
    }

    /// Lets time pass until a drain is done: how much passed.
    pub(super) fn advance_until_drained(&self, draining: &Draining, most: Duration) -> Duration {
        let step = Duration::from_millis(250);
        let mut passed = Duration::ZERO;
        while draining.is_done.recv_timeout(if passed < most { 5 * TURN } else { PATIENCE }).is_err() {
            assert!(passed < most, "not drained after {passed:?}");
            self.advance(step);
            passed += step;
        }
        passed
    }

    /// Drains, and gives back what the access log has, one JSON object a line, in order.
    pub(super) fn stop(mut self) -> Vec<Value> {
        if self.proxy.is_some() {
            let draining = self.begin_drain(Duration::from_secs(5));
            self.advance_until_drained(&draining, Duration::from_mins(1));
        }
        self.log.take().unwrap().close();
        let text = std::fs::read_to_string(&self.log_path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A drain that is under way.
pub(super) struct Draining {
    is_done: std::sync::mpsc::Receiver<()>,
    _tasks: crate::tasks::Tasks,
}

/// What the log says of each request: status and reason.
pub(super) fn verdicts(log: &[Value]) -> Vec<(u64, &str)> {
    log.iter().map(|line| (line["status"].as_u64().unwrap(), line["reason"].as_str().unwrap_or_default())).collect()
}
