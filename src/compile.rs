//! Turns resources into a snapshot and findings, redoing only what changed.

pub mod admission;
