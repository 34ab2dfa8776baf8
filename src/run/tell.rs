//! Tells whoever reads the log what is wrong with the resources: each finding once, and when it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use crate::finding::{Finding, Severity};
use crate::name::ObjectKey;
use crate::resources::Verdict;

/// Remembers what was told. As large as the findings in force.
pub(super) struct Teller {
    of_objects: BTreeMap<ObjectKey, BTreeSet<Finding>>,
    of_scopes: BTreeSet<Finding>,
    /// All of them, in order.
    all: watch::Sender<Arc<[Finding]>>,
}

impl Teller {
    /// Nothing was told yet; who is interested in all that is in force looks at `all`.
    pub(super) const fn new(all: watch::Sender<Arc<[Finding]>>) -> Self {
        Self { of_objects: BTreeMap::new(), of_scopes: BTreeSet::new(), all }
    }

    /// Takes the verdicts that changed, and all findings of scopes.
    pub(super) fn tell(&mut self, verdicts: &[(ObjectKey, Option<Arc<Verdict>>)], scope_findings: &[Finding]) {
        let mut differs = false;
        for (key, verdict) in verdicts {
            let now: BTreeSet<_> = verdict.iter().flat_map(|verdict| verdict.findings.iter().cloned()).collect();
            let before = self.of_objects.remove(key).unwrap_or_default();
            differs |= tell(&before, &now);
            if !now.is_empty() {
                self.of_objects.insert(key.clone(), now);
            }
        }
        let now = scope_findings.iter().cloned().collect();
        differs |= tell(&self.of_scopes, &now);
        self.of_scopes = now;
        if differs {
            let all: BTreeSet<_> = self.of_objects.values().flatten().chain(&self.of_scopes).cloned().collect();
            self.all.send_replace(all.into_iter().collect());
        }
    }
}

/// Tells the differences; says whether there are any.
fn tell(before: &BTreeSet<Finding>, now: &BTreeSet<Finding>) -> bool {
    for finding in now.difference(before) {
        let Finding { object, field, code, severity, cause, cure } = finding;
        match severity {
            Severity::Error => tracing::warn!(%object, %field, %code, cause, cure, "resource has an error"),
            Severity::Warning => tracing::info!(%object, %field, %code, cause, cure, "resource has a warning"),
        }
    }
    for Finding { object, field, code, .. } in before.difference(now) {
        tracing::info!(%object, %field, %code, "finding is gone");
    }
    before != now
}
