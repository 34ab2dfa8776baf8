//! The status that an object should have, and what is known of the one that it has.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::programmed::Programmed;
use crate::api::{
    ApiRouteStatus, Condition, ConditionStatus, GROUP, IssuerKey, ModelBackendStatus, Signing, StatusFinding,
    TokenPolicyStatus, VERSION,
};
use crate::clock::UnixTime;
use crate::finding::{Code, Finding, Severity};
use crate::name::{Kind, ObjectKey};
use crate::resources::{SigningKeyState, Verdict};
use crate::sources::kube::Document;

/// How many findings a status lists.
const MOST_FINDINGS: usize = 256;

/// How many keys a status lists: as many as there can be.
const MOST_KEYS: usize = 16;

/// What is known of a status that is on an object: as much as it takes to see that another one is the same. The status
/// itself is not kept: a leader has one of these for each object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    uid: Box<str>,
    generation: Option<i64>,
    digest: u64,
    /// Digests of its findings, in order.
    findings: Box<[u64]>,
    /// Since when each condition is what it is, in the order of [`KINDS`].
    since: [Option<(ConditionStatus, Box<str>)>; 4],
}

/// The conditions, in the order in which a status has them; the last is a TokenPolicy's alone.
const KINDS: [&str; 4] = ["Accepted", "ResolvedRefs", "Programmed", "Hardened"];

/// A status that an object should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Desired {
    /// What is known once it is on the object.
    pub(super) known: Known,
    /// What to apply.
    pub(super) document: Value,
}

impl Known {
    /// Of an object of ours as the API server has it. A status that a newer version has written differently is no
    /// status of ours.
    pub(super) fn of(kind: Kind, object: &Document) -> Option<Self> {
        let uid = object.get("metadata")?.get("uid")?.as_str()?.into();
        let status = object.get("status").cloned().unwrap_or_else(|| json!({}));
        let ours = |condition: &Condition| KINDS.contains(&condition.kind.as_str());
        if kind == Kind::ApiRoute {
            let mut status: ApiRouteStatus = serde_json::from_value(status).ok()?;
            status.conditions.retain(ours);
            Some(Self::with(uid, &status, status.observed_generation, &status.conditions, &status.findings))
        } else if kind == Kind::TokenPolicy {
            let mut status: TokenPolicyStatus = serde_json::from_value(status).ok()?;
            status.conditions.retain(ours);
            Some(Self::with(uid, &status, status.observed_generation, &status.conditions, &status.findings))
        } else {
            let mut status: ModelBackendStatus = serde_json::from_value(status).ok()?;
            status.conditions.retain(ours);
            Some(Self::with(uid, &status, status.observed_generation, &status.conditions, &status.findings))
        }
    }

    fn with(
        uid: Box<str>,
        status: &impl Serialize,
        generation: Option<i64>,
        conditions: &[Condition],
        findings: &[StatusFinding],
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        serde_json::to_vec(status).unwrap_or_default().hash(&mut hasher);
        let since = KINDS.map(|kind| {
            let condition = conditions.iter().find(|condition| condition.kind == kind)?;
            Some((condition.status, condition.last_transition_time.as_str().into()))
        });
        let mut findings: Vec<u64> = findings.iter().map(digest_of).collect();
        findings.sort_unstable();
        Self { uid, generation, digest: hasher.finish(), findings: findings.into(), since }
    }

    /// Whether it lists this finding.
    pub(super) fn has_finding(&self, digest: u64) -> bool {
        self.findings.binary_search(&digest).is_ok()
    }

    /// What a condition is, if it is there.
    pub(super) fn status(&self, kind: &str) -> Option<&'static str> {
        let index = KINDS.iter().position(|known| *known == kind)?;
        let (status, _) = self.since.get(index)?.as_ref()?;
        Some(match status {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        })
    }

    /// The identity of the object.
    pub(super) fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether it is about the object that was judged, and about this edit of it.
    pub(super) fn is_about(&self, verdict: &Verdict) -> bool {
        self.uid == verdict.uid && self.generation == Some(generation(verdict))
    }
}

