//! What was replaced and may still be looked at by a data thread: it is freed here, not there.
//!
//! Freeing a snapshot or a large set of keys may take milliseconds, which no request should pay. So the last reference
//! is never a data thread's: each replaced thing is kept until nobody else has it. A data thread holds at most one old
//! snapshot, and a set of keys only within a request, so there are few.

use std::sync::Arc;

use crate::snapshot::{AcceptedApiKeys, Snapshot};

/// Replaced things that somebody may still hold.
#[derive(Debug, Default)]
pub(super) struct Retired {
    snapshots: Vec<Arc<Snapshot>>,
    keys: Vec<Arc<AcceptedApiKeys>>,
}

impl Retired {
    pub(super) fn snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshots.push(snapshot);
    }

    pub(super) fn keys(&mut self, keys: Arc<AcceptedApiKeys>) {
        self.keys.push(keys);
    }

    /// Frees what nobody else holds.
    pub(super) fn sweep(&mut self) {
        self.snapshots.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.keys.retain(|keys| Arc::strong_count(keys) > 1);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.snapshots.len() + self.keys.len()
    }
}
