//! Keeps readiness: what the sources and the first snapshot still wait for.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::objects::Listing;
use super::publish::First;
use crate::admin::{Missing, Readiness};
use crate::resources::{KeyPlace, ReportKey};

/// Keeps `readiness` until nothing can change any more.
pub(super) async fn keep(readiness: Arc<Readiness>, mut listing: Listing, mut first: watch::Receiver<First>) {
    loop {
        let missing = match &*first.borrow_and_update() {
            First::Awaited => {
                let mut missing: BTreeSet<_> = listing.missing().into_iter().map(Missing::Listing).collect();
                missing.insert(Missing::Snapshot);
                missing
            }
            First::Served(awaited) => awaited.iter().map(|key| Missing::FirstAnswer(name(key))).collect(),
        };
        readiness.set(missing);
        tokio::select! {
            changed = first.changed() => if changed.is_err() { return },
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
    }
}
