//! The wiring; the only module that knows all others.
//!
//! ```text
//!   objects ──┐                                 ┌─► data threads ◄── accept
//!   key sets ─┼─ updates ─► publish ─ snapshot ─┤
//!   names ────┘    │           │                └─► probes, operator's view
//!      ▲           │           ├─ verdicts, versions ─► status and leases, with a cluster
//!      │      at most 4,096    │
//!      └───────────────────────┘ what is wanted
//! ```
//!
//! Every task of the control side is spawned by [`start`], into one set that ends with the [`Gateway`].

mod entry;
mod error;
mod gateway;
mod harden;
mod intake;
mod last_keys;
mod logging;
mod objects;
mod offline;
mod outbound;
mod publish;
mod ready;
mod signals;
mod sockets;
mod tell;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use crate::admin::{self, Readiness, View};
use crate::cli::Settings;
use crate::clock::Clock;
use crate::compile::{self, Compiler};
use crate::finding::Finding;
use crate::issuer::{self, Authority};
use crate::jose::FingerprintKey;
use crate::operate::signing;
use crate::operate::{Inputs, Operator};
use crate::proxy::{self, Limits, Proxy};
use crate::rotation::Plans;
use crate::snapshot::Snapshot;
use crate::sources::key_sets::{self, archive::AtHand};
use crate::state::Board;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::telemetry::{Counters, LogFile, Publications};
use crate::transport::Resolve;
pub use entry::main;
pub use error::StartError;
pub use gateway::Gateway;
use intake::Intake;
pub use objects::Objects;
use outbound::{Outbound, Wants};
use publish::{First, Outlets, Policy, Publisher};
use sockets::Sockets;
use tell::Teller;

/// Updates that wait to be compiled. A source that is faster waits.
const UPDATES: usize = 4_096;

/// How long the first request waits for signing keys that this process keeps itself: a few reads and writes of files.
const KEYS_PATIENCE: Duration = Duration::from_secs(5);

/// What a gateway takes from outside of the program.
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// Where random numbers start that need not be secret.
    pub seed: u64,
    /// What subjects are hidden with in the access log: equal ones can be told only where this is the same.
    pub fingerprints: FingerprintKey,
    /// Who looks names up.
    pub resolver: Arc<dyn Resolve>,
    /// Where the objects come from.
    pub objects: Objects,
}

/// Starts a gateway on the current runtime; returns when it serves its first snapshot, or cannot.
///
/// Until then probes say that it is not ready and connections wait in the kernel's queue. The first snapshot is made when
/// each file or watch has been read whole or has failed on record; with a cluster that cannot be reached, this waits.
/// Dropped while it waits, it ends what it started.
pub async fn start(mut settings: Settings, parts: Parts) -> Result<Gateway, StartError> {
    let Parts { clock, seed, fingerprints, resolver, objects } = parts;
    let (sockets, addresses) = Sockets::bind(&settings).await?;
    let log = LogFile::open(&settings.access_log)
        .map_err(|source| StartError::AccessLog { target: settings.access_log.clone(), source })?;
    let signing_keys = objects.signing_keys(settings.state.as_deref())?;
    let outbound = Outbound::new(&mut settings, &objects, resolver, clock.clone())?;
    let (findings, shown_findings) = watch::channel(Arc::from([]));
    let view = view(&settings, &clock, shown_findings, &log);

    let mut tasks = Tasks::new();
    let shown = Arc::clone(&view);
    let answer = move |request| std::future::ready(admin::probes(&shown, &request));
    tasks.spawn("probes", admin::serve(sockets.probes, clock.clone(), answer));
    let shown = Arc::clone(&view);
    let answer = move |request| std::future::ready(admin::operator(&shown, addresses.admin, &request));
    tasks.spawn("operator's view", admin::serve(sockets.admin, clock.clone(), answer));

    let store = objects.store(&mut tasks, &settings, seed, &clock).await?;
    let random = Random { seed, fingerprints };
    let mut proxy = data_plane(&settings, &view, &outbound, random, store, &log).map_err(StartError::Threads)?;
    let controls = Controls { settings: &settings, view: &view, outbound, clock: &clock, seed };
    let (operator, mut first) = controls.start(&mut tasks, objects, signing_keys, findings);
    match &*first.wait_for(|first| *first != First::Awaited).await.map_err(|_| StartError::Stopped)? {
        First::Unguarded(findings) => return Err(StartError::Unguarded { findings: findings.clone() }),
        First::Awaited | First::Served(_) => {}
    }
    // Else the first requests after a restart would be told that there is nothing to sign or verify with.
    let _ = clock.timeout(KEYS_PATIENCE, first.wait_for(|first| !first.awaits_signing_keys())).await;
    proxy.listen(sockets.http);
    tracing::info!(http = %addresses.http, probes = %addresses.probes, admin = %addresses.admin, "gateway started");
    Ok(Gateway {
        addresses,
        clock,
        delay: settings.shutdown_delay,
        grace: settings.shutdown_grace,
        readiness: Arc::clone(&view.readiness),
        first,
        proxy,
        tasks,
        operator,
        log,
    })
}

