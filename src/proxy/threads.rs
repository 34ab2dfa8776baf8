//! The data plane as a whole: starts its threads, and drains them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, mpsc, watch};

use super::listen::{Listener, Thread};
use super::random::Random;
use super::token_cache::SharedTokens;
use super::worker::Worker;
use super::{Limits, Shared};
use crate::clock::Clock;
use crate::issuer::Authority;
use crate::jose::FingerprintKey;
use crate::snapshot::Snapshot;
use crate::state::FailingSources;
use crate::tasks::Tasks;
use crate::telemetry::{Counters, LogFile};
use crate::wire::forwarded::TrustedProxies;

/// Accepted connections that wait for one thread.
const QUEUE: usize = 1_024;

/// Old snapshots that wait to be dropped. One that finds no room is dropped where it is.
const RETIRED: usize = 64;

/// What the data plane is made of.
pub struct Parts {
    /// How many data threads.
    pub threads: usize,
    /// The bounds.
    pub limits: Limits,
    /// The peers whose word on the client is taken.
    pub trusted_proxies: TrustedProxies,
    /// The snapshot in force.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Time.
    pub clock: Clock,
    /// TLS towards upstreams.
    pub tls: Arc<ClientConfig>,
    /// Seeds of numbers that need not be secret, one per thread.
    pub seed: u64,
    /// What subjects are hidden with in the access log.
    pub fingerprints: FingerprintKey,
    /// What answers at the endpoints of our own issuers.
    pub authority: Arc<Authority>,
    /// One set per thread.
    pub counters: Counters,
}

/// The running data plane.
pub struct Proxy {
    threads: Vec<(Thread, JoinHandle<()>)>,
    acceptors: Tasks,
    room: Arc<Semaphore>,
    /// Says that the replica drains, and how much time what is under way has.
    stop: watch::Sender<Option<Duration>>,
    clock: Clock,
    tasks: Tasks,
}

impl Proxy {
    /// Starts the data threads; nothing is accepted yet. Called on the control runtime.
    pub fn start(parts: Parts, log: &LogFile) -> io::Result<Self> {
        let (retired, graveyard) = mpsc::channel(RETIRED);
        let mut tasks = Tasks::new();
        tasks.spawn("drop old snapshots", drop_all(graveyard));
        let shared = Arc::new(Shared {
            snapshot: parts.snapshot,
            clock: parts.clock.clone(),
            limits: parts.limits,
            trusted_proxies: parts.trusted_proxies,
            tls: parts.tls,
            idle_links: Arc::new(AtomicUsize::new(0)),
            tokens: Arc::new(SharedTokens::new()),
            failing_sources: FailingSources::new(),
            authority: parts.authority,
            fingerprints: parts.fingerprints,
            retired,
        });
        let stop = watch::Sender::new(None);
        let seeds = Random::from_seed(parts.seed);
        let mut threads = Vec::with_capacity(parts.threads);
        for (number, counters) in parts.counters.workers().enumerate() {
            let (sender, accepted) = mpsc::channel(QUEUE);
            let (shared, log, stop) = (Arc::clone(&shared), log.buffer(), stop.subscribe());
            let thread = Thread { sender, counters: Arc::clone(counters) };
            let counters = Arc::clone(counters);
            let random = Random::from_seed(seeds.next());
            // A runtime is bound to the thread that builds it, so whether it could be built is told back.
            let (built, is_built) = std::sync::mpsc::sync_channel(1);
            let handle = std::thread::Builder::new().name(format!("data-{number}")).spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                let (runtime, result) = match runtime {
                    Ok(runtime) => (Some(runtime), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                let _ = built.send(result);
                if let Some(runtime) = runtime {
                    runtime.block_on(Worker::new(shared, counters, log, random).run(accepted, stop));
                }
            })?;
            is_built.recv().map_err(io::Error::other)??;
            threads.push((thread, handle));
        }
        Ok(Self {
            threads,
            acceptors: Tasks::new(),
            room: Arc::new(Semaphore::new(parts.limits.connections.min(Semaphore::MAX_PERMITS))),
            stop,
            clock: parts.clock,
            tasks,
        })
    }

    /// Accepts connections on `listener` from now on.
    pub fn listen(&mut self, listener: Listener) {
        let threads = self.threads.iter().map(|(thread, _)| thread.clone()).collect();
        let accept = listener.accept(threads, Arc::clone(&self.room), self.clock.clone(), self.stop.subscribe());
        self.acceptors.spawn("accept", accept);
    }

    /// Stops accepting, lets what is under way finish, and waits for the threads to end.
    ///
    /// HTTP/1.1 connections are told with their next reply that they end, HTTP/2 connections at once by GOAWAY. What is
    /// still under way after `grace` is cut off: a request without a reply gets 503, the body of a reply breaks off as
    /// its protocol has it (`RST_STREAM`, or a close before the last byte). The threads end at most a second after
    /// that.
    pub async fn drain(mut self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        self.acceptors.join().await;
        // A thread ends when nobody can send it connections any more.
        let (senders, handles): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(senders);
        for handle in handles {
            let joined = tokio::task::spawn_blocking(move || handle.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("data thread panicked");
            }
        }
        self.tasks.join().await;
    }
}

/// Takes the last references to old snapshots off the data threads: dropping one can free a million small objects.
async fn drop_all(mut retired: mpsc::Receiver<Arc<Snapshot>>) {
    while let Some(snapshot) = retired.recv().await {
        drop(snapshot);
    }
}
