//! What a leader does, for as long as it leads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ::kube::Client;
use ::kube::api::DeleteParams;
use tokio::sync::{mpsc, watch};

use super::archive::Archivist;
use super::fleet::{Fleet, Moved};
use super::herald::{Herald, News as Told};
use super::scribe::Scribe;
use super::signing::{self, Rotator, Secrets, Tidings};
use super::{Inputs, Settings, lease};
use crate::clock::{Clock, Tick};
use crate::name::{Kind, ObjectKey};
use crate::sources::kube::{Backoff, Event, Jitter, Pace, Resource, Watch};
use crate::tasks::Tasks;

/// Our kinds.
const OURS: [Kind; 3] = [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend];

/// News that wait to be read; whoever brings more waits.
const NEWS: usize = 64;

/// How often those are looked for that time alone has changed: replicas that fell silent.
const LOOK: Duration = Duration::from_secs(1);

/// How often Leases of replicas that are gone are removed.
const SWEEP: Duration = Duration::from_mins(10);

/// One term after another.
pub(super) struct Terms {
    client: Client,
    inputs: Inputs,
    settings: Settings,
    clock: Clock,
    leading: watch::Receiver<Option<Tick>>,
    jitter: Jitter,
}

/// What a leader learns from the API server.
enum News {
    Lease(Event),
    Slice(Event),
    /// The first list of one of our kinds, with the status of each object.
    Statuses(Kind, Event),
    /// Whether resource versions compare.
    Comparable(bool),
}

