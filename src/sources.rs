//! Brings objects in: kube watches, files, key sets, endpoints.
//!
//! A source turns what it reads into [`Update`](crate::resources::Update)s on a bounded channel, for the one task that
//! compiles, and judges nothing. Key sets and the addresses of names go straight into their cells of the snapshot; only
//! what their users should know of them is an update.

pub mod files;
mod keepers;
pub mod key_sets;
pub mod kube;
pub mod names;
mod pace;

pub use pace::Draw;