/// The status that follows from a verdict. A condition that does not change keeps its time.
pub(super) fn desired(
    key: &ObjectKey,
    verdict: &Verdict,
    programmed: &Programmed,
    known: Option<&Known>,
    now: UnixTime,
) -> Desired {
    let known = known.filter(|known| known.uid == verdict.uid);
    let (accepted, resolved) = (accepted(verdict), resolved(verdict));
    let hardened = (key.kind == Kind::TokenPolicy).then(|| hardened(verdict));
    let conditions: Vec<Condition> = KINDS
        .into_iter()
        .zip([accepted, resolved, programmed.condition()].into_iter().chain(hardened))
        .enumerate()
        .map(|(index, (kind, (status, reason, message)))| {
            let since = known.and_then(|known| known.since.get(index)?.as_ref());
            let unchanged = since.filter(|(before, _)| *before == status).map(|(_, since)| since.to_string());
            Condition {
                kind: kind.to_owned(),
                status,
                observed_generation: Some(generation(verdict)),
                last_transition_time: unchanged.unwrap_or_else(|| rfc3339(now)),
                reason,
                message: cut(&message, 1_024),
            }
        })
        .collect();
    let findings = verdict.findings.iter().take(MOST_FINDINGS).map(finding).collect();
    let more_findings = count(verdict.findings.len().saturating_sub(MOST_FINDINGS));
    let observed_generation = Some(generation(verdict));
    if key.kind == Kind::ApiRoute {
        let refusing_rules = count(verdict.refusing_rules);
        let status = ApiRouteStatus { observed_generation, conditions, findings, more_findings, refusing_rules };
        return with(key, verdict, &status, &status.conditions, &status.findings);
    }
    let routes = Some(i32::try_from(verdict.rules).unwrap_or(i32::MAX));
    if key.kind == Kind::TokenPolicy {
        let keys: Vec<IssuerKey> = verdict.keys.iter().take(MOST_KEYS).map(issuer_key).collect();
        let signing = verdict.keys.iter().find(|key| key.signs).map(issuer_key);
        let signing =
            signing.map(|IssuerKey { kid, algorithm, since, next, .. }| Signing { kid, algorithm, since, next });
        let status =
            TokenPolicyStatus { observed_generation, conditions, findings, more_findings, routes, signing, keys };
        with(key, verdict, &status, &status.conditions, &status.findings)
    } else {
        let status = ModelBackendStatus { observed_generation, conditions, findings, more_findings, routes };
        with(key, verdict, &status, &status.conditions, &status.findings)
    }
}

fn issuer_key(key: &SigningKeyState) -> IssuerKey {
    IssuerKey {
        kid: cut(&key.kid, 64),
        algorithm: key.algorithm.to_owned(),
        state: key.state.to_owned(),
        since: key.since.map(rfc3339),
        next: cut(&key.next, 256),
    }
}

fn with(
    key: &ObjectKey,
    verdict: &Verdict,
    status: &impl Serialize,
    conditions: &[Condition],
    findings: &[StatusFinding],
) -> Desired {
    let known = Known::with(verdict.uid.clone(), status, Some(generation(verdict)), conditions, findings);
    let document = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": key.kind.as_str(),
        // Whoever applies it adds the resource version.
        "metadata": {"name": &*key.name, "namespace": &*key.namespace, "uid": &*verdict.uid},
        "status": status,
    });
    Desired { known, document }
}

fn generation(verdict: &Verdict) -> i64 {
    i64::try_from(verdict.generation.0).unwrap_or(i64::MAX)
}

fn rfc3339(now: UnixTime) -> String {
    Timestamp::from_second(now.secs()).unwrap_or_default().to_string()
}

