//! Brings objects in: kube watches, files, key sets, endpoints.
//!
//! A source turns what it reads into [`Update`](crate::resources::Update)s on a bounded channel and judges nothing.

pub mod files;
pub mod kube;
