//! The store: objects by key and scope, the scopes that are closed to us, reports, and who read what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::references::{Lookup, Reader, Reading, References};
use super::{Body, Object, Report, ReportKey, Scope, Version};
use crate::api::core;
use crate::finding::{Code, FieldPath, Finding};
use crate::name::{Kind, ObjectKey};

/// What a source says.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "an update is moved twice in its life, and most of them are of the large form"
)]
pub enum Update {
    /// These are all objects of the scope now: a file was read, a watch has listed. What was there and is not any more
    /// is gone.
    Replace {
        /// Which file or watch.
        scope: Scope,
        /// All of it.
        objects: Vec<Object>,
        /// What is wrong with the scope itself, such as a document that is no object of ours; ends with the next
        /// `Replace`.
        findings: Vec<Finding>,
        /// As of when.
        version: Version,
    },
    /// This object is new or has changed.
    Apply {
        /// Which watch.
        scope: Scope,
        /// The object.
        object: Object,
    },
    /// This object is gone.
    Remove {
        /// Which watch.
        scope: Scope,
        /// The object.
        key: ObjectKey,
        /// As of when.
        version: Version,
    },
    /// Nothing happened in the scope up to this version (a bookmark).
    Version {
        /// Which watch.
        scope: Scope,
        /// As of when.
        version: Version,
    },
    /// All of these, with nothing between them: what moves from one file to another is never in neither.
    Together(Vec<Update>),
    /// The scope cannot be read: the API server refuses us. Its objects are gone.
    Forbid {
        /// Which watch.
        scope: Scope,
    },
    /// The scope is gone: a file was removed, a namespace is not watched any more.
    Withdraw {
        /// Which.
        scope: Scope,
    },
    /// News of a source that resources name.
    Report {
        /// Which.
        key: ReportKey,
        /// What.
        report: Report,
    },
}

/// Every input object in force. Grows with what its sources hold; they bound what they hold.
///
/// A change is content that differs: uid, generation and body, and of Kubernetes' own kinds the labels. When only a
/// status or an annotation was written, nobody is told but who reads just that, and the object keeps the version at which its content was first
/// seen.
#[derive(Debug, Default)]
pub struct Resources {
    scopes: BTreeMap<Scope, Holding>,
    /// The scopes that have an object of this key; the first is in force.
    holders: BTreeMap<ObjectKey, BTreeSet<Scope>>,
    in_force: BTreeMap<ObjectKey, Arc<Object>>,
    /// The slices in force of each Service.
    slices: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// Keys that several scopes have.
    contested: BTreeSet<ObjectKey>,
    /// Objects of Kubernetes' own in force that could not be decoded.
    undecodable: BTreeSet<ObjectKey>,
    forbidden: BTreeSet<Scope>,
    reports: BTreeMap<ReportKey, Report>,
    references: References,
    changed: BTreeSet<ObjectKey>,
}

/// What one scope has.
#[derive(Debug, Default)]
struct Holding {
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    findings: Vec<Finding>,
    version: Version,
}

