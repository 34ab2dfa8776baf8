//! The leader's one object with public key sets, for replicas that start while an issuer is down.
//!
//! A `ConfigMap` in our own namespace; what is in it, and what of it is believed, is said in
//! `sources::key_sets::archive`. It is written only where that says so: for other keys, or when what is written is a
//! quarter as old as keys may become. Every write carries the version of what was read, so that two leaders cannot undo
//! each other's work. That it cannot be written matters to nothing else.

use std::sync::Arc;
use std::time::Duration;

use ::kube::api::{Api, ObjectMeta, PostParams};
use ::kube::{Client, Error};
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::watch;

use super::Settings;
use crate::clock::{Clock, Tick};
use crate::sources::key_sets::ReadArchive;
use crate::sources::key_sets::archive::{AtHand, revise};
use crate::sources::kube::{Backoff, Jitter, Pace};

/// The shortest time between two writes.
const APART: Duration = Duration::from_secs(10);

/// How long to wait when we may not write.
const FORBIDDEN: Duration = Duration::from_secs(30);

/// The name of the object.
pub(super) fn name(class: &str) -> String {
    format!("bearward-{class}.key-sets")
}

/// How a replica reads the archive of its installation: empty where there is none.
pub fn reader(client: Client, namespace: &str, class: &str) -> ReadArchive {
    let api: Api<ConfigMap> = Api::namespaced(client, namespace);
    let name: Arc<str> = name(class).into();
    Arc::new(move || {
        let (api, name) = (api.clone(), Arc::clone(&name));
        Box::pin(async move {
            let found = api.get_opt(&name).await.map_err(|error| error.to_string())?;
            Ok(found.and_then(|object| object.data).unwrap_or_default())
        })
    })
}

/// Writes the archive for as long as a term lasts.
pub(super) struct Archivist {
    api: Api<ConfigMap>,
    name: String,
    at_hand: watch::Receiver<AtHand>,
    leading: watch::Receiver<Option<Tick>>,
    settings: Settings,
    clock: Clock,
    backoff: Backoff,
}

/// What came of an attempt.
enum Outcome {
    /// It is as it should be, without a write.
    Same,
    Written,
    /// Somebody else wrote, or we do not lead any more.
    Conflict,
    Forbidden(String),
    Failed(String),
}

impl Archivist {
    /// Has not looked yet.
    pub(super) fn new(
        client: &Client,
        at_hand: watch::Receiver<AtHand>,
        leading: watch::Receiver<Option<Tick>>,
        settings: &Settings,
        clock: Clock,
    ) -> Self {
        Self {
            api: Api::namespaced(client.clone(), &settings.namespace),
            name: name(&settings.class),
            at_hand,
            leading,
            backoff: Backoff::new(Pace::default(), Jitter::from_seed(settings.seed)),
            settings: settings.clone(),
            clock,
        }
    }

    /// Runs until it is dropped, or nothing can come any more.
    pub(super) async fn run(mut self) {
        let (mut was_forbidden, mut has_failed) = (false, false);
        loop {
            let at_hand = self.at_hand.borrow_and_update().clone();
            let attempt = self.clock.timeout(self.settings.timing.write, self.write(&at_hand)).await;
            let outcome = attempt.unwrap_or_else(|| Outcome::Failed("no answer in time".to_owned()));
            let pause = match outcome {
                Outcome::Same | Outcome::Written => {
                    self.backoff.reset();
                    (was_forbidden, has_failed) = (false, false);
                    if matches!(outcome, Outcome::Written) {
                        self.clock.sleep(APART).await;
                    }
                    if self.at_hand.changed().await.is_err() {
                        return;
                    }
                    // Others come with it, as at the start.
                    self.settings.timing.apart
                }
                Outcome::Conflict => self.settings.timing.apart,
                Outcome::Forbidden(reason) => {
                    if !was_forbidden {
                        tracing::error!(object = self.name, reason, "archive of key sets may not be kept");
                    }
                    was_forbidden = true;
                    FORBIDDEN
                }
                Outcome::Failed(reason) => {
                    // Once, until it has been written: what does not mend itself is somebody's to look at.
                    if has_failed {
                        tracing::debug!(object = self.name, reason, "archive of key sets was not written");
                    } else {
                        tracing::warn!(object = self.name, reason, "archive of key sets was not written");
                    }
                    has_failed = true;
                    self.backoff.pause()
                }
            };
            self.clock.sleep(pause).await;
        }
    }

    async fn write(&self, at_hand: &AtHand) -> Outcome {
        match self.try_write(at_hand).await {
            Ok(outcome) => outcome,
            // Somebody was faster, or it is gone.
            Err(Error::Api(status)) if matches!(status.code, 404 | 409) => Outcome::Conflict,
            Err(Error::Api(status)) if status.code == 403 => Outcome::Forbidden(status.message.clone()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn try_write(&self, at_hand: &AtHand) -> Result<Outcome, Error> {
        let found = self.api.get_opt(&self.name).await?;
        let content = found.as_ref().and_then(|object| object.data.clone()).unwrap_or_default();
        let Some(revised) = revise(&content, at_hand, self.clock.now(), self.settings.max_stale) else {
            return Ok(Outcome::Same);
        };
        if !self.leading.borrow().is_some_and(|until| self.clock.tick() < until) {
            return Ok(Outcome::Conflict);
        }
        if let Some(source) = revised.left_out.first() {
            let more = revised.left_out.len().saturating_sub(1);
            tracing::warn!(source, more, "archive of key sets has no room for all");
        }
        let sets = revised.content.len();
        let parameters = PostParams::default();
        if let Some(object) = found {
            // The version that was read goes with it.
            let object = ConfigMap { data: Some(revised.content), ..object };
            self.api.replace(&self.name, &parameters, &object).await?;
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let object = ConfigMap { metadata, data: Some(revised.content), ..ConfigMap::default() };
            self.api.create(&parameters, &object).await?;
        }
        tracing::info!(object = self.name, sets, "archive of key sets written");
        Ok(Outcome::Written)
    }
}
