//! The one task that compiles and publishes.
//!
//! ```text
//! Intake ─ updates that belong together ─► Compiler (on a thread that may block) ─┬► ArcSwap<Snapshot> ─► data threads
//!                                                                                ├► Wanted ─► key sets, names
//!                                                                                ├► verdicts, versions ─► Board
//!                                                                                └► findings ─► the log
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::intake::{Intake, Take};
use super::tell::Teller;
use crate::clock::Clock;
use crate::compile::{Compiled, Compiler, Wanted};
use crate::finding::{Code, Finding, Severity};
use crate::name::Kind;
use crate::resources::{ReportKey, Update};
use crate::rotation::Plans;
use crate::snapshot::{Issuers, Snapshot};
use crate::sources::key_sets::WantedKeys;
use crate::sources::names::WantedNames;
use crate::state::{Board, SigningKeys};
use crate::tasks;
use crate::telemetry::{Publication, Publications};

/// What has become of the first snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing is served yet.
    Awaited,
    /// It is not served, since files cannot be read whole, or hosts of `ApiRoute`s in them.
    Unguarded(Vec<Finding>),
    /// It is served; these sources that it names have neither answered nor failed.
    Served(BTreeSet<ReportKey>),
}

impl First {
    /// Whether it is served, and signing keys of it are not.
    pub(super) fn awaits_signing_keys(&self) -> bool {
        match self {
            Self::Served(awaited) => awaited.iter().any(|key| matches!(key, ReportKey::Signing(_))),
            Self::Awaited | Self::Unguarded(_) => false,
        }
    }
}

/// Where the outcome of a compile goes.
pub(super) struct Outlets {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) board: Arc<Board>,
    pub(super) publications: Arc<Publications>,
    pub(super) keys: watch::Sender<Arc<WantedKeys>>,
    pub(super) names: watch::Sender<Arc<WantedNames>>,
    pub(super) plans: watch::Sender<Plans>,
    /// The issuers in force, again whenever something about their keys has changed.
    pub(super) issuers: watch::Sender<Arc<Issuers>>,
    pub(super) first: watch::Sender<First>,
    pub(super) teller: Teller,
}

/// Compiles what comes and publishes what comes of it.
pub(super) struct Publisher {
    compiler: Compiler,
    outlets: Outlets,
    clock: Clock,
    wanted: Option<Arc<Wanted>>,
    /// Sources that have answered, well or not, since the start; only until those of the first snapshot all have.
    answered: BTreeSet<ReportKey>,
    /// Signing keys that are awaited and have been handed over, but are not published yet.
    handed_over: Vec<ReportKey>,
    policy: Policy,
}

/// What differs between files and a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) unguarded: Unguarded,
    /// Whether this process keeps the signing keys itself, so that those of the first snapshot come right after it.
    pub(super) keeps_signing_keys: bool,
}

/// What is done where a file, or an `ApiRoute` in it, does not say what it guards, and has never been served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unguarded {
    /// Nothing is served.
    Refuse,
    /// All else is served: others than who wrote the object would suffer.
    Serve,
}

impl Take for Publisher {
    fn take(&mut self, update: Update) {
        match &update {
            // The keys came before it, but as an object, which is in force only when it is published.
            Update::Report { key: key @ ReportKey::Signing(_), .. } if self.is_awaited(key) => {
                self.handed_over.push(key.clone());
            }
            Update::Report { key, .. } => self.answer(key),
            Update::Replace { .. }
            | Update::Apply { .. }
            | Update::Remove { .. }
            | Update::Withdraw { .. }
            | Update::Version { .. }
            | Update::Together(_)
            | Update::Forbid { .. } => {}
        }
        self.compiler.apply(update);
    }

    fn is_urgent(&self) -> bool {
        self.compiler.is_urgent() || !self.handed_over.is_empty()
    }
}

impl Publisher {
    pub(super) fn new(compiler: Compiler, outlets: Outlets, clock: Clock, policy: Policy) -> Self {
        let (answered, handed_over) = (BTreeSet::new(), Vec::new());
        Self { compiler, outlets, clock, wanted: None, answered, handed_over, policy }
    }

    /// Publishes for the first time when `listed` is over, then whenever something comes.
    pub(super) async fn run(mut self, mut intake: Intake, listed: impl Future<Output = ()>) {
        intake.until(listed, &mut self).await;
        loop {
            self = self.publish().await;
            let is_stopped = matches!(*self.outlets.first.borrow(), First::Unguarded(_));
            if is_stopped || !intake.next(&mut self).await {
                return;
            }
        }
    }

    async fn publish(mut self) -> Self {
        let started = self.clock.tick();
        let (publisher, outcome) = tasks::blocking("compile", move || {
            let outcome = self.compiler.compile();
            (self, outcome)
        })
        .await;
        self = publisher;
        let took = self.clock.tick().since(started);
        self.hand_out(outcome, took);
        self
    }

