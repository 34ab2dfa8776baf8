//! Writes status: what should be there, where it differs from what is, and no faster than allowed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::kube::api::{Api, Patch, PatchParams};
use ::kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use ::kube::{Client, Error};
use serde_json::Value;
use tokio::sync::mpsc;

use super::agenda::{Agenda, Allowance};
use super::announcement::announcements;
use super::fleet::{Fleet, Moved, ReadyReplicas};
use super::herald::News;
use super::programmed::{Programmed, judge};
use super::status::{Desired, Known, desired};
use super::{Settings, lease};
use crate::api::{GROUP, VERSION};
use crate::clock::{Clock, Tick};
use crate::name::ObjectKey;
use crate::resources::Version;
use crate::sources::kube::{Backoff, Document, Jitter, Pace};
use crate::state::Board;

/// How long all status waits when we may not write any.
const FORBIDDEN: Duration = Duration::from_secs(30);

/// What one leader knows and has to write. Bounded by the number of objects.
pub(super) struct Scribe {
    client: Client,
    board: Arc<Board>,
    settings: Settings,
    clock: Clock,
    comparable: bool,
    /// The status that each object has, and the resource version at which it was seen or written.
    known: BTreeMap<ObjectKey, (Known, Version)>,
    agenda: Agenda,
    allowance: Allowance,
    /// Since when replicas are behind in these objects.
    behind: BTreeMap<ObjectKey, Tick>,
    /// When these were last written to.
    written: BTreeMap<ObjectKey, Tick>,
    backoff: Backoff,
    /// Whoever writes events.
    herald: mpsc::Sender<News>,
    /// The API server does not answer: nothing before this.
    paused: Tick,
}

/// What became of a write.
#[derive(Debug)]
enum Written {
    /// The object has this version now.
    Yes(Version),
    /// Somebody else wrote to the object meanwhile; or it is another one of the same name.
    Conflict,
    /// The object is gone.
    Gone,
    /// The API server does not take it, and would not take it again.
    Refused,
    /// We may not write status.
    Forbidden,
    /// It did not come to it.
    Failed,
}

impl Scribe {
    /// With an empty agenda. `comparable`: whether resource versions of this API server compare.
    pub(super) fn new(
        client: Client,
        board: Arc<Board>,
        herald: mpsc::Sender<News>,
        settings: Settings,
        clock: Clock,
        comparable: bool,
    ) -> Self {
        Self {
            client,
            board,
            herald,
            comparable,
            known: BTreeMap::new(),
            agenda: Agenda::default(),
            allowance: Allowance::per_second(settings.timing.writes_per_second),
            behind: BTreeMap::new(),
            written: BTreeMap::new(),
            backoff: Backoff::new(Pace::default(), Jitter::from_seed(settings.seed)),
            paused: Tick::default(),
            settings,
            clock,
        }
    }

    /// Learns the status that an object has.
    pub(super) fn learn(&mut self, key: ObjectKey, object: &Document) {
        if let Some(known) = Known::of(key.kind, object) {
            self.known.insert(key, (known, version_of(object)));
        }
    }

    /// Looks at every object.
    pub(super) fn add_all(&mut self, now: Tick) {
        self.add(self.board.keys(), now);
    }

    /// Looks at these objects.
    pub(super) fn add(&mut self, keys: impl IntoIterator<Item = ObjectKey>, now: Tick) {
        for key in keys {
            self.agenda.add(key, now);
        }
    }

