//! Who leads: the rules, without the API server.
//!
//! As client-go does it. Clocks of different machines are never compared: a Lease expires when nothing has changed in it
//! for as long as it says, by the clock of whoever looks. Every write carries the resource version of what was seen, so
//! that of two who take it one is refused. The leader stops earlier than the others start: its time counts from before
//! the request that renewed, and ends at `lead`, not at `lease`.

use std::time::Duration;

use super::Timing;
use crate::clock::Tick;

/// A Lease, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Who has it; empty if nobody does.
    pub(super) holder: String,
    /// How long it lasts without a renewal.
    pub(super) lasts: Duration,
    /// How often it has changed hands.
    pub(super) transitions: i32,
    /// Its resource version: it differs when anything was written.
    pub(super) version: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Look at the Lease: nothing is known of it.
    Look,
    /// Create it.
    Create,
    /// Write ourselves into this one; it is ours already, or nobody's.
    Take(Record),
    /// Nothing for so long; then renew, or look.
    Wait(Duration),
}

/// One candidate.
#[derive(Debug)]
pub(super) struct Election {
    identity: String,
    timing: Timing,
    seen: Seen,
    /// Until when we lead.
    until: Option<Tick>,
}

#[derive(Debug)]
enum Seen {
    /// Not looked yet, or what we know is out of date.
    Nothing,
    Absent,
    /// This, with its present content since then; looked at last then.
    Lease {
        record: Record,
        since: Tick,
        looked: Tick,
    },
}

impl Election {
    /// Somebody who does not lead.
    pub(super) fn new(identity: &str, timing: Timing) -> Self {
        Self { identity: identity.to_owned(), timing, seen: Seen::Nothing, until: None }
    }

    /// What to do now.
    pub(super) fn step(&self, now: Tick) -> Step {
        let Seen::Lease { record, since, looked } = &self.seen else {
            return if matches!(self.seen, Seen::Absent) { Step::Create } else { Step::Look };
        };
        if record.holder == self.identity {
            // The time of the last renewal follows from how long it lets us lead.
            let due = self.until.map_or(now, |until| until - self.timing.lead + self.timing.renew);
            return if now < due { Step::Wait(due.since(now)) } else { Step::Take(record.clone()) };
        }
        let expires = *since + record.lasts;
        if record.holder.is_empty() || now >= expires {
            return Step::Take(record.clone());
        }
        let look = *looked + self.timing.look;
        if now >= look { Step::Look } else { Step::Wait(look.min(expires).since(now)) }
    }

    /// The Lease was looked at.
    pub(super) fn saw(&mut self, found: Option<Record>, now: Tick) {
        let Some(record) = found else {
            self.until = None;
            self.seen = Seen::Absent;
            return;
        };
        if record.holder != self.identity {
            self.until = None;
        }
        let since = match &self.seen {
            Seen::Lease { record: known, since, .. } if *known == record => *since,
            Seen::Lease { .. } | Seen::Absent | Seen::Nothing => now,
        };
        self.seen = Seen::Lease { record, since, looked: now };
    }

    /// Our write was accepted. It was sent at `asked`, and this is what the Lease is now.
    pub(super) fn won(&mut self, record: Record, asked: Tick) {
        self.until = Some(asked + self.timing.lead);
        self.seen = Seen::Lease { record, since: asked, looked: asked };
    }

    /// Our write was refused: somebody else wrote.
    pub(super) fn missed(&mut self) {
        self.seen = Seen::Nothing;
    }

    /// Until when we lead, if we do.
    pub(super) fn leads_until(&self, now: Tick) -> Option<Tick> {
        self.until.filter(|until| now < *until)
    }
}
