//! TokenPolicy: which tokens are genuine, whose they are, and what upstreams learn of them.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::issue::{Issue, Issued};
use super::jwt::Jwt;
use super::schema::{HEADER_NAME, LABEL, VISIBLE, exactly_one, label_map, without_description};
use super::status::TokenPolicyStatus;

/// Which tokens are genuine, whose they are, and what upstreams learn of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "bearward.dev",
    version = "v1alpha1",
    kind = "TokenPolicy",
    plural = "tokenpolicies",
    doc = "Which tokens are genuine, whose they are, and what upstreams learn of them.",
    namespaced,
    category = "bearward",
    shortname = "tp",
    derive = "PartialEq",
    status = "TokenPolicyStatus"
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new("has(self.issue) || !self.accept.exists(e, has(e.issued))")
        .message("an entry issued takes what issue signs, so it needs issue"),
    validation = Rule::new(concat!(
        "!has(self.issue) || self.accept.all(e, !has(e.issued) || !has(e.issued.audiences) || ",
        "e.issued.audiences.all(a, a in self.issue.audiences))"
    ))
    .message("the audiences of an entry issued are among those of issue"),
    validation = Rule::new(concat!(
        "!has(self.forward) || !has(self.forward.credential) || self.forward.credential != 'Sign' || ",
        "self.accept.all(e, has(e.issued))"
    ))
    .message("forward.credential Sign sends on what issue has signed, so every entry is one of issued"),
)]
pub struct TokenPolicySpec {
    /// The installation that enforces this object; every other leaves it alone. When unset, `bearward`.
    /// Example: `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub class: Option<String>,
    /// Which claims say who called, in the access log. API keys have the labels of their Secret for claims, and their
    /// owner for `sub`. When unset, each member as it says itself. Example: `{team: team}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What is accepted. A token is tried against the one entry that its form and issuer select, never against several.
    /// Example: `[{name: corp, jwt: {issuer: "https://login.example.com/", audiences: [orders], keys: {discovery: {}}}}]`.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub accept: Vec<Entry>,
    /// What upstreams learn of the token. When unset, nothing: the credential is taken out of the request.
    /// Example: `{claims: [{claim: sub, header: x-subject}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// Makes the policy an issuer of tokens as well. When unset, it issues none.
    /// Example: `{issuer: "https://gw.example.com/shop", audiences: [orders], keysSecretRef: {name: shop-signing-keys}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<Box<Issue>>,
}

/// Which claims say who called, in the access log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new(concat!(
        "!has(self.client) || ",
        "!self.client.exists(c, c == (has(self.subject) ? self.subject : 'sub'))"
    ))
    .message("the log has clients as they are and subjects never, so the subject's claim names no client"),
    validation = Rule::new("!has(self.team) || self.team != (has(self.subject) ? self.subject : 'sub')")
    .message("the log has teams as they are and subjects never, so the subject's claim names no team"),
)]
pub struct Identity {
    /// The claim that names the subject, which the field `subject` of the log has as a fingerprint: 16 hexadecimal
    /// digits that are the same for the same subject of the same issuer, until the process ends. A subject itself is
    /// never written, so this is not the claim of the client or team too. When unset, `sub`. Example: `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = VISIBLE))]
    pub subject: Option<String>,
    /// The claims that name the client; the first that the token has counts. The field `client_id` of the log has it as
    /// it is, at most 128 bytes of it, and is left out if the claim is not a string. When unset, `client_id`, then
    /// `azp`. Example: `[client_id, azp]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 4), inner(length(min = 1, max = 128), regex(pattern = VISIBLE)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub client: Vec<String>,
    /// The claim that names the team. The field `team` of the log has it as it is, at most 128 bytes of it, and is left
    /// out if the claim is not a string. When unset, the log has no teams. Example: `team`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = VISIBLE))]
    pub team: Option<String>,
}

/// One kind of token: exactly one of `jwt`, `apiKeys` and `issued`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["jwt", "apiKeys", "issued"]))]
pub struct Entry {
    /// What status, logs and CEL call it; unique in the object. Example: `corp`.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// JWTs of one issuer. When unset, `apiKeys` or `issued` must be set.
    /// Example: `{issuer: "https://login.example.com/", audiences: [orders], keys: {discovery: {}}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
    /// API keys that `bearward keys generate api-key` made, each in a Secret of the same namespace with the label
    /// `bearward.dev/use: api-key`. When unset, `jwt` or `issued` must be set.
    /// Example: `{selector: {matchLabels: {team: shop}}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<ApiKeys>,
    /// The tokens that `issue` of this policy signs, sealed ones too. When unset, `jwt` or `apiKeys` must be set.
    /// Example: `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Issued>,
}

/// Which API keys are accepted, and where in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKeys {
    /// Selects the Secrets of type `bearward.dev/api-key` that hold the keys. Example: `{matchLabels: {team: shop}}`.
    pub selector: LabelSelector,
    /// Where a key is looked for: `Bearer` is the header `Authorization`, the others are headers of that name. When
    /// unset, all four. Example: `[Bearer, x-api-key]`.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub locations: Vec<KeyLocation>,
}

/// Which objects, by their labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    /// Labels that an object must have, every one. It cannot be empty, so that nothing is selected by accident.
    /// Example: `{team: shop}`.
    #[schemars(schema_with = "label_map")]
    pub match_labels: BTreeMap<String, String>,
}

/// Where a request carries an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum KeyLocation {
    /// The header `Authorization` with the scheme `Bearer`.
    Bearer,
    /// The header `x-api-key`, as the SDKs of Anthropic send it.
    #[serde(rename = "x-api-key")]
    XApiKey,
    /// The header `x-goog-api-key`, as the SDKs of Google send it.
    #[serde(rename = "x-goog-api-key")]
    XGoogApiKey,
    /// The header `api-key`, as the SDKs of Azure send it.
    #[serde(rename = "api-key")]
    ApiKey,
}

/// What upstreams learn of the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Forward {
    /// What becomes of the credential: `Strip` takes it out of the request, `Keep` sends it on, `Sign` sends on the signed
    /// token in it: what is inside a sealed one. `Sign` needs every entry to be one of `issued`. When unset, `Strip`.
    /// Example: `Keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialForwarding>,
    /// Claims to send on as headers. A header named here is removed from what clients send, on every route. A claim
    /// that the token lacks sets no header. When unset, none. Example: `[{claim: sub, header: x-subject}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["header".to_owned()]))]
    pub claims: Vec<ClaimHeader>,
}

/// What becomes of the credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum CredentialForwarding {
    /// The upstream does not see it.
    #[default]
    Strip,
    /// The upstream sees it as the client sent it.
    Keep,
    /// The upstream sees the signed token in it.
    Sign,
}

/// One claim and the header that it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimHeader {
    /// The name of a member of the token's claims, at their top level. Example: `sub`.
    #[schemars(length(min = 1, max = 128), regex(pattern = VISIBLE))]
    pub claim: String,
    /// The header that it becomes; unique in the list. Example: `x-subject`.
    #[schemars(length(min = 1, max = 128), regex(pattern = HEADER_NAME))]
    pub header: String,
}
