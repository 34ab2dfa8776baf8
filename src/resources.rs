//! Every input object in force, by key, with reverse references and a change log.
//!
//! ```text
//! files, watches, fetches ─ Update ─► Resources ─ dirty keys ─► compile
//!                                        ▲    └─ look-ups (each is logged, misses too) ─┐
//!                                        └────────── readers ◄──────────────────────────┘
//! ```
//!
//! An object comes from a [`Scope`]: one file, or one watch. A scope is replaced as a whole (a file that was read
//! again, a watch that listed again) or edited object by object. Where two scopes hold an object of the same key, the
//! first in the order of scopes is in force and the other is a finding.

mod object;
mod references;
mod report;
mod scope;
mod store;
#[cfg(test)]
mod tests;
mod verdict;

pub use object::{Body, Meta, Object, Version};
pub use references::{Lookup, Reader, Reading};
pub use report::{DnsName, KeyPlace, KeySource, Report, ReportFinding, ReportKey};
pub use scope::Scope;
pub use store::{Resources, Update};
pub use verdict::{Read, SigningKeyState, Verdict};
