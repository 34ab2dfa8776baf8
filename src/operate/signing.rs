//! Takes the steps of signing keys: what `rotation` says is to be done is done here, in one write each.
//!
//! ```text
//! Plan (what the policy says) ─┐
//! ring and private halves (Keep) ────┼─► rotation::step ─► Keyring::after ─► Keep::save, with the version of what was read
//! Replicas (what each has in force) ─┘         └─► wake, held ─► report ─► findings of the policy; events
//! ```
//!
//! In a cluster the leader does it, for as long as its term lasts; with files the process itself. Everything that is known
//! is in the Secret, so a crash between any two steps loses nothing, and two who do it at once get in each other's way and
//! in nobody else's.

mod ask;
mod cluster;
mod folder;
mod keep;
mod local;
mod memory;
mod progress;
mod shown;
#[cfg(test)]
mod tests;
mod tidings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::{mpsc, watch};

use super::ack::Keys;
pub use ask::{AskError, Asker, Line};
pub(super) use cluster::Secrets;
#[cfg(test)]
use folder::Asked;
pub use folder::{Folder, FolderError};
use keep::{Found, Keep, KeepError};
pub use local::{Local, Place, keep};
use memory::Unkept;
use progress::Progress;
pub(super) use tidings::Tidings;
use tidings::Trouble;

use crate::api::core;
use crate::clock::{Clock, Tick, UnixTime};
use crate::name::{Generation, ObjectKey};
use crate::resources::{Body, Meta, Object, Report, ReportFinding, ReportKey, Scope, Update, Version};
use crate::rotation::{self, Keyring, NewKey, NotDone, Replicas, Ring, reconcile, step};
use crate::rotation::{Plan, Plans, SECRET_TYPE as TYPE, SECRET_USE as USE};
use crate::secret::Secret;
use crate::sources::kube::{Backoff, Jitter, Pace, USE_LABEL};
use crate::tasks;

/// How long to wait where somebody has to do something first.
const BLOCKED: Duration = Duration::from_secs(30);

/// How often a ring is looked at for what nobody has told: somebody tells of Secrets and annotations of a cluster.
const LOOK: Duration = Duration::from_mins(1);

/// The same for files, of which nobody tells.
const LOOK_AT_FILES: Duration = Duration::from_secs(1);

/// How many rings are attended to at a time.
const AT_ONCE: usize = 8;

/// How long one step may take, with everything that it reads and writes.
const STEP: Duration = Duration::from_secs(30);

/// The keys that each ready replica has in force; `None`: it is not known yet who is ready.
pub(super) type Heard = Option<BTreeMap<Arc<str>, Keys>>;

/// What the steps are taken with.
pub(super) struct Parts {
    /// The issuers whose keys are ours.
    pub(super) plans: watch::Receiver<Plans>,
    /// What replicas say; a new one when any has said something new.
    pub(super) heard: watch::Receiver<Heard>,
    /// Until when we may write; `None`: we may not. Without a cluster there is nobody else.
    pub(super) leading: Option<watch::Receiver<Option<Tick>>>,
    /// Whether the Secrets are to be handed over as objects: no watch and no file brings them.
    pub(super) offers: bool,
    /// Where reports go, and Secrets.
    pub(super) updates: mpsc::Sender<Update>,
    /// Where events go, if anybody writes them.
    pub(super) tidings: Tidings,
    pub(super) clock: Clock,
    /// Where the jitter of retries starts.
    pub(super) seed: u64,
}

/// Takes the steps of all rings that are kept in one kind of place.
pub(super) struct Rotator<K> {
    keep: K,
    parts: Parts,
    jitter: Jitter,
    progress: BTreeMap<ObjectKey, Progress>,
}

/// Why a step was not taken.
enum NotTaken {
    Keep(KeepError),
    Rules(NotDone),
    /// What is in the place is not ours, or cannot be read.
    Place(Trouble),
}

impl From<KeepError> for NotTaken {
    fn from(error: KeepError) -> Self {
        Self::Keep(error)
    }
}

impl From<NotDone> for NotTaken {
    fn from(error: NotDone) -> Self {
        Self::Rules(error)
    }
}

impl<K: Keep> Rotator<K> {
    /// Has looked at nothing yet.
    pub(super) fn new(keep: K, parts: Parts) -> Self {
        let jitter = Jitter::from_seed(parts.seed);
        Self { keep, parts, jitter, progress: BTreeMap::new() }
    }

