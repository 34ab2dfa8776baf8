//! What each watch has come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::name::Kind;
use crate::resources::Scope;

/// What a watch has come to. That the API server cannot be reached is none of these: it says nothing about the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has listed.
    Listed,
    /// The API server refuses us.
    Forbidden,
    /// The API server does not know the kind: its definition is not installed.
    Absent,
}

/// What all watches have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    standings: BTreeMap<Scope, Option<Standing>>,
    /// Where objects of ours are, by the watch that has seen them.
    namespaces: BTreeMap<Scope, BTreeSet<Arc<str>>>,
}

impl Progress {
    /// Nothing yet, of these scopes.
    pub(super) fn expecting(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { standings: scopes.into_iter().map(|scope| (scope, None)).collect(), namespaces: BTreeMap::new() }
    }

    /// Every watch, with what it has come to; `None`: nothing yet.
    pub fn scopes(&self) -> impl Iterator<Item = (&Scope, Option<Standing>)> {
        self.standings.iter().map(|(scope, standing)| (scope, *standing))
    }

    /// Whether every watch has come to something. Once that is so, what they sent until then is all that there is: the
    /// namespaces whose Secrets are to be watched are known as soon as our own kinds have listed.
    pub fn is_complete(&self) -> bool {
        self.standings.values().all(Option::is_some)
    }

    /// The Secret watches that there should be.
    pub(super) fn secret_scopes(&self) -> impl Iterator<Item = Scope> {
        let namespaces: BTreeSet<&Arc<str>> = self.namespaces.values().flatten().collect();
        namespaces.into_iter().map(secrets_of)
    }

    /// A watch has come to something. A watch that is not expected any more is over.
    pub(super) fn record(&mut self, scope: &Scope, standing: Standing) {
        if let Some(known) = self.standings.get_mut(scope) {
            *known = Some(standing);
        }
    }

    /// A watch of our own kinds has seen objects in these namespaces. From now on their Secrets are expected.
    pub(super) fn inhabit(&mut self, scope: &Scope, namespaces: BTreeSet<Arc<str>>) {
        for namespace in &namespaces {
            self.standings.entry(secrets_of(namespace)).or_default();
        }
        self.namespaces.insert(scope.clone(), namespaces);
    }

    /// A Secret watch has ended. Objects of ours may have come back to its namespace meanwhile; then it is expected anew.
    pub(super) fn forget(&mut self, scope: &Scope) {
        if self.secret_scopes().any(|wanted| wanted == *scope) {
            self.standings.insert(scope.clone(), None);
        } else {
            self.standings.remove(scope);
        }
    }
}

fn secrets_of(namespace: &Arc<str>) -> Scope {
    Scope::Watch { kind: Kind::Secret, namespace: Some(Arc::clone(namespace)) }
}
