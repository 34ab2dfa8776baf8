//! The authorization server: metadata, JWKS, token, introspection, revocation.

pub mod family;
pub mod revoked;
