//! Whether an object is enforced by every ready replica, and if not, by whom and why.

use std::sync::Arc;

use super::ack::Ack;
use super::fleet::ReadyReplicas;
use crate::api::ConditionStatus;
use crate::finding::{Finding, Severity};
use crate::name::ObjectKey;
use crate::resources::Verdict;
use crate::state::Board;

/// How many names a message has at most.
const NAMES: usize = 3;

/// What can be said of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Programmed {
    /// Every ready replica enforces it and everything that it refers to.
    Enforced,
    /// Nowhere: it, or something that it refers to, has this error.
    Broken(Finding),
    /// These replicas have an error in it that the leader does not have, such as those of another version.
    Rejected(Vec<Arc<str>>),
    /// These replicas have not come so far; of the first: what it has not seen.
    Behind { replicas: Vec<Arc<str>>, missing: Missing },
    /// There is no ready replica.
    NoReplica,
    /// The API server is older than 1.35: resource versions do not compare.
    NotComparable,
}

/// What a replica that is behind lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It has said nothing at all.
    Report,
    /// It has not seen this object as it is now.
    Object(ObjectKey),
}

/// Judges one object by what the leader made of it and what the ready replicas have said.
pub(super) fn judge(
    key: &ObjectKey,
    verdict: &Verdict,
    board: &Board,
    ready: &ReadyReplicas<'_>,
    leader: &str,
) -> Programmed {
    // The object itself first, then what it refers to, each with the generation that was judged here.
    let references = verdict.reads.iter().filter(|read| read.key != *key);
    let judged: Vec<(&ObjectKey, Arc<Verdict>)> =
        references.filter_map(|read| Some((&read.key, board.verdict(&read.key)?))).collect();
    let everything = || std::iter::once((key, verdict)).chain(judged.iter().map(|(key, verdict)| (*key, &**verdict)));

    if let Some(error) = everything().find_map(|(_, verdict)| first_error(verdict)) {
        return Programmed::Broken(error.clone());
    }
    if ready.is_empty() {
        return Programmed::NoReplica;
    }
    // The leader is the one whose verdict this is: it has seen all of it and rejects none.
    let others = || ready.iter().filter(|(replica, _)| ***replica != *leader);
    let rejects = |ack: &Ack| everything().any(|(key, verdict)| ack.rejects(key, verdict.generation));
    let rejecting: Vec<_> =
        others().filter(|(_, ack)| ack.is_some_and(rejects)).map(|(name, _)| name.clone()).collect();
    if !rejecting.is_empty() {
        return Programmed::Rejected(rejecting);
    }
    let removed = board.removed(key);
    let missing = |ack: Option<&Ack>| {
        let Some(ack) = ack else { return Some(Missing::Report) };
        let unseen = verdict.reads.iter().chain(&removed).find(|read| !ack.has_passed(read))?;
        Some(Missing::Object(unseen.key.clone()))
    };
    let mut behind = others().filter_map(|(name, ack)| Some((name.clone(), missing(*ack)?)));
    let Some((first, missing)) = behind.next() else { return Programmed::Enforced };
    Programmed::Behind { replicas: std::iter::once(first).chain(behind.map(|(name, _)| name)).collect(), missing }
}

/// The error that stands first.
pub(super) fn first_error(verdict: &Verdict) -> Option<&Finding> {
    verdict.findings.iter().find(|finding| finding.severity == Severity::Error)
}

impl Programmed {
    /// Whether it may be over in a moment, without anybody doing anything.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self, Self::Behind { .. } | Self::NoReplica)
    }

    /// As a condition has it: status, reason and message. While it is true, the message names and counts nobody, so that
    /// scaling rewrites nothing.
    pub(super) fn condition(&self) -> (ConditionStatus, String, String) {
        let say = |status, reason: &str, message: String| (status, reason.to_owned(), message);
        match self {
            Self::Enforced => say(ConditionStatus::True, "Enforced", "enforced by every ready replica".to_owned()),
            Self::Broken(finding) => {
                let Finding { object, field, code, cause, .. } = finding;
                say(ConditionStatus::False, code.as_str(), format!("{object}: {field}: {cause}"))
            }
            Self::Rejected(replicas) => {
                say(ConditionStatus::False, "ReplicaRejects", format!("{} found an error in it", names(replicas)))
            }
            Self::Behind { replicas, missing } => {
                let first = replicas.first().map_or("", |name| name);
                let what = match missing {
                    Missing::Report => format!("{first} has not reported yet"),
                    Missing::Object(key) => format!("{first} has not seen {key} as it is now"),
                };
                say(ConditionStatus::False, "ReplicaBehind", format!("waiting for {}: {what}", names(replicas)))
            }
            Self::NoReplica => say(ConditionStatus::False, "NoReadyReplica", "no replica is ready".to_owned()),
            Self::NotComparable => say(
                ConditionStatus::Unknown,
                "VersionsNotComparable",
                "resource versions compare only since Kubernetes 1.35".to_owned(),
            ),
        }
    }
}

/// `a, b, c and 4 more`.
fn names(replicas: &[Arc<str>]) -> String {
    let named: Vec<&str> = replicas.iter().take(NAMES).map(AsRef::as_ref).collect();
    let named = named.join(", ");
    match replicas.len().saturating_sub(NAMES) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
