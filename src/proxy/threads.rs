//! The data plane as a whole: starts its threads, and drains them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;

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
use crate::snapshot::Snapshot;
use crate::tasks::Tasks;
use crate::telemetry::{Counters, LogFile};
use crate::wire::forwarded::TrustedProxies;

/// Accepted connections that wait for one thread.
const QUEUE: usize = 1_024;

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
    /// One set per thread.
    pub counters: Counters,
}

/// The running data plane.
pub struct Proxy {
    threads: Vec<(Thread, JoinHandle<()>)>,
    acceptors: Tasks,
    room: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    clock: Clock,
}

impl Proxy {
    /// Starts the data threads; nothing is accepted yet.
    pub fn start(parts: Parts, log: &LogFile) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            snapshot: parts.snapshot,
            clock: parts.clock.clone(),
            limits: parts.limits,
            trusted_proxies: parts.trusted_proxies,
            tls: parts.tls,
            idle_links: Arc::new(AtomicUsize::new(0)),
            tokens: Arc::new(SharedTokens::new()),
        });
        let seeds = Random::from_seed(parts.seed);
        let mut threads = Vec::with_capacity(parts.threads);
        for (number, counters) in parts.counters.workers().enumerate() {
            let (sender, accepted) = mpsc::channel(QUEUE);
            let (shared, counters, log) = (Arc::clone(&shared), Arc::clone(counters), log.buffer());
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
                    runtime.block_on(Worker::new(shared, counters, log, random).run(accepted));
                }
            })?;
            is_built.recv().map_err(io::Error::other)??;
            threads.push((Thread { sender, connections: Arc::default() }, handle));
        }
        Ok(Self {
            threads,
            acceptors: Tasks::new(),
            room: Arc::new(Semaphore::new(parts.limits.connections.min(Semaphore::MAX_PERMITS))),
            stop: watch::Sender::new(false),
            clock: parts.clock,
        })
    }

    /// Accepts connections on `listener` from now on.
    pub fn listen(&mut self, listener: Listener) {
        let threads = self.threads.iter().map(|(thread, _)| thread.clone()).collect();
        let accept = listener.accept(threads, Arc::clone(&self.room), self.clock.clone(), self.stop.subscribe());
        self.acceptors.spawn("accept", accept);
    }

    /// Stops accepting, lets what is under way finish, and waits for the threads to end.
    pub async fn drain(mut self) {
        self.stop.send_replace(true);
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
    }
}
