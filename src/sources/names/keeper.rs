//! The task that keeps one name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::Parts;
use crate::finding::{Code, Severity};
use crate::resources::{DnsName, Report, ReportFinding, ReportKey, Update};
use crate::snapshot::Endpoints;
use crate::sources::pace::{after_failures, shortened};
use crate::transport::{ResolveError, Resolved};

/// For one look-up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps one name.
pub(super) struct Keeper {
    name: DnsName,
    cell: Arc<ArcSwap<Endpoints>>,
    parts: Parts,
    sender: mpsc::Sender<Update>,
    failures: u32,
    reported: Option<Report>,
}

impl Keeper {
    pub(super) fn new(
        name: DnsName,
        cell: Arc<ArcSwap<Endpoints>>,
        parts: Parts,
        sender: mpsc::Sender<Update>,
    ) -> Self {
        Self { name, cell, parts, sender, failures: 0, reported: None }
    }

    /// Looks up and waits by turns, for ever.
    pub(super) async fn run(mut self) {
        loop {
            let result = self.look_up().await;
            let (delay, report) = self.settle(result);
            let due = self.parts.clock.tick() + delay;
            if self.reported.as_ref() != Some(&report) {
                self.reported = Some(report.clone());
                let key = ReportKey::Name(self.name.clone());
                if self.sender.send(Update::Report { key, report }).await.is_err() {
                    return;
                }
            }
            self.parts.clock.sleep_until(due).await;
        }
    }

    async fn look_up(&self) -> Result<Resolved, ResolveError> {
        let looking = self.parts.resolver.resolve(&self.name.host);
        self.parts.clock.timeout(TIMEOUT, looking).await.unwrap_or(Err(ResolveError::TimedOut))
    }

    /// Takes an answer in; when to look again, and what to tell.
    fn settle(&mut self, result: Result<Resolved, ResolveError>) -> (Duration, Report) {
        match result {
            Ok(resolved) => {
                self.failures = 0;
                let findings = self.store(&resolved).into_iter().collect();
                (shortened(resolved.ttl(), &self.parts.draw), Report { findings })
            }
            Err(error) => {
                tracing::debug!(name = %self.name.host, %error, "name not resolved");
                self.failures = self.failures.saturating_add(1);
                let delay = after_failures(self.failures, &self.parts.draw);
                (delay, Report { findings: vec![self.not_resolved(&error)] })
            }
        }
    }

    /// Stores the addresses that are permitted; what to say of the others.
    fn store(&self, resolved: &Resolved) -> Option<ReportFinding> {
        let port = self.name.port;
        let mut addresses: Vec<_> =
            resolved.addresses().iter().map(|address| SocketAddr::new(address.to_canonical(), port)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let (permitted, forbidden): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| self.parts.egress.permits(*address));
        let (severity, used) = match permitted.len() {
            0 => (Severity::Error, "no address is left"),
            _ => (Severity::Warning, "the others are used"),
        };
        let endpoints = Endpoints { addresses: permitted.into() };
        if **self.cell.load() != endpoints {
            self.cell.store(Arc::new(endpoints));
        }
        let first = forbidden.first()?;
        Some(ReportFinding {
            code: Code::EgressForbidden,
            severity,
            cause: format!("{} leads to {first}, which the installation does not allow; {used}", self.name.host),
            cure: "use a URL that leads to a public address, or have --egress-allow extended".to_owned(),
        })
    }

    /// What to say while the name cannot be looked up: it may come back by itself, so it is never an error.
    fn not_resolved(&self, error: &ResolveError) -> ReportFinding {
        let used = if self.cell.load().addresses.is_empty() {
            "requests for it get 503"
        } else {
            "the addresses that were found before are in use"
        };
        ReportFinding {
            code: Code::NameNotResolved,
            severity: Severity::Warning,
            cause: format!("{}: {error}; {used}", self.name.host),
            cure: "check the name and the name servers; it is tried again within 30 s".to_owned(),
        }
    }
}