    fn hand_out(&mut self, compiled: Compiled, took: std::time::Duration) {
        if self.is_stopped_by(&compiled) {
            return;
        }
        let Compiled { snapshot, verdicts, scope_findings, wanted, plans, versions, work } = compiled;
        let id = snapshot.id;
        let issuers = Arc::clone(&snapshot.issuers);
        self.outlets.teller.tell(&verdicts, &scope_findings);
        self.want(&wanted);
        self.outlets.snapshot.store(snapshot);
        self.outlets.publications.published(Publication {
            id,
            took,
            work: &[
                ("units", count(work.units)),
                ("chains", count(work.chains)),
                ("policies", count(work.policies)),
                ("hosts", count(work.hosts)),
                ("shards", count(work.shards)),
            ],
        });
        // After the store: what the board says is in force has to be.
        if verdicts.iter().any(|(key, _)| key.kind == Kind::TokenPolicy) {
            self.outlets.board.sign_with(signing_keys(&issuers));
            self.outlets.issuers.send_replace(issuers);
        }
        self.outlets.board.publish(verdicts, versions);
        self.plan(&plans);
        self.serve_first(&wanted, &plans);
        for key in std::mem::take(&mut self.handed_over) {
            self.answer(&key);
        }
        tracing::debug!(id = id.0, took_us = took.as_micros(), units = work.units, "snapshot published");
    }

    /// Whether the first snapshot is not to be served. What keeps it from that is left to whoever started us to say.
    fn is_stopped_by(&self, compiled: &Compiled) -> bool {
        if self.policy.unguarded == Unguarded::Serve || *self.outlets.first.borrow() != First::Awaited {
            return false;
        }
        let verdicts = compiled.verdicts.iter().filter_map(|(_, verdict)| verdict.as_ref());
        let findings = verdicts.flat_map(|verdict| &verdict.findings);
        let of_routes = findings.filter(|finding| finding.code == Code::HostsUnreadable);
        let of_files = compiled.scope_findings.iter().filter(|finding| finding.severity == Severity::Error);
        let found: Vec<_> = of_routes.chain(of_files).cloned().collect();
        let is_stopped = !found.is_empty();
        if is_stopped {
            self.outlets.first.send_replace(First::Unguarded(found));
        }
        is_stopped
    }

    fn want(&mut self, wanted: &Arc<Wanted>) {
        if self.wanted.as_ref().is_some_and(|known| Arc::ptr_eq(known, wanted)) {
            return;
        }
        self.outlets.keys.send_replace(Arc::new(wanted.keys.clone()));
        self.outlets.names.send_replace(Arc::new(wanted.names.clone()));
        self.wanted = Some(Arc::clone(wanted));
    }

    fn plan(&self, plans: &Plans) {
        self.outlets.plans.send_if_modified(|known| {
            let is_new = !Arc::ptr_eq(known, plans);
            known.clone_from(plans);
            is_new
        });
    }

    /// The first snapshot's sources are waited for; those of later ones are not, since a new issuer that is away must not
    /// take a replica out that serves all others.
    fn serve_first(&mut self, wanted: &Wanted, plans: &Plans) {
        let answered = &self.answered;
        let keeps_signing_keys = self.policy.keeps_signing_keys;
        self.outlets.first.send_if_modified(|first| {
            if *first != First::Awaited {
                return false;
            }
            let keys = wanted.keys.iter().map(|(source, _)| ReportKey::Keys(source.clone()));
            let names = wanted.names.iter().map(|(name, _)| ReportKey::Name(name.clone()));
            let signing = plans.keys().filter(|_| keeps_signing_keys).cloned().map(ReportKey::Signing);
            let sources = keys.chain(names).chain(signing);
            *first = First::Served(sources.filter(|key| !answered.contains(key)).collect());
            true
        });
        self.answered = BTreeSet::new();
    }

    fn is_awaited(&self, key: &ReportKey) -> bool {
        matches!(&*self.outlets.first.borrow(), First::Served(awaited) if awaited.contains(key))
    }

    fn answer(&mut self, key: &ReportKey) {
        let answered = &mut self.answered;
        self.outlets.first.send_if_modified(|first| match first {
            First::Awaited => {
                answered.insert(key.clone());
                false
            }
            First::Unguarded(_) => false,
            First::Served(awaited) => awaited.remove(key),
        });
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The keys of our own issuers that this process has in force.
pub(super) fn signing_keys(issuers: &Issuers) -> SigningKeys {
    let mut keys = SigningKeys::default();
    for issuer in issuers.iter() {
        let now = issuer.keys.load();
        keys.published.extend(now.kids.iter().cloned());
        keys.signing.extend(now.signer.as_ref().ok().map(|signer| signer.key.thumbprint().to_string().into()));
    }
    keys
}
