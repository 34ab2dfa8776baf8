//! Brings objects in: kube watches, files, key sets, endpoints.
//!
//! Whatever is read becomes an `Update` for the one task that compiles. Key sets and the addresses of names go straight
//! into their cells of the snapshot; only what their users should know of them is an update. A source judges nothing.

pub mod files;
mod keepers;
pub mod key_sets;
pub mod kube;
pub mod names;
mod pace;

pub use pace::Draw;
