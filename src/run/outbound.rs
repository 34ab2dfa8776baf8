//! Everything that dials out has its rules from here.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{mpsc, watch};

use super::{Objects, StartError};
use crate::cli::Settings;
use crate::clock::Clock;
use crate::resources::Update;
use crate::sources::Draw;
use crate::sources::key_sets::{self, Archive, WantedKeys};
use crate::sources::names::{self, WantedNames};
use crate::tasks::Tasks;
use crate::transport::{self, EgressRules, Fetcher, Resolve};

/// How connections are made.
pub(super) struct Outbound {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) egress: EgressRules,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) fetcher: Arc<Fetcher>,
}

/// What is to be kept, and how.
pub(super) struct Wants {
    pub(super) keys: watch::Receiver<Arc<WantedKeys>>,
    pub(super) names: watch::Receiver<Arc<WantedNames>>,
    /// Where key sets outlive this process.
    pub(super) archive: Option<Archive>,
    pub(super) max_stale: Duration,
    pub(super) seed: u64,
}

impl Outbound {
    pub(super) fn new(
        settings: &mut Settings,
        objects: &Objects,
        resolver: Arc<dyn Resolve>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let tls = match &settings.ca_file {
            None => transport::client_config()?,
            Some(path) => {
                let pem = std::fs::read(path).map_err(|source| StartError::CaFile { path: path.clone(), source })?;
                transport::client_config_trusting(&pem)?
            }
        };
        let listed = settings.installation.egress_allow.clone();
        let egress =
            if objects.are_the_operators_own() { EgressRules::files(listed) } else { EgressRules::cluster(listed) };
        let fetcher = Fetcher::new(
            Arc::clone(&resolver),
            egress.clone(),
            Arc::clone(&tls),
            settings.outbound_proxy.take(),
            clock,
        );
        Ok(Self { tls, egress, resolver, fetcher: Arc::new(fetcher) })
    }

    /// Keeps the key sets and names that snapshots want.
    pub(super) fn keep(&self, tasks: &mut Tasks, wants: Wants, sender: &mpsc::Sender<Update>, clock: &Clock) {
        let Wants { keys, names, archive, max_stale, seed } = wants;
        let draw = draw(seed);
        let parts = key_sets::Parts { fetcher: Arc::clone(&self.fetcher), draw: Arc::clone(&draw), archive };
        key_sets::start(tasks, keys, parts, sender.clone(), key_sets::Settings { max_stale });
        let parts = names::Parts {
            resolver: Arc::clone(&self.resolver),
            egress: self.egress.clone(),
            clock: clock.clone(),
            draw,
        };
        names::start(tasks, names, parts, sender.clone());
    }
}

/// Numbers that follow from `seed`; they spread retries over time and need not be secret.
fn draw(seed: u64) -> Draw {
    let hasher = foldhash::fast::FixedState::with_seed(seed);
    let count = AtomicU64::new(0);
    Arc::new(move || hasher.hash_one(count.fetch_add(1, Ordering::Relaxed)))
}