    /// Runs until it is dropped, or nobody can plan anything any more.
    pub(super) async fn run(mut self) {
        loop {
            let wait = self.turn().await;
            tokio::select! {
                () = self.parts.clock.sleep(wait) => {}
                changed = self.parts.plans.changed() => if changed.is_err() { return },
                changed = self.parts.heard.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Attends to every ring that there is a reason to look at, several at a time, so that one whose namespace is slow holds
    /// up no other; those with a compromised key come first. Says how long until there is another reason.
    async fn turn(&mut self) -> Duration {
        let plans = Arc::clone(&self.parts.plans.borrow_and_update());
        let heard = self.parts.heard.borrow_and_update().clone();
        self.forget_others(&plans).await;
        let now = self.parts.clock.tick();
        let mut due = Vec::new();
        for (policy, plan) in plans.iter() {
            let (known, moved) = match self.progress.remove(policy) {
                Some(known) if known.is_of_another_place(plan) => (None, Some(known)),
                known => (known, None),
            };
            if let Some(moved) = moved {
                self.withdraw(moved).await;
            }
            let progress = known.unwrap_or_else(|| Progress::new(Backoff::new(Pace::default(), self.jitter.split())));
            if progress.is_due(plan, &heard, now) {
                due.push((policy.clone(), Arc::clone(plan), progress));
            } else {
                self.progress.insert(policy.clone(), progress);
            }
        }
        due.sort_by_key(|(_, plan, _)| plan.wishes.compromised.is_empty());
        let this = &*self;
        let heard = &heard;
        let attended = stream::iter(due).map(|(policy, plan, mut progress)| async move {
            this.attend(&plan, heard, &mut progress).await;
            (policy, progress)
        });
        let attended: Vec<(ObjectKey, Progress)> = attended.buffer_unordered(AT_ONCE).collect().await;
        self.progress.extend(attended);
        let next = self.progress.values().filter_map(Progress::due).min();
        let now = self.parts.clock.tick();
        next.map_or(LOOK, |next| next.since(now).min(LOOK))
    }

    /// Whoever plans no more is not reported on.
    async fn forget_others(&mut self, plans: &BTreeMap<ObjectKey, Arc<Plan>>) {
        let gone: Vec<ObjectKey> =
            self.progress.keys().filter(|policy| !plans.contains_key(*policy)).cloned().collect();
        for policy in gone {
            if let Some(progress) = self.progress.remove(&policy) {
                self.withdraw(progress).await;
            }
            self.report(&policy, Vec::new()).await;
        }
    }

    /// Takes back what was handed over as an object.
    async fn withdraw(&self, progress: Progress) {
        if let Some(place) = progress.into_place() {
            // Nobody compiles any more: the process ends.
            let _ = self.parts.updates.send(Update::Withdraw { scope: Scope::File(place) }).await;
        }
    }

    /// Takes what steps there are to take in one ring now.
    async fn attend(&self, plan: &Arc<Plan>, heard: &Heard, progress: &mut Progress) {
        progress.looked(plan, heard);
        let attempt = self.advance(plan, heard, progress);
        let outcome = self.parts.clock.clone().timeout(STEP, attempt).await;
        let outcome = outcome.unwrap_or_else(|| Err(KeepError::Failed("the step took too long".to_owned()).into()));
        let now = self.parts.clock.tick();
        let trouble = match outcome {
            Ok(wait) => {
                progress.went_well(now + wait.min(if self.parts.offers { LOOK_AT_FILES } else { LOOK }));
                progress.forgets().map(Trouble::NotRemembered).into_iter().collect()
            }
            Err(NotTaken::Keep(KeepError::Conflict)) => {
                // Somebody has written: what is there now is to be looked at.
                tracing::info!(policy = %plan.policy, "signing keys were written by somebody else meanwhile");
                let pause = progress.pause();
                progress.again(now + pause);
                return;
            }
            Err(NotTaken::Keep(KeepError::Failed(reason))) => {
                let pause = progress.pause();
                progress.again(now + pause);
                if !progress.has_failed_for_long() {
                    tracing::debug!(policy = %plan.policy, reason, "signing keys could not be looked at");
                    return;
                }
                vec![Trouble::NotWritable(reason)]
            }
            Err(NotTaken::Keep(KeepError::Forbidden(reason))) => {
                progress.again(now + BLOCKED);
                vec![Trouble::NotWritable(reason)]
            }
            Err(NotTaken::Place(trouble)) => {
                progress.again(now + BLOCKED);
                vec![trouble]
            }
            Err(NotTaken::Rules(error)) => {
                // A fault of ours: nothing that breaks a rule is ever written.
                tracing::error!(policy = %plan.policy, %error, "step of signing keys was not taken");
                progress.again(now + BLOCKED);
                vec![Trouble::NotWritable(error.to_string())]
            }
        };
        let findings = progress.findings(trouble, self.parts.clock.now(), now);
        self.report(&plan.policy, findings).await;
    }

    /// One step: read, decide, write, remember. Says how long until the next.
    async fn advance(&self, plan: &Arc<Plan>, heard: &Heard, progress: &mut Progress) -> Result<Duration, NotTaken> {
        let (found, version) = match self.keep.load(plan).await? {
            Found::Nothing => (None, None),
            Found::Ours(keyring, version) => (Some(*keyring), Some(version)),
            Found::Foreign(what) | Found::Broken(what) => return Err(NotTaken::Place(Trouble::Unusable(what))),
        };
        if let Some(keyring) = &found
            && *keyring.ring().issuer != *plan.issuer
        {
            let issuer = &keyring.ring().issuer;
            let what = format!("the Secret {} holds the keys of another issuer, {issuer}", plan.secret.name);
            return Err(NotTaken::Place(Trouble::Unusable(what)));
        }
        let now = self.parts.clock.now();
        let last = self.last(plan, found.is_some(), progress).await?.filter(|last| *last.issuer == *plan.issuer);
        let found_ring = found.as_ref().map(|keyring| keyring.ring().clone());
        let keyring = settle(plan, found, last.as_ref(), now);
        let is_reconciled = found_ring.as_ref() != Some(keyring.ring()) && !keyring.ring().keys.is_empty();
        if !is_reconciled && found_ring.is_some() {
            // Of an old copy nothing is handed over: a key that had retired would sign until it is mended.
            self.offer(plan, &keyring, progress).await;
        }
        if is_reconciled {
            let at = Some(self.parts.clock.tick());
            if found_ring.is_some() {
                progress.restored = at;
            } else {
                progress.lost = at;
            }
            tracing::warn!(policy = %plan.policy, secret = %plan.secret, "signing keys are gone, or older than what is known");
        }
        let ring = (!keyring.ring().keys.is_empty()).then(|| keyring.ring().clone());
        let replicas = ring.as_ref().map(|ring| replicas(heard, ring)).unwrap_or_default();
        let wishes = self.keep.wishes(plan).await;
        let step = step(ring.as_ref(), &plan.schedule, &wishes, &replicas, &keyring.private_halves(), now);
        progress.held.clone_from(&step.held);
        if step.actions.is_empty() && !is_reconciled {
            let known = progress.last.clone();
            if let Some(ring) = ring.clone().filter(|ring| known.as_ref() != Some(ring) || !progress.is_remembered()) {
                self.remember(plan, ring, progress).await;
            }
            let look = match (progress.last == ring, progress.is_remembered()) {
                (false, _) => Duration::ZERO,
                (true, false) => BLOCKED,
                (true, true) => LOOK,
            };
            return Ok(step.wake.map_or(look, |wake| wake.since(now).min(look)));
        }
        let actions = step.actions.clone();
        // Keys with RSA take a while to be made.
        let next = tasks::blocking("make keys", move || keyring.after(&actions, now, NewKey::generate)).await?;
        if !self.may_write() {
            return Err(KeepError::Conflict.into());
        }
        self.keep.save(plan, &next, version).await?;
        for action in &step.actions {
            let (action, kid) = (action.as_str(), action.kid());
            tracing::info!(policy = %plan.policy, action, kid, despite = ?wishes.despite, "step of signing keys taken");
        }
        self.parts.tidings.tell(plan, &wishes, &step.actions, &next);
        self.offer(plan, &next, progress).await;
        self.remember(plan, next.ring().clone(), progress).await;
        // What was done may make room for more.
        Ok(Duration::ZERO)
    }

    /// The last ring that is known. That nothing can be known of it holds up the first key alone: it must not be one more
    /// first key. A ring that is there rotates all the same.
    async fn last(&self, plan: &Plan, is_there: bool, progress: &mut Progress) -> Result<Option<Ring>, KeepError> {
        if let Some(last) = &progress.last {
            return Ok(Some(last.clone()));
        }
        match self.keep.last(plan).await {
            // For good: it was not remembered by anybody. What is only slow is asked again.
            Err(KeepError::Forbidden(reason)) if is_there => {
                progress.forgot(reason, true);
                Ok(None)
            }
            known => known,
        }
    }

    /// Keeps a ring that is in its place as the last one known. Where that cannot be kept, the keys rotate all the same.
    async fn remember(&self, plan: &Plan, ring: Ring, progress: &mut Progress) {
        progress.last = match self.keep.remember(plan, &ring).await {
            // Somebody has gone further than what is in its place: that is to be mended at the next look.
            Ok(Some(later)) => {
                progress.remembered();
                Some(later)
            }
            Ok(None) => {
                progress.remembered();
                Some(ring)
            }
            Err(error) => {
                progress.forgot(error.to_string(), matches!(error, KeepError::Forbidden(_)));
                Some(ring)
            }
        };
    }

    /// Hands the Secret over as an object, where nobody else reads it from its place.
    async fn offer(&self, plan: &Plan, keyring: &Keyring, progress: &mut Progress) {
        if !self.parts.offers || progress.offered.as_ref().is_some_and(|(_, ring)| ring == keyring.ring()) {
            return;
        }
        let place: Arc<str> = self.keep.place(plan).into();
        progress.offered = Some((Arc::clone(&place), keyring.ring().clone()));
        let scope = Scope::File(place);
        let objects = vec![offered(plan, keyring)];
        let update = Update::Replace { scope, objects, findings: Vec::new(), version: Version::default() };
        // Nobody compiles any more: the process ends.
        let _ = self.parts.updates.send(update).await;
    }

    fn may_write(&self) -> bool {
        let Some(leading) = &self.parts.leading else { return true };
        leading.borrow().is_some_and(|until| self.parts.clock.tick() < until)
    }

    async fn report(&self, policy: &ObjectKey, findings: Vec<ReportFinding>) {
        let report = Report { findings };
        // Nobody compiles any more: the process ends.
        let _ = self.parts.updates.send(Update::Report { key: ReportKey::Signing(policy.clone()), report }).await;
    }
}

/// The ring to go on from. What is gone is made again of what is known, without private halves: tokens that were signed
/// stay valid, and new keys begin.
fn settle(plan: &Plan, found: Option<Keyring>, last: Option<&Ring>, now: UnixTime) -> Keyring {
    match (found, last) {
        (Some(found), Some(last)) => found.reconciled(last, now),
        (Some(found), None) => found,
        (None, Some(last)) => Keyring::new(reconcile(last, None, now)),
        (None, None) => Keyring::new(Ring::new(&plan.issuer, plan.schedule.jwks_max_age(), now)),
    }
}

/// A Secret as a file would have it.
fn offered(plan: &Plan, keyring: &Keyring) -> Object {
    let meta = Meta {
        key: plan.secret.clone(),
        uid: "".into(),
        version: Version::default(),
        generation: Generation(0),
        created: UnixTime::default(),
        labels: [(USE_LABEL.into(), USE.into())].into(),
        annotations: BTreeMap::new(),
    };
    let data = keyring.write().into_iter().map(|(member, bytes)| (member, Secret::new(bytes))).collect();
    Object {
        meta,
        body: Body::Secret(core::Secret { metadata: core::Metadata::default(), kind: TYPE.to_owned(), data }),
    }
}

/// What the replicas have said of the keys of this ring.
fn replicas(heard: &Heard, ring: &Ring) -> Replicas {
    let kids = || ring.keys.iter().map(|key| &key.kid);
    let report = |keys: &Keys| rotation::Report {
        published: kids().filter(|kid| keys.has(kid)).cloned().collect(),
        signs: kids().find(|kid| keys.signs_with(kid)).cloned(),
    };
    Replicas(heard.iter().flatten().map(|(replica, keys)| (Arc::clone(replica), report(keys))).collect())
}
