//! What is enforced by this process now: what became of each object, and up to which version each watch is included.
//!
//! The task that publishes snapshots writes it, right after it has published one; `operate` and `admin` read it. It
//! holds as much as there are objects of ours and watches.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::finding::Severity;
use crate::name::{Generation, ObjectKey};
use crate::resources::{Read, Scope, Verdict, Version};

/// How often each half of the board has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Publications that changed what became of an object, or the keys of an issuer.
    pub verdicts: u64,
    /// Publications that changed a version.
    pub versions: u64,
}

/// How far this process is, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Per watch, the highest version that the published snapshot includes. A watch that is listing again keeps the
    /// version that it had until its new list is published.
    pub versions: BTreeMap<Scope, Version>,
    /// The objects with an error among their findings, as of the generation that was judged.
    pub rejected: BTreeSet<(ObjectKey, Generation)>,
    /// The keys of our own issuers.
    pub signing: SigningKeys,
}

/// The keys of our own issuers that this process has in force, by their ids, which are unique over all issuers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningKeys {
    /// Those whose public half is in a key set that is served, and by which tokens are verified.
    pub published: BTreeSet<Box<str>>,
    /// Those that sign.
    pub signing: BTreeSet<Box<str>>,
}

/// What became of each object, and up to which version each watch is included.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
    revision: watch::Sender<Revision>,
}

#[derive(Debug, Default)]
struct Inner {
    verdicts: BTreeMap<ObjectKey, Arc<Verdict>>,
    versions: BTreeMap<Scope, Version>,
    rejected: BTreeSet<(ObjectKey, Generation)>,
    signing: SigningKeys,
    /// Objects that a verdict had read and that were removed since: of each watch the last one, and the version by
    /// which it was gone.
    removed: BTreeMap<ObjectKey, BTreeMap<Scope, Read>>,
    /// What changed since somebody last asked; coalesced, so that it is bounded by the number of objects.
    changed: BTreeSet<ObjectKey>,
}

impl Board {
    /// An empty one: nothing is published yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A snapshot was published: these verdicts changed (`None`: the object is gone), and it includes these versions.
    /// Must come after the snapshot is in force, since others rely on it.
    pub fn publish(
        &self,
        verdicts: impl IntoIterator<Item = (ObjectKey, Option<Arc<Verdict>>)>,
        versions: BTreeMap<Scope, Version>,
    ) {
        let (verdicts_moved, versions_moved) = {
            let mut inner = self.lock();
            let mut moved = false;
            let versions_moved = inner.versions != versions;
            inner.versions = versions;
            for (key, verdict) in verdicts {
                moved = true;
                inner.put(key, verdict);
            }
            (moved, versions_moved)
        };
        self.revision.send_if_modified(|revision| {
            revision.verdicts += u64::from(verdicts_moved);
            revision.versions += u64::from(versions_moved);
            verdicts_moved || versions_moved
        });
    }

    /// These keys of our own issuers are in force. Before [`Board::publish`] of the same publication, so that whoever
    /// that wakes finds them.
    pub fn sign_with(&self, keys: SigningKeys) {
        let moved = {
            let mut inner = self.lock();
            let moved = inner.signing != keys;
            inner.signing = keys;
            moved
        };
        self.revision.send_if_modified(|revision| {
            // Others wait for it as they do for a verdict.
            revision.verdicts += u64::from(moved);
            moved
        });
    }

    /// Wakes whoever waits for a publication; any number may.
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }

    /// What became of an object; `None` where there is none, or none of ours.
    pub fn verdict(&self, key: &ObjectKey) -> Option<Arc<Verdict>> {
        self.lock().verdicts.get(key).cloned()
    }

    /// The objects that the verdict on `key` had read before they were removed, each with the version by which it was
    /// gone. Who has not passed that version may still go by them: a removed API key, for one.
    pub fn removed(&self, key: &ObjectKey) -> Vec<Read> {
        self.lock().removed.get(key).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Every object that there is.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.lock().verdicts.keys().cloned().collect()
    }

    /// The objects that changed, came or went since this was last asked. For one reader.
    pub fn take_changed(&self) -> BTreeSet<ObjectKey> {
        std::mem::take(&mut self.lock().changed)
    }

    /// How far this process is.
    pub fn standing(&self) -> Standing {
        let inner = self.lock();
        let Inner { versions, rejected, signing, .. } = &*inner;
        Standing { versions: versions.clone(), rejected: rejected.clone(), signing: signing.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, key: ObjectKey, verdict: Option<Arc<Verdict>>) {
        let old = match &verdict {
            Some(verdict) => self.verdicts.insert(key.clone(), Arc::clone(verdict)),
            None => self.verdicts.remove(&key),
        };
        if let Some(old) = old {
            self.rejected.remove(&(key.clone(), old.generation));
            self.note_removals(&key, &old, verdict.as_deref());
        }
        if let Some(verdict) = verdict.filter(|verdict| has_error(verdict)) {
            self.rejected.insert((key.clone(), verdict.generation));
        }
        self.changed.insert(key);
    }
}

impl Inner {
    /// Notes what `new` does not read any more because it is gone. If anything else has changed as well, then rather
    /// because it is not named any more, and the versions of what has changed say all.
    fn note_removals(&mut self, key: &ObjectKey, old: &Verdict, new: Option<&Verdict>) {
        let Some(new) = new else {
            self.removed.remove(key);
            return;
        };
        let now: BTreeMap<&ObjectKey, Version> = new.reads.iter().map(|read| (&read.key, read.version)).collect();
        let (kept, gone): (Vec<_>, Vec<_>) = old.reads.iter().partition(|read| now.contains_key(&read.key));
        if let Some(removed) = self.removed.get_mut(key) {
            removed.retain(|_, read| !now.contains_key(&read.key));
        }
        if kept.iter().any(|read| now.get(&read.key) != Some(&read.version)) {
            return;
        }
        for read in gone {
            let Some((scope, version)) = watch_of(&self.versions, &read.key) else { continue };
            let read = Read { key: read.key.clone(), version };
            self.removed.entry(key.clone()).or_default().insert(scope, read);
        }
    }
}

/// The watch that an object comes from, and how far it is.
fn watch_of(versions: &BTreeMap<Scope, Version>, key: &ObjectKey) -> Option<(Scope, Version)> {
    let watch = |namespace| Scope::Watch { kind: key.kind, namespace };
    let scope = [watch(Some(Arc::clone(&key.namespace))), watch(None)];
    scope.into_iter().find_map(|scope| versions.get(&scope).map(|version| (scope.clone(), *version)))
}

fn has_error(verdict: &Verdict) -> bool {
    verdict.findings.iter().any(|finding| finding.severity == Severity::Error)
}
