//! What an entry of a TokenPolicy asks of a JWT: issuer, audiences, keys, algorithms and times.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::references::SecretKeyRef;
use super::schema::{DURATION, URL, VISIBLE, exactly_one, not_zero, without_description};

/// What a JWT must be to be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new(concat!(
        "!has(self.algorithms) || !self.algorithms.exists(a, a.startsWith('HS')) || ",
        "(size(self.algorithms) == 1 && has(self.keys.secretRef))"
    ))
    .message("an HS algorithm stands alone and takes its key from keys.secretRef"),
    validation = Rule::new("!has(self.keys.discovery) || self.issuer.matches('^https?://')")
    .message("keys.discovery needs an issuer that is a URL"),
)]
pub struct Jwt {
    /// The issuer, exactly as the claim `iss` has it; no slash is added or taken away.
    /// Example: `https://login.example.com/`.
    #[schemars(length(min = 1, max = 512), regex(pattern = VISIBLE))]
    pub issuer: String,
    /// Our names: the claim `aud` must have at least one of them, compared exactly. Example: `[orders]`.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 512), regex(pattern = VISIBLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,
    /// Where the issuer's keys come from. Example: `{discovery: {}}`.
    pub keys: Keys,
    /// The algorithms that a signature may have: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`,
    /// `ES384`, `ES512`, `EdDSA`, `Ed25519`; or one of `HS256`, `HS384`, `HS512` alone, with its key from a Secret.
    /// When unset, `ES256` and `RS256`. Example: `[ES256, RS256]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 14))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub algorithms: Vec<Algorithm>,
    /// How strictly a token is told from other things that its issuer signs: `RFC9068` takes only tokens typed
    /// `at+jwt` with the claims that RFC 9068 requires; `Generic` is for issuers that do not type their access tokens,
    /// refuses ID tokens by their claims, and shows in status as weaker. When unset, `RFC9068`.
    /// Example: `Generic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The longest time between a token's `iat` and `exp`; tokens that live longer are refused. When unset, `24h`.
    /// Example: `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = not_zero())]
    pub max_lifetime: Option<String>,
    /// The longest time since a token's `iat`, whatever its `exp`; tokens without `iat` are then refused. When unset,
    /// there is no such limit. Example: `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = not_zero())]
    pub max_age: Option<String>,
    /// How far the issuer's clock may be from ours when `exp` and `nbf` are compared; at most `5m`. When unset, `30s`.
    /// Example: `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = DURATION))]
    #[x_kube(validation = ("duration(self) <= duration('5m')", "leeway is at most 5m"))]
    pub leeway: Option<String>,
    /// The claim that holds the scopes, as one string with blanks or as a list. When unset, `scope`. Example: `scp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = VISIBLE))]
    pub scope_claim: Option<String>,
    /// Takes keys over plain HTTP, where anybody on the way can change them; status says so. When unset or false, only
    /// `https` is used, but for loopback addresses. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_http: Option<bool>,
}

/// Where keys come from: exactly one of `discovery`, `url`, `secretRef` and `inline`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = exactly_one(&["discovery", "url", "secretRef", "inline"]))]
pub struct Keys {
    /// The issuer's own metadata (OpenID Connect Discovery, RFC 8414) names the key set; the issuer must be a URL.
    /// When unset, another member must be set. Example: `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Discovery>,
    /// The URL of the key set. When unset, another member must be set. Example: `https://login.example.com/keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = URL))]
    pub url: Option<String>,
    /// A Secret of the same namespace, labelled `bearward.dev/use: credentials`, that holds a key set, or, with an HS
    /// algorithm, the key's bytes. When unset, another member must be set.
    /// Example: `{name: corp-keys, key: jwks.json}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// The key set itself, as JSON text (RFC 7517); public keys only. When unset, another member must be set.
    /// Example: `'{"keys": []}'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 65536))]
    pub inline: Option<String>,
}

/// Discovery has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Discovery {}

/// A signature algorithm (RFC 7518, RFC 8037, RFC 9864).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
#[expect(missing_docs, reason = "each is the name of a registered algorithm")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    Ed25519,
}

impl Algorithm {
    /// As a policy and a token's header write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// How strictly a token is told from other things that its issuer signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum Profile {
    /// Access tokens as RFC 9068 has them.
    #[default]
    RFC9068,
    /// Access tokens of issuers that do not type them.
    Generic,
}
