//! One data thread: what its connections share, and nothing of which another thread ever touches in a request.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use super::connection;
use super::deadline::Deadlines;
use super::listen::Accepted;
use super::pool::Pool;
use super::random::Random;
use super::token_cache::TokenCache;
use super::{Limits, Shared};
use crate::clock::{Tick, UnixTime};
use crate::snapshot::Snapshot;
use crate::tasks::Tasks;
use crate::telemetry::{AccessEntry, LogBuffer, WorkerCounters};
use crate::wire::forwarded::{Peer, TrustedProxies};

/// Log lines are handed over at least this often.
const LOG_DELAY: Duration = Duration::from_millis(100);

/// The pool is looked through this often.
const SWEEP: Duration = Duration::from_secs(5);

/// The state of one data thread.
pub(super) struct Worker {
    shared: Arc<Shared>,
    snapshot: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
    deadlines: Rc<Deadlines>,
    pool: Pool,
    random: Random,
    counters: Arc<WorkerCounters>,
    log: RefCell<Option<LogBuffer>>,
    log_waits: Notify,
    draining: Cell<bool>,
    tasks: RefCell<Tasks>,
    tokens: TokenCache,
    no_rule: Arc<str>,
}

impl Worker {
    /// A worker that has nothing to do yet.
    pub(super) fn new(
        shared: Arc<Shared>,
        counters: Arc<WorkerCounters>,
        log: Option<LogBuffer>,
        random: Random,
    ) -> Rc<Self> {
        Rc::new(Self {
            snapshot: RefCell::new(Cache::new(Arc::clone(&shared.snapshot))),
            deadlines: Deadlines::new(shared.clock.clone()),
            pool: Pool::new(Arc::clone(&shared.idle_links), shared.limits.idle_links),
            random,
            counters,
            log: RefCell::new(log),
            log_waits: Notify::new(),
            draining: Cell::new(false),
            tasks: RefCell::default(),
            tokens: TokenCache::new(Arc::clone(&shared.tokens)),
            no_rule: "".into(),
            shared,
        })
    }

    /// Serves what it is told to until it is told to drain, then finishes what is under way.
    pub(super) async fn run(self: Rc<Self>, mut accepted: mpsc::Receiver<Accepted>) {
        let mut keepers = Tasks::new();
        let worker = Rc::clone(&self);
        keepers.spawn_local("deadlines", async move { worker.deadlines.keep().await });
        keepers.spawn_local("log", Rc::clone(&self).keep_log());
        keepers.spawn_local("sweep", Rc::clone(&self).keep_pool());
        while let Some(accepted) = accepted.recv().await {
            self.accept(accepted);
        }
        self.draining.set(true);
        self.deadlines.wake_all();
        self.pool.clear();
        loop {
            // Taken out, so that the set is not borrowed while its tasks run and spawn.
            let mut ending = self.tasks.replace(Tasks::new());
            if ending.is_empty() {
                break;
            }
            ending.join().await;
            self.pool.clear();
        }
        keepers.abort();
        if let Some(log) = self.log.borrow_mut().as_mut() {
            log.flush();
        }
    }

    fn accept(self: &Rc<Self>, accepted: Accepted) {
        let Accepted { stream, peer, open } = accepted;
        let worker = Rc::clone(self);
        let peer = Peer::new(peer.ip(), &self.shared.trusted_proxies);
        self.spawn("connection", async move {
            let _open = open;
            match TcpStream::from_std(stream) {
                Ok(stream) => connection::serve(worker, stream, peer).await,
                Err(error) => tracing::warn!(%error, "accepted socket could not be registered"),
            }
        });
    }

    async fn keep_log(self: Rc<Self>) {
        loop {
            self.log_waits.notified().await;
            self.shared.clock.sleep(LOG_DELAY).await;
            if let Some(log) = self.log.borrow_mut().as_mut() {
                log.flush();
            }
        }
    }

    async fn keep_pool(self: Rc<Self>) {
        loop {
            self.shared.clock.sleep(SWEEP).await;
            self.pool.sweep(self.tick() - self.shared.limits.upstream_idle_time);
        }
    }

    /// Runs `future` on this thread, as part of what a drain waits for.
    pub(super) fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().spawn_local(name, future);
    }

    /// Looks at the snapshot in force. One load per request.
    pub(super) fn with_snapshot<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> T {
        look(self.snapshot.borrow_mut().load())
    }

    /// Writes a line of the access log.
    pub(super) fn log(&self, entry: &AccessEntry<'_>) {
        if let Some(log) = self.log.borrow_mut().as_mut()
            && log.line(|style, out| entry.write(style, out))
        {
            self.log_waits.notify_one();
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// TLS towards upstreams.
    pub(super) fn tls(&self) -> &Arc<rustls::ClientConfig> {
        &self.shared.tls
    }

    /// The peers whose word on the client is taken.
    pub(super) fn trusted_proxies(&self) -> &TrustedProxies {
        &self.shared.trusted_proxies
    }

    pub(super) const fn deadlines(&self) -> &Rc<Deadlines> {
        &self.deadlines
    }

    pub(super) const fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) const fn random(&self) -> &Random {
        &self.random
    }

    pub(super) const fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    pub(super) fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// The rule of a request that no rule took.
    pub(super) fn no_rule(&self) -> Arc<str> {
        Arc::clone(&self.no_rule)
    }

    pub(super) fn tick(&self) -> Tick {
        self.shared.clock.tick()
    }

    /// Wall and monotonic time of this moment.
    pub(super) fn now(&self) -> (UnixTime, Tick) {
        (self.shared.clock.now(), self.shared.clock.tick())
    }
}

/// Lets hyper spawn on the worker's thread.
#[derive(Clone)]
pub(super) struct LocalExecutor {
    worker: Rc<Worker>,
}

impl LocalExecutor {
    pub(super) fn new(worker: &Rc<Worker>) -> Self {
        Self { worker: Rc::clone(worker) }
    }
}

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        self.worker.spawn("http2", async move {
            future.await;
        });
    }
}
