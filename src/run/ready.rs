//! Keeps readiness: what the sources and the first snapshot still wait for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::objects::Listing;
use super::publish::First;
use crate::admin::{Missing, Readiness};
use crate::clock::Clock;
use crate::resources::{KeyPlace, ReportKey};
use crate::tasks::Tasks;

/// How long readiness waits for the first report. A replica that is ready before it makes the leader say of every object
/// that it is not enforced here; but one that may not write at all still serves.
const REPORT_PATIENCE: Duration = Duration::from_secs(10);

/// Says when this replica has reported for the first time after its first snapshot, or should not wait for it any more.
/// `reports` says when it has; `None`: there is nobody to report to.
pub(super) fn first_report(
    tasks: &mut Tasks,
    reports: Option<watch::Receiver<bool>>,
    mut first: watch::Receiver<First>,
    clock: Clock,
) -> watch::Receiver<bool> {
    let Some(mut reports) = reports else { return watch::channel(true).1 };
    let (sender, reported) = watch::channel(false);
    tasks.spawn("first report", async move {
        if first.wait_for(|first| *first != First::Awaited).await.is_err() {
            return;
        }
        if clock.timeout(REPORT_PATIENCE, reports.wait_for(|reported| *reported)).await.is_none() {
            tracing::warn!("what is enforced here could not be reported to the cluster in time");
        }
        sender.send_replace(true);
    });
    reported
}

/// Keeps `readiness` until nothing can change any more.
pub(super) async fn keep(
    readiness: Arc<Readiness>,
    mut listing: Listing,
    mut first: watch::Receiver<First>,
    mut reported: watch::Receiver<bool>,
) {
    loop {
        let mut missing: BTreeSet<_> = match &*first.borrow_and_update() {
            First::Unguarded(_) => [Missing::Snapshot].into(),
            First::Awaited => listing.missing().into_iter().map(Missing::Listing).chain([Missing::Snapshot]).collect(),
            First::Served(awaited) => awaited.iter().map(|key| Missing::FirstAnswer(name(key))).collect(),
        };
        if !*reported.borrow_and_update() {
            missing.insert(Missing::Report);
        }
        readiness.set(missing);
        tokio::select! {
            changed = first.changed() => if changed.is_err() { return },
            Ok(()) = reported.changed() => {}
            () = listing.changed() => {}
        }
    }
}

fn name(key: &ReportKey) -> Arc<str> {
    match key {
        ReportKey::Keys(source) => match &source.place {
            KeyPlace::Discovery(issuer) => format!("issuer {issuer}").into(),
            KeyPlace::Url(url) => format!("key set {url}").into(),
        },
        ReportKey::Name(name) => format!("name {}", name.host).into(),
        ReportKey::Signing(policy) => format!("signing keys of {policy}").into(),
    }
}
