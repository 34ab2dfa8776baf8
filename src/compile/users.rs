//! Who names a policy or a model backend: for their verdicts, and so that a verdict follows what it was judged by.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{Kind, ObjectKey};

/// The users of each policy and model, there or not.
#[derive(Debug, Default)]
pub(super) struct Users {
    of: BTreeMap<ObjectKey, UsersOf>,
}

#[derive(Debug, Default)]
struct UsersOf {
    /// `ApiRoute` and place of the rule.
    rules: BTreeSet<(ObjectKey, usize)>,
    models: BTreeSet<ObjectKey>,
}

impl Users {
    /// A rule names these now instead of those. Gives what has another number of rules than before.
    pub(super) fn rule(
        &mut self,
        rule: &(ObjectKey, usize),
        before: &BTreeSet<ObjectKey>,
        now: &BTreeSet<ObjectKey>,
    ) -> Vec<ObjectKey> {
        let changed = before.symmetric_difference(now).filter(|key| has_verdict(key));
        let changed: Vec<ObjectKey> = changed.cloned().collect();
        for key in &changed {
            self.edit(key, |users| {
                if now.contains(key) {
                    users.rules.insert(rule.clone());
                } else {
                    users.rules.remove(rule);
                }
            });
        }
        changed
    }

    /// A model names these now instead of those.
    pub(super) fn model(&mut self, model: &ObjectKey, before: &BTreeSet<ObjectKey>, now: &BTreeSet<ObjectKey>) {
        for key in before.symmetric_difference(now).filter(|key| has_verdict(key)) {
            self.edit(key, |users| {
                if now.contains(key) {
                    users.models.insert(model.clone());
                } else {
                    users.models.remove(model);
                }
            });
        }
    }

    fn edit(&mut self, key: &ObjectKey, edit: impl FnOnce(&mut UsersOf)) {
        let users = self.of.entry(key.clone()).or_default();
        edit(users);
        if users.rules.is_empty() && users.models.is_empty() {
            self.of.remove(key);
        }
    }

    /// How many rules name this.
    pub(super) fn rules(&self, key: &ObjectKey) -> usize {
        self.of.get(key).map_or(0, |users| users.rules.len())
    }

    /// Adds everything that names this, by way of models too.
    pub(super) fn collect(&self, key: &ObjectKey, into: &mut BTreeSet<ObjectKey>) {
        let Some(users) = self.of.get(key) else { return };
        into.extend(users.rules.iter().map(|(route, _)| route.clone()));
        for model in &users.models {
            into.insert(model.clone());
            self.collect(model, into);
        }
    }
}

const fn has_verdict(key: &ObjectKey) -> bool {
    matches!(key.kind, Kind::TokenPolicy | Kind::ModelBackend)
}
