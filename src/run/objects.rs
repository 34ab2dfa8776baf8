//! Where a gateway's objects come from, and when all of them have been seen once.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::cli::{Cluster, Files};
use crate::clock::Clock;
use crate::resources::Update;
use crate::secret::Secret;
use crate::sources::{files, kube};
use crate::tasks::Tasks;

/// Where a gateway's objects come from.
pub enum Objects {
    /// Files and folders, read again when they change.
    Files(Files),
    /// One text that never changes, as a file of this name would hold it.
    Text {
        /// What findings call it.
        name: Arc<str>,
        /// YAML.
        yaml: Secret,
    },
    /// A Kubernetes API server.
    Cluster {
        /// What to watch there.
        cluster: Cluster,
        /// The connection to it.
        client: ::kube::Client,
    },
}
