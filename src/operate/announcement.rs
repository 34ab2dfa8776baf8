//! What a change of status is worth telling those who watch events: that an object came into force or out of it, and
//! errors that are new.

use serde_json::Value;

use super::status::{Desired, Known, finding_digest};
use crate::finding::Severity;
use crate::resources::Verdict;

/// How many new errors of one object are told at once.
const MOST_ERRORS: usize = 8;

/// How long a note may be (`events.k8s.io/v1`: 1 kB).
const MOST_NOTE: usize = 1_000;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// Whether somebody should look.
    pub(super) is_warning: bool,
    /// One CamelCase word: a condition's reason, or a finding's code.
    pub(super) reason: String,
    /// In words, at most 1,000 bytes.
    pub(super) note: String,
}

/// What follows from a status that was written over the one known before. That an object which is new is accepted is
/// nothing new; that it is enforced is.
pub(super) fn announcements(before: Option<&Known>, verdict: &Verdict, written: &Desired) -> Vec<Announcement> {
    let errors = verdict.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let new = errors.filter(|finding| !before.is_some_and(|known| known.has_finding(finding_digest(finding))));
    let mut all: Vec<Announcement> = new
        .take(MOST_ERRORS)
        .map(|finding| {
            warning(finding.code.as_str(), &format!("{}: {}. {}", finding.field, finding.cause, finding.cure))
        })
        .collect();
    let conditions = written.document.pointer("/status/conditions").and_then(Value::as_array);
    for condition in conditions.into_iter().flatten() {
        let text = |member: &str| condition.get(member).and_then(Value::as_str).unwrap_or_default();
        let (kind, status, reason, message) = (text("type"), text("status"), text("reason"), text("message"));
        let is_told = kind == "Accepted" || kind == "Programmed";
        let was = before.and_then(|known| known.status(kind));
        if !is_told || was == Some(status) {
            continue;
        }
        match status {
            "True" if kind == "Programmed" || was.is_some() => {
                all.push(Announcement { is_warning: false, reason: reason.to_owned(), note: cut(message) });
            }
            // The error itself says more.
            "False" if all.iter().all(|other| other.reason != reason) => {
                all.push(warning(reason, message));
            }
            _ => {}
        }
    }
    all
}

fn warning(reason: &str, note: &str) -> Announcement {
    Announcement { is_warning: true, reason: reason.to_owned(), note: cut(note) }
}

/// The beginning of a text, as long as a note may be.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= MOST_NOTE {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at < MOST_NOTE - 3).last().unwrap_or(0);
    text.get(..end).unwrap_or_default().chars().chain(['…']).collect()
}
