//! The counters of compiles: which snapshot is in force, since when, and how much had to be done for it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Tick, UnixTime};
use crate::name::SnapshotId;

/// One compile whose result was published.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// What was published.
    pub id: SnapshotId,
    /// How long the compile took.
    pub took: Duration,
    /// What was recomputed, by fixed names.
    pub work: &'a [(&'static str, u64)],
}

/// The snapshot in force, and sums over all compiles of this process.
#[derive(Debug)]
pub struct Publications {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: Option<Last>,
    count: u64,
    took: Duration,
    work: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    id: SnapshotId,
    at: UnixTime,
    tick: Tick,
}

impl Publications {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, inner: Mutex::default() }
    }

    /// Counts one.
    pub fn published(&self, publication: Publication<'_>) {
        let mut inner = self.lock();
        inner.last = Some(Last { id: publication.id, at: self.clock.now(), tick: self.clock.tick() });
        inner.count += 1;
        inner.took = inner.took.saturating_add(publication.took);
        for (what, count) in publication.work {
            *inner.work.entry(what).or_default() += count;
        }
    }

    /// Which snapshot is in force, and since when; `None` before the first.
    pub fn last(&self) -> Option<(SnapshotId, UnixTime)> {
        self.lock().last.map(|last| (last.id, last.at))
    }

    /// Appends all of them in the `OpenMetrics` text format, in a fixed order.
    pub fn write(&self, out: &mut String) {
        let inner = self.lock();
        // Writing to a `String` cannot fail.
        if let Some(last) = inner.last {
            let age = self.clock.tick().since(last.tick);
            let _ = writeln!(
                out,
                "# HELP bearward_snapshot_id Which snapshot is in force; counts from one in each process.\n\
                 # TYPE bearward_snapshot_id gauge\nbearward_snapshot_id {}\n\
                 # HELP bearward_snapshot_age_seconds Since the snapshot in force was published.\n\
                 # TYPE bearward_snapshot_age_seconds gauge\n# UNIT bearward_snapshot_age_seconds seconds\n\
                 bearward_snapshot_age_seconds {}",
                last.id.0,
                age.as_secs_f64()
            );
        }
        let _ = writeln!(
            out,
            "# HELP bearward_compiles Compiles whose result was published.\n# TYPE bearward_compiles counter\n\
             bearward_compiles_total {}\n\
             # HELP bearward_compile_seconds Time spent in compiles.\n# TYPE bearward_compile_seconds counter\n\
             # UNIT bearward_compile_seconds seconds\nbearward_compile_seconds_total {}\n\
             # HELP bearward_recomputed Parts that compiles had to redo.\n# TYPE bearward_recomputed counter",
            inner.count,
            inner.took.as_secs_f64()
        );
        for (what, count) in &inner.work {
            let _ = writeln!(out, "bearward_recomputed_total{{what=\"{what}\"}} {count}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