/// Absent when there are none.
fn count(number: usize) -> Option<i32> {
    (number > 0).then(|| i32::try_from(number).unwrap_or(i32::MAX))
}

fn accepted(verdict: &Verdict) -> (ConditionStatus, String, String) {
    condition(verdict, |code| !is_about_references(code), "Accepted", "valid, and served by this installation")
}

fn resolved(verdict: &Verdict) -> (ConditionStatus, String, String) {
    condition(verdict, is_about_references, "ResolvedRefs", "everything that it names exists and may be used")
}

/// Whether a policy takes all checks that there are. A policy with an error was not judged to its end, so nothing may
/// be said of what was not found.
fn hardened(verdict: &Verdict) -> (ConditionStatus, String, String) {
    let mut weaker = verdict.findings.iter().filter_map(|finding| Some((weakness(finding.code)?, finding)));
    if let Some((reason, first)) = weaker.next() {
        let message = std::iter::once(first).chain(weaker.map(|(_, finding)| finding));
        let message: Vec<String> = message.map(|finding| format!("{}: {}", finding.field, finding.cause)).collect();
        return (ConditionStatus::False, reason.to_owned(), message.join("; "));
    }
    let is_its_own_error =
        |finding: &Finding| finding.severity == Severity::Error && !is_about_references(finding.code);
    if verdict.findings.iter().any(is_its_own_error) {
        return (ConditionStatus::Unknown, "NotAccepted".to_owned(), "not judged while it is not accepted".to_owned());
    }
    (ConditionStatus::True, "Hardened".to_owned(), "nothing in it is weaker than it has to be".to_owned())
}

/// What a finding of this code says is weaker than it could be, in one word.
const fn weakness(code: Code) -> Option<&'static str> {
    if matches!(code, Code::Hardened) {
        Some("GenericProfile")
    } else if matches!(code, Code::InsecureHttp) {
        Some("InsecureHttp")
    } else {
        None
    }
}

fn condition(
    verdict: &Verdict,
    concerns: impl Fn(Code) -> bool,
    reason: &str,
    message: &str,
) -> (ConditionStatus, String, String) {
    let errors = verdict.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let mut errors = errors.filter(|finding| concerns(finding.code));
    let Some(first) = errors.next() else {
        return (ConditionStatus::True, reason.to_owned(), message.to_owned());
    };
    let more = errors.count();
    let more = if more > 0 { format!("; and {more} more, see findings") } else { String::new() };
    let message = format!("{}: {}{more}", first.field, first.cause);
    (ConditionStatus::False, first.code.as_str().to_owned(), message)
}

/// Whether a finding of this code is about what the object names, rather than about the object itself.
fn is_about_references(code: Code) -> bool {
    matches!(
        code,
        Code::PolicyNotFound
            | Code::BackendNotFound
            | Code::PortNotFound
            | Code::UnsupportedService
            | Code::EgressForbidden
            | Code::SecretNotFound
            | Code::InvalidSecret
            | Code::DuplicateKeyId
            | Code::InvalidKeySet
            | Code::KeySkipped
            | Code::KeysUnavailable
            | Code::IssuerMismatch
            | Code::KeysPending
            | Code::SigningKeyUnusable
    )
}

fn finding(finding: &Finding) -> StatusFinding {
    StatusFinding {
        code: finding.code.as_str().to_owned(),
        field: cut(&finding.field.to_string(), 512),
        message: cut(&finding.cause, 1_024),
        cure: cut(&finding.cure, 1_024),
    }
}

/// By which a finding is known again in a status: its code and its field.
pub(super) fn finding_digest(found: &Finding) -> u64 {
    digest_of(&finding(found))
}

fn digest_of(finding: &StatusFinding) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&finding.code, &finding.field).hash(&mut hasher);
    hasher.finish()
}

/// At most so many characters, as the schema counts them; an ellipsis is in place of the rest.
fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
