//! Follows files as they change.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Note;
use super::loaded::Files;
use crate::clock::Clock;
use crate::resources::Update;

/// How long between two looks. A change counts at the second look that sees it, or when a second has passed without two
/// that agree.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// What follows files as they change, by looking: the kernel's notices do not come over every mount, and get lost.
pub struct Watcher {
    files: Files,
    clock: Clock,
}

impl Watcher {
    pub(super) const fn new(files: Files, clock: Clock) -> Self {
        Self { files, clock }
    }

    /// Sends what changes, until nobody listens any more: what one look has found as one update, in which a file has a
    /// `Replace`, and one that is gone a `Withdraw`.
    pub async fn run(self, sender: mpsc::Sender<Update>) {
        let Self { mut files, clock } = self;
        loop {
            clock.sleep(BETWEEN_LOOKS).await;
            // Files may be on a slow mount, and large ones take a while to parse.
            let look = tokio::task::spawn_blocking(move || {
                let changes = files.look();
                (files, changes)
            });
            let Ok((after, changes)) = look.await else {
                tracing::error!("watcher of files failed; files are not followed any more");
                return;
            };
            files = after;
            for Note { path, line, text } in changes.notes {
                tracing::info!(%path, line, text, "document was skipped");
            }
            changes.updates.iter().for_each(log);
            if !changes.updates.is_empty() && sender.send(Update::Together(changes.updates)).await.is_err() {
                return;
            }
        }
    }
}

fn log(update: &Update) {
    match update {
        Update::Replace { scope, objects, findings, .. } => {
            tracing::info!(%scope, objects = objects.len(), findings = findings.len(), "file was read");
        }
        Update::Withdraw { scope } => tracing::info!(%scope, "file is gone"),
        Update::Apply { .. }
        | Update::Remove { .. }
        | Update::Version { .. }
        | Update::Forbid { .. }
        | Update::Together(_)
        | Update::Report { .. } => {}
    }
}
