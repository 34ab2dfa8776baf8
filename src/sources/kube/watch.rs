//! One list and the watch that follows it, taken up again for ever.
//!
//! `kube::runtime::watcher` does the same, and hides what acks stand on: the version of a list and the bookmarks. It
//! also takes every 403 at its word, and decodes a list as a whole.
//!
//! ```text
//!            ┌── expired: at once ──────────────────────────┐
//!            ▼                                              │
//!  Unlisted ─ list ─► Listed(version) ─ watch ─► Open ─ events, bookmarks move the version
//!      ▲                 ▲                        │
//!      │                 └── ended, failed ───────┘         each failure pauses: 100 ms, doubling to 2 s
//!      └── refused for so long that it is believed (then every 30 s)
//! ```

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::time::Duration;

use ::kube::api::{ListParams, WatchEvent, WatchParams};
use ::kube::core::{ApiResource, DynamicObject, GroupVersionKind, Request};
use ::kube::{Client, Resource as _};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::pace::Backoff;
use crate::api::{GROUP, VERSION};
use crate::clock::{Clock, Tick};
use crate::name::Kind;
use crate::resources::Version;

/// An object as the API server has it.
pub(crate) type Document = Map<String, Value>;

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// What is listed and watched.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    path: String,
    labels: Option<String>,
    often_forbidden: bool,
}

impl Resource {
    /// The objects of a kind that we read, in one namespace or in all.
    pub(crate) fn of(kind: Kind, namespace: Option<&str>) -> Self {
        let version = if kind.group() == GROUP { VERSION } else { "v1" };
        Self::at(kind.group(), version, kind.as_str(), namespace)
    }

    /// The objects of any kind.
    pub(crate) fn at(group: &str, version: &str, kind: &str, namespace: Option<&str>) -> Self {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Self { path: DynamicObject::url_path(&resource, namespace), labels: None, often_forbidden: false }
    }

    /// Only those that this label selector selects.
    pub(crate) fn labelled(self, selector: impl Into<String>) -> Self {
        Self { labels: Some(selector.into()), ..self }
    }

    /// That we may not read it is nothing unusual: it is said at the first answer, as long as nothing is in force.
    pub(crate) fn often_forbidden(self) -> Self {
        Self { often_forbidden: true, ..self }
    }
}

/// What a watch says.
#[derive(Debug)]
pub(crate) enum Event {
    /// These are all objects, as of this version.
    Listed { documents: Vec<Document>, version: Version },
    /// This one is new or has changed.
    Applied(Document),
    /// This one is gone, or is not selected any more.
    Removed { document: Document, version: Version },
    /// Nothing else happened up to this version.
    Passed(Version),
    /// The API server refuses us, and has done so for long enough. Said once, until something else is said.
    Forbidden,
    /// The API server does not know the kind. Said once, until something else is said. Objects that were there are not
    /// taken to be gone: whoever removes a definition removes its objects first, and each is an event.
    Absent,
}

/// One list and the watch that follows it.
pub(crate) struct Watch {
    client: Client,
    resource: Resource,
    backoff: Backoff,
    clock: Clock,
    state: State,
    /// What to wait before the next request.
    pause: Option<Duration>,
    /// Since when the API server has done nothing but refuse us.
    refused: Option<Tick>,
    trouble: Trouble,
    /// What was listed is in force: it was listed, and not refused since.
    in_force: bool,
    /// When it last listed.
    listed: Option<Tick>,
}

enum State {
    Unlisted,
    Listed { version: String },
    Open { version: String, since: Tick, stream: Events },
}

type Events = Pin<Box<dyn Stream<Item = ::kube::Result<WatchEvent<Document>>> + Send>>;

/// What was last said of a streak of failures, so that it is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Failing,
    Absent,
    Forbidden,
}

/// Why a list or a watch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// The version is too old, or newer than anything that there is.
    Expired,
    Forbidden,
    Absent,
    Other(String),
}

