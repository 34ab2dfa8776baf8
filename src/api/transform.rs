//! What is changed in a request on its way to the upstream and in the response on its way back.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{
    HEADER_NAME, HOST_AND_PORT, PATH, SIZE, at_least_one, exactly_one, header_map, without_description,
};

/// Changes to a request before it is forwarded, and its greatest size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestTransform {
    /// Headers to set, replacing those of that name; name to value. Hop-by-hop and framing headers cannot be set.
    /// When unset, none. Example: `{x-gateway: bearward}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "header_map")]
    pub set_headers: BTreeMap<String, String>,
    /// Headers to remove, by name; case does not matter. They are removed before `setHeaders` are set. When unset, none
    /// but those that no upstream may see. Example: `[x-debug]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128), regex(pattern = HEADER_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub remove_headers: Vec<String>,
    /// How the path changes. When unset, it stays. Example: `{replacePrefix: /v1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRewrite>,
    /// The host that the upstream sees, with a port where it needs one. When unset, the client's for a Service, and the
    /// URL's own for a URL. Example: `orders.internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 259), regex(pattern = HOST_AND_PORT))]
    pub host: Option<String>,
    /// The greatest body that is taken, in bytes or with Ki, Mi or Gi; more gets 413. When unset, `10Mi`.
    /// Example: `10Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), regex(pattern = SIZE))]
    pub max_body: Option<String>,
}

/// Changes to a response before the client gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResponseTransform {
    /// Headers to set, replacing those of that name; name to value. Hop-by-hop and framing headers cannot be set.
    /// When unset, none. Example: `{cache-control: no-store}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "header_map")]
    pub set_headers: BTreeMap<String, String>,
    /// Headers to remove, by name; case does not matter. They are removed before `setHeaders` are set. When unset,
    /// none but hop-by-hop headers. Example: `[server]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128), regex(pattern = HEADER_NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub remove_headers: Vec<String>,
}

/// How a path changes: exactly one of `replacePrefix` and `replaceFull`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["replacePrefix", "replaceFull"]))]
pub struct PathRewrite {
    /// Put in place of the path or prefix that matched; what follows it, and the query, stay. When unset,
    /// `replaceFull` must be set. Example: `/v1` makes `/v1/7` of `/orders/7` where `/orders` matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = PATH))]
    pub replace_prefix: Option<String>,
    /// Put in place of the whole path; the query stays. When unset, `replacePrefix` must be set. Example: `/health`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = PATH))]
    pub replace_full: Option<String>,
}

/// An answer that sends the client elsewhere: at least one of `scheme`, `host` and `path` differs from the request's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = at_least_one(&["scheme", "host", "path"]))]
pub struct Redirect {
    /// The scheme of the new URL, `http` or `https`. When unset, the request's. Example: `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The host of the new URL, with a port where one is to be said. When unset, the request's.
    /// Example: `www.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 259), regex(pattern = HOST_AND_PORT))]
    pub host: Option<String>,
    /// How the path changes; the query stays. When unset, the path stays. Example: `{replacePrefix: /new}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRewrite>,
    /// The status of the answer: 301, 302, 303, 307 or 308. When unset, 302. Example: `308`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [301, 302, 303, 307, 308]))]
    pub status: Option<i32>,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, transform = without_description)]
pub enum Scheme {
    /// Unencrypted.
    Http,
    /// Over TLS.
    Https,
}
