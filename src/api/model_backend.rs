//! ModelBackend: an AI model provider, and who may use it.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Auth;
use super::references::SecretKeyRef;
use super::schema::{LABEL, URL, without_description};
use super::status::ModelBackendStatus;

/// An AI model provider, and who may use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "bearward.dev",
    version = "v1alpha1",
    kind = "ModelBackend",
    doc = "An AI model provider, and who may use it.",
    namespaced,
    category = "bearward",
    shortname = "mb",
    derive = "PartialEq",
    status = "ModelBackendStatus"
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelBackendSpec {
    /// The installation that serves this object; every other leaves it alone. When unset, `bearward`.
    /// Example: `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub class: Option<String>,
    /// Whose interface the endpoint speaks: `OpenAICompatible`, which is OpenAI's Chat Completions as vLLM, Ollama and
    /// many others serve it. Example: `OpenAICompatible`.
    pub provider: Provider,
    /// The base URL; what follows `/v1` in a client's path is put behind it. Example: `https://api.openai.com/v1`.
    #[schemars(length(min = 1, max = 2048), regex(pattern = URL))]
    pub endpoint: String,
    /// The provider's key, sent in place of the client's credential. When unset, the provider gets no credential.
    /// Example: `{secretRef: {name: openai, key: api-key}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Who may use it, besides what the rule that leads here asks: both must pass. When unset, the rule's alone.
    /// Example: `{tokens: [{policyRef: {name: staff}, scopes: [chat]}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// Whose interface the endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum Provider {
    /// OpenAI's Chat Completions, as vLLM, Ollama and many others serve it.
    OpenAICompatible,
}

/// The provider's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// A Secret of the same namespace, labelled `bearward.dev/use: credentials`.
    /// Example: `{name: openai, key: api-key}`.
    pub secret_ref: SecretKeyRef,
}
