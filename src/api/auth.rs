//! Who may make a request: token policies and what each asks of the token, or the words `anonymous: true`.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::references::LocalRef;
use super::schema::{SCOPE, VISIBLE, exactly_one};

/// Who may make a request: exactly one of `tokens` and `anonymous`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["tokens", "anonymous"]))]
pub struct Auth {
    /// The tokens that are taken; any one item suffices. When unset, `anonymous` must be set.
    /// Example: `[{policyRef: {name: partners}, scopes: [orders:read]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tokens: Vec<TokenRule>,
    /// Opens the rule to everybody: no token is asked for, and one that is sent is not looked at, and
    /// passes on to the upstream unless it is an API key of ours. Only `true` can be written; nothing else, no default,
    /// mode or error, opens a rule. When unset, `tokens` must be set.
    /// Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<Anonymous>,
}

/// The words `anonymous: true`. There is no value for `false`, so that a rule is open only if it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct Anonymous;

impl TryFrom<bool> for Anonymous {
    type Error = &'static str;

    fn try_from(written: bool) -> Result<Self, Self::Error> {
        if written { Ok(Self) } else { Err("anonymous can only be true; leave it out to ask for a token") }
    }
}

impl From<Anonymous> for bool {
    fn from(Anonymous: Anonymous) -> Self {
        true
    }
}

impl JsonSchema for Anonymous {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Anonymous".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "boolean", "enum": [true]})
    }
}

/// A token policy and what a token that it accepts must hold besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRule {
    /// The TokenPolicy that says which tokens are genuine. If it is missing or broken, requests get 503.
    /// Example: `{name: partners}`.
    pub policy_ref: LocalRef,
    /// Scopes that the token must have, every one, compared exactly. When unset, none is needed. A request without one
    /// of them gets 403 `insufficient_scope`. Example: `[orders:read]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128), regex(pattern = SCOPE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Vec<String>,
    /// Claims that the token must have, every one. When unset, none is needed. A request without one of them gets 403.
    /// Example: `[{claim: tenant, equals: acme}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub claims: Vec<ClaimMatch>,
    /// A CEL expression that must be true; it sees `claims`, `token` (policy, entry, issuer, scopes) and `request`
    /// (method, host, path, query, headers, ip). An error in it refuses, as false does, with 403. When unset, nothing
    /// more is asked. Example: `claims.tenant == 'acme' && request.method == 'GET'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub require: Option<String>,
}

/// One claim and what it must be: exactly one of `equals` and `in`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["equals", "in"]))]
pub struct ClaimMatch {
    /// The name of a member of the token's claims, at their top level. Example: `tenant`.
    #[schemars(length(min = 1, max = 128), regex(pattern = VISIBLE))]
    pub claim: String,
    /// The claim is this string, or a list that has it. A number or boolean claim never equals a string. When unset,
    /// `in` must be set. Example: `acme`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub equals: Option<String>,
    /// The claim is one of these strings, or a list that has one of them. When unset, `equals` must be set.
    /// Example: `[acme, globex]`.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub any_of: Vec<String>,
}
