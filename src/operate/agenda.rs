//! What is to be looked at, and when: each object once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Tick;
use crate::name::ObjectKey;

/// Objects in the order in which they are due. Bounded by the number of objects.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeSet<(Tick, ObjectKey)>,
    at: BTreeMap<ObjectKey, Tick>,
}

impl Agenda {
    /// Looks at the object at this time, or earlier if that was said before.
    pub(super) fn add(&mut self, key: ObjectKey, at: Tick) {
        if let Some(known) = self.at.get(&key) {
            if *known <= at {
                return;
            }
            self.due.remove(&(*known, key.clone()));
        }
        self.at.insert(key.clone(), at);
        self.due.insert((at, key));
    }

    /// An object that is due, the most overdue first; it is off the agenda then.
    pub(super) fn take(&mut self, now: Tick) -> Option<ObjectKey> {
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.at.remove(&key);
        Some(key)
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Tick> {
        self.due.first().map(|(at, _)| *at)
    }
}

/// How many writes are allowed: so many a second, evenly.
#[derive(Debug)]
pub(super) struct Allowance {
    apart: Duration,
    next: Tick,
}

impl Allowance {
    /// So many a second; at least one.
    pub(super) fn per_second(writes: u32) -> Self {
        Self { apart: Duration::from_secs(1) / writes.max(1), next: Tick::default() }
    }

    /// Takes one, or says when there is one.
    pub(super) fn take(&mut self, now: Tick) -> Result<(), Tick> {
        if now < self.next {
            return Err(self.next);
        }
        self.next = now + self.apart;
        Ok(())
    }
}
