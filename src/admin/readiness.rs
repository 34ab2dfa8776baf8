//! Whether this replica can be sent requests, and if not, what it waits for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// What a replica can wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// A file or watch has neither been read whole nor failed on record.
    Listing(Arc<str>),
    /// No snapshot is served yet.
    Snapshot,
    /// A source that the first snapshot names (a key set, the addresses of a name) has neither answered nor failed on
    /// record.
    FirstAnswer(Arc<str>),
    /// What this replica enforces has not been reported to the cluster yet.
    Report,
    /// Nothing: the replica is about to end.
    Draining,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listing(scope) => write!(formatter, "{scope} has not been read"),
            Self::Snapshot => formatter.write_str("no snapshot is served"),
            Self::FirstAnswer(source) => write!(formatter, "{source} has not answered"),
            Self::Report => formatter.write_str("what is enforced here has not been reported to the cluster"),
            Self::Draining => formatter.write_str("draining"),
        }
    }
}

/// What is missing. As large as what the control side puts in.
#[derive(Debug)]
pub struct Readiness {
    missing: watch::Sender<BTreeSet<Missing>>,
}

impl Readiness {
    /// Not ready, for want of a snapshot.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { missing: watch::Sender::new(BTreeSet::from([Missing::Snapshot])) })
    }

    /// Replaces what is missing. Draining is for good: what comes afterwards changes nothing.
    pub fn set(&self, missing: BTreeSet<Missing>) {
        self.missing.send_if_modified(|current| {
            let differs = *current != missing && !current.contains(&Missing::Draining);
            if differs {
                *current = missing;
            }
            differs
        });
    }

    /// What is missing, in order; empty: ready.
    pub fn missing(&self) -> Vec<Missing> {
        self.missing.borrow().iter().cloned().collect()
    }

    /// Waits until nothing is missing.
    pub async fn ready(&self) {
        // The sender lives as long as `self`: waiting cannot fail.
        let _ = self.missing.subscribe().wait_for(BTreeSet::is_empty).await;
    }
}
