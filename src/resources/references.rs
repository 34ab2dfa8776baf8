//! Who looked up what: look-ups are logged while something is compiled, and a change finds its readers through them.
//!
//! A look-up that found nothing is logged too, so that what is created later reaches those who missed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Object, Report, ReportKey, Resources, Scope};
use crate::name::{Kind, ObjectKey};

/// What a reader looked up. Readers are told when any of it changes, comes or goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// One object, there or not, or what was compiled of it.
    Object(ObjectKey),
    /// All objects of a kind in a namespace, such as the Secrets that a selector chooses from.
    Namespace(Kind, Arc<str>),
    /// The `EndpointSlice`s of this Service.
    Slices(ObjectKey),
    /// Whether a scope is closed to us.
    Scope(Scope),
    /// A report, there or not.
    Report(ReportKey),
    /// The annotations of an object.
    Annotations(ObjectKey),
}

/// Who looks things up: a part of what is compiled that is redone as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// What is compiled of this `TokenPolicy`, `ModelBackend` or Service.
    Object(ObjectKey),
    /// The rule of this `ApiRoute` at this place.
    Rule(ObjectKey, u32),
}

/// One reader's view of the resources: whatever it looks up is logged.
#[derive(Debug)]
pub struct Reading<'a> {
    resources: &'a Resources,
    log: BTreeSet<Lookup>,
}

impl<'a> Reading<'a> {
    pub(super) const fn new(resources: &'a Resources) -> Self {
        Self { resources, log: BTreeSet::new() }
    }

    /// The object of this key that is in force.
    pub fn object(&mut self, key: &ObjectKey) -> Option<&'a Arc<Object>> {
        self.log.insert(Lookup::Object(key.clone()));
        self.resources.object(key)
    }

    /// All objects of `kind` in `namespace`, by name.
    pub fn namespace(&mut self, kind: Kind, namespace: &Arc<str>) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        self.log.insert(Lookup::Namespace(kind, Arc::clone(namespace)));
        self.resources.namespace(kind, namespace)
    }

    /// The slices of `service`, by name.
    pub fn slices(&mut self, service: &ObjectKey) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        self.log.insert(Lookup::Slices(service.clone()));
        self.resources.slices(service)
    }

    /// Whether the objects of `kind` in `namespace` are closed to us.
    pub fn is_forbidden(&mut self, kind: Kind, namespace: &Arc<str>) -> bool {
        let scopes = [Some(Arc::clone(namespace)), None].map(|namespace| Scope::Watch { kind, namespace });
        let forbidden = scopes.iter().any(|scope| self.resources.is_forbidden(scope));
        self.log.extend(scopes.map(Lookup::Scope));
        forbidden
    }

    /// What is known of this source.
    pub fn report(&mut self, key: ReportKey) -> Option<&'a Report> {
        let report = self.resources.report(&key);
        self.log.insert(Lookup::Report(key));
        report
    }

    /// The annotations of the object of this key; none if there is no such object. Nobody else is told when only an
    /// annotation is edited.
    pub fn annotations(&mut self, key: &ObjectKey) -> &'a BTreeMap<Box<str>, Box<str>> {
        static NONE: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
        self.log.insert(Lookup::Annotations(key.clone()));
        self.resources.object(key).map_or(&NONE, |object| &object.meta.annotations)
    }

    /// All that was looked up.
    pub fn into_log(self) -> BTreeSet<Lookup> {
        self.log
    }
}

/// Both directions of the look-ups that are in force, and the readers that a change has reached.
#[derive(Debug, Default)]
pub(super) struct References {
    readers: BTreeMap<Lookup, BTreeSet<Reader>>,
    lookups: BTreeMap<Reader, BTreeSet<Lookup>>,
    dirty: BTreeSet<Reader>,
    /// Look-ups that are not kept, so that a test can show that each kind is needed.
    #[cfg(test)]
    pub(super) omitted: Option<fn(&Lookup) -> bool>,
}

impl References {
    /// Replaces what `reader` has looked up.
    pub(super) fn record(&mut self, reader: Reader, log: BTreeSet<Lookup>) {
        #[cfg(test)]
        let log = match self.omitted {
            Some(omitted) => log.into_iter().filter(|lookup| !omitted(lookup)).collect(),
            None => log,
        };
        let before = self.lookups.get(&reader);
        if before.is_some_and(|before| *before == log) {
            return;
        }
        let before = before.cloned().unwrap_or_default();
        for lookup in before.difference(&log) {
            self.unlink(lookup, &reader);
        }
        for lookup in log.difference(&before) {
            self.readers.entry(lookup.clone()).or_default().insert(reader.clone());
        }
        self.lookups.insert(reader, log);
    }

    /// `reader` is no more.
    pub(super) fn forget(&mut self, reader: &Reader) {
        self.dirty.remove(reader);
        for lookup in self.lookups.remove(reader).unwrap_or_default() {
            self.unlink(&lookup, reader);
        }
    }

    fn unlink(&mut self, lookup: &Lookup, reader: &Reader) {
        if let Some(readers) = self.readers.get_mut(lookup) {
            readers.remove(reader);
            if readers.is_empty() {
                self.readers.remove(lookup);
            }
        }
    }

    /// Marks everyone who looked this up, but for `except`.
    pub(super) fn signal(&mut self, lookup: &Lookup, except: Option<&Reader>) {
        let readers = self.readers.get(lookup).into_iter().flatten();
        self.dirty.extend(readers.filter(|reader| Some(*reader) != except).cloned());
    }

    /// The readers that were marked since the last call.
    pub(super) fn take_dirty(&mut self) -> BTreeSet<Reader> {
        std::mem::take(&mut self.dirty)
    }
}
