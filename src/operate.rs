//! Writes back: status, events, rotated keys, revocations, leases.
//!
//! ```text
//!            every replica                                the leader alone (one Lease, taken and renewed)
//!  Board ─► Reporter ─ its own Lease ─► API server ─► Fleet (who is ready, how far each is)
//!    │       versions, rejected objects                  │
//!    └── verdicts ─────────────────────────────► Scribe ◄┘ ─ status, on change only ─► API server
//!                                            └─ Herald ─ events, what is new ─► API server
//!  key sets at hand ──────────────────────────► Archivist ─ one object, on change only ─► API server
//!  refresh tokens, revocations ─► Records ─ sixteen objects, read and written when asked ─► API server
//! ```
//!
//! A replica says on a Lease of its own up to which resource version of each watch its published snapshot goes, and which
//! objects it rejects. The leader compares that with what each verdict has read. `Programmed` is true when every ready
//! replica has passed all of it, and rejects none of it.
//!
//! Resource versions compare since Kubernetes 1.35 (KEP-5504); below that, `Programmed` is `Unknown`.

mod ack;
mod agenda;
mod announcement;
mod archive;
mod election;
mod fleet;
mod herald;
mod leadership;
mod lease;
mod programmed;
pub mod records;
mod replica;
mod scribe;
mod status;
mod term;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use ::kube::Client;
use tokio::sync::watch;

use crate::clock::{Clock, Tick};
use crate::sources::key_sets::archive::AtHand;
use crate::state::Board;
use crate::tasks::Tasks;
pub use archive::reader as archive_reader;
use leadership::Leadership;
use replica::Reporter;
use term::Terms;

/// Who this replica is, and where it writes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The class that this installation serves. Two installations of different class never meet, even in one namespace.
    pub class: Arc<str>,
    /// The namespace of the Leases and of our own Service.
    pub namespace: Arc<str>,
    /// The name of this replica: of its pod, where it runs in one. Different in each replica.
    pub identity: Arc<str>,
    /// Our own Service, whose slices say which replicas are ready. Without one, every replica counts whose Lease
    /// was renewed within [`Timing::counts`].
    pub service: Option<Arc<str>>,
    /// The namespaces whose objects are served; none: all of them.
    pub namespaces: Vec<Arc<str>>,
    /// How often and how long.
    pub timing: Timing,
    /// How long keys are used after newer ones could last be had; older ones are not archived.
    pub max_stale: Duration,
    /// Where the jitter of retries starts; different in each replica.
    pub seed: u64,
}

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a leader may be silent before another one takes over.
    pub lease: Duration,
    /// How long a leader that cannot renew goes on. The difference to [`Timing::lease`] covers a write on its way.
    pub lead: Duration,
    /// How often a leader, and each replica, renews its Lease.
    pub renew: Duration,
    /// How often the others look whether there is a leader.
    pub look: Duration,
    /// How long a replica waits, after a publication, for the next one before it reports.
    pub debounce: Duration,
    /// The shortest time between two reports of a replica, and between two writes to one status.
    pub apart: Duration,
    /// How long replicas may be behind before the leader says so: longer than a report in good order takes, which is
    /// [`Timing::apart`] and a write.
    pub patience: Duration,
    /// Without a Service: how long after its last renewal a replica counts.
    pub counts: Duration,
    /// How long one write may take.
    pub write: Duration,
    /// Writes of status per second, in all.
    pub writes_per_second: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            lead: Duration::from_secs(10),
            renew: Duration::from_secs(5),
            look: Duration::from_secs(2),
            debounce: Duration::from_millis(200),
            apart: Duration::from_secs(1),
            patience: Duration::from_secs(2),
            counts: Duration::from_mins(1),
            write: Duration::from_secs(5),
            writes_per_second: 50,
        }
    }
}

/// What writes back for one process. Dropping it ends that, and leaves its Leases to expire; [`Operator::stop`] gives
/// them up.
pub struct Operator {
    tasks: Tasks,
    client: Client,
    settings: Settings,
    clock: Clock,
    reported: watch::Receiver<bool>,
    leading: watch::Receiver<Option<Tick>>,
}

/// What there is to write.
pub struct Inputs {
    /// What became of objects.
    pub board: Arc<Board>,
    /// The key sets that this replica has fetched.
    pub key_sets: watch::Receiver<AtHand>,
}

/// Starts on the current runtime. Nothing is said of this replica or of any object before the first publication on the
/// board.
pub fn start(client: Client, inputs: Inputs, settings: Settings, clock: Clock) -> Operator {
    let mut tasks = Tasks::new();
    let (reports, reported) = Reporter::new(&client, Arc::clone(&inputs.board), settings.clone(), clock.clone());
    tasks.spawn("report", reports.run());
    let (leadership, leading) = Leadership::new(&client, settings.clone(), clock.clone());
    tasks.spawn("leadership", leadership.run());
    let terms = Terms::new(client.clone(), inputs, settings.clone(), clock.clone(), leading.clone());
    tasks.spawn("status", terms.run());
    Operator { tasks, client, settings, clock, reported, leading }
}

impl Operator {
    /// Waits until this replica has reported for the first time. A replica that is ready before it has makes the leader
    /// say of every object that it is not enforced there.
    pub async fn reported(&self) {
        // The sender ends with the task, which ends with `self`.
        let _ = self.reported.clone().wait_for(|reported| *reported).await;
    }

    /// The same, for whoever outlives `self`.
    pub fn reports(&self) -> watch::Receiver<bool> {
        self.reported.clone()
    }

    /// Whether this replica has reported.
    pub fn has_reported(&self) -> bool {
        *self.reported.borrow()
    }

    /// Whether this replica leads.
    pub fn leads(&self) -> bool {
        self.leading.borrow().is_some_and(|until| self.clock.tick() < until)
    }

    /// Ends, and gives up this replica's Leases, so that another one leads at once and nobody waits for this one.
    pub async fn stop(mut self) {
        self.tasks.abort();
        self.tasks.join().await;
        let limit = self.settings.timing.write;
        let given_up = self.clock.timeout(limit, lease::give_up(&self.client, &self.settings)).await;
        match given_up {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "leases were not given up and will expire"),
            None => tracing::warn!("leases were not given up in time and will expire"),
        }
    }
}
