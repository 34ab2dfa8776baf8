//! The custom resources exactly as users write them: serde and schema, nothing else. One file per kind.
//!
//! Every doc comment here is product text: it becomes the description in the CRD and the entry in the field reference.
//! A field is here only if it is enforced. What a value means is decided in `compile`; what form it may have is said
//! here, once, and checked by the API server and by `compile::admission` alike.
//!
//! The schema has no defaults, so that what is stored is what was written, and no `nullable`, so that `null` means
//! unset everywhere, as the API server has it.

#![expect(unreachable_pub, reason = "`KubeSchema` copies each struct, with its visibility, into a function")]

mod api_route;
mod auth;
mod backend;
pub mod crd;
mod issue;
mod jwt;
mod matching;
mod model_backend;
mod references;
mod schema;
mod status;
mod token_policy;
mod transform;

pub mod core;

pub use api_route::{ApiRoute, ApiRouteSpec, Protocol, RouteRule, Timeouts, Upstream};
pub use auth::{Anonymous, Auth, ClaimMatch, TokenRule};
pub use backend::Backend;
pub use crd::{crd, crd_yaml, crds};
pub use issue::{
    Client, ClientKeys, DpopMode, Grant, Issue, Issued, Public, Refresh, Rotation, SigningAlgorithm, Subject,
    TokenFormat,
};
pub use jwt::{Algorithm, Discovery, Jwt, Keys, Profile};
pub use matching::{HeaderMatch, Match, PathMatch, PathMatchType};
pub use model_backend::{Credentials, ModelBackend, ModelBackendSpec, Provider};
pub use references::{LocalRef, SecretKeyRef, ServiceRef};
pub use status::{
    ApiRouteStatus, Condition, ConditionStatus, IssuerKey, ModelBackendStatus, Signing, StatusFinding,
    TokenPolicyStatus,
};
pub use token_policy::{
    ApiKeys, ClaimHeader, CredentialForwarding, Entry, Forward, Identity, KeyLocation, LabelSelector, TokenPolicy,
    TokenPolicySpec,
};
pub use transform::{PathRewrite, Redirect, RequestTransform, ResponseTransform, Scheme};

/// The API group of our kinds.
pub const GROUP: &str = "bearward.dev";

/// The version of our kinds.
pub const VERSION: &str = "v1alpha1";

/// The class of an object that names none, and of an installation that is not told otherwise.
pub const DEFAULT_CLASS: &str = "bearward";
