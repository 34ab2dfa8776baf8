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
            Severity::Error => tracing::error!(%object, %field, %code, cause, cure, "resource has an error"),
            Severity::Warning => tracing::info!(%object, %field, %code, cause, cure, "resource has a warning"),
        }
    }
    for Finding { object, field, code, .. } in before.difference(now) {
        tracing::info!(%object, %field, %code, "finding is gone");
    }
    before != now
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tokio::sync::watch;

    use super::Teller;
    use crate::finding::{Code, FieldPath, Finding};
    use crate::name::{Generation, Kind, ObjectKey};
    use crate::resources::Verdict;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(Kind::ApiRoute, "shop", name)
    }

    fn finding(name: &str, code: Code) -> Finding {
        Finding::error(&key(name), FieldPath::spec(), code, "cause", "cure")
    }

    fn verdict(name: &str, codes: &[Code]) -> (ObjectKey, Option<Arc<Verdict>>) {
        let findings = codes.iter().map(|code| finding(name, *code)).collect();
        let verdict = Verdict {
            uid: "".into(),
            generation: Generation(1),
            findings,
            reads: Vec::new(),
            refusing_rules: 0,
            rules: 0,
            keys: Vec::new(),
        };
        (key(name), Some(Arc::new(verdict)))
    }

    /// What a subscriber wrote.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_error_that_somebody_must_mend_is_an_error_in_the_log_and_a_warning_is_not() {
        let warning = Finding::warning(&key("w"), FieldPath::spec(), Code::KeySkipped, "cause", "cure");
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let mut teller = Teller::new(watch::channel(Arc::from([])).0);
            teller.tell(&[verdict("a", &[Code::NoAuth])], &[warning]);
            teller.tell(&[verdict("a", &[])], &[]);
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let levels: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(levels, ["ERROR", "INFO", "INFO", "INFO"], "{text}");
    }

    #[test]
    fn what_is_in_force_is_what_was_told_last_of_each_object_and_all_of_the_scopes() {
        let (all, mut told) = watch::channel(Arc::from([]));
        let mut teller = Teller::new(all);
        teller.tell(&[verdict("b", &[Code::NoAuth]), verdict("a", &[])], &[]);
        assert_eq!(**told.borrow_and_update(), [finding("b", Code::NoAuth)]);

        teller.tell(&[verdict("a", &[Code::PolicyNotFound])], &[finding("c", Code::InvalidYaml)]);
        let expected =
            [finding("a", Code::PolicyNotFound), finding("b", Code::NoAuth), finding("c", Code::InvalidYaml)];
        assert_eq!(**told.borrow_and_update(), expected);

        teller.tell(&[verdict("b", &[Code::NoAuth])], &[finding("c", Code::InvalidYaml)]);
        assert!(!told.has_changed().unwrap(), "nothing was new");

        teller.tell(&[(key("a"), None), verdict("b", &[])], &[]);
        assert_eq!(**told.borrow_and_update(), []);
    }
}
