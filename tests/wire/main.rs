//! The whole gateway over real sockets: objects from files, time driven by hand, an upstream that is scripted to the
//! byte.
//!
//! What a row asserts is what stands on the wire. A few rows run the built binary: signals, exit codes, log lines.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

mod api_keys;
mod bad_input;
mod binary;
mod claims;
mod client;
mod configuration;
mod credentials;
mod demo;
mod examples;
mod findings;
mod flood;
mod gateway;
mod header;
mod hygiene;
mod issuer;
mod issuing;
mod key_sets;
mod kit;
mod lifecycle;
mod reload;
mod routes;
mod scripted;
mod servers;
mod signatures;
mod structure;
mod table;
mod transport;
mod upstream;
