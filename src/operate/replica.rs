//! What every replica says of itself, on a Lease of its own.

use std::sync::Arc;

use ::kube::api::{Api, Patch, PatchParams};
use ::kube::{Client, Error};
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::ack::Ack;
use super::{Settings, lease};
use crate::clock::{Clock, Tick};
use crate::sources::kube::{Backoff, Jitter, Pace};
use crate::state::{Board, Revision};

/// Reports soon after each publication that changed what became of an object, and at every renewal.
pub(super) struct Reporter {
    api: Api<Lease>,
    name: String,
    board: Arc<Board>,
    settings: Settings,
    clock: Clock,
    backoff: Backoff,
    revisions: watch::Receiver<Revision>,
    reported: watch::Sender<bool>,
}

impl Reporter {
    /// Has reported nothing yet; the receiver says when it has.
    pub(super) fn new(
        client: &Client,
        board: Arc<Board>,
        settings: Settings,
        clock: Clock,
    ) -> (Self, watch::Receiver<bool>) {
        let (sender, receiver) = watch::channel(false);
        let this = Self {
            api: lease::api(client, &settings),
            name: lease::replica_name(&settings),
            revisions: board.revisions(),
            backoff: Backoff::new(Pace::default(), Jitter::from_seed(settings.seed)),
            board,
            settings,
            clock,
            reported: sender,
        };
        (this, receiver)
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        // Before the first publication there is nothing to say.
        if self.revisions.wait_for(|revision| *revision != Revision::default()).await.is_err() {
            return;
        }
        loop {
            let said = self.revisions.borrow_and_update().verdicts;
            let written = self.clock.tick();
            match self.clock.timeout(self.settings.timing.write, self.write()).await {
                Some(Ok(())) => {
                    self.backoff.reset();
                    self.reported.send_if_modified(|reported| !std::mem::replace(reported, true));
                    self.wait(said, written).await;
                }
                Some(Err(error)) => self.failed(&error.to_string()).await,
                None => self.failed("no answer in time").await,
            }
        }
    }

    async fn failed(&mut self, reason: &str) {
        tracing::debug!(lease = self.name, reason, "report was not written");
        self.clock.sleep(self.backoff.pause()).await;
    }

    /// Waits until there is something to say: at the latest until the next renewal.
    async fn wait(&mut self, said: u64, written: Tick) {
        let timing = self.settings.timing;
        let renewal = self.clock.sleep((written + timing.renew).since(self.clock.tick()));
        let changed = async {
            // Versions alone are in no hurry: what nobody has read, nobody waits for.
            let _ = self.revisions.wait_for(|revision| revision.verdicts != said).await;
            let due = (self.clock.tick() + timing.debounce).max(written + timing.apart);
            self.clock.sleep(due.since(self.clock.tick())).await;
        };
        tokio::select! {
            () = renewal => {}
            () = changed => {}
        }
    }

    async fn write(&self) -> Result<(), Error> {
        let document = self.document();
        let parameters = PatchParams::apply(lease::FIELD_MANAGER).force();
        self.api.patch(&self.name, &parameters, &Patch::Apply(document)).await.map(drop)
    }

    fn document(&self) -> Value {
        let ack = Ack::of(&self.board.standing());
        let annotations: serde_json::Map<String, Value> =
            ack.annotations().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "labels": {lease::REPLICA_OF: &*self.settings.class},
                "annotations": annotations,
            },
            "spec": {
                "holderIdentity": &*self.settings.identity,
                "leaseDurationSeconds": self.settings.timing.lease.as_secs(),
                "renewTime": lease::micro_time(self.clock.now()),
            },
        })
    }
}
