//! One data thread: what its connections share, and nothing of which another thread ever touches in a request.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};

use super::connection;
use super::deadline::Deadlines;
use super::listen::Accepted;
use super::pinned::Pinned;
use super::pool::Pool;
use super::random::Random;
use super::session::Session;
use super::token_cache::TokenCache;
use super::{Limits, Shared};
use crate::clock::{Clock, Tick, UnixTime};
use crate::issuer::Authority;
use crate::jose::FingerprintKey;
use crate::state::FailingSources;
use crate::tasks::Tasks;
use crate::telemetry::{AccessEntry, Cause, End, LogBuffer, Outcome, WorkerCounters};
use crate::wire::forwarded::{Peer, TrustedProxies};

/// Log lines are handed over at least this often.
const LOG_DELAY: Duration = Duration::from_millis(100);

/// What is left when a drain has run out of time has this long to be told so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The pool is looked through this often.
const SWEEP: Duration = Duration::from_secs(5);

/// The state of one data thread.
pub(super) struct Worker {
    shared: Arc<Shared>,
    snapshot: RefCell<Rc<Pinned>>,
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
    last_tick: Cell<Tick>,
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
            snapshot: RefCell::new(Pinned::new(shared.snapshot.load_full(), shared.retired.clone())),
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
            last_tick: Cell::default(),
            shared,
        })
    }

    /// Serves what it is told to until nobody can tell it any more; then finishes what is under way, in the time that
    /// `stop` gives it.
    pub(super) async fn run(
        self: Rc<Self>,
        mut accepted: mpsc::Receiver<Accepted>,
        stop: watch::Receiver<Option<Duration>>,
    ) {
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
        let grace = stop.borrow().unwrap_or_default();
        if self.shared.clock.timeout(grace, self.all_ended()).await.is_none() {
            tracing::info!(connections = self.counters.open_connections(), "drain ran out of time");
            self.deadlines.end();
            // Long enough to say so to whoever listens. Whoever does not is left.
            let _ = self.shared.clock.timeout(LAST_WORDS, self.all_ended()).await;
        }
        let mut left = self.tasks.replace(Tasks::new());
        left.abort();
        left.join().await;
        self.pool.clear();
        keepers.abort();
        if let Some(log) = self.log.borrow_mut().as_mut() {
            log.flush();
        }
    }

    /// Waits until every connection has ended.
    async fn all_ended(&self) {
        loop {
            self.pool.clear();
            // Not held across the wait: what ends may spawn, and what spawns borrows the set.
            let ended = std::future::poll_fn(|context| self.tasks.borrow_mut().poll_next_end(context)).await;
            if !ended {
                return;
            }
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

    /// The snapshot in force. One load per request: all that follows is of the same compile.
    pub(super) fn snapshot(&self) -> Rc<Pinned> {
        let latest = self.shared.snapshot.load();
        let mut current = self.snapshot.borrow_mut();
        if !current.is(&latest) {
            *current = Pinned::new(Guard::into_inner(latest), self.shared.retired.clone());
        }
        Rc::clone(&current)
    }

    /// Logs and counts a request of which no head could be read.
    pub(super) fn refused_unread(&self, session: &Session, cause: Cause) {
        let (status, reason, duration) = (cause.status().as_u16(), cause.as_str(), Duration::ZERO);
        self.log(&AccessEntry {
            time: self.shared.clock.now(),
            method: "",
            host: "",
            path: "",
            status,
            reason,
            rule: &self.no_rule,
            policy: "",
            client_id: "",
            team: "",
            subject: "",
            client: session.peer().address(),
            upstream: None,
            duration,
            received: 0,
            sent: 0,
            request_id: "",
        });
        self.counters.request(Outcome {
            rule: &self.no_rule,
            status,
            end: End::Refused(reason),
            duration,
            token: None,
        });
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
    pub(super) const fn no_rule(&self) -> &Arc<str> {
        &self.no_rule
    }

    /// The sources whose tokens keep failing.
    pub(super) fn failing_sources(&self) -> &FailingSources {
        &self.shared.failing_sources
    }

    /// What answers at the endpoints of our own issuers.
    pub(super) fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// What subjects are hidden with in the access log.
    pub(super) fn fingerprints(&self) -> &FingerprintKey {
        &self.shared.fingerprints
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    pub(super) fn tick(&self) -> Tick {
        let tick = self.shared.clock.tick();
        self.last_tick.set(tick);
        tick
    }

    /// The last [`Self::tick`] that anybody asked for, for whom the time of this request is good enough.
    pub(super) const fn last_tick(&self) -> Tick {
        self.last_tick.get()
    }

    /// Wall and monotonic time of this moment.
    pub(super) fn now(&self) -> (UnixTime, Tick) {
        (self.shared.clock.now(), self.tick())
    }
}

/// Lets hyper spawn on the worker's thread.
#[derive(Clone)]
pub(super) struct LocalExecutor {
    worker: Rc<Worker>,
    /// The client's connection whose streams are spawned.
    session: Option<Rc<Session>>,
}

impl LocalExecutor {
    /// For the tasks of a connection to an upstream.
    pub(super) fn new(worker: &Rc<Worker>) -> Self {
        Self { worker: Rc::clone(worker), session: None }
    }

    /// For the streams of a client's connection. hyper calls the service and then spawns the stream in one go, so the
    /// stream that began last is the one that is spawned.
    pub(super) fn of_streams(worker: &Rc<Worker>, session: &Rc<Session>) -> Self {
        Self { worker: Rc::clone(worker), session: Some(Rc::clone(session)) }
    }
}

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        match self.session.as_ref().and_then(|session| session.take_newest()) {
            Some(taking) => self.worker.spawn("http2 stream", taking.guard(future)),
            None => self.worker.spawn("http2", async move {
                future.await;
            }),
        }
    }
}
