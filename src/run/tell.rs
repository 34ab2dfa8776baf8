//! Tells whoever reads the log what is wrong with the resources: each finding once, and when it is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::finding::{Finding, Severity};
use crate::name::ObjectKey;
use crate::resources::Verdict;

/// Remembers what was told. As large as the findings in force.
#[derive(Default)]
pub(super) struct Teller {
    of_objects: BTreeMap<ObjectKey, BTreeSet<Finding>>,
    of_scopes: BTreeSet<Finding>,
}

impl Teller {
    /// Takes the verdicts that changed, and all findings of scopes.
    pub(super) fn tell(&mut self, verdicts: &[(ObjectKey, Option<Arc<Verdict>>)], scope_findings: &[Finding]) {
        for (key, verdict) in verdicts {
            let now: BTreeSet<_> = verdict.iter().flat_map(|verdict| verdict.findings.iter().cloned()).collect();
            let before = self.of_objects.remove(key).unwrap_or_default();
            differences(&before, &now);
            if !now.is_empty() {
                self.of_objects.insert(key.clone(), now);
            }
        }
        let now = scope_findings.iter().cloned().collect();
        differences(&self.of_scopes, &now);
        self.of_scopes = now;
    }
}

fn differences(before: &BTreeSet<Finding>, now: &BTreeSet<Finding>) {
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
}
