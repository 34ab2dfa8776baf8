//! Which requests a rule takes: path, methods and headers.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{HEADER_NAME, HEADER_VALUE, METHOD, PATH, without_description};

/// Conditions that a request must meet, every one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// The path of the request, after normalisation. When unset, every path. Example: `{type: Prefix, value: /orders}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// The methods, in upper case; any one. When unset, every method. `HEAD` is not implied by `GET`.
    /// Example: `[GET, HEAD]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 32), regex(pattern = METHOD)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub methods: Vec<String>,
    /// Headers that the request must have, every one; each name once, in whatever case. When unset, none is needed.
    /// Example: `[{name: x-version, value: "2"}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub headers: Vec<HeaderMatch>,
}

/// A path, whole or as a prefix of whole segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathMatch {
    /// How `value` is compared: `Exact` takes this path alone, `Prefix` also everything below it, by whole segments:
    /// `/orders` takes `/orders` and `/orders/7`, not `/orders-old`. When unset, `Prefix`.
    /// Example: `Exact`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<PathMatchType>,
    /// The path, percent-encoded as a client sends it, case-sensitive, without a query and without wildcards.
    /// Example: `/orders`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = PATH))]
    #[x_kube(validation = ("!self.contains('*')", "a path has no wildcards; `Prefix` takes everything below it"))]
    pub value: String,
}

/// How a path is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum PathMatchType {
    /// This path alone.
    Exact,
    /// This path and every path below it, by whole segments.
    #[default]
    Prefix,
}

/// One header and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderMatch {
    /// The name of the header; case does not matter. Example: `x-version`.
    #[schemars(length(min = 1, max = 128), regex(pattern = HEADER_NAME))]
    pub name: String,
    /// The whole value of the header, case-sensitive. A request with the header twice does not match.
    /// Example: `"2"`.
    #[schemars(length(max = 1024), regex(pattern = HEADER_VALUE))]
    pub value: String,
}