impl Watch {
    /// A watch that has not begun.
    pub(crate) const fn new(client: Client, resource: Resource, backoff: Backoff, clock: Clock) -> Self {
        Self {
            client,
            resource,
            backoff,
            clock,
            state: State::Unlisted,
            pause: None,
            refused: None,
            trouble: Trouble::None,
            in_force: false,
            listed: None,
        }
    }

    /// The next event. Never fails: it tries again until there is one. Dropped before it is ready, it may lose an event.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(pause) = self.pause.take() {
                self.clock.sleep(pause).await;
            }
            let outcome = match std::mem::replace(&mut self.state, State::Unlisted) {
                State::Unlisted => self.list().await.map(Some),
                State::Listed { version } => self.open(version).await.map(|()| None),
                State::Open { version, since, stream } => self.read(version, since, stream).await,
            };
            let event = match outcome {
                Ok(event) => event,
                Err(failure) => self.failed(failure),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    async fn list(&mut self) -> Result<Event, Failure> {
        let mut documents = Vec::new();
        let mut parameters =
            ListParams { label_selector: self.resource.labels.clone(), limit: Some(PAGE), ..ListParams::default() };
        loop {
            let Page { metadata, items } = self.page(&parameters).await?;
            documents.extend(items.unwrap_or_default());
            if !metadata.next.is_empty() {
                parameters.continue_token = Some(metadata.next);
                continue;
            }
            let version = Version::parse(&metadata.resource_version);
            self.state = State::Listed { version: metadata.resource_version };
            self.in_force = true;
            self.listed = Some(self.clock.tick());
            self.recovered();
            self.backoff.reset();
            return Ok(Event::Listed { documents, version });
        }
    }

    async fn page(&mut self, parameters: &ListParams) -> Result<Page, Failure> {
        let request = Request::new(&self.resource.path).list(parameters).map_err(|error| other(&error))?;
        let limit = self.backoff.pace().answer;
        let Some(answer) = self.clock.timeout(limit, self.client.request_text(request)).await else {
            return Err(Failure::Other(format!("no answer within {limit:?}")));
        };
        // Secrets may be in there.
        let text = Zeroizing::new(answer.map_err(|error| Failure::of(&error))?);
        serde_json::from_str(&text).map_err(|error| other(&error))
    }

    async fn open(&mut self, version: String) -> Result<(), Failure> {
        let pace = *self.backoff.pace();
        let parameters = WatchParams {
            label_selector: self.resource.labels.clone(),
            timeout: Some(u32::try_from(pace.lasts.as_secs()).unwrap_or(u32::MAX)),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = Request::new(&self.resource.path).watch(&parameters, &version).map_err(|error| other(&error))?;
        let answer = self.clock.timeout(pace.answer, self.client.request_events(request)).await;
        match answer {
            Some(Ok(stream)) => {
                let stream: Events = Box::pin(stream);
                self.state = State::Open { version, since: self.clock.tick(), stream };
                self.recovered();
                Ok(())
            }
            Some(Err(error)) => {
                self.state = State::Listed { version };
                Err(Failure::of(&error))
            }
            None => {
                self.state = State::Listed { version };
                Err(Failure::Other(format!("no answer within {:?}", pace.answer)))
            }
        }
    }

    async fn read(&mut self, version: String, since: Tick, mut stream: Events) -> Result<Option<Event>, Failure> {
        let pace = *self.backoff.pace();
        let next = self.clock.timeout(pace.silence, stream.next()).await;
        let failure = match next {
            Some(Some(Ok(event))) => match passed(event) {
                Ok((version, event)) => {
                    self.backoff.reset();
                    self.state = State::Open { version, since, stream };
                    return Ok(Some(event));
                }
                Err(failure) => failure,
            },
            Some(Some(Err(error))) => Failure::of(&error),
            Some(None) if self.clock.tick().since(since) >= pace.most => {
                // It has lasted as long as was asked for.
                self.state = State::Listed { version };
                return Ok(None);
            }
            Some(None) => Failure::Other("the watch ended at once".to_owned()),
            None => Failure::Other(format!("no event and no bookmark within {:?}", pace.silence)),
        };
        self.state = State::Listed { version };
        Err(failure)
    }

    fn recovered(&mut self) {
        self.refused = None;
        if self.trouble != Trouble::None {
            self.trouble = Trouble::None;
            tracing::info!(path = %self.resource.path, "watch recovered");
        }
    }

    /// Decides what follows from a failure, and whether it is to be said.
    fn failed(&mut self, failure: Failure) -> Option<Event> {
        let path = &self.resource.path;
        if failure != Failure::Forbidden {
            self.refused = None;
        }
        match failure {
            Failure::Expired => {
                tracing::info!(%path, "version expired, listing again");
                self.state = State::Unlisted;
                // At once, but not in a circle.
                let now = self.clock.tick();
                if self.listed.is_some_and(|listed| now.since(listed) < self.backoff.pace().most) {
                    self.pause = Some(self.backoff.pause());
                }
                None
            }
            Failure::Forbidden => self.forbidden(),
            Failure::Absent => {
                self.pause = Some(self.backoff.pause());
                if self.trouble == Trouble::Absent {
                    return None;
                }
                self.trouble = Trouble::Absent;
                tracing::error!(%path, "kind is not known to the API server: install bearward's definitions");
                Some(Event::Absent)
            }
            Failure::Other(reason) => {
                self.pause = Some(self.backoff.pause());
                if self.trouble != Trouble::Failing {
                    self.trouble = Trouble::Failing;
                    tracing::warn!(%path, reason, "watch failed, trying again");
                }
                None
            }
        }
    }

    fn forbidden(&mut self) -> Option<Event> {
        let now = self.clock.tick();
        let believed = now.since(*self.refused.get_or_insert(now)) >= self.backoff.pace().believe;
        self.pause = Some(if believed { self.backoff.forbidden() } else { self.backoff.pause() });
        let at_once = self.resource.often_forbidden && !self.in_force;
        if self.trouble == Trouble::Forbidden || !(believed || at_once) {
            return None;
        }
        self.trouble = Trouble::Forbidden;
        self.in_force = false;
        self.state = State::Unlisted;
        tracing::warn!(path = %self.resource.path, "reading is forbidden");
        Some(Event::Forbidden)
    }
}

/// One page of a list.
#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
    items: Option<Vec<Document>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue", default)]
    next: String,
}

