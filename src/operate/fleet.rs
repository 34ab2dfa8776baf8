//! Which replicas there are, which of them are ready, and how far each is, as the leader sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::ack::{Ack, Keys};
use crate::clock::{Tick, UnixTime};
use crate::sources::kube::{Document, Event};

/// How far clocks of machines may be apart when the age of a Lease is judged that was not seen to move.
const SKEW: Duration = Duration::from_secs(30);

/// A Lease that nobody has touched for so long, of a replica that is not ready, is rubbish.
const RUBBISH: Duration = Duration::from_hours(1);

/// How much has changed, for those who judge by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moved {
    /// Nothing.
    Not,
    /// A replica went forward: what was enforced still is, and more may be.
    Forward,
    /// Anything else: what was enforced may not be any more.
    Otherwise,
}

/// The replicas that count, with what each has said; one that is ready and has said nothing has `None`.
pub(super) type ReadyReplicas<'a> = BTreeMap<Arc<str>, Option<&'a Ack>>;

/// The replicas of an installation.
#[derive(Debug)]
pub(super) struct Fleet {
    counts: Duration,
    replicas: BTreeMap<Arc<str>, Replica>,
    leases_listed: bool,
    ready: Ready,
}

#[derive(Debug)]
struct Replica {
    lease: String,
    ack: Ack,
    /// When its Lease was last seen to move; `None`: it was old already when it was first seen.
    moved: Option<Tick>,
}

/// Who is ready.
#[derive(Debug)]
enum Ready {
    /// Whose Lease moves.
    ByLease,
    /// Whom the slices of our own Service call ready, by slice; `None` until they were listed.
    ByService(Option<BTreeMap<String, BTreeSet<Arc<str>>>>),
}

impl Fleet {
    /// Nobody is known yet. With a Service of our own, its slices say who is ready.
    pub(super) fn new(by_service: bool, counts: Duration) -> Self {
        let ready = if by_service { Ready::ByService(None) } else { Ready::ByLease };
        Self { counts, replicas: BTreeMap::new(), leases_listed: false, ready }
    }

    /// Whether everything was listed once, so that who is not there is not.
    pub(super) fn is_known(&self) -> bool {
        self.leases_listed && !matches!(self.ready, Ready::ByService(None))
    }

    /// The Leases of replicas have changed.
    pub(super) fn leases(&mut self, event: Event, tick: Tick, now: UnixTime) -> Moved {
        match event {
            Event::Listed { documents, .. } => {
                self.leases_listed = true;
                let old = std::mem::take(&mut self.replicas);
                for document in &documents {
                    self.put(document, &old, tick, now);
                }
                Moved::Otherwise
            }
            Event::Applied(document) => {
                let old = std::mem::take(&mut self.replicas);
                let identity = self.put(&document, &old, tick, now);
                let moved = identity.as_ref().map_or(Moved::Not, |identity| self.moved(identity, &old));
                for (identity, replica) in old {
                    self.replicas.entry(identity).or_insert(replica);
                }
                moved
            }
            Event::Removed { document, .. } => match lease_identity(&document) {
                Some(identity) if self.replicas.remove(&identity).is_some() => Moved::Otherwise,
                _ => Moved::Not,
            },
            Event::Passed(_) | Event::Forbidden | Event::Absent => Moved::Not,
        }
    }

    fn moved(&self, identity: &Arc<str>, old: &BTreeMap<Arc<str>, Replica>) -> Moved {
        match (old.get(identity), self.replicas.get(identity)) {
            (Some(old), Some(new)) if old.ack == new.ack => Moved::Not,
            (Some(old), Some(new)) if new.ack.continues(&old.ack) => Moved::Forward,
            _ => Moved::Otherwise,
        }
    }

    fn put(
        &mut self,
        document: &Document,
        old: &BTreeMap<Arc<str>, Replica>,
        tick: Tick,
        now: UnixTime,
    ) -> Option<Arc<str>> {
        let identity = lease_identity(document)?;
        let metadata = document.get("metadata")?;
        let lease = metadata.get("name")?.as_str()?.to_owned();
        let ack = Ack::parse(|name| Some(metadata.get("annotations")?.get(name)?.as_str()?.to_owned()));
        let old_age = !old.contains_key(&identity) && is_old(document, now, self.counts + SKEW);
        let moved = (!old_age).then_some(tick);
        self.replicas.insert(Arc::clone(&identity), Replica { lease, ack, moved });
        Some(identity)
    }

