//! Requests that two servers might read in two ways, sent through the gateway to a real nginx and a real Node.
//!
//! Each row of the corpus says what becomes of its bytes. What the upstreams took them for is then held against what the
//! gateway logged: as many requests, each under the gateway's own id, with the method, the path and the body that were
//! judged; and no path that asks for a token without one.
//!
//! And the tokens that the gateway issues, got and verified by libraries that everybody uses: openid-client and jose,
//! Authlib and PyJWT.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

mod algorithms;
mod between;
mod connection;
mod corpus;
mod frames;
mod gateway;
mod grants;
mod issuing;
mod mutations;
mod nginx;
mod node;
mod requests;
mod rotation;
mod row;
mod script;
mod seen;
mod streams;
