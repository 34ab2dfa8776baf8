//! The life of a signing key as a pure state machine.
//!
//! ```text
//!                      ┌────────── Discard ──► (gone)
//! (none) ── Create ─► Pending ─ Confirm ─► Pending ── Activate ─► Active ─ Activate of the next ─► Retiring
//!    └───── Create, the first of all ─────────────────────────────► │       Lose                    │ Settle
//!                                                                   │                               ▼
//!           any of them ── Compromise ─► Compromised ── Remove ─► (gone) ◄── Remove ─────────── Retiring
//! ```
//!
//! [`step()`] says what to do next and when to ask again; [`Ring::apply`] does it; [`successor()`] holds every write to the
//! rules, whoever made it; [`reconcile()`] mends what a backup brought back. All follow from the ring, the schedule, what the
//! replicas say and the time alone, so whoever leads next goes on where the last one stopped.
//!
//! Not here: private keys (the ring has public halves only; whoever drives it makes the keys and destroys them), where the
//! ring is kept, clocks and randomness. `docs/signing-keys.md` has the states, the times and the reasons.

mod action;
mod document;
mod keyring;
mod plan;
mod public_half;
mod reconcile;
mod replicas;
mod ring;
mod schedule;
mod step;
mod successor;
#[cfg(test)]
mod tests;
mod wishes;

use std::time::Duration;

pub use action::{Action, NotApplicable, Role};
pub use document::RingError;
pub use keyring::{Doubt, Keyring, KeyringError, NewKey, NotDone};
pub use plan::{Plan, Plans};
pub use public_half::{PublicHalf, UnfitPublicHalf};
pub use reconcile::reconcile;
pub use replicas::{Replicas, Report};
pub use ring::{Cause, FormerMaxAge, Ring, RingKey, State};
pub use schedule::{Schedule, ScheduleError, Times};
pub use step::{Held, Next, Step, Waiting, What, step};
pub use successor::{Unlawful, successor};
pub use wishes::{COMPROMISED, DESPITE, ROTATE, Wishes};

/// The type of a Secret that holds a ring.
pub const SECRET_TYPE: &str = "bearward.dev/signing-keys";

/// What a Secret that holds a ring, or keys of a user's own, offers itself for.
pub const SECRET_USE: &str = "signing-key";

/// From a write to every replica whose watch is live.
pub const PUSH: Duration = Duration::from_secs(1);

/// Between the clocks of replicas.
pub const SKEW: Duration = Duration::from_secs(2);

/// How long after it expired a token may still be taken.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// The most keys that a ring has. A key that would be one more is not made until another is gone.
pub const MAX_KEYS: usize = 16;

/// Of those, how many are kept free for keys that are compromised or lost: a rotation that can wait leaves this room.
pub const KEPT_FREE: usize = 4;

/// The largest ring that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// The longest word of a request for rotation that is remembered, in bytes. Of a longer one the beginning counts.
pub const MAX_WORD: usize = 128;
