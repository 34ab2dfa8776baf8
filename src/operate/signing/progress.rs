//! How far the keys of one issuer are: what is known of them between two looks.

use std::sync::Arc;
use std::time::Duration;

use super::Heard;
use super::tidings::Trouble;
use crate::clock::{Tick, UnixTime};
use crate::finding::{Code, Severity};
use crate::resources::ReportFinding;
use crate::rotation::Plan;
use crate::rotation::{Held, Ring, Waiting, What};
use crate::sources::kube::Backoff;

/// A step may be late by so much before it is said: replicas need a moment to read and to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it is told that a Secret was gone or older than what was known.
const TOLD: Duration = Duration::from_hours(1);

/// So many failures in a row are nothing unusual.
const UNUSUAL: u32 = 3;

/// How many names a finding has at most.
const NAMES: usize = 3;

/// The keys of one issuer, as of the last look.
pub(super) struct Progress {
    /// The last ring that was written or found.
    pub(super) last: Option<Ring>,
    /// Why that is known to this process alone, and how often it was tried; more than often enough, where trying does not
    /// help.
    forgets: Option<(String, u32)>,
    /// What should have been done.
    pub(super) held: Vec<Held>,
    /// What was handed over as an object: from which place, and which ring.
    pub(super) offered: Option<(Arc<str>, Ring)>,
    /// When the Secret was found gone.
    pub(super) lost: Option<Tick>,
    /// When the Secret was found older than what was known.
    pub(super) restored: Option<Tick>,
    plan: Option<Arc<Plan>>,
    heard: Heard,
    due: Option<Tick>,
    backoff: Backoff,
    failures: u32,
}

impl Progress {
    /// Nothing is known.
    pub(super) const fn new(backoff: Backoff) -> Self {
        Self {
            last: None,
            forgets: None,
            held: Vec::new(),
            offered: None,
            lost: None,
            restored: None,
            plan: None,
            heard: None,
            due: None,
            backoff,
            failures: 0,
        }
    }

    /// The last ring is remembered.
    pub(super) fn remembered(&mut self) {
        self.forgets = None;
    }

    /// The last ring could not be remembered; for good, or once.
    pub(super) fn forgot(&mut self, reason: String, for_good: bool) {
        let before = self.forgets.take().map_or(0, |(_, times)| times);
        let times = if for_good { UNUSUAL.saturating_add(1) } else { before.saturating_add(1) };
        self.forgets = Some((reason, times));
    }

    /// Whether the last ring is remembered beside its place.
    pub(super) const fn is_remembered(&self) -> bool {
        self.forgets.is_none()
    }

    /// Why not, if it is worth saying.
    pub(super) fn forgets(&self) -> Option<String> {
        self.forgets.as_ref().filter(|(_, times)| *times > UNUSUAL).map(|(reason, _)| reason.clone())
    }

    /// The place of what was handed over as an object.
    pub(super) fn into_place(self) -> Option<Arc<str>> {
        self.offered.map(|(place, _)| place)
    }

    /// Whether there is a reason to look: the plan or what replicas say has changed, or it is time.
    pub(super) fn is_due(&self, plan: &Arc<Plan>, heard: &Heard, now: Tick) -> bool {
        // What failed is not tried again because somebody else has said something.
        let is_told = self.failures == 0 && self.heard != *heard;
        let is_planned = !self.plan.as_ref().is_some_and(|known| Arc::ptr_eq(known, plan));
        is_planned || is_told || self.due.is_none_or(|due| due <= now)
    }

    /// Whether the keys are kept elsewhere than at the last look: those are other keys, of which nothing is known.
    pub(super) fn is_of_another_place(&self, plan: &Plan) -> bool {
        self.plan.as_ref().is_some_and(|known| known.secret != plan.secret)
    }

    /// A look has begun.
    pub(super) fn looked(&mut self, plan: &Arc<Plan>, heard: &Heard) {
        self.plan = Some(Arc::clone(plan));
        self.heard.clone_from(heard);
    }

    /// When to look again, whatever happens.
    pub(super) const fn due(&self) -> Option<Tick> {
        self.due
    }

    /// It was looked at, and there is nothing to do before `due`.
    pub(super) fn went_well(&mut self, due: Tick) {
        self.due = Some(due);
        self.failures = 0;
        self.backoff.reset();
    }

    /// It is to be looked at again then.
    pub(super) const fn again(&mut self, due: Tick) {
        self.due = Some(due);
    }

    /// How long to wait after one more failure.
    pub(super) fn pause(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.backoff.pause()
    }

    /// Whether it fails for longer than is usual.
    pub(super) const fn has_failed_for_long(&self) -> bool {
        self.failures > UNUSUAL
    }

    /// What users of the policy should know; looks again when something may have to be said of what is late.
    pub(super) fn findings(&mut self, troubles: Vec<Trouble>, now: UnixTime, tick: Tick) -> Vec<ReportFinding> {
        let mut findings: Vec<ReportFinding> = troubles.into_iter().map(Trouble::into_finding).collect();
        let is_recent = |at: Option<Tick>| at.is_some_and(|at| tick.since(at) < TOLD);
        if is_recent(self.lost) {
            findings.push(warning(
                Code::KeysLost,
                "the Secret with the signing keys is gone; tokens that they signed stay valid, a new key signs as soon as \
                 every ready replica publishes it"
                    .to_owned(),
                "Nothing, if it was deleted on purpose; else find out who deleted it.",
            ));
        }
        if is_recent(self.restored) {
            findings.push(warning(
                Code::KeysRestored,
                "the Secret with the signing keys was older than what was known; keys that had retired sign no more"
                    .to_owned(),
                "Do not restore this Secret from a backup; nothing else is to be done.",
            ));
        }
        for held in &self.held {
            let said = held.since.plus(PATIENCE);
            if said <= now {
                findings.push(held_back(held));
            } else {
                let due = tick + said.since(now);
                self.due = Some(self.due.map_or(due, |known| known.min(due)));
            }
        }
        findings
    }
}

fn held_back(held: &Held) -> ReportFinding {
    let kid = &held.kid;
    let what = match held.what {
        What::Confirm | What::Activate => format!("the key {kid} does not sign yet"),
        What::Retire | What::Settle | What::Remove => format!("the key {kid} is published for longer than is needed"),
    };
    let (why, cure) = match &held.waiting {
        Waiting::Replicas(names) => {
            let shown: Vec<&str> = names.iter().take(NAMES).map(AsRef::as_ref).collect();
            let more = match names.len().saturating_sub(NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            (
                format!("{}{more} has not said that it has the keys of now", shown.join(", ")),
                "See why the replica is silent; bearward keys rotate --despite POD goes on without it.",
            )
        }
        Waiting::NobodyReady => ("no replica is ready".to_owned(), "See why no replica is ready."),
        Waiting::Room => {
            ("as many keys are published as there can be".to_owned(), "Wait: keys go when no token of theirs is valid.")
        }
    };
    warning(Code::RotationHeld, format!("{what}: {why}"), cure)
}

pub(super) fn warning(code: Code, cause: String, cure: &str) -> ReportFinding {
    ReportFinding { code, severity: Severity::Warning, cause, cure: cure.to_owned() }
}
