//! What bearward writes back: conditions, findings and counts.
//!
//! Unlike a spec, a status is read leniently: a newer controller may have written it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::without_description;

/// What became of an ApiRoute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiRouteStatus {
    /// The `metadata.generation` that this status is about. When it is older than the object's, the status is too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// `Accepted`: the object is well-formed and ours. `ResolvedRefs`: everything that it names exists and may be used.
    /// `Programmed`: every ready replica enforces this generation and all that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// What is wrong with the object, in the order of its fields; the first 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub findings: Vec<StatusFinding>,
    /// How many findings there are beyond those listed. Absent when all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub more_findings: Option<i32>,
    /// How many rules refuse every request because of an error. Absent when none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub refusing_rules: Option<i32>,
}

/// What became of a TokenPolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPolicyStatus {
    /// The `metadata.generation` that this status is about. When it is older than the object's, the status is too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// `Accepted`: the object is well-formed and ours. `ResolvedRefs`: everything that it names exists and may be used.
    /// `Programmed`: every ready replica enforces this generation and all that it refers to. `Hardened`:
    /// no choice in it is weaker than it has to be; where it is false, the message says what is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// What is wrong with the object, in the order of its fields; the first 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub findings: Vec<StatusFinding>,
    /// How many findings there are beyond those listed. Absent when all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub more_findings: Option<i32>,
    /// How many rules refer to the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub routes: Option<i32>,
    /// The key that signs, of a policy that issues tokens. Absent while none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The keys of a policy that issues tokens: the one that signs first, then the next, then those of before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub keys: Vec<IssuerKey>,
}

/// The key that signs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// Its id, as tokens and the key set have it.
    #[schemars(length(max = 64))]
    pub kid: String,
    /// What it signs by.
    #[schemars(length(max = 16))]
    pub algorithm: String,
    /// Since when it signs, as RFC 3339 has times. Absent for a key of the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub since: Option<String>,
    /// What happens to it next, and when.
    #[schemars(length(max = 256))]
    pub next: String,
}

/// One key of an issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerKey {
    /// Its id, as tokens and the key set have it.
    #[schemars(length(max = 64))]
    pub kid: String,
    /// What it signs by.
    #[schemars(length(max = 16))]
    pub algorithm: String,
    /// `Pending`: published, and signs next. `Active`: signs. `Retiring`: published, and signs no more. `Compromised`: not
    /// published, and its tokens are refused. `Published`: a key of the user's own that does not sign.
    #[schemars(length(max = 16))]
    pub state: String,
    /// Since when it is in this state, as RFC 3339 has times. Absent for a key of the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub since: Option<String>,
    /// What happens to it next, and when.
    #[schemars(length(max = 256))]
    pub next: String,
}

/// What became of a ModelBackend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelBackendStatus {
    /// The `metadata.generation` that this status is about. When it is older than the object's, the status is too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// `Accepted`: the object is well-formed and ours. `ResolvedRefs`: everything that it names exists and may be used.
    /// `Programmed`: every ready replica enforces this generation and all that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// What is wrong with the object, in the order of its fields; the first 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub findings: Vec<StatusFinding>,
    /// How many findings there are beyond those listed. Absent when all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub more_findings: Option<i32>,
    /// How many rules refer to the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub routes: Option<i32>,
}

/// One aspect of an object's state, with the bounds of `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect: `Accepted`, `ResolvedRefs`, `Programmed` or `Hardened`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$"))]
    pub kind: String,
    /// Whether it holds: `True`, `False` or `Unknown`.
    pub status: ConditionStatus,
    /// The `metadata.generation` that this condition is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed, as RFC 3339 has times.
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, in one CamelCase word; the code of the first finding where one is the reason.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, in words.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, transform = without_description)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known whether it holds.
    Unknown,
}

/// One thing that is wrong with the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusFinding {
    /// Which rule is broken; stable, for programs. Example: `BackendNotFound`.
    #[schemars(length(min = 1, max = 64))]
    pub code: String,
    /// Where in the object. Example: `spec.rules[0].backends[1].service.name`.
    #[schemars(length(max = 512))]
    pub field: String,
    /// What happened and what was expected.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// What to do about it.
    #[schemars(length(max = 1024))]
    pub cure: String,
}