fn view(settings: &Settings, clock: &Clock, findings: watch::Receiver<Arc<[Finding]>>, log: &LogFile) -> Arc<View> {
    Arc::new(View {
        clock: clock.clone(),
        snapshot: Arc::new(ArcSwap::from_pointee(Snapshot::default())),
        publications: Arc::new(Publications::new(clock.clone())),
        readiness: Readiness::new(),
        findings,
        counters: Counters::new(settings.threads.get()),
        log_losses: log.losses(),
    })
}

/// What the data plane takes of randomness.
struct Random {
    seed: u64,
    fingerprints: FingerprintKey,
}

fn data_plane(
    settings: &Settings,
    view: &View,
    outbound: &Outbound,
    random: Random,
    store: Arc<dyn Store>,
    log: &LogFile,
) -> io::Result<Proxy> {
    let parts = proxy::Parts {
        threads: settings.threads.get(),
        limits: Limits { connections: settings.max_connections.get(), ..Limits::default() },
        trusted_proxies: settings.trusted_proxies.clone(),
        snapshot: Arc::clone(&view.snapshot),
        clock: view.clock.clone(),
        tls: Arc::clone(&outbound.tls),
        seed: random.seed,
        fingerprints: random.fingerprints,
        authority: Arc::new(Authority::new(issuer::Parts { store, ..issuer::Parts::in_memory(view.clock.clone()) })),
        counters: view.counters.clone(),
    };
    Proxy::start(parts, log)
}

/// What the control side is started with.
struct Controls<'a> {
    settings: &'a Settings,
    view: &'a View,
    outbound: Outbound,
    clock: &'a Clock,
    seed: u64,
}

impl Controls<'_> {
    /// Starts everything between the objects and the snapshot; says what has become of the first.
    fn start(
        self,
        tasks: &mut Tasks,
        objects: Objects,
        signing_keys: Option<signing::Place>,
        findings: watch::Sender<Arc<[Finding]>>,
    ) -> (Option<Operator>, watch::Receiver<First>) {
        let Self { settings, view, outbound, clock, seed } = self;
        let (sender, updates) = mpsc::channel(UPDATES);
        let (keys, wanted_keys) = watch::channel(Arc::default());
        let (names, wanted_names) = watch::channel(Arc::default());
        let max_stale = key_sets::Settings::default().max_stale;
        let (at_hand, key_sets) = watch::channel(AtHand::new());
        let archive = objects.archive(&settings.installation.class, at_hand);
        let wants = Wants { keys: wanted_keys, names: wanted_names, archive, max_stale, seed };
        outbound.keep(tasks, wants, &sender, clock);

        let egress = outbound.egress;
        let compiler = Compiler::new(compile::Settings {
            class: settings.installation.class.as_ref().into(),
            hosts_without_names: objects.are_the_operators_own(),
            defaults: compile::Defaults::default(),
            egress: Arc::new(move |address| egress.permits(address)),
            service_account: objects.service_account(),
        });
        let board = Arc::new(Board::new());
        let (plans, planned) = watch::channel(Plans::default());
        if let Some(place) = signing_keys {
            let (board, plans, updates) = (Arc::clone(&board), planned.clone(), sender.clone());
            let local = signing::Local { board, plans, updates, clock: clock.clone(), seed };
            signing::keep(tasks, place, local);
        }
        let inputs = Inputs { board: Arc::clone(&board), key_sets, plans: planned, updates: sender.clone() };
        let operator = objects.operate(inputs, &settings.installation.class, max_stale, seed, clock);
        let (first, is_first) = watch::channel(First::Awaited);
        let (issuers, in_force) = watch::channel(Arc::default());
        tasks.spawn("last keys", last_keys::keep(in_force, Arc::clone(&board), clock.clone()));
        let outlets = Outlets {
            snapshot: Arc::clone(&view.snapshot),
            board,
            publications: Arc::clone(&view.publications),
            keys,
            names,
            plans,
            issuers,
            first,
            teller: Teller::new(findings),
        };
        let policy = Policy { unguarded: objects.unguarded(), keeps_signing_keys: objects.are_the_operators_own() };
        let listing = objects.start(&settings.installation.class, tasks, seed, clock, sender);
        let publisher = Publisher::new(compiler, outlets, clock.clone(), policy);
        tasks.spawn("publish", publisher.run(Intake::new(updates, clock.clone()), listing.finished()));

        let reports = operator.as_ref().map(Operator::reports);
        let reported = ready::first_report(tasks, reports, is_first.clone(), clock.clone());
        tasks.spawn("readiness", ready::keep(Arc::clone(&view.readiness), listing, is_first.clone(), reported));
        (operator, is_first)
    }
}
