//! Judging by keys that may not be there yet.
//!
//! A token is called unknown only by a key set that was fetched after it was issued. Before that, the request says that it
//! misses a key, waits for the fetch that this brings, and judges again. If that does not help, the answer is 503.

use std::sync::Arc;
use std::time::Duration;

use super::Authority;
use super::refusal::Refusal;
use crate::finding::Code;
use crate::jose::{KeySet, Reason};
use crate::snapshot::{AcceptedKeys, Issued, KeyCell};
use crate::telemetry::Cause;

/// How long a request waits for newer keys.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no verdict.
pub(super) enum Unjudged {
    /// What was judged is not good.
    Refused(Reason),
    /// The keys to judge it by are not there.
    Missing(Refusal),
}

/// What is missing.
struct Missing {
    /// Whether somebody fetches it.
    is_fetched: bool,
    next: Option<crate::clock::UnixTime>,
    cause: Cause,
    finding: Option<Code>,
}

impl Authority {
    /// What `judge` says by the keys of this cell. `cheap` makes the checks that need no key: what is wrong without any key
    /// is wrong with it now.
    pub(super) async fn judge<T>(
        &self,
        cell: &Arc<KeyCell>,
        issued: Issued,
        cheap: impl Fn() -> Result<(), Reason>,
        judge: impl Fn(&KeySet) -> Result<T, Reason>,
    ) -> Result<T, Unjudged> {
        let missing = match look(cell, issued, &cheap, &judge) {
            Ok(verdict) => return verdict.map_err(Unjudged::Refused),
            Err(missing) => missing,
        };
        if !self.wait(cell, &missing).await {
            return Err(Unjudged::Missing(self.missing(&missing)));
        }
        match look(cell, issued, &cheap, &judge) {
            Ok(verdict) => verdict.map_err(Unjudged::Refused),
            Err(missing) => Err(Unjudged::Missing(self.missing(&missing))),
        }
    }

    /// Asks for newer keys and waits for a round, unless none can come in time or too many wait already.
    async fn wait(&self, cell: &Arc<KeyCell>, missing: &Missing) -> bool {
        if !missing.is_fetched {
            return false;
        }
        if missing.next.is_some_and(|next| next.since(self.clock.now()) > PATIENCE) {
            cell.ask();
            return false;
        }
        let Some(mut waiter) = cell.wait() else { return false };
        // In time or not, the keys of then decide.
        let _ = self.clock.timeout(PATIENCE, waiter.round()).await;
        true
    }

    fn missing(&self, missing: &Missing) -> Refusal {
        let retry = missing.next.map(|next| next.since(self.clock.now()));
        Refusal::keys(missing.cause, retry, missing.finding)
    }
}

fn look<T>(
    cell: &KeyCell,
    issued: Issued,
    cheap: &impl Fn() -> Result<(), Reason>,
    judge: &impl Fn(&KeySet) -> Result<T, Reason>,
) -> Result<Result<T, Reason>, Missing> {
    match cell.load().as_ref() {
        AcceptedKeys::Known { set, as_of } => match (judge(set), as_of.may_bring(issued)) {
            (Err(Reason::UnknownKid), Some(next)) => {
                Err(Missing { is_fetched: true, next: Some(next), cause: Cause::KeyNotFetchedYet, finding: None })
            }
            (verdict, _) => Ok(verdict),
        },
        AcceptedKeys::Unavailable { code, retry } => {
            if let Err(reason) = cheap() {
                return Ok(Err(reason));
            }
            // A first fetch that is still under way has no time of the next yet, and no other reason either.
            let is_fetched = retry.is_some() || *code == Code::KeysUnavailable;
            let finding = Some(*code).filter(|code| *code != Code::KeysUnavailable);
            Err(Missing { is_fetched, next: *retry, cause: Cause::KeysUnavailable, finding })
        }
    }
}
