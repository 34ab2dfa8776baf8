//! Puts routes into the table of hosts: the third of the three levels.
//!
//! ```text
//! slot: host, path, conditions ──► contenders by age ──► the oldest is in the table, the others know its name
//! ```
//!
//! A route that was not read whole has a slot of its own and comes before all others of its path: it stands for
//! requests that cannot be told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::name::ObjectKey;
use crate::snapshot::{Conditions, HostPattern, Hosts, PathMatch, Rank, Route};

/// What two routes cannot both have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    pub(super) host: HostPattern,
    pub(super) path: PathMatch,
    pub(super) conditions: Conditions,
    /// Of a route that was not read whole: its own rank, which nobody else has.
    pub(super) own: Option<Rank>,
}

/// A route and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    pub(super) slot: Slot,
    pub(super) route: Arc<Route>,
}

/// A route that wants a slot.
#[derive(Debug)]
struct Contender {
    route: Arc<Route>,
    owner: ObjectKey,
}

/// The table of hosts, and who wants what in it.
#[derive(Debug, Default)]
pub(super) struct Linker {
    slots: HashMap<Slot, BTreeMap<Rank, Contender>>,
    hosts: Hosts,
    /// Hosts whose paths have changed since they were last asked for.
    touched: BTreeSet<HostPattern>,
}

/// What to do in one slot.
#[derive(Default)]
struct Edit {
    remove: Vec<Rank>,
    add: Vec<Arc<Route>>,
}

/// Who was in force in a slot, and who is now.
struct Turn {
    before: Option<Arc<Route>>,
    now: Option<Arc<Route>>,
}

impl Linker {
    /// Replaces the placements of `owner`. Gives the other objects that came into force, or lost their slot to somebody
    /// else.
    pub(super) fn relink(&mut self, owner: &ObjectKey, before: &[Placement], now: &[Placement]) -> BTreeSet<ObjectKey> {
        let mut edits: HashMap<&Slot, Edit> = HashMap::new();
        for placement in before {
            edits.entry(&placement.slot).or_default().remove.push(placement.route.rank.clone());
        }
        for placement in now {
            edits.entry(&placement.slot).or_default().add.push(Arc::clone(&placement.route));
        }
        let mut concerned = BTreeSet::new();
        let mut turns = Vec::new();
        for (slot, edit) in edits {
            turns.extend(self.edit(slot, edit, owner, &mut concerned).map(|turn| (slot, turn)));
        }
        // Out before in: a match whose conditions were edited leaves one slot and enters another of the same path with
        // the same rank, by which the table tells routes apart.
        for (slot, turn) in &turns {
            if let Some(before) = &turn.before {
                self.hosts.remove(&slot.host, &slot.path, before);
            }
        }
        for (slot, turn) in turns {
            if let Some(now) = turn.now {
                self.hosts.insert(&slot.host, &slot.path, now);
            }
            self.touched.insert(slot.host.clone());
        }
        concerned.remove(owner);
        concerned
    }

    /// Edits one slot; gives what the table has to follow, if anything.
    fn edit(
        &mut self,
        slot: &Slot,
        edit: Edit,
        owner: &ObjectKey,
        concerned: &mut BTreeSet<ObjectKey>,
    ) -> Option<Turn> {
        let contenders = self.slots.entry(slot.clone()).or_default();
        let before = contenders.values().next().map(|first| Arc::clone(&first.route));
        for rank in edit.remove {
            contenders.remove(&rank);
        }
        for route in edit.add {
            contenders.insert(route.rank.clone(), Contender { route, owner: owner.clone() });
        }
        let now = contenders.values().next().map(|first| Arc::clone(&first.route));
        let is_same = match (&before, &now) {
            (Some(before), Some(now)) => Arc::ptr_eq(&before.chain, &now.chain) && before.rank == now.rank,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_same {
            concerned.extend(contenders.values().map(|contender| contender.owner.clone()));
        }
        if contenders.is_empty() {
            self.slots.remove(slot);
        }
        (!is_same).then_some(Turn { before, now })
    }

    /// The route that is in force in the slot of `placement`, unless it is `placement` itself.
    pub(super) fn winner(&self, placement: &Placement) -> Option<Arc<Route>> {
        let first = self.slots.get(&placement.slot)?.values().next()?;
        (first.route.rank != placement.route.rank).then(|| Arc::clone(&first.route))
    }

    /// The table.
    pub(super) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The hosts whose paths have changed since the last call.
    pub(super) fn take_touched(&mut self) -> BTreeSet<HostPattern> {
        std::mem::take(&mut self.touched)
    }
}
