//! Typed references to other objects of the same namespace.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema::{LABEL, SUBDOMAIN};

/// An object of the same namespace, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalRef {
    /// The name of the object, in the namespace of the object that refers to it. Example: `partners`.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
}

/// A Service of the same namespace and one of its ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceRef {
    /// The name of the Service, in the namespace of the object that refers to it. Example: `orders`.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// The number of a port that the Service lists, not of one that a pod listens on. Example: `80`.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}

/// One member of a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKeyRef {
    /// The name of the Secret, in the namespace of the object that refers to it. The Secret offers itself by its label
    /// `bearward.dev/use`; without it, it is not read. Example: `openai`.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// The member of the Secret's data. Example: `api-key`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._A-Za-z0-9]+$"))]
    pub key: String,
}