impl Resources {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a source says.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Replace { scope, objects, findings, version } => self.replace(&scope, objects, findings, version),
            Update::Apply { scope, object } => {
                self.permit(&scope);
                let holding = self.scopes.entry(scope.clone()).or_default();
                holding.version = holding.version.max(object.meta.version);
                self.put(&scope, object);
            }
            Update::Remove { scope, key, version } => {
                self.take(&scope, &key);
                self.pass(&scope, version);
            }
            Update::Version { scope, version } => self.pass(&scope, version),
            Update::Forbid { scope } => {
                self.empty(&scope);
                if self.forbidden.insert(scope.clone()) {
                    self.references.signal(&Lookup::Scope(scope), None);
                }
            }
            Update::Withdraw { scope } => {
                self.empty(&scope);
                self.permit(&scope);
            }
            Update::Report { key, report } => self.report_arrived(key, &report),
            Update::Together(updates) => updates.into_iter().for_each(|update| self.apply(update)),
        }
    }

    /// The object of this key that is in force.
    pub fn object(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.in_force.get(key)
    }

    /// Every object in force, by key.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Object>)> {
        self.in_force.iter()
    }

    /// The objects of `kind` in `namespace` that are in force, by name.
    pub fn namespace<'a>(
        &'a self,
        kind: Kind,
        namespace: &Arc<str>,
    ) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let first = ObjectKey { kind, namespace: Arc::clone(namespace), name: "".into() };
        let namespace = Arc::clone(namespace);
        self.in_force
            .range(first..)
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// The slices of `service` that are in force, by name.
    pub fn slices<'a>(&'a self, service: &ObjectKey) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        self.slices.get(service).into_iter().flatten().filter_map(|key| self.in_force.get(key))
    }

    /// Whether the scope is closed to us.
    pub fn is_forbidden(&self, scope: &Scope) -> bool {
        self.forbidden.contains(scope)
    }

    /// What is known of this source.
    pub fn report(&self, key: &ReportKey) -> Option<&Report> {
        self.reports.get(key)
    }

    /// A view whose look-ups are logged.
    pub const fn reading(&self) -> Reading<'_> {
        Reading::new(self)
    }

    /// As of when each scope is; a scope that is closed or withdrawn is left out.
    pub fn versions(&self) -> BTreeMap<Scope, Version> {
        self.scopes.iter().map(|(scope, holding)| (scope.clone(), holding.version)).collect()
    }

    /// What is wrong with the scopes themselves: documents that are no objects of ours, keys that two scopes have, and
    /// objects of Kubernetes' own that could not be decoded.
    pub fn scope_findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.scopes.values().flat_map(|holding| &holding.findings).cloned().collect();
        for key in &self.contested {
            let Some(holders) = self.holders.get(key) else { continue };
            let mut holders = holders.iter();
            let Some(first) = holders.next() else { continue };
            findings.extend(holders.map(|other| duplicate(key, &first.to_string(), &other.to_string())));
        }
        let undecodable = self.undecodable.iter().filter_map(|key| self.in_force.get(key));
        findings.extend(undecodable.filter_map(|object| object.undecodable()));
        findings
    }

    /// The objects whose content in force has changed since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<ObjectKey> {
        std::mem::take(&mut self.changed)
    }

    /// The objects of `kind` whose content has changed since the last [`Resources::take_changed`].
    pub(crate) fn changed(&self, kind: Kind) -> impl Iterator<Item = &ObjectKey> {
        let first = ObjectKey { kind, namespace: "".into(), name: "".into() };
        self.changed.range(first..).take_while(move |key| key.kind == kind)
    }

    /// The readers that changes have reached since the last call.
    pub(crate) fn take_dirty(&mut self) -> BTreeSet<Reader> {
        self.references.take_dirty()
    }

    /// Replaces what `reader` has looked up.
    pub(crate) fn record(&mut self, reader: Reader, log: BTreeSet<Lookup>) {
        self.references.record(reader, log);
    }

    /// `reader` is no more.
    pub(crate) fn forget(&mut self, reader: &Reader) {
        self.references.forget(reader);
    }

    /// What was compiled of an object is another thing than before: tells everyone who looked the object up, but for
    /// its own compilation.
    pub(crate) fn recompiled(&mut self, key: &ObjectKey) {
        self.references.signal(&Lookup::Object(key.clone()), Some(&Reader::Object(key.clone())));
    }

    /// The source is not wanted any more, so its report says nothing to anybody.
    pub(crate) fn forget_report(&mut self, key: &ReportKey) {
        self.reports.remove(key);
    }

    /// The sources that there are reports of.
    pub(crate) fn reported(&self) -> impl Iterator<Item = &ReportKey> {
        self.reports.keys()
    }

    /// From now on, look-ups that `omitted` picks are not kept.
    #[cfg(test)]
    pub(crate) fn without_edges(&mut self, omitted: fn(&Lookup) -> bool) {
        self.references.omitted = Some(omitted);
    }

    fn replace(&mut self, scope: &Scope, objects: Vec<Object>, mut findings: Vec<Finding>, version: Version) {
        self.permit(scope);
        let held = self.scopes.get(scope).map(|holding| holding.objects.keys().cloned().collect());
        let mut gone: BTreeSet<ObjectKey> = held.unwrap_or_default();
        let mut seen = BTreeSet::new();
        for object in objects {
            let key = object.key();
            if !seen.insert(key.clone()) {
                findings.push(duplicate(key, &scope.to_string(), "the same file, further down,"));
                continue;
            }
            gone.remove(key);
            self.put(scope, object);
        }
        for key in gone {
            self.take(scope, &key);
        }
        let holding = self.scopes.entry(scope.clone()).or_default();
        holding.findings = findings;
        holding.version = version;
    }

    fn put(&mut self, scope: &Scope, mut object: Object) {
        let key = object.key().clone();
        let holding = self.scopes.entry(scope.clone()).or_default();
        if let Some(known) = holding.objects.get(&key).filter(|known| known.has_content_of(&object)) {
            object.meta.version = known.meta.version;
        }
        holding.objects.insert(key.clone(), Arc::new(object));
        self.holders.entry(key.clone()).or_default().insert(scope.clone());
        self.settle(&key);
    }

    fn take(&mut self, scope: &Scope, key: &ObjectKey) {
        if let Some(holding) = self.scopes.get_mut(scope) {
            holding.objects.remove(key);
        }
        if let Some(holders) = self.holders.get_mut(key) {
            holders.remove(scope);
            if holders.is_empty() {
                self.holders.remove(key);
            }
        }
        self.settle(key);
    }

    /// Nothing of the scope is left.
    fn empty(&mut self, scope: &Scope) {
        let held = self.scopes.get(scope).map(|holding| holding.objects.keys().cloned().collect());
        let held: Vec<ObjectKey> = held.unwrap_or_default();
        for key in held {
            self.take(scope, &key);
        }
        self.scopes.remove(scope);
    }

    fn permit(&mut self, scope: &Scope) {
        if self.forbidden.remove(scope) {
            self.references.signal(&Lookup::Scope(scope.clone()), None);
        }
    }

    fn pass(&mut self, scope: &Scope, version: Version) {
        if let Some(holding) = self.scopes.get_mut(scope) {
            holding.version = holding.version.max(version);
        }
    }

    /// Decides which object of `key` is in force, and tells its readers if that is another content than before.
    fn settle(&mut self, key: &ObjectKey) {
        let holders = self.holders.get(key);
        mark(&mut self.contested, key, holders.is_some_and(|holders| holders.len() > 1));
        let first = holders.and_then(BTreeSet::first);
        let first = first.and_then(|scope| self.scopes.get(scope)?.objects.get(key)).map(Arc::clone);
        let undecodable = first.as_ref().is_some_and(|object| matches!(object.body, Body::Undecodable(_)));
        mark(&mut self.undecodable, key, undecodable);
        let before = match &first {
            Some(object) => self.in_force.insert(key.clone(), Arc::clone(object)),
            None => self.in_force.remove(key),
        };
        let annotations = |object: &Option<Arc<Object>>| object.as_ref().map(|object| object.meta.annotations.clone());
        if annotations(&before) != annotations(&first) {
            self.references.signal(&Lookup::Annotations(key.clone()), None);
        }
        match (&before, &first) {
            (None, None) => return,
            (Some(before), Some(now)) if before.has_content_of(now) => return,
            (Some(_) | None, Some(_) | None) => {}
        }
        for service in [before.as_deref(), first.as_deref()].into_iter().flatten().filter_map(service_of) {
            let is_its = first.as_deref().and_then(service_of).as_ref() == Some(&service);
            let slices = self.slices.entry(service.clone()).or_default();
            mark(slices, key, is_its);
            if slices.is_empty() {
                self.slices.remove(&service);
            }
            self.references.signal(&Lookup::Slices(service), None);
        }
        self.references.signal(&Lookup::Object(key.clone()), None);
        self.references.signal(&Lookup::Namespace(key.kind, Arc::clone(&key.namespace)), None);
        self.changed.insert(key.clone());
    }

    fn report_arrived(&mut self, key: ReportKey, report: &Report) {
        // A report that says nothing is as good as none.
        let before = if report.findings.is_empty() {
            self.reports.remove(&key)
        } else {
            self.reports.insert(key.clone(), report.clone())
        };
        if before.unwrap_or_default() != *report {
            self.references.signal(&Lookup::Report(key), None);
        }
    }
}

/// Makes `key` a member of `set`, or makes sure that it is none.
fn mark(set: &mut BTreeSet<ObjectKey>, key: &ObjectKey, is_member: bool) {
    if is_member {
        set.insert(key.clone());
    } else {
        set.remove(key);
    }
}

/// The Service that a slice belongs to.
fn service_of(object: &Object) -> Option<ObjectKey> {
    let key = object.key();
    let name = object.meta.labels.get(core::EndpointSlice::SERVICE_LABEL)?;
    (key.kind == Kind::EndpointSlice).then(|| ObjectKey::new(Kind::Service, Arc::clone(&key.namespace), &**name))
}

fn duplicate(key: &ObjectKey, first: &str, other: &str) -> Finding {
    Finding::error(
        key,
        FieldPath::root(),
        Code::DuplicateObject,
        format!("{other} has an object of the same kind, namespace and name as {first}, which is in force"),
        "Rename or remove one of the two.",
    )
}
