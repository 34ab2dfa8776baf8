//! Health, readiness, metrics, redacted dump, console.

mod server;

pub use server::serve;
