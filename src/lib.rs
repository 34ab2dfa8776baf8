//! bearward guards APIs and AI models with bearer tokens: one binary, a Kubernetes controller and a hyper data plane in
//! one process.
//!
//! `docs/architecture.md` has the picture, the table of modules and the life of a request.

pub mod admin;
pub mod api;
pub mod balance;
pub mod cli;
pub mod clock;
pub mod command;
pub mod compile;
pub mod demo;
pub mod expr;
pub mod finding;
pub mod issuer;
pub mod jose;
pub mod limit;
pub mod name;
pub mod operate;
pub mod proxy;
pub mod resources;
pub mod rotation;
pub mod run;
pub mod secret;
pub mod simulate;
pub mod snapshot;
pub mod sources;
pub mod state;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod transport;
pub mod wire;
