//! Which namespace owns a host.
//!
//! A namespace claims a pattern with every route that names it and every policy that issues tokens there, and is as old
//! in its claim as the oldest of these: claims of one namespace to one pattern stand and fall together. Two claims overlap if one pattern covers the other.
//! Going through all claims by age, a claim is lost if it overlaps an older one of another namespace that was not lost.
//!
//! ```text
//! com.example.          Below  ◄─ *.example.com      names with their labels reversed, so that all that a wildcard
//! com.example.api.      Exact  ◄─ api.example.com    covers stands behind it
//! com.example.eu.       Below  ◄─ *.eu.example.com
//! ```
//!
//! A claim depends on older ones alone. So a change judges again, by age, only what overlaps it and is younger, and from
//! there only what overlaps a claim whose judgement changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::name::ObjectKey;
use crate::snapshot::HostPattern;

/// How old an object is: when it was created, then `namespace/name`.
pub(super) type Age = (UnixTime, Arc<str>);

/// A claim that was lost, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) namespace: Arc<str>,
    pub(super) pattern: HostPattern,
}

/// All claims, each judged.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    places: BTreeMap<Place, BTreeMap<Arc<str>, Claimant>>,
    /// To be judged again, the oldest first.
    pending: BTreeSet<(Age, Place, Arc<str>)>,
    /// Claims whose judgement has changed since they were last asked for.
    changed: BTreeSet<(Place, Arc<str>)>,
}

/// A pattern, in the order of [`Ownership`]'s picture. Every host is what is below the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The labels from the last to the first, each with a dot behind it.
    reversed: Box<str>,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Exact,
    Below,
}

/// One namespace's claim to one pattern.
#[derive(Debug, Default)]
struct Claimant {
    /// A route and a policy can be of one age.
    objects: BTreeSet<(Age, ObjectKey)>,
    lost_to: Option<(Place, Arc<str>)>,
}

impl Claimant {
    fn age(&self) -> Option<&Age> {
        self.objects.first().map(|(age, _)| age)
    }
}

impl Place {
    fn of(pattern: &HostPattern) -> Self {
        let (name, scope) = match pattern {
            HostPattern::Exact(name) => (&**name, Scope::Exact),
            HostPattern::Below(suffix) => (&**suffix, Scope::Below),
            HostPattern::Any => return Self { reversed: "".into(), scope: Scope::Below },
        };
        let labels: Vec<String> = name.rsplit('.').map(|label| format!("{label}.")).collect();
        Self { reversed: labels.concat().into(), scope }
    }

    fn pattern(&self) -> HostPattern {
        let labels: Vec<&str> = self.reversed.split_terminator('.').rev().collect();
        match self.scope {
            _ if labels.is_empty() => HostPattern::Any,
            Scope::Exact => HostPattern::Exact(labels.join(".").into()),
            Scope::Below => HostPattern::Below(labels.join(".").into()),
        }
    }

    /// The wildcards that cover this one and are not this one.
    fn covering(&self) -> impl Iterator<Item = Self> {
        let ends = self.reversed.match_indices('.').map(|(dot, _)| dot.saturating_add(1));
        let shorter = std::iter::once(0).chain(ends).filter(|end| *end < self.reversed.len());
        shorter.filter_map(|end| Some(Self { reversed: self.reversed.get(..end)?.into(), scope: Scope::Below }))
    }
}

impl Ownership {
    /// `object` claims `pattern` for its namespace.
    pub(super) fn claim(&mut self, pattern: &HostPattern, age: &Age, object: &ObjectKey) {
        let namespace = &object.namespace;
        let place = Place::of(pattern);
        let claimant = self.places.entry(place.clone()).or_default().entry(Arc::clone(namespace)).or_default();
        let before = claimant.age().cloned();
        claimant.objects.insert((age.clone(), object.clone()));
        let now = claimant.age().cloned();
        self.aged(&place, namespace, before, now);
    }

    /// `object` claims `pattern` no more.
    pub(super) fn withdraw(&mut self, pattern: &HostPattern, age: &Age, object: &ObjectKey) {
        let namespace = &object.namespace;
        let place = Place::of(pattern);
        let Some(claimants) = self.places.get_mut(&place) else { return };
        let Some(claimant) = claimants.get_mut(namespace) else { return };
        let before = claimant.age().cloned();
        claimant.objects.remove(&(age.clone(), object.clone()));
        let now = claimant.age().cloned();
        if now.is_none() {
            claimants.remove(namespace);
            if claimants.is_empty() {
                self.places.remove(&place);
            }
        }
        self.aged(&place, namespace, before, now);
    }