impl Terms {
    /// None yet.
    pub(super) fn new(
        client: Client,
        inputs: Inputs,
        settings: Settings,
        clock: Clock,
        leading: watch::Receiver<Option<Tick>>,
    ) -> Self {
        let jitter = Jitter::from_seed(settings.seed);
        Self { client, inputs, settings, clock, leading, jitter }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            // The channel says when something changes; that time has passed is seen by the clock.
            while !self.leads(self.clock.tick()) {
                if self.leading.changed().await.is_err() {
                    return;
                }
            }
            self.lead().await;
        }
    }

    fn leads(&self, now: Tick) -> bool {
        self.leading.borrow().is_some_and(|until| now < until)
    }

    /// One term.
    async fn lead(&mut self) {
        let (sender, mut news) = mpsc::channel(NEWS);
        let mut tasks = Tasks::new();
        self.ask(&mut tasks, &sender);
        let Self { client, inputs, settings, clock, leading, .. } = &*self;
        let archivist = Archivist::new(client, inputs.key_sets.clone(), leading.clone(), settings, clock.clone());
        tasks.spawn("archivist", archivist.run());
        let (herald, told) = Herald::new(client.clone(), settings.clone(), clock.clone());
        tasks.spawn("events", herald.run());
        let (said, heard) = watch::channel(None);
        let rotator = Rotator::new(
            Secrets::new(client.clone(), settings.clone(), clock.clone()),
            signing::Parts {
                plans: inputs.plans.clone(),
                heard,
                leading: Some(leading.clone()),
                offers: false,
                updates: inputs.updates.clone(),
                tidings: Tidings::Herald(told.clone()),
                clock: clock.clone(),
                seed: settings.seed,
            },
        );
        tasks.spawn("signing keys", rotator.run());
        let mut fleet = Fleet::new(self.settings.service.is_some(), self.settings.timing.counts);
        let Some(mut scribe) = self.prepare(&mut news, &mut fleet, told).await else { return };
        let mut revisions = self.inputs.board.revisions();
        self.inputs.board.take_changed();
        scribe.add_all(self.clock.tick());
        let mut ready = BTreeSet::new();
        let mut swept = self.clock.tick();
        loop {
            let now = self.clock.tick();
            if !self.leads(now) {
                return;
            }
            let ready_now: BTreeSet<Arc<str>> = fleet.ready(now).into_keys().collect();
            if ready != ready_now {
                ready = ready_now;
                scribe.fleet_moved(Moved::Otherwise, now);
            }
            said.send_if_modified(|said| {
                let keys = fleet.keys(now);
                let has_changed = said.as_ref() != Some(&keys);
                *said = Some(keys);
                has_changed
            });
            scribe.work(&fleet, |now| self.leads(now)).await;
            if now.since(swept) >= SWEEP {
                swept = now;
                self.sweep(&fleet, now).await;
            }
            let wait = scribe.next().map_or(LOOK, |next| next.since(self.clock.tick()).min(LOOK));
            tokio::select! {
                () = self.clock.sleep(wait) => {}
                _ = self.leading.changed() => {}
                Ok(()) = revisions.changed() => scribe.add(self.inputs.board.take_changed(), self.clock.tick()),
                Some(news) = news.recv() => {
                    let moved = self.take(news, &mut fleet);
                    scribe.fleet_moved(moved, self.clock.tick());
                }
            }
        }
    }

    /// Waits until the fleet and the status of every object are known; `None` if the term ends before.
    async fn prepare(
        &mut self,
        news: &mut mpsc::Receiver<News>,
        fleet: &mut Fleet,
        told: mpsc::Sender<Told>,
    ) -> Option<Scribe> {
        let mut statuses = Vec::new();
        let mut lists = OURS.len() * self.settings.namespaces.len().max(1);
        let mut comparable = None;
        while lists > 0 || comparable.is_none() || !fleet.is_known() {
            tokio::select! {
                () = self.clock.sleep(LOOK) => {}
                _ = self.leading.changed() => {}
                news = news.recv() => match news? {
                    News::Statuses(kind, event) => {
                        lists = lists.saturating_sub(1);
                        if let Event::Listed { documents, .. } = event {
                            statuses.extend(documents.into_iter().map(|document| (kind, document)));
                        }
                    }
                    News::Comparable(yes) => comparable = Some(yes),
                    other @ (News::Lease(_) | News::Slice(_)) => {
                        self.take(other, fleet);
                    }
                },
            }
            if !self.leads(self.clock.tick()) {
                return None;
            }
        }
        let mut scribe = Scribe::new(
            self.client.clone(),
            Arc::clone(&self.inputs.board),
            told,
            self.settings.clone(),
            self.clock.clone(),
            comparable?,
        );
        for (kind, document) in &statuses {
            let metadata = document.get("metadata");
            let text = |field: &str| metadata.and_then(|metadata| metadata.get(field)?.as_str());
            if let (Some(namespace), Some(name)) = (text("namespace"), text("name")) {
                scribe.learn(ObjectKey::new(*kind, namespace, name), document);
            }
        }
        Some(scribe)
    }

    fn take(&self, news: News, fleet: &mut Fleet) -> Moved {
        match news {
            News::Lease(event) => fleet.leases(event, self.clock.tick(), self.clock.now()),
            News::Slice(event) => fleet.slices(event),
            News::Statuses(..) | News::Comparable(_) => Moved::Not,
        }
    }

    /// Starts asking for everything that a leader wants to know.
    fn ask(&self, tasks: &mut Tasks, sender: &mpsc::Sender<News>) {
        let namespace = Some(&*self.settings.namespace);
        let leases = Resource::at("coordination.k8s.io", "v1", "Lease", namespace).labelled(format!(
            "{}={}",
            lease::REPLICA_OF,
            self.settings.class
        ));
        tasks.spawn("replicas' leases", tell(self.watch(leases), sender.clone(), News::Lease));
        if let Some(service) = &self.settings.service {
            let slices = Resource::of(Kind::EndpointSlice, namespace)
                .labelled(format!("{}={service}", crate::api::core::EndpointSlice::SERVICE_LABEL));
            tasks.spawn("own slices", tell(self.watch(slices), sender.clone(), News::Slice));
        }
        let everywhere = [None];
        let some: Vec<Option<&str>> = self.settings.namespaces.iter().map(|name| Some(&**name)).collect();
        let places = if some.is_empty() { &everywhere[..] } else { &some };
        for kind in OURS {
            for place in places {
                let mut watch = self.watch(Resource::of(kind, *place));
                let sender = sender.clone();
                tasks.spawn("statuses", async move {
                    let event = watch.next().await;
                    // The term is over if nobody listens.
                    let _ = sender.send(News::Statuses(kind, event)).await;
                });
            }
        }
        let (client, clock, sender) = (self.client.clone(), self.clock.clone(), sender.clone());
        let mut backoff = Backoff::new(Pace::default(), self.jitter.split());
        tasks.spawn("server version", async move {
            loop {
                match client.apiserver_version().await {
                    Ok(version) => {
                        let comparable = compare(&version.major, &version.minor);
                        let _ = sender.send(News::Comparable(comparable)).await;
                        return;
                    }
                    Err(_) => clock.sleep(backoff.pause()).await,
                }
            }
        });
    }

    fn watch(&self, resource: Resource) -> Watch {
        let backoff = Backoff::new(Pace::default(), self.jitter.split());
        Watch::new(self.client.clone(), resource, backoff, self.clock.clone())
    }

    async fn sweep(&self, fleet: &Fleet, now: Tick) {
        let api = lease::api(&self.client, &self.settings);
        for name in fleet.rubbish(now) {
            let removed =
                self.clock.timeout(self.settings.timing.write, api.delete(&name, &DeleteParams::default())).await;
            if matches!(removed, Some(Ok(_))) {
                tracing::info!(lease = name, "lease of a replica that is gone was removed");
            }
        }
    }
}

/// Passes on what a watch says, until nobody listens.
async fn tell(mut watch: Watch, sender: mpsc::Sender<News>, news: fn(Event) -> News) {
    while sender.send(news(watch.next().await)).await.is_ok() {}
}

/// Whether an API server of this version has resource versions that compare (KEP-5504: 1.35). Some providers write `35+`.
pub(super) fn compare(major: &str, minor: &str) -> bool {
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().unwrap_or(0);
    (number(major), number(minor)) >= (1, 35)
}