    /// The slices of our own Service have changed.
    pub(super) fn slices(&mut self, event: Event) -> Moved {
        let Ready::ByService(slices) = &mut self.ready else { return Moved::Not };
        let before = slices.as_ref().map(all);
        match event {
            Event::Listed { documents, .. } => {
                *slices = Some(documents.iter().map(|slice| (name(slice), ready_pods(slice))).collect());
            }
            Event::Applied(slice) => {
                slices.get_or_insert_default().insert(name(&slice), ready_pods(&slice));
            }
            Event::Removed { document, .. } => {
                slices.get_or_insert_default().remove(&name(&document));
            }
            Event::Passed(_) | Event::Forbidden | Event::Absent => {}
        }
        if before == slices.as_ref().map(all) { Moved::Not } else { Moved::Otherwise }
    }

    /// The replicas that count now.
    pub(super) fn ready(&self, now: Tick) -> ReadyReplicas<'_> {
        match &self.ready {
            Ready::ByLease => self
                .replicas
                .iter()
                .filter(|(_, replica)| replica.moved.is_some_and(|moved| now.since(moved) < self.counts))
                .map(|(identity, replica)| (Arc::clone(identity), Some(&replica.ack)))
                .collect(),
            Ready::ByService(slices) => slices
                .iter()
                .flat_map(|slices| slices.values().flatten())
                .map(|pod| (Arc::clone(pod), self.replicas.get(pod).map(|replica| &replica.ack)))
                .collect(),
        }
    }

    /// The keys that the replicas which count now have in force.
    pub(super) fn keys(&self, now: Tick) -> BTreeMap<Arc<str>, Keys> {
        let keys = |ack: Option<&Ack>| ack.map(|ack| ack.keys().clone()).unwrap_or_default();
        self.ready(now).into_iter().map(|(replica, ack)| (replica, keys(ack))).collect()
    }

    /// Leases of replicas that are gone and did not clean up.
    pub(super) fn rubbish(&self, now: Tick) -> Vec<String> {
        let ready = self.ready(now);
        let silent = |replica: &Replica| replica.moved.is_none_or(|moved| now.since(moved) >= RUBBISH);
        let rubbish = self.replicas.iter().filter(|(pod, replica)| silent(replica) && !ready.contains_key(*pod));
        rubbish.map(|(_, replica)| replica.lease.clone()).collect()
    }
}

fn all(slices: &BTreeMap<String, BTreeSet<Arc<str>>>) -> BTreeSet<Arc<str>> {
    slices.values().flatten().cloned().collect()
}

fn lease_identity(document: &Document) -> Option<Arc<str>> {
    document.get("spec")?.get("holderIdentity")?.as_str().map(Arc::from)
}

fn is_old(document: &Document, now: UnixTime, limit: Duration) -> bool {
    let renewed = document.get("spec").and_then(|spec| spec.get("renewTime")).and_then(Value::as_str);
    let renewed = renewed.and_then(|text| text.parse::<Timestamp>().ok());
    renewed.is_none_or(|renewed| now.since(UnixTime::from_millis(renewed.as_millisecond())) > limit)
}

fn name(document: &Document) -> String {
    let name = document.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// The pods that a slice calls ready. `ready` that is not there is to be read as true (`discovery.k8s.io/v1`).
fn ready_pods(slice: &Document) -> BTreeSet<Arc<str>> {
    let endpoints = slice.get("endpoints").and_then(Value::as_array).into_iter().flatten();
    let ready = endpoints.filter(|endpoint| {
        endpoint.get("conditions").and_then(|conditions| conditions.get("ready")).and_then(Value::as_bool)
            != Some(false)
    });
    ready.filter_map(|endpoint| endpoint.get("targetRef")?.get("name")?.as_str().map(Arc::from)).collect()
}
