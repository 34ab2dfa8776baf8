//! Objects from a Kubernetes API server.
//!
//! ```text
//!  our kinds, Services, EndpointSlices:           one watch each, over all namespaces or the chosen ones
//!       │ namespaces that hold objects of ours
//!       ▼
//!  Secrets with the label bearward.dev/use:       one watch a namespace, as long as it holds objects of ours
//!       │
//!       ▼  every watch: Replace, Apply, Remove, Version, Forbid, Withdraw ──► bounded channel
//! ```
//!
//! Secrets are never watched across the cluster: a namespace consents by a role binding to the role `bearward-secrets`,
//! and one that does not is `Forbid` until it does. [`Progress`] says what each watch has come to, for readiness.

mod access;
mod decode;
mod pace;
mod progress;
mod task;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::kube::Client;
use tokio::sync::{mpsc, watch as channel};

pub use access::{AccessError, connect};
pub use pace::Pace;
pub(crate) use pace::{Backoff, Jitter};
pub use progress::{Progress, Standing};
pub(crate) use watch::{Document, Event, Resource, Watch};

use crate::clock::Clock;
use crate::name::Kind;
use crate::resources::{Scope, Update};
use crate::tasks::Tasks;
use task::Task;

/// The label by which a Secret offers itself; its value says for what.
pub const USE_LABEL: &str = "bearward.dev/use";

/// The kinds that are watched wherever objects of ours may be.
const EVERYWHERE: [Kind; 5] =
    [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend, Kind::Service, Kind::EndpointSlice];

/// What to watch, and how patiently.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespaces whose objects are served; none: all of them, by watches over the whole cluster.
    pub namespaces: Vec<Arc<str>>,
    /// When to try again.
    pub pace: Pace,
    /// Where the jitter of retries starts; different in each replica.
    pub seed: u64,
}

/// The watches of one process. Dropping it ends them.
#[derive(Debug)]
pub struct Sources {
    progress: channel::Receiver<Progress>,
    _tasks: Tasks,
}

impl Sources {
    /// What each watch has come to, as it changes. Everything that [`Progress`] reports of a scope was sent before.
    pub fn progress(&self) -> channel::Receiver<Progress> {
        self.progress.clone()
    }
}

/// Starts all watches on the current runtime. When `updates` is closed they end.
pub fn start(client: Client, settings: &Settings, clock: Clock, updates: mpsc::Sender<Update>) -> Sources {
    let jitter = Jitter::from_seed(settings.seed);
    let places: Vec<Option<Arc<str>>> = if settings.namespaces.is_empty() {
        vec![None]
    } else {
        settings.namespaces.iter().cloned().map(Some).collect()
    };
    let scopes: Vec<Scope> = EVERYWHERE
        .into_iter()
        .flat_map(|kind| places.iter().map(move |namespace| Scope::Watch { kind, namespace: namespace.clone() }))
        .collect();
    let (sender, progress) = channel::channel(Progress::expecting(scopes.iter().cloned()));
    let starter = Starter { client, pace: settings.pace, clock, updates, progress: sender, jitter };
    let mut tasks = Tasks::new();
    for scope in scopes {
        starter.spawn(&mut tasks, scope);
    }
    tasks.spawn("secret watches", watch_secrets(starter));
    Sources { progress, _tasks: tasks }
}

/// What every watch is started with.
struct Starter {
    client: Client,
    pace: Pace,
    clock: Clock,
    updates: mpsc::Sender<Update>,
    progress: channel::Sender<Progress>,
    jitter: Jitter,
}

impl Starter {
    fn spawn(&self, tasks: &mut Tasks, scope: Scope) {
        let Scope::Watch { kind, ref namespace } = scope else { return };
        let mut resource = Resource::of(kind, namespace.as_deref());
        if kind == Kind::Secret {
            // That a namespace offers no Secrets is nothing unusual, so it is believed at once.
            resource = resource.labelled(USE_LABEL).often_forbidden();
        }
        let backoff = Backoff::new(self.pace, self.jitter.split());
        let watch = Watch::new(self.client.clone(), resource, backoff, self.clock.clone());
        let task = Task::new(scope, kind, watch, self.updates.clone(), self.progress.clone());
        tasks.spawn("watch", task.run());
    }
}

/// Keeps one Secret watch for each namespace that holds objects of ours.
async fn watch_secrets(starter: Starter) {
    let mut running: BTreeMap<Scope, Tasks> = BTreeMap::new();
    let mut progress = starter.progress.subscribe();
    loop {
        let wanted: BTreeSet<Scope> = progress.borrow_and_update().secret_scopes().collect();
        let unwanted: Vec<Scope> = running.keys().filter(|scope| !wanted.contains(scope)).cloned().collect();
        for scope in unwanted {
            if let Some(mut tasks) = running.remove(&scope) {
                // To its very end, so that nothing of it comes after the withdrawal.
                tasks.abort();
                tasks.join().await;
            }
            starter.progress.send_modify(|progress| progress.forget(&scope));
            if starter.updates.send(Update::Withdraw { scope }).await.is_err() {
                return;
            }
        }
        for scope in wanted {
            running.entry(scope.clone()).or_insert_with(|| {
                let mut tasks = Tasks::new();
                starter.spawn(&mut tasks, scope);
                tasks
            });
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}
