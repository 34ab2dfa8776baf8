//! What keeps the memory of this process to itself.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns core dumps off, and the ways of other processes of this user into this one's memory (ptrace, `/proc/…/mem`). Our
/// own key material wipes itself, but what libraries hold does not. That something is not allowed is logged and no more:
/// whoever runs us may be stricter than we are.
pub(super) fn harden() {
    let no_dumps = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, no_dumps) {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other processes could not be kept out of memory");
    }
}
