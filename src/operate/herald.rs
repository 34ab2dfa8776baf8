//! Writes events, at its own pace: what it cannot write is lost, and nobody waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use ::kube::api::{Api, ObjectMeta, PostParams};
use ::kube::{Client, Error};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use tokio::sync::mpsc;

use super::announcement::Announcement;
use super::{Settings, lease};
use crate::api::{GROUP, VERSION};
use crate::clock::{Clock, Tick};
use crate::name::ObjectKey;

/// Events that wait to be written; those beyond are lost.
const WAITING: usize = 256;

/// The shortest time between two events.
const APART: Duration = Duration::from_millis(200);

/// How many events of one object are written in this time; those beyond are lost.
const MOST_OF_ONE: usize = 20;
const WINDOW: Duration = Duration::from_mins(10);

/// How many objects are remembered so; of others nothing is written before some are forgotten.
const REMEMBERED: usize = 1_024;

/// An object, and what is to be told of it.
pub(super) struct News {
    pub(super) key: ObjectKey,
    pub(super) uid: String,
    pub(super) announcement: Announcement,
}

/// Writes events for as long as a term lasts.
pub(super) struct Herald {
    client: Client,
    settings: Settings,
    clock: Clock,
    news: mpsc::Receiver<News>,
    recent: Recent,
    was_forbidden: bool,
}

/// What was told a short time ago, by object.
#[derive(Debug, Default)]
pub(super) struct Recent {
    of: BTreeMap<String, Told>,
}

#[derive(Debug)]
struct Told {
    since: Tick,
    count: usize,
    last: Announcement,
}

impl Recent {
    /// Remembers this; whether it is to be told: not what was told last, and no flood.
    pub(super) fn take(&mut self, news: &News, now: Tick) -> bool {
        self.of.retain(|_, told| now.since(told.since) < WINDOW);
        let News { uid, announcement, .. } = news;
        if let Some(told) = self.of.get_mut(uid) {
            if told.last == *announcement || told.count >= MOST_OF_ONE {
                return false;
            }
            told.count = told.count.saturating_add(1);
            told.last = announcement.clone();
            return true;
        }
        if self.of.len() >= REMEMBERED {
            return false;
        }
        self.of.insert(uid.clone(), Told { since: now, count: 1, last: announcement.clone() });
        true
    }
}

impl Herald {
    /// Has written nothing; what is sent is written if there is room.
    pub(super) fn new(client: Client, settings: Settings, clock: Clock) -> (Self, mpsc::Sender<News>) {
        let (sender, news) = mpsc::channel(WAITING);
        (Self { client, settings, clock, news, recent: Recent::default(), was_forbidden: false }, sender)
    }

    /// Runs until nobody can send any more.
    pub(super) async fn run(mut self) {
        while let Some(news) = self.news.recv().await {
            if !self.recent.take(&news, self.clock.tick()) {
                continue;
            }
            let write = self.write(&news);
            match self.clock.timeout(self.settings.timing.write, write).await {
                Some(Ok(())) => {}
                Some(Err(Error::Api(status))) if status.code == 403 => {
                    if !self.was_forbidden {
                        tracing::warn!(object = %news.key, reason = status.message, "events may not be written");
                    }
                    self.was_forbidden = true;
                }
                Some(Err(Error::Api(status))) if matches!(status.code, 400 | 422) => {
                    tracing::error!(object = %news.key, code = status.code, reason = status.message, "event was refused");
                }
                Some(Err(error)) => tracing::debug!(object = %news.key, %error, "event was not written"),
                None => tracing::debug!(object = %news.key, "event was not written in time"),
            }
            self.clock.sleep(APART).await;
        }
    }

    async fn write(&self, news: &News) -> Result<(), Error> {
        let News { key, uid, announcement } = news;
        let Announcement { is_warning, reason, note } = announcement;
        // The API server adds a few characters, and takes no prefix that is longer than a name.
        let stem: String = key.name.chars().take(57).collect();
        let prefix = format!("{}-", stem.trim_end_matches(['.', '-']));
        let event = Event {
            metadata: ObjectMeta { generate_name: Some(prefix), ..ObjectMeta::default() },
            action: Some("Compile".to_owned()),
            event_time: Some(lease::micro_time(self.clock.now())),
            note: Some(note.clone()),
            reason: Some(reason.clone()),
            regarding: Some(ObjectReference {
                api_version: Some(format!("{GROUP}/{VERSION}")),
                kind: Some(key.kind.as_str().to_owned()),
                name: Some(key.name.to_string()),
                namespace: Some(key.namespace.to_string()),
                uid: Some(uid.clone()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some(format!("{GROUP}/{}", lease::FIELD_MANAGER)),
            // At most 128 characters; a pod's name may have more.
            reporting_instance: Some(self.settings.identity.chars().take(128).collect()),
            type_: Some(if *is_warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), &key.namespace);
        api.create(&PostParams::default(), &event).await.map(drop)
    }
}
