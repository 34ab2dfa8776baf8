//! What the replicas say: which keys each publishes, and which it signs with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Ring, Wishes};

/// Every replica that is ready, by name. What a replica said of a key stays true: it never goes back to an older ring,
/// nor is ready again before it has read the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas(pub BTreeMap<Arc<str>, Report>);

/// What one replica has said. The default is one that has said nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The keys that it publishes.
    pub published: BTreeSet<Box<str>>,
    /// The key that it signs with.
    pub signs: Option<Box<str>>,
}

/// Whether all that are waited for have said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// All have.
    All,
    /// These have not.
    WaitingFor(Vec<Arc<str>>),
    /// Nobody is ready who could: silence of nobody confirms nothing.
    NobodyReady,
}

impl Replicas {
    /// Whether every one publishes this key.
    pub(super) fn publish(&self, kid: &str, wishes: &Wishes) -> Confirmation {
        self.all(wishes, |report| report.published.contains(kid))
    }

    /// Whether every one signs with a key that is later than this one. One that signs with an earlier one may yet come
    /// past it, when it reads what it has missed; and so may one that does not sign at all.
    pub(super) fn sign_later_than(&self, kid: &str, ring: &Ring, wishes: &Wishes) -> Confirmation {
        let later: BTreeSet<&str> =
            ring.keys.iter().map(|key| &*key.kid).skip_while(|other| *other != kid).skip(1).collect();
        self.all(wishes, |report| report.signs.as_deref().is_some_and(|signs| later.contains(signs)))
    }

    fn all(&self, wishes: &Wishes, has: impl Fn(&Report) -> bool) -> Confirmation {
        let mut counted = self.0.iter().filter(|(name, _)| !wishes.despite.contains(*name)).peekable();
        if counted.peek().is_none() {
            return Confirmation::NobodyReady;
        }
        let silent: Vec<Arc<str>> =
            counted.filter(|(_, report)| !has(report)).map(|(name, _)| Arc::clone(name)).collect();
        if silent.is_empty() { Confirmation::All } else { Confirmation::WaitingFor(silent) }
    }
}
