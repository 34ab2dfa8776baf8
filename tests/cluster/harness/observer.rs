//! What the kube sources say, kept as the resources would keep it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bearward::clock::Clock;
use bearward::name::{Kind, ObjectKey};
use bearward::resources::{Object, Scope, Update, Version};
use bearward::sources::kube::{Pace, Progress, Settings, Sources, connect, start};
use tokio::sync::mpsc;

use super::{ControlPlane, User};

/// How long anything may take to arrive.
const LIMIT: Duration = Duration::from_secs(20);

/// The sources of one gateway, and everything that they said so far.
pub(crate) struct Observer {
    updates: mpsc::Receiver<Update>,
    sources: Sources,
    /// What they add up to.
    pub(crate) seen: Seen,
}

/// What updates add up to.
#[derive(Default)]
pub(crate) struct Seen {
    /// Every object in force.
    pub(crate) objects: BTreeMap<ObjectKey, (Scope, Object)>,
    /// Every scope that is closed.
    pub(crate) forbidden: BTreeSet<Scope>,
    /// How far each scope is.
    pub(crate) versions: BTreeMap<Scope, Version>,
    /// How often a scope was listed.
    pub(crate) lists: usize,
}

impl Observer {
    /// Starts the sources as `user` over these namespaces; none: over all.
    pub(crate) async fn start(plane: &ControlPlane, user: User, namespaces: &[&str], pace: Pace) -> Self {
        let client = connect(Some(&plane.kubeconfig(user))).await.unwrap();
        let namespaces = namespaces.iter().copied().map(Arc::from).collect();
        let (sender, updates) = mpsc::channel(64);
        let sources = start(client, &Settings { namespaces, pace, seed: 1 }, Clock::system(), sender);
        Self { updates, sources, seen: Seen::default() }
    }

    /// Takes updates until the condition holds, and fails when it does not within 20 s.
    pub(crate) async fn until(&mut self, what: &str, condition: impl Fn(&Seen) -> bool) {
        let wait = async {
            while !condition(&self.seen) {
                self.seen.apply(self.updates.recv().await.unwrap());
            }
        };
        let ended = tokio::time::timeout(LIMIT, wait).await;
        assert!(ended.is_ok(), "{what}: not within {LIMIT:?}; there are {:?}", self.seen.objects.keys());
    }

    /// Takes updates for this long, and fails as soon as the condition does not hold.
    pub(crate) async fn stays(&mut self, what: &str, time: Duration, condition: impl Fn(&Seen) -> bool) {
        let watch = async {
            loop {
                assert!(condition(&self.seen), "{what}");
                self.seen.apply(self.updates.recv().await.unwrap());
            }
        };
        let ended: Result<(), _> = tokio::time::timeout(time, watch).await;
        assert!(ended.is_err());
    }

    /// Takes updates until every watch has come to something, and everything that was sent by then.
    pub(crate) async fn until_complete(&mut self) {
        let mut progress = self.sources.progress();
        let complete = progress.wait_for(Progress::is_complete);
        let mut complete = std::pin::pin!(complete);
        let wait = async {
            loop {
                tokio::select! {
                    _ = &mut complete => break,
                    update = self.updates.recv() => self.seen.apply(update.unwrap()),
                }
            }
        };
        assert!(tokio::time::timeout(LIMIT, wait).await.is_ok(), "not complete within {LIMIT:?}");
        while let Ok(update) = self.updates.try_recv() {
            self.seen.apply(update);
        }
    }

    /// What each watch has come to.
    pub(crate) fn progress(&self) -> Progress {
        self.sources.progress().borrow().clone()
    }
}

impl Seen {
    /// Whether the object is in force.
    pub(crate) fn has(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.objects.contains_key(&ObjectKey::new(kind, namespace, name))
    }

    /// The object, which is in force.
    pub(crate) fn object(&self, kind: Kind, namespace: &str, name: &str) -> &Object {
        &self.objects[&ObjectKey::new(kind, namespace, name)].1
    }

    fn apply(&mut self, update: Update) {
        match update {
            Update::Replace { scope, objects, version, .. } => {
                self.lists += 1;
                self.forget(&scope);
                self.objects.extend(objects.into_iter().map(|object| (object.key().clone(), (scope.clone(), object))));
                self.versions.insert(scope, version);
            }
            Update::Apply { scope, object } => {
                self.versions.insert(scope.clone(), object.meta.version);
                self.objects.insert(object.key().clone(), (scope, object));
            }
            Update::Remove { scope, key, version } => {
                self.objects.remove(&key);
                self.versions.insert(scope, version);
            }
            Update::Version { scope, version } => {
                self.versions.insert(scope, version);
            }
            Update::Forbid { scope } => {
                self.forget(&scope);
                self.forbidden.insert(scope);
            }
            Update::Withdraw { scope } => self.forget(&scope),
            Update::Together(updates) => updates.into_iter().for_each(|update| self.apply(update)),
            Update::Report { .. } => panic!("a watch reports nothing"),
        }
    }

    fn forget(&mut self, scope: &Scope) {
        self.objects.retain(|_, (of, _)| of != scope);
        self.versions.remove(scope);
        self.forbidden.remove(scope);
    }
}
