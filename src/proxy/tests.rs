//! The specification of the data plane: tables for its pure parts, and bytes at its sockets.

mod claims;
mod codings;
mod credential;
mod drain;
mod framing;
mod gateway;
mod h2_bounds;
mod h2_ends;
mod http1;
mod http2;
mod issuer;
mod keys;
mod models;
mod paths;
mod pool;
mod refusal;
mod routes;
mod spellings;
mod tables;
mod time;
mod timeouts;
mod token_cache;
mod tokens;
mod unread;
mod wire;
mod worker;
