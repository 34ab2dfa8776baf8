//! ApiRoute: which requests go where, and who may make them.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Auth;
use super::backend::Backend;
use super::matching::Match;
use super::references::ServiceRef;
use super::schema::{DURATION, HOST_OR_WILDCARD, LABEL, exactly_one, not_zero, without_description};
use super::status::ApiRouteStatus;
use super::transform::{Redirect, RequestTransform, ResponseTransform};

/// Which requests go where, and who may make them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "bearward.dev",
    version = "v1alpha1",
    kind = "ApiRoute",
    doc = "Which requests go where, and who may make them.",
    namespaced,
    category = "bearward",
    shortname = "ar",
    derive = "PartialEq",
    status = "ApiRouteStatus"
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiRouteSpec {
    /// The installation that serves this object; every other leaves it alone. When unset, `bearward`.
    /// Example: `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub class: Option<String>,
    /// The hosts that the rules are for, in lower case and without a port; `*.` in front takes one or more labels. An
    /// empty list takes every host, which only files may say (`bearward serve`). A
    /// host belongs to the namespace that claimed it first; others get the finding `HostNotOwned`. Example:
    /// `[api.example.com, "*.eu.example.com"]`.
    #[schemars(length(max = 64), inner(length(min = 1, max = 253), regex(pattern = HOST_OR_WILDCARD)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub hosts: Vec<String>,
    /// Who may make requests, for every rule that does not say so itself; a rule's own replaces it whole. When unset,
    /// each rule must have its own, else its requests are refused with 503.
    /// Example: `{tokens: [{policyRef: {name: partners}}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Targets with a name, for when more than an address is to be said. When unset, backends name their targets
    /// themselves. Example: `[{name: orders, service: {name: orders, port: 80}, protocol: H2C}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub upstreams: Vec<Upstream>,
    /// The rules. A request is for the rule with the most specific match: exact host before wildcard, exact path before
    /// prefix, longer before shorter, then method, then more headers, then the older object, then its name.
    /// Example: `[{name: orders, auth: {tokens: [{policyRef: {name: partners}}]}, backends: [{service: {name: orders,
    /// port: 80}}]}]`.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub rules: Vec<RouteRule>,
}

/// A target with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// What backends call it; unique in the object. Example: `orders`.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// A Service of the same namespace. Example: `{name: orders, port: 80}`.
    pub service: ServiceRef,
    /// What is spoken to it: `HTTP1`, or `H2C`, which is HTTP/2 without TLS, as gRPC servers in a cluster take it. When
    /// unset, `HTTP1`. Example: `H2C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// What is spoken to an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum Protocol {
    /// HTTP/1.1 without TLS.
    #[default]
    #[serde(rename = "HTTP1")]
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    #[serde(rename = "H2C")]
    H2c,
}

/// One rule: which requests, who may make them, and what is done with them. Exactly one of `backends` and `redirect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = exactly_one(&["backends", "redirect"]),
    validation = Rule::new("!has(self.redirect) || (!has(self.request) && !has(self.timeouts))")
        .message("a rule with redirect forwards nothing, so request and timeouts have no effect in it"),
)]
pub struct RouteRule {
    /// What status, logs and metrics call it; unique in the object, and kept over edits. Example: `read-orders`.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// Which requests it takes; any one item suffices. When unset, every request to the hosts.
    /// Example: `[{path: {type: Prefix, value: /orders}, methods: [GET]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub matches: Vec<Match>,
    /// Who may make requests. When unset, as `spec.auth` says; if neither is set, requests are refused with 503.
    /// Example: `{tokens: [{policyRef: {name: partners}}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Changes to the request before it is forwarded. When unset, only what every gateway must change.
    /// Example: `{path: {replacePrefix: /v1}, maxBody: 1Mi}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestTransform>,
    /// Changes to the response before the client gets it. When unset, only what every gateway must change.
    /// Example: `{removeHeaders: [server]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseTransform>,
    /// How long things may take. When unset, each member as it says itself. Example: `{request: 30s}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// Where requests are sent, by weight. A backend that does not resolve answers its share with 503. When unset,
    /// `redirect` must be set. Example: `[{service: {name: orders, port: 80}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub backends: Vec<Backend>,
    /// Answers with a redirect instead of forwarding. When unset, `backends` must be set. Example: `{scheme: https}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
}

/// How long things may take, each in h, m, s or ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timeouts {
    /// From the end of the request's head to the end of the response's; then 504. When unset, there is no such limit,
    /// and `idle` ends what hangs. Example: `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = not_zero())]
    pub request: Option<String>,
    /// For one connection to an endpoint to stand, TLS included; then another endpoint is tried. When unset, `2s`.
    /// Example: `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = not_zero())]
    pub connect: Option<String>,
    /// Between two pieces of a body, either way; then the stream is cut. When unset, `1m`. Example: `1m30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = not_zero())]
    pub idle: Option<String>,
}
