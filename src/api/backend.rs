//! Where a request is sent.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::references::{LocalRef, ServiceRef};
use super::schema::{LABEL, URL, exactly_one};

/// One target and its share: exactly one of `upstream`, `service`, `url` and `modelRef`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["upstream", "service", "url", "modelRef"]))]
pub struct Backend {
    /// The name of one of this object's `upstreams`. When unset, another member must be set. Example: `orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub upstream: Option<String>,
    /// A Service of the same namespace, spoken to in HTTP/1.1; `upstreams` can say another protocol. When unset,
    /// another member must be set. Example: `{name: orders, port: 80}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRef>,
    /// A server outside the cluster, by the scheme, host and port of a URL. A path in it is put in front of the
    /// request's. For a target inside the cluster, use `service`. When unset, another member must be set. Example: `https://api.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = URL))]
    pub url: Option<String>,
    /// A ModelBackend of the same namespace. When unset, another member must be set. Example: `{name: chat}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_ref: Option<LocalRef>,
    /// The share of requests, relative to the weights of the other backends of the rule. When unset, 1; with 0 it gets
    /// none. If all weights are 0, requests get 503. Example: `90`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: Option<i32>,
}
