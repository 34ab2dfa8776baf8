//! Keeps the key sets of issuers: fetches them at once, refreshes them before they age, and again when a key is missed.
//!
//! ```text
//! wanted ─► one Keeper a source ─ round: metadata ─► key set ─► KeyCell          (what requests see)
//!                ▲    │                                   └───► Update::Report  (what users are told, on change)
//!                │    └ wait: until due, or until asked
//! KeyCell::ask ──┘
//! ```
//!
//! - **When.** At once, then when the answer ages by its `max-age`, within one minute and one hour; after five minutes
//!   if it says nothing. Up to a fifth earlier, at random. After a failure from one second to thirty, doubled each
//!   time.
//! - **When asked.** At most one fetch in ten seconds, counted from the beginning of the last. Asked earlier, a round
//!   ends at once, so that nobody waits for what will not come, and the next fetch is moved to the end of the ten
//!   seconds.
//! - **What stays.** The last good keys, until they are as old as `max_stale`. A set without any usable key is a
//!   failure: an issuer that signs has keys, and an empty set would turn its trouble into a refusal of everybody.
//! - **How far it is believed.** A set is as of the time when the request for it was sent, less the time that a cache
//!   on the way had held it (`Age`). An answer older than the keys at hand is passed over: an edge of a delivery
//!   network that lags behind would else take a new key away again.
//! - **Metadata** is fetched in the first round, after a failed one, and when it is older than an hour; in a round that
//!   was asked for when it is older than a minute.
//!
//! - **What outlives the process.** With an archive, keys of an earlier process are used as of their own time until the
//!   first fetch succeeds, by the same rules as last good keys; except where the installation does not allow the fetch.
//!
//! Each source has its own task and its own time limits; none waits for another.

pub mod archive;
mod discovery;
mod failure;
mod keeper;
mod librarian;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::keepers::{Wanted, keep_each};
use super::pace::Draw;
use crate::resources::{KeySource, Update};
use crate::snapshot::KeyCell;
use crate::tasks::Tasks;
use crate::transport::Fetcher;
use keeper::Keeper;
use librarian::Desk;
pub use librarian::{Archive, ReadArchive};

/// The key sets that the snapshot names, each with its cell.
pub type WantedKeys = Wanted<KeySource, KeyCell>;

/// What an operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long keys are used after newer ones could last be had. Less than a minute counts as a minute: a fetch that
    /// succeeds must fit in between.
    pub max_stale: Duration,
}

/// What keepers work with.
pub struct Parts {
    /// How documents are fetched.
    pub fetcher: Arc<Fetcher>,
    /// Spreads retries over time.
    pub draw: Draw,
    /// Where keys outlive this process, if they do.
    pub archive: Option<Archive>,
}

impl Default for Settings {
    /// A day.
    fn default() -> Self {
        Self { max_stale: Duration::from_hours(24) }
    }
}

/// Keeps the key sets in `wanted`. A report of each is sent after its first round, well or not, and then when it
/// changes. Ends when `wanted` or `sender` has no other end.
pub fn start(
    tasks: &mut Tasks,
    wanted: watch::Receiver<Arc<WantedKeys>>,
    parts: Parts,
    sender: mpsc::Sender<Update>,
    settings: Settings,
) {
    let Parts { fetcher, draw, archive } = parts;
    let desk = archive.map(|archive| {
        let (desk, librarian) = Desk::new(archive, fetcher.clock().clone());
        tasks.spawn("archive of key sets", librarian);
        desk
    });
    tasks.spawn(
        "key sets",
        keep_each("key set", wanted, move |source, cell| {
            let tools = keeper::Tools {
                fetcher: Arc::clone(&fetcher),
                sender: sender.clone(),
                draw: Arc::clone(&draw),
                desk: desk.clone(),
            };
            Keeper::new(source, cell, tools, settings).run()
        }),
    );
}
