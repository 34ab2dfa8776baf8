//! Small state of all replicas, in objects of our own namespace.
//!
//! ```text
//! get, put ─ by SHA-256 of the key ─► one of 16 queues ─► its task: read the object, judge all that waits, write it once
//! ```
//!
//! `ConfigMap`s named `bearward-<class>.records-<0…15>`, each with up to 900 KiB and 4,096 records; when one is full, new
//! records that belong there are refused until others end. What has ended is removed by the next write to the object.
//!
//! Each read asks the API server itself, so it sees every write that was answered by any replica. Each write carries the
//! resource version of what was read: of two replicas that write at once one is refused, reads again, and judges again.
//! What waits for one object in one process shares a read and a write, so that a process never competes with itself.
//!
//! What is not answered within two seconds ([`LIMIT`]) is [`StoreError::Unavailable`]. That is counted by the task and not by whoever
//! waits, who may be on a runtime of any kind.

mod shard;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::kube::api::{Api, ObjectMeta, PostParams};
use ::kube::{Client, Error};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::{mpsc, oneshot};

use crate::clock::{Clock, Tick, UnixTime};
use crate::sources::kube::{Backoff, Jitter, Pace};
use crate::store::table::{Table, Write};
use crate::store::{Answer, Record, Store, StoreError, Version};
use crate::tasks::Tasks;

/// Objects among which records are spread.
const SHARDS: u8 = 16;

/// How long anything may take: what [`Place::limit`] is in an installation.
pub const LIMIT: Duration = Duration::from_secs(2);

/// What waits for one object. Whoever comes when it is full is told that the store is unavailable.
const QUEUE: usize = 256;

/// The most that share a read and a write.
const TOGETHER: usize = 64;

/// The pauses after a write that came too late.
const APART: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));

/// Where the objects are.
#[derive(Clone, Debug)]
pub struct Place {
    /// Our namespace.
    pub namespace: Arc<str>,
    /// The class of this installation.
    pub class: Arc<str>,
    /// Where the jitter of retries starts; different in each replica.
    pub seed: u64,
    /// How long anything may take.
    pub limit: Duration,
}

/// The store of a cluster.
pub struct Records {
    queues: Vec<mpsc::Sender<Asked>>,
    clock: Clock,
    limit: Duration,
}

/// Starts a store, whose tasks run on the current runtime, in `tasks`, until it is dropped.
pub fn start(tasks: &mut Tasks, client: &Client, place: &Place, clock: Clock) -> Records {
    let jitter = Jitter::from_seed(place.seed);
    let queues = (0..SHARDS).map(|shard| {
        let (queue, asked) = mpsc::channel(QUEUE);
        let keeper = Keeper {
            api: Api::namespaced(client.clone(), &place.namespace),
            name: name(&place.class, shard),
            clock: clock.clone(),
            jitter: jitter.split(),
            is_failing: false,
        };
        tasks.spawn("records", keeper.run(asked));
        queue
    });
    let queues = queues.collect();
    Records { queues, clock, limit: place.limit }
}

/// The name of an object.
fn name(class: &str, shard: u8) -> String {
    format!("bearward-{class}.records-{shard}")
}

/// In which object a record is: the same in every replica and every version.
fn shard_of(key: &str) -> u8 {
    digest(&SHA256, key.as_bytes()).as_ref().first().map_or(0, |byte| byte % SHARDS)
}

/// What is asked of one object.
struct Asked {
    what: What,
    /// Who does not know by then is told that the store is unavailable.
    end: Tick,
}

enum What {
    Get { key: Box<str>, answer: oneshot::Sender<Result<Option<Record>, StoreError>> },
    Put { write: Write, answer: oneshot::Sender<Result<Version, StoreError>> },
}

/// What is to be said, once it is known whether it is true.
enum Said {
    Found(Option<Record>),
    Written(Result<Version, StoreError>),
}

impl Asked {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        match &self.what {
            What::Get { answer, .. } => answer.is_closed(),
            What::Put { answer, .. } => answer.is_closed(),
        }
    }

    /// Says it. Whoever has left does not want to know.
    fn say(self, said: Result<Said, StoreError>) {
        match (self.what, said) {
            (What::Get { answer, .. }, Ok(Said::Found(found))) => drop(answer.send(Ok(found))),
            (What::Get { answer, .. }, Err(error)) => drop(answer.send(Err(error))),
            (What::Put { answer, .. }, Ok(Said::Written(written))) => drop(answer.send(written)),
            (What::Put { answer, .. }, Err(error)) => drop(answer.send(Err(error))),
            // Not said to the other kind; the sender that is dropped would be an end of the store.
            (What::Get { .. }, Ok(Said::Written(_))) | (What::Put { .. }, Ok(Said::Found(_))) => {}
        }
    }
}