    /// The replicas have moved.
    pub(super) fn fleet_moved(&mut self, moved: Moved, now: Tick) {
        match moved {
            Moved::Not => {}
            Moved::Forward => {
                let behind: Vec<ObjectKey> = self.behind.keys().cloned().collect();
                self.add(behind, now);
            }
            Moved::Otherwise => self.add_all(now),
        }
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<Tick> {
        self.agenda.next().map(|next| next.max(self.paused))
    }

    /// Does what is due, as far as it is allowed now, as long as `leads` says so.
    pub(super) async fn work(&mut self, fleet: &Fleet, leads: impl Fn(Tick) -> bool) {
        let ready = fleet.ready(self.clock.tick());
        loop {
            let now = self.clock.tick();
            if now < self.paused || !leads(now) {
                return;
            }
            let Some(key) = self.agenda.take(now) else { return };
            let Some((desired, version)) = self.consider(&key, &ready, now) else { continue };
            if let Err(later) = self.allowance.take(now) {
                self.agenda.add(key, later);
                self.paused = later;
                return;
            }
            self.write(key, desired, version, now).await;
        }
    }

    /// The status to write now, if there is one, and the version of the object to which it is to be written.
    fn consider(&mut self, key: &ObjectKey, ready: &ReadyReplicas<'_>, now: Tick) -> Option<(Desired, Version)> {
        let Some(verdict) = self.board.verdict(key) else {
            self.known.remove(key);
            self.behind.remove(key);
            self.written.remove(key);
            return None;
        };
        if let Some(at) = self.written.get(key) {
            let next = *at + self.settings.timing.apart;
            if now < next {
                self.agenda.add(key.clone(), next);
                return None;
            }
            self.written.remove(key);
        }
        let mut programmed = judge(key, &verdict, &self.board, ready, &self.settings.identity);
        if !self.comparable && matches!(programmed, Programmed::Enforced | Programmed::Behind { .. }) {
            programmed = Programmed::NotComparable;
        }
        if programmed.is_passing() {
            let since = *self.behind.entry(key.clone()).or_insert(now);
            let due = since + self.settings.timing.patience;
            if now < due {
                self.agenda.add(key.clone(), due);
                return None;
            }
        } else {
            self.behind.remove(key);
        }
        let known = self.known.get(key).map(|(known, _)| known);
        if programmed == Programmed::NoReplica && known.is_some_and(|known| known.is_about(&verdict)) {
            // Nobody serves anything. What was said of this generation stays until somebody does.
            return None;
        }
        let desired = desired(key, &verdict, &programmed, known, self.clock.now());
        if known == Some(&desired.known) {
            return None;
        }
        // The newest version that we know of: of the content that was judged, or of the status that it has.
        let content = verdict.reads.iter().find(|read| read.key == *key).map_or(Version(0), |read| read.version);
        // What is known of another object of that name says nothing of this one.
        let of_status = self.known.get(key).filter(|(known, _)| known.uid() == &*verdict.uid);
        let version = of_status.map_or(content, |(_, version)| content.max(*version));
        Some((desired, version))
    }

    async fn write(&mut self, key: ObjectKey, desired: Desired, version: Version, now: Tick) {
        let limit = self.settings.timing.write;
        let written = self.clock.timeout(limit, self.apply(&key, &desired, version)).await.unwrap_or(Written::Failed);
        match written {
            Written::Yes(version) => {
                self.backoff.reset();
                self.announce(&key, &desired);
                self.written.insert(key.clone(), now);
                self.known.insert(key, (desired.known, version));
            }
            Written::Conflict => {
                let found = self.clock.timeout(limit, self.look(&key)).await.flatten();
                let of_that_object = |object: &&Document| uid_of(object) == Some(desired.known.uid());
                match found.as_ref().filter(of_that_object) {
                    Some(object) => {
                        self.learn(key.clone(), object);
                        self.agenda.add(key, now + self.settings.timing.debounce);
                    }
                    // Its successor has, or will have, a verdict of its own.
                    None => drop(self.known.remove(&key)),
                }
            }
            Written::Gone => drop(self.known.remove(&key)),
            Written::Refused => {
                // Not again before it has changed.
                self.known.insert(key, (desired.known, version));
            }
            Written::Forbidden => {
                self.paused = self.clock.tick() + FORBIDDEN;
                self.agenda.add(key, self.paused);
            }
            Written::Failed => {
                self.paused = self.clock.tick() + self.backoff.pause();
                self.agenda.add(key, self.paused);
            }
        }
    }

    /// Hands over what is new in a status that was written. What there is no room for is lost: nobody waits for events.
    fn announce(&self, key: &ObjectKey, written: &Desired) {
        let Some(verdict) = self.board.verdict(key).filter(|verdict| written.known.is_about(verdict)) else { return };
        let before = self.known.get(key).map(|(known, _)| known).filter(|known| known.uid() == written.known.uid());
        for announcement in announcements(before, &verdict, written) {
            let news = News { key: key.clone(), uid: written.known.uid().to_owned(), announcement };
            if self.herald.try_send(news).is_err() {
                tracing::debug!(object = %key, "event was left out");
            }
        }
    }

    fn api(&self, key: &ObjectKey) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, key.kind.as_str()));
        Api::namespaced_with(self.client.clone(), &key.namespace, &resource)
    }

    /// Applies the status to the object of this uid and version. The API server checks the uid of a status only where
    /// the object is gone, and drops it otherwise (seen with 1.36): what keeps a status off another object of the same
    /// name is the version.
    async fn apply(&self, key: &ObjectKey, desired: &Desired, version: Version) -> Written {
        let mut document = desired.document.clone();
        if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), version.to_string().into());
        }
        let parameters = PatchParams::apply(lease::FIELD_MANAGER).force();
        match self.api(key).patch_status(&key.name, &parameters, &Patch::Apply(&document)).await {
            Ok(object) => {
                tracing::debug!(object = %key, "status written");
                Written::Yes(Version::parse(object.metadata.resource_version.as_deref().unwrap_or_default()))
            }
            Err(Error::Api(status)) if status.code == 404 => Written::Gone,
            Err(Error::Api(status)) if status.code == 409 => Written::Conflict,
            Err(Error::Api(status)) if status.code == 403 => {
                tracing::error!(object = %key, reason = status.message, "writing status is forbidden");
                Written::Forbidden
            }
            Err(Error::Api(status)) if matches!(status.code, 400 | 422) => {
                tracing::error!(object = %key, code = status.code, reason = status.message, "status was refused");
                Written::Refused
            }
            Err(error) => {
                tracing::debug!(object = %key, %error, "status was not written");
                Written::Failed
            }
        }
    }

    /// The object as it is now, if it can be had.
    async fn look(&self, key: &ObjectKey) -> Option<Document> {
        let object = self.api(key).get_opt(&key.name).await.ok()??;
        match serde_json::to_value(object) {
            Ok(Value::Object(document)) => Some(document),
            _ => None,
        }
    }
}

fn metadata<'a>(object: &'a Document, field: &str) -> Option<&'a str> {
    object.get("metadata")?.get(field)?.as_str()
}

fn version_of(object: &Document) -> Version {
    Version::parse(metadata(object, "resourceVersion").unwrap_or_default())
}

fn uid_of(object: &Document) -> Option<&str> {
    metadata(object, "uid")
}
