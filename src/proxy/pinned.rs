//! One snapshot as the requests of one thread hold it.
//!
//! All threads share a snapshot through one counter; a request that counted itself there would contend with every other
//! thread. So each thread holds the snapshot once, and its requests count among themselves.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::snapshot::Snapshot;

/// A snapshot that stays as it is for as long as a request looks at it. The last request to let go gives it away: to drop
/// a large one would hold up the thread.
pub(super) struct Pinned {
    snapshot: Arc<Snapshot>,
    retired: mpsc::Sender<Arc<Snapshot>>,
}

impl Pinned {
    pub(super) fn new(snapshot: Arc<Snapshot>, retired: mpsc::Sender<Arc<Snapshot>>) -> Rc<Self> {
        Rc::new(Self { snapshot, retired })
    }

    /// Whether it is this one.
    pub(super) fn is(&self, other: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(&self.snapshot, other)
    }
}

impl Deref for Pinned {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // If there is no room, or nobody is there any more, the reference ends here.
        let _ = self.retired.try_send(Arc::clone(&self.snapshot));
    }
}
