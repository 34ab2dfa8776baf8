//! What a gateway without a cluster shows of its signing keys: a file in its folder, with what status has in a cluster.
//!
//! `bearward keys` reads it, and so never reads a private half. It is as of the last change that was in force; whoever
//! wants to know what is kept looks at the rings themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::ask::Line;
use super::folder::{read, replace};
use crate::name::{Kind, ObjectKey};
use crate::resources::SigningKeyState;
use crate::rotation::Plans;
use crate::state::Board;
use crate::tasks;

/// The file.
const FILE: &str = "keys.status";

/// The issuers of a gateway, each by `namespace/name` of its policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown(pub(super) BTreeMap<String, ShownIssuer>);

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShownIssuer {
    /// Whether the gateway rotates its keys; those of a user's own it does not.
    pub(super) rotates: bool,
    pub(super) keys: Vec<ShownKey>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShownKey {
    pub(super) kid: String,
    algorithm: String,
    state: String,
    since: String,
    next: String,
}

impl Shown {
    /// What is in force now.
    fn of(board: &Board, plans: &Plans) -> Self {
        let policies = board.keys().into_iter().filter(|key| key.kind == Kind::TokenPolicy);
        let shown = policies.filter_map(|policy| {
            let keys = board.verdict(&policy).map(|verdict| verdict.keys.iter().map(ShownKey::of).collect::<Vec<_>>());
            let (keys, rotates) = (keys.unwrap_or_default(), plans.contains_key(&policy));
            (rotates || !keys.is_empty()).then(|| (name(&policy), ShownIssuer { rotates, keys }))
        });
        Self(shown.collect())
    }

    /// What a folder shows; `None`: no gateway has shown anything there.
    pub(super) fn read(folder: &Path) -> std::io::Result<Option<Self>> {
        let Some(bytes) = read(&folder.join(FILE))? else { return Ok(None) };
        let shown =
            serde_json::from_slice(&bytes).map_err(|_| std::io::Error::other("it was not written by a gateway"));
        shown.map(Some)
    }
}

fn name(policy: &ObjectKey) -> String {
    format!("{}/{}", policy.namespace, policy.name)
}

impl ShownKey {
    fn of(key: &SigningKeyState) -> Self {
        let since = key.since.and_then(|since| jiff::Timestamp::from_second(since.secs()).ok());
        Self {
            kid: key.kid.to_string(),
            algorithm: key.algorithm.to_owned(),
            state: key.state.to_owned(),
            since: since.map(|since| since.to_string()).unwrap_or_default(),
            next: key.next.clone(),
        }
    }

    /// As a line for people.
    pub(super) fn line(&self, of: &str) -> Line {
        let Self { kid, algorithm, state, since, next } = self.clone();
        Line { of: of.to_owned(), kid, algorithm, state, since, next }
    }
}

/// Keeps the file of this folder true, until nothing is published any more.
pub(super) async fn show(folder: PathBuf, board: Arc<Board>, mut plans: watch::Receiver<Plans>) {
    let mut revisions = board.revisions();
    let mut shown = None;
    loop {
        revisions.borrow_and_update();
        let now = Shown::of(&board, &plans.borrow_and_update());
        if shown.as_ref() != Some(&now) {
            let (path, text) = (folder.join(FILE), serde_json::to_vec_pretty(&now).unwrap_or_default());
            match tasks::blocking("show signing keys", move || replace(&path, &text)).await {
                Ok(()) => shown = Some(now),
                // Tried again with the next change.
                Err(error) => tracing::warn!(%error, "signing keys could not be shown in the folder of the state"),
            }
        }
        let changed = tokio::select! {
            changed = revisions.changed() => changed,
            changed = plans.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}
