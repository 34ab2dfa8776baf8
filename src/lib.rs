//! bearward guards APIs and AI models with bearer tokens: one binary, a Kubernetes controller and a hyper data plane in
//! one process.
//!
//! `docs/architecture.md` has the picture, the table of modules and the life of a request.

pub mod api;
pub mod balance;
pub mod clock;
pub mod command;
pub mod compile;
pub mod expr;
pub mod finding;
pub mod jose;
pub mod name;
pub mod proxy;
pub mod resources;
pub mod secret;
pub mod snapshot;
pub mod sources;
pub mod tasks;
pub mod telemetry;
pub mod transport;
pub mod wire;
