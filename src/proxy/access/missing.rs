//! A key that is not there, and the wait for it.
//!
//! A token is called unknown only by a key set that was fetched after the token was issued. Before that, the request
//! says that it misses a key, waits for the fetch that this brings, and is looked at again. If that does not help, the
//! answer is 503: the token may well be good.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::finding::Code;
use crate::jose::Reason;
use crate::proxy::refusal::Refusal;
use crate::proxy::worker::Worker;
use crate::snapshot::{AsOf, Issued, KeyCell};
use crate::telemetry::{Cause, Event};

/// How long a request waits for newer keys.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `Retry-After` says when nobody knows when keys may be there: how often they are fetched at most.
const SOME_TIME: Duration = Duration::from_secs(10);

/// A key that may exist, and is not known.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    cell: Arc<KeyCell>,
    /// Whether somebody fetches it: what a Secret should hold comes when that is mended, and no request waits for it.
    is_fetched: bool,
    /// When the next fetch may begin.
    next: Option<UnixTime>,
    /// What is missing.
    cause: Cause,
    /// What the log names instead, if there is more to say.
    finding: Option<Code>,
}

impl Missing {
    /// No keys are known at all.
    pub(super) fn all_keys(cell: &Arc<KeyCell>, code: Code, retry: Option<UnixTime>) -> Self {
        let finding = Some(code).filter(|code| *code != Code::KeysUnavailable);
        // A first fetch that is still under way has no time of the next yet, and no other reason either.
        let is_fetched = retry.is_some() || code == Code::KeysUnavailable;
        Self { cell: Arc::clone(cell), is_fetched, next: retry, cause: Cause::KeysUnavailable, finding }
    }

    /// The key of `token` is not among those that are known as of `as_of`; `None` where that proves that there is none.
    pub(super) fn key_of(cell: &Arc<KeyCell>, token: Issued, as_of: AsOf) -> Option<Self> {
        let next = Some(as_of.may_bring(token)?);
        Some(Self { cell: Arc::clone(cell), is_fetched: true, next, cause: Cause::KeyNotFetchedYet, finding: None })
    }

    /// Asks for newer keys and waits for them, unless they cannot come in time or too many wait already.
    pub(super) async fn wait(self, worker: &Worker) -> Result<(), Refusal> {
        if !self.is_fetched {
            return Err(self.refusal(worker));
        }
        let now = worker.clock().now();
        if self.next.is_some_and(|next| next.since(now) > PATIENCE) {
            self.cell.ask();
            return Err(self.refusal(worker));
        }
        let Some(mut waiter) = self.cell.wait() else {
            worker.counters().event(Event::KeyWaitShed);
            return Err(self.refusal(worker));
        };
        worker.counters().event(Event::KeyWait);
        // In time or not, the keys of then decide.
        let _ = worker.clock().timeout(PATIENCE, waiter.round()).await;
        Ok(())
    }

    /// The answer when there is nothing left to wait for.
    pub(super) fn refusal(&self, worker: &Worker) -> Refusal {
        let retry = self.next.map_or(SOME_TIME, |next| next.since(worker.clock().now()));
        let refusal = Refusal::new(self.cause).retry_after(retry);
        match self.finding {
            Some(code) => refusal.found(code),
            None => refusal,
        }
    }
}

/// Whether a token is refused because its key is not there, which newer keys may change.
pub(super) fn may_be_missing(reason: Reason) -> bool {
    reason == Reason::UnknownKid
}
