//! Signing keys of a gateway without a cluster: the process itself takes the steps, and is the only replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::keep::{Found, Keep, KeepError};
use super::shown::show;
use super::{Folder, Parts, Rotator, Tidings, Unkept};
use crate::clock::Clock;
use crate::operate::ack::{Ack, Keys};
use crate::resources::Update;
use crate::rotation::{Keyring, Plan, Plans, Ring};
use crate::state::Board;
use crate::tasks::Tasks;

/// What the only replica is called.
const NAME: &str = "this process";

/// Where a gateway without a cluster keeps its signing keys.
pub enum Place {
    /// In this folder.
    Folder(Folder),
    /// In memory: they end with the process.
    Memory,
    /// Nowhere: whoever wants to issue tokens is told what to do.
    Nowhere,
}

/// What the steps are taken by.
pub struct Local {
    /// What this process has in force.
    pub board: Arc<Board>,
    /// The issuers whose keys rotate.
    pub plans: watch::Receiver<Plans>,
    /// Where Secrets and reports go.
    pub updates: mpsc::Sender<Update>,
    /// Time.
    pub clock: Clock,
    /// Where the jitter of retries starts.
    pub seed: u64,
}

/// Takes the steps of all signing keys for as long as `tasks` lasts.
pub fn keep(tasks: &mut Tasks, place: Place, local: Local) {
    let Local { board, plans, updates, clock, seed } = local;
    if let Place::Folder(folder) = &place {
        let (folder, board, plans) = (folder.path().to_owned(), Arc::clone(&board), plans.clone());
        tasks.spawn("signing keys shown", show(folder, board, plans));
    }
    let (said, heard) = watch::channel(None);
    tasks.spawn("signing keys in force", async move {
        let mut revisions = board.revisions();
        loop {
            revisions.borrow_and_update();
            said.send_replace(Some(this_process(&board)));
            // Nothing is published any more: the process ends.
            if revisions.changed().await.is_err() {
                return;
            }
        }
    });
    let parts = Parts { plans, heard, leading: None, offers: true, updates, tidings: Tidings::Nobody, clock, seed };
    match place {
        Place::Folder(folder) => tasks.spawn("signing keys", Rotator::new(folder, parts).run()),
        Place::Memory => tasks.spawn("signing keys", Rotator::new(Unkept::default(), parts).run()),
        Place::Nowhere => tasks.spawn("signing keys", Rotator::new(Nowhere, parts).run()),
    }
}

/// The keys that the only replica has in force.
pub(super) fn this_process(board: &Board) -> BTreeMap<Arc<str>, Keys> {
    BTreeMap::from([(NAME.into(), Ack::of(&board.standing()).keys().clone())])
}

/// A place that is none.
pub(super) struct Nowhere;

impl Nowhere {
    fn error() -> KeepError {
        KeepError::Forbidden("there is no place for them; start with --state and a folder".to_owned())
    }
}

impl Keep for Nowhere {
    type Version = ();

    async fn load(&self, _plan: &Plan) -> Result<Found<()>, KeepError> {
        Err(Self::error())
    }

    async fn save(&self, _plan: &Plan, _keyring: &Keyring, _over: Option<()>) -> Result<(), KeepError> {
        Err(Self::error())
    }

    async fn last(&self, _plan: &Plan) -> Result<Option<Ring>, KeepError> {
        Err(Self::error())
    }

    fn place(&self, plan: &Plan) -> String {
        plan.secret.to_string()
    }

    async fn remember(&self, _plan: &Plan, _ring: &Ring) -> Result<Option<Ring>, KeepError> {
        Err(Self::error())
    }
}
