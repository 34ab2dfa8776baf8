//! The immutable tables that a request reads: types and look-up.
//!
//! A snapshot cannot be wrong: whatever a user got wrong has become a [`Chain::Refuse`] by the time it is here. Tables
//! are persistent: the next snapshot shares with this one all that did not change. What moves without a compile
//! (endpoints, key sets) is a cell in here, swapped in place.

mod chain;
mod host;
mod issuer;
mod keys;
mod path;
mod policy;
mod route;
#[cfg(test)]
mod tests;
mod upstream;

use std::sync::Arc;

pub use chain::{
    Access, Action, Backend, Chain, ClaimMatcher, ClaimTest, Dialect, HeaderEdits, PathRewrite, Redirect, Refused,
    Stages, Timeouts, TokenRule, Weighted,
};
pub use host::{HostPattern, Hosts};
pub use issuer::{
    Authentication, Client, ClientSecrets, Dpop, Endpoint, Format, Grants, Issuer, IssuerCell, IssuerKeys, Issuers,
    KeyLife, KeyState, Refresh, Served, Signer, Subject,
};
pub use keys::{AcceptedApiKeys, AcceptedKeys, AsOf, Issued, KeyCell, Waiter};
pub use path::PathNode;
pub use policy::{
    ApiKeyEntry, ApiKeyPlace, Challenges, Credential, Entry, ForwardedClaim, Forwarding, Identity, JwtEntry, Policy,
    Takes,
};
pub use route::{Conditions, PathMatch, Rank, Route};
pub use upstream::{Endpoints, HostHeader, Protocol, Upstream, UpstreamId};

use crate::name::SnapshotId;
use crate::wire::headers::IdentityHeaders;

/// Everything that requests need, as of one compile.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Which one this is.
    pub id: SnapshotId,
    /// Host to paths to routes.
    pub hosts: Hosts,
    /// The issuers of this installation; they precede routes.
    pub issuers: Arc<Issuers>,
    /// All headers that carry an identity to upstreams anywhere: nobody else may set them.
    pub identity_headers: Arc<IdentityHeaders>,
}