    /// A claim has another age than before: it and all younger ones that it may concern are judged again.
    fn aged(&mut self, place: &Place, namespace: &Arc<str>, before: Option<Age>, now: Option<Age>) {
        if before == now {
            return;
        }
        if let Some(now) = &now {
            self.pending.insert((now.clone(), place.clone(), Arc::clone(namespace)));
        }
        if let Some(older) = [before, now].into_iter().flatten().min() {
            self.reconsider(place, namespace, &older);
        }
    }

    /// Marks the claims of others that overlap this one and are younger than `age`.
    fn reconsider(&mut self, place: &Place, namespace: &Arc<str>, age: &Age) {
        let rivals = self.rivals(place, namespace);
        let younger = rivals.filter(|(other, _, _)| *other > age);
        let younger: Vec<_> = younger.map(|(age, place, namespace)| (age.clone(), place, namespace)).collect();
        self.pending.extend(younger);
    }

    /// The claims of other namespaces that overlap this one.
    fn rivals<'a>(
        &'a self,
        place: &'a Place,
        namespace: &'a Arc<str>,
    ) -> impl Iterator<Item = (&'a Age, Place, Arc<str>)> + 'a {
        let covering = place.covering().filter_map(|place| self.places.get_key_value(&place));
        let same = self.places.get_key_value(place);
        let below = match place.scope {
            Scope::Exact => None,
            Scope::Below => Some(self.covered(place)),
        };
        let overlapping = covering.chain(same).chain(below.into_iter().flatten());
        let claims = overlapping.flat_map(|(place, claimants)| claimants.iter().map(move |claim| (place, claim)));
        claims
            .filter(move |(_, (other, _))| *other != namespace)
            .filter_map(|(place, (namespace, claimant))| Some((claimant.age()?, place.clone(), Arc::clone(namespace))))
    }

    /// What a wildcard covers besides itself.
    fn covered<'a>(
        &'a self,
        place: &'a Place,
    ) -> impl Iterator<Item = (&'a Place, &'a BTreeMap<Arc<str>, Claimant>)> + 'a {
        let behind = self.places.range((std::ops::Bound::Excluded(place), std::ops::Bound::Unbounded));
        behind
            .take_while(|(other, _)| other.reversed.starts_with(&*place.reversed))
            .filter(|(other, _)| other.reversed.len() > place.reversed.len())
    }

    /// Judges what is to be judged again. Gives the objects that have a host more or less than before, or lost one to
    /// somebody else.
    pub(super) fn settle(&mut self) -> BTreeSet<ObjectKey> {
        // Judging marks only younger claims, so the oldest that is marked is final.
        while let Some((age, place, namespace)) = self.pending.pop_first() {
            let Some(claimant) = self.places.get(&place).and_then(|claimants| claimants.get(&namespace)) else {
                continue;
            };
            if claimant.age() != Some(&age) {
                continue;
            }
            let lost_to = self.stronger(&place, &namespace, &age);
            let Some(claimant) = self.places.get_mut(&place).and_then(|claimants| claimants.get_mut(&namespace)) else {
                continue;
            };
            if claimant.lost_to == lost_to {
                continue;
            }
            let is_turned = claimant.lost_to.is_some() != lost_to.is_some();
            claimant.lost_to = lost_to;
            if is_turned {
                self.reconsider(&place, &namespace, &age);
            }
            self.changed.insert((place, namespace));
        }
        let changed = std::mem::take(&mut self.changed);
        let claimants = changed.iter().filter_map(|(place, namespace)| self.places.get(place)?.get(namespace));
        claimants.flat_map(|claimant| claimant.objects.iter().map(|(_, object)| object.clone())).collect()
    }

    /// The oldest claim that takes this one.
    fn stronger(&self, place: &Place, namespace: &Arc<str>, age: &Age) -> Option<(Place, Arc<str>)> {
        let older = self.rivals(place, namespace).filter(|(other, _, _)| *other < age);
        let strong = older.filter(|(_, place, namespace)| {
            self.places.get(place).and_then(|claimants| claimants.get(namespace)).is_some_and(|it| it.lost_to.is_none())
        });
        // One route can claim several patterns that overlap this one: then the first of them is named.
        let first = strong.min_by_key(|(age, place, _)| ((*age).clone(), place.pattern()));
        first.map(|(_, place, namespace)| (place, namespace))
    }

    /// To whom `namespace` lost its claim to `pattern`; `None` if it owns it.
    pub(super) fn lost_to(&self, pattern: &HostPattern, namespace: &Arc<str>) -> Option<Owner> {
        let claimant = self.places.get(&Place::of(pattern))?.get(namespace)?;
        let (place, namespace) = claimant.lost_to.as_ref()?;
        Some(Owner { namespace: Arc::clone(namespace), pattern: place.pattern() })
    }
}