impl Records {
    /// Asks the task of the object to which this key belongs.
    async fn ask<T>(
        &self,
        key: &str,
        what: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> What,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::Unavailable("the store has ended".to_owned());
        let queue = self.queues.get(usize::from(shard_of(key))).ok_or_else(ended)?;
        let (answer, answered) = oneshot::channel();
        let asked = Asked { what: what(answer), end: self.clock.tick() + self.limit };
        queue.try_send(asked).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Unavailable("too many requests wait".to_owned()),
            mpsc::error::TrySendError::Closed(_) => ended(),
        })?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Store for Records {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(self.ask(key, |answer| What::Get { key: key.into(), answer }))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        let write = Write { key: key.into(), value, replaces, until };
        Box::pin(self.ask(key, |answer| What::Put { write, answer }))
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Records").finish_non_exhaustive()
    }
}

/// Keeps one object.
struct Keeper {
    api: Api<ConfigMap>,
    name: String,
    clock: Clock,
    jitter: Jitter,
    is_failing: bool,
}

impl Keeper {
    /// Serves until nobody can ask any more.
    async fn run(mut self, mut queue: mpsc::Receiver<Asked>) {
        let mut waiting = Vec::with_capacity(TOGETHER);
        while queue.recv_many(&mut waiting, TOGETHER).await > 0 {
            waiting.retain(|asked| !asked.is_abandoned());
            // The first to come has the least time. Who comes while these are served has more, and so is served, or told,
            // in time too.
            let Some(end) = waiting.iter().map(|asked| asked.end).min() else { continue };
            let limit = end.since(self.clock.tick());
            let served = self.clock.timeout(limit, Box::pin(self.serve(&waiting))).await;
            match served.unwrap_or_else(|| Err("no answer in time".to_owned())) {
                Ok(said) => {
                    self.is_failing = false;
                    waiting.drain(..).zip(said).for_each(|(asked, said)| asked.say(Ok(said)));
                }
                Err(reason) => {
                    self.tell(&reason);
                    for asked in waiting.drain(..) {
                        asked.say(Err(StoreError::Unavailable(reason.clone())));
                    }
                }
            }
        }
    }

    /// Logs a failure: once, until something was served again.
    fn tell(&mut self, reason: &str) {
        if self.is_failing {
            tracing::debug!(object = self.name, reason, "records were not served");
        } else {
            tracing::warn!(object = self.name, reason, "records were not served");
        }
        self.is_failing = true;
    }

    /// What is to be said to each, true when this ends. An error: nothing is known of any write.
    async fn serve(&self, waiting: &[Asked]) -> Result<Vec<Said>, String> {
        let (first, most) = APART;
        let mut backoff = Backoff::new(Pace { first, most, ..Pace::default() }, self.jitter.split());
        loop {
            let found = self.read().await?;
            let now = self.clock.now();
            let broken = |member| format!("{}: member {member} is not as it was written", self.name);
            let mut table = shard::read(found.as_ref(), now).map_err(broken)?;
            let before = table.last();
            let said = waiting.iter().map(|asked| judge(&mut table, &asked.what, now)).collect();
            if table.last() == before {
                return Ok(said);
            }
            table.forget_ended(now);
            if self.write(found, &table).await? {
                return Ok(said);
            }
            self.clock.sleep(backoff.pause()).await;
        }
    }

    /// The object, as it is now. Without a resource version a read is of what etcd has, never of a cache.
    async fn read(&self) -> Result<Option<ConfigMap>, String> {
        match self.api.get(&self.name).await {
            Ok(found) => Ok(Some(found)),
            // Only the word that this object is not there says so: whatever stands before an API server may say 404 too.
            Err(Error::Api(status))
                if status.code == 404 && status.details.as_ref().is_some_and(|details| details.name == self.name) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether it was written; `false`: somebody else was faster.
    async fn write(&self, found: Option<ConfigMap>, table: &Table) -> Result<bool, String> {
        let parameters = PostParams::default();
        let is_new = found.is_none();
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let object = found.unwrap_or_else(|| ConfigMap { metadata, ..ConfigMap::default() });
        let object = shard::write(object, table);
        let written = if is_new {
            self.api.create(&parameters, &object).await
        } else {
            // The version that was read goes with it.
            self.api.replace(&self.name, &parameters, &object).await
        };
        match written {
            Ok(_) => Ok(true),
            Err(Error::Api(status)) if status.code == 409 || (status.code == 404 && !is_new) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Takes what is asked after all that came before it.
fn judge(table: &mut Table, what: &What, now: UnixTime) -> Said {
    match what {
        What::Get { key, .. } => Said::Found(table.get(key, now).cloned()),
        What::Put { write, .. } => Said::Written(table.put(write.clone(), now)),
    }
}
