//! The specification of what outlives a snapshot.

mod failing_sources;
