//! One watch, turned into updates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch as channel};

use super::decode::{self, is_ours};
use super::progress::{Progress, Standing};
use super::watch::{Document, Event, Watch};
use crate::name::{Kind, ObjectKey};
use crate::resources::{Object, Scope, Update};

/// What turns the events of one watch into updates, in order.
pub(super) struct Task {
    scope: Scope,
    kind: Kind,
    watch: Watch,
    updates: mpsc::Sender<Update>,
    progress: channel::Sender<Progress>,
    /// The objects of ours that are there, by namespace; empty for other kinds.
    inhabitants: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Task {
    /// For this scope, which is a watch's.
    pub(super) fn new(
        scope: Scope,
        kind: Kind,
        watch: Watch,
        updates: mpsc::Sender<Update>,
        progress: channel::Sender<Progress>,
    ) -> Self {
        Self { scope, kind, watch, updates, progress, inhabitants: BTreeMap::new() }
    }

    /// Runs until nobody takes the updates any more.
    pub(super) async fn run(mut self) {
        loop {
            let event = self.watch.next().await;
            let namespaces = self.inhabitants.len();
            let (update, standing) = self.update(event);
            if let Some(update) = update
                && self.updates.send(update).await.is_err()
            {
                return;
            }
            // After the update, so that whoever sees the progress finds the update sent. The number of namespaces moves
            // with the set of them, since one event adds or removes one namespace; a list counts as a move anyway.
            if standing.is_some() || namespaces != self.inhabitants.len() {
                self.report(standing);
            }
        }
    }

    fn report(&self, standing: Option<Standing>) {
        self.progress.send_modify(|progress| {
            if is_ours(self.kind) {
                progress.inhabit(&self.scope, self.inhabitants.keys().cloned().collect());
            }
            if let Some(standing) = standing {
                progress.record(&self.scope, standing);
            }
        });
    }

    fn update(&mut self, event: Event) -> (Option<Update>, Option<Standing>) {
        let scope = self.scope.clone();
        match event {
            Event::Listed { documents, version } => {
                self.inhabitants.clear();
                let objects = documents.into_iter().filter_map(|document| self.object(document)).collect();
                let update = Update::Replace { scope, objects, findings: Vec::new(), version };
                (Some(update), Some(Standing::Listed))
            }
            Event::Applied(document) => (self.object(document).map(|object| Update::Apply { scope, object }), None),
            Event::Removed { document, version } => {
                let key = decode::key(self.kind, &document);
                if let Some(key) = &key {
                    self.leave(key);
                }
                (key.map(|key| Update::Remove { scope, key, version }), None)
            }
            Event::Passed(version) => (Some(Update::Version { scope, version }), None),
            Event::Forbidden => {
                self.inhabitants.clear();
                (Some(Update::Forbid { scope }), Some(Standing::Forbidden))
            }
            Event::Absent => (None, Some(Standing::Absent)),
        }
    }

    fn object(&mut self, document: Document) -> Option<Object> {
        let object = decode::object(self.kind, document);
        match &object {
            Some(object) if is_ours(self.kind) => {
                let ObjectKey { namespace, name, .. } = object.key();
                self.inhabitants.entry(Arc::clone(namespace)).or_default().insert(Arc::clone(name));
            }
            Some(_) => {}
            None => tracing::warn!(scope = %self.scope, "object without a name was left out"),
        }
        object
    }

    fn leave(&mut self, key: &ObjectKey) {
        if let Some(names) = self.inhabitants.get_mut(&key.namespace) {
            names.remove(&key.name);
            if names.is_empty() {
                self.inhabitants.remove(&key.namespace);
            }
        }
    }
}
