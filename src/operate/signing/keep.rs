//! Where rings are kept, seen from whoever takes their steps: a Secret in a cluster, a file without one.

use std::future::Future;

use thiserror::Error;

use crate::rotation::Plan;
use crate::rotation::{Keyring, Ring, Wishes};

/// What is found where a ring should be.
pub(in crate::operate) enum Found<V> {
    /// Nothing.
    Nothing,
    /// Something that is not ours to write, and in words, what.
    Foreign(String),
    /// A ring that cannot be read, and why. It is not written over: somebody may mend it.
    Broken(String),
    /// A ring, and the version of what it was read from.
    Ours(Box<Keyring>, V),
}

/// Why a ring could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::operate) enum KeepError {
    /// Somebody else has written since it was read.
    #[error("somebody else has written it")]
    Conflict,
    /// We may not; in words, what to do.
    #[error("{0}")]
    Forbidden(String),
    /// It did not come to it.
    #[error("{0}")]
    Failed(String),
}

/// A place where rings are kept. Every write names the version that it replaces, so that of two who write at once one is
/// refused.
pub(in crate::operate) trait Keep: Send + Sync + 'static {
    /// Which version of a ring.
    type Version: Send + Sync;

    /// What is there now.
    fn load(&self, plan: &Plan) -> impl Future<Output = Result<Found<Self::Version>, KeepError>> + Send;

    /// Writes a ring over the one of this version; `None`: where nothing is.
    fn save(
        &self,
        plan: &Plan,
        keyring: &Keyring,
        over: Option<Self::Version>,
    ) -> impl Future<Output = Result<(), KeepError>> + Send;

    /// The last ring that was remembered, public halves alone.
    fn last(&self, plan: &Plan) -> impl Future<Output = Result<Option<Ring>, KeepError>> + Send;

    /// What is asked for: by the policy, and wherever else one can ask.
    fn wishes(&self, plan: &Plan) -> impl Future<Output = Wishes> + Send {
        std::future::ready(plan.wishes.clone())
    }

    /// What findings call the place.
    fn place(&self, plan: &Plan) -> String;

    /// Remembers a ring beside its place, so that what becomes of the place is noticed. A later one that is remembered
    /// already is given back, and stays: what is in the place is older then.
    fn remember(&self, plan: &Plan, ring: &Ring) -> impl Future<Output = Result<Option<Ring>, KeepError>> + Send;
}