/// What an event says, and up to which version.
fn passed(event: WatchEvent<Document>) -> Result<(String, Event), Failure> {
    match event {
        WatchEvent::Added(document) | WatchEvent::Modified(document) => {
            Ok((version_of(&document)?, Event::Applied(document)))
        }
        WatchEvent::Deleted(document) => {
            let text = version_of(&document)?;
            let version = Version::parse(&text);
            Ok((text, Event::Removed { document, version }))
        }
        WatchEvent::Bookmark(mark) => {
            let text = mark.metadata.resource_version;
            let version = Version::parse(&text);
            Ok((text, Event::Passed(version)))
        }
        WatchEvent::Error(status) => Err(Failure::of(&::kube::Error::Api(status))),
    }
}

fn version_of(document: &Document) -> Result<String, Failure> {
    let version = document.get("metadata").and_then(|metadata| metadata.get("resourceVersion"));
    let version = version.and_then(Value::as_str).filter(|version| !version.is_empty());
    version.map(str::to_owned).ok_or_else(|| Failure::Other("event without a resource version".to_owned()))
}

impl Failure {
    fn of(error: &::kube::Error) -> Self {
        let ::kube::Error::Api(status) = error else { return other(error) };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let from_the_future = causes.into_iter().any(|cause| cause.reason == "ResourceVersionTooLarge");
        match (status.code, status.reason.as_str()) {
            (410, _) | (_, "Expired" | "Gone") => Self::Expired,
            _ if from_the_future => Self::Expired,
            // Something between us and the API server may answer 403 too; only the API server says it like this.
            (403, "Forbidden") => Self::Forbidden,
            (404, _) => Self::Absent,
            (code, _) => Self::Other(format!("{code}: {}", status.message)),
        }
    }
}

fn other(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::Other(error.to_string())
}
