//! Who leads: the Lease itself.

use std::time::Duration;

use ::kube::api::{Api, PostParams};
use ::kube::{Client, Error};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use tokio::sync::watch;

use super::election::{Election, Record, Step};
use super::{Settings, lease};
use crate::clock::{Clock, Tick};
use crate::sources::kube::{Backoff, Jitter, Pace};

/// Keeps trying to lead, and says until when this replica does.
pub(super) struct Leadership {
    api: Api<Lease>,
    name: String,
    settings: Settings,
    clock: Clock,
    election: Election,
    /// The Lease that the election has seen last.
    seen: Option<Lease>,
    backoff: Backoff,
    leading: watch::Sender<Option<Tick>>,
}

impl Leadership {
    /// Of a replica that does not lead.
    pub(super) fn new(client: &Client, settings: Settings, clock: Clock) -> (Self, watch::Receiver<Option<Tick>>) {
        let (leading, led) = watch::channel(None);
        let leadership = Self {
            api: lease::api(client, &settings),
            name: lease::leader_name(&settings),
            election: Election::new(&settings.identity, settings.timing),
            seen: None,
            backoff: Backoff::new(Pace::default(), Jitter::from_seed(settings.seed)),
            settings,
            clock,
            leading,
        };
        (leadership, led)
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let now = self.clock.tick();
            let done = match self.election.step(now) {
                Step::Wait(time) => {
                    self.clock.sleep(time).await;
                    Ok(())
                }
                Step::Look => self.look().await,
                Step::Create => self.write(None, now).await,
                Step::Take(record) => self.write(Some(record), now).await,
            };
            self.say();
            if let Err(reason) = done {
                tracing::debug!(reason, "lease could not be reached");
                // Not longer than we lead, so that the end of it is said in time.
                let pause = self.backoff.pause();
                self.clock.sleep(pause.min(Duration::from_secs(1))).await;
                self.say();
            } else {
                self.backoff.reset();
            }
        }
    }

    /// Tells the others when something has changed. That time has passed they see by themselves.
    fn say(&self) {
        let until = self.election.leads_until(self.clock.tick());
        let was = self.leading.send_replace(until).is_some();
        match (was, until.is_some()) {
            (false, true) => tracing::info!(lease = self.name, "leadership taken"),
            (true, false) => tracing::warn!(lease = self.name, "leadership lost"),
            (true, true) | (false, false) => {}
        }
    }

    async fn look(&mut self) -> Result<(), String> {
        let found = self.clock.timeout(self.settings.timing.write, self.api.get_opt(&self.name)).await;
        let found = found.ok_or("no answer in time")?.map_err(|error| error.to_string())?;
        self.election.saw(found.as_ref().map(record), self.clock.tick());
        self.seen = found;
        Ok(())
    }

    async fn write(&mut self, old: Option<Record>, asked: Tick) -> Result<(), String> {
        let lease = self.lease(old.as_ref());
        let parameters = PostParams::default();
        let write = async {
            match old {
                Some(_) => self.api.replace(&self.name, &parameters, &lease).await,
                None => self.api.create(&parameters, &lease).await,
            }
        };
        match self.clock.timeout(self.settings.timing.write, write).await {
            Some(Ok(written)) => {
                self.election.won(record(&written), asked);
                self.seen = Some(written);
                Ok(())
            }
            // Somebody was faster, or it is gone.
            Some(Err(Error::Api(status))) if matches!(status.code, 404 | 409) => {
                self.election.missed();
                Ok(())
            }
            Some(Err(error)) => Err(error.to_string()),
            None => {
                // It may have arrived; then the version is another one.
                self.election.missed();
                Err("no answer in time".to_owned())
            }
        }
    }

    /// The Lease with ourselves in it. The old one's resource version goes with it.
    fn lease(&self, old: Option<&Record>) -> Lease {
        let now = lease::micro_time(self.clock.now());
        let mut lease = old.and(self.seen.clone()).unwrap_or_default();
        lease.metadata.name = Some(self.name.clone());
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        if old.is_none_or(|old| old.holder != *self.settings.identity) {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(old.map_or(0, |old| old.transitions.saturating_add(1)));
        }
        spec.holder_identity = Some(self.settings.identity.to_string());
        spec.lease_duration_seconds = i32::try_from(self.settings.timing.lease.as_secs()).ok();
        spec.renew_time = Some(now);
        lease
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    Record {
        holder: spec.holder_identity.unwrap_or_default(),
        lasts: Duration::from_secs(spec.lease_duration_seconds.and_then(|secs| u64::try_from(secs).ok()).unwrap_or(0)),
        transitions: spec.lease_transitions.unwrap_or(0),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
    }
}
