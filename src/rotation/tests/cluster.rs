//! A simulated cluster: the Secret and its history, leaders that crash and disagree, replicas that hear late or never,
//! tokens that live on, and copies of the JWKS in caches outside. Every moment is held to the rules in `checks`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::checks::Checks;
use super::pool::half;
use crate::clock::UnixTime;
use crate::rotation::{Action, Replicas, Report, Ring, Schedule, Step, Wishes, reconcile, step, successor};

/// How many replicas there may be.
pub(super) const REPLICAS: usize = 4;
/// How far the clocks of the two leaders are from the true time, in milliseconds: together as much as `SKEW`.
const LEADERS: [i64; 2] = [-1_000, 1_000];

/// One version of the Secret.
#[derive(Debug)]
pub(super) struct Version {
    /// What it says; `None`: it was deleted.
    pub(super) ring: Option<Ring>,
    /// The private halves in it.
    pub(super) halves: BTreeSet<Box<str>>,
    /// Whether we have written it; else somebody has put it there.
    pub(super) is_ours: bool,
}

/// A replica.
#[derive(Debug)]
pub(super) struct Replica {
    /// Its pod.
    pub(super) name: Arc<str>,
    /// Whether clients reach it.
    pub(super) ready: bool,
    /// Whether it hears of the Secret by itself.
    pub(super) live: bool,
    /// Which version it has in force.
    pub(super) at: usize,
    /// Whether somebody has said not to wait for it, and it has not caught up since: nothing is promised of it.
    pub(super) left_out: bool,
    /// What its Lease says.
    report: Report,
}

/// What a leader has worked out and not yet written.
#[derive(Debug)]
pub(super) struct Draft {
    /// The version that it has read.
    pub(super) read: usize,
    /// The ring that it goes on from.
    pub(super) base: Option<Ring>,
    /// The ring that it would write.
    pub(super) after: Ring,
    /// The private halves that it would write.
    halves: BTreeSet<Box<str>>,
    /// What it was asked for.
    pub(super) wishes: Wishes,
    /// By which schedule.
    pub(super) schedule: Schedule,
    /// The halves that it found.
    pub(super) found_halves: BTreeSet<Box<str>>,
    /// True time when it was worked out.
    pub(super) at: i64,
}

/// All of it.
pub(super) struct Cluster {
    /// True time in milliseconds.
    pub(super) now: i64,
    /// How far all clocks are from it.
    pub(super) offset: i64,
    pub(super) schedule: Schedule,
    pub(super) wishes: Wishes,
    pub(super) versions: Vec<Version>,
    pub(super) replicas: Vec<Replica>,
    drafts: [Option<Draft>; 2],
    last_known: Option<Ring>,
    made: usize,
    pub(super) checks: Checks,
}

impl Cluster {
    pub(super) fn new(schedule: Schedule, replicas: usize) -> Self {
        let replica = |index| Replica {
            name: format!("pod-{index}").into(),
            ready: index < replicas,
            live: true,
            at: 0,
            left_out: false,
            report: Report::default(),
        };
        Self {
            now: 1_800_000_000_000,
            offset: 0,
            schedule,
            wishes: Wishes::default(),
            versions: vec![Version { ring: None, halves: BTreeSet::new(), is_ours: true }],
            replicas: (0..REPLICAS).map(replica).collect(),
            drafts: [None, None],
            last_known: None,
            made: 0,
            checks: Checks::default(),
        }
    }

    /// The Secret as it is.
    pub(super) fn latest(&self) -> &Version {
        self.versions.last().unwrap()
    }

    pub(super) fn ring(&self) -> Option<&Ring> {
        self.latest().ring.as_ref()
    }

    /// What the clock of this leader shows.
    pub(super) fn clock(&self, leader: usize) -> UnixTime {
        UnixTime::from_millis(self.now.saturating_add(self.offset).saturating_add(LEADERS[leader]))
    }

    /// What the replicas have said.
    fn reports(&self) -> Replicas {
        let ready = self.replicas.iter().filter(|replica| replica.ready);
        Replicas(ready.map(|replica| (Arc::clone(&replica.name), replica.report.clone())).collect::<BTreeMap<_, _>>())
    }

    /// What there is to do, by this leader.
    pub(super) fn step(&self, leader: usize) -> Step {
        self.step_at(self.clock(leader))
    }

    pub(super) fn step_at(&self, now: UnixTime) -> Step {
        let base = self.base(now);
        step(base.as_ref(), &self.schedule, &self.wishes, &self.reports(), &self.latest().halves, now)
    }

    fn base(&self, now: UnixTime) -> Option<Ring> {
        match &self.last_known {
            Some(last) => Some(reconcile(last, self.ring(), now)),
            None => self.ring().cloned(),
        }
    }

    /// A leader reads, and works out what to write. What it reads it keeps in mind first.
    pub(super) fn compute(&mut self, leader: usize) {
        if let Some(ring) = self.ring()
            && self.last_known.as_ref().is_none_or(|last| ring.changes > last.changes)
        {
            self.last_known = Some(ring.clone());
        }
        let now = self.clock(leader);
        let base = self.base(now);
        let (reports, found) = (self.reports(), self.latest().halves.clone());
        let steps = step(base.as_ref(), &self.schedule, &self.wishes, &reports, &found, now);
        self.drafts[leader] = None;
        if steps.actions.is_empty() && base.as_ref() == self.ring() {
            return;
        }
        let mut after =
            base.clone().unwrap_or_else(|| Ring::new("https://gw.example.com", self.schedule.jwks_max_age(), now));
        let mut halves = found.clone();
        for action in &steps.actions {
            let made = if let Action::Create { algorithm, .. } = action {
                self.made += 1;
                Some(half(*algorithm, self.made))
            } else {
                None
            };
            halves.extend(made.iter().map(|made| made.kid().into()));
            after = after.apply(action, now, made).unwrap();
        }
        let kept: BTreeSet<Box<str>> = after.with_private_half().map(|key| key.kid.clone()).collect();
        halves.retain(|kid| kept.contains(kid));
        let again = step(Some(&after), &self.schedule, &self.wishes, &reports, &halves, now);
        Checks::nothing_is_left_to_do(&again);
        self.drafts[leader] = Some(Draft {
            read: self.versions.len() - 1,
            base,
            after,
            halves,
            wishes: self.wishes.clone(),
            schedule: self.schedule,
            found_halves: found,
            at: self.now,
        });
    }

    /// A leader writes what it has worked out, unless somebody else has written meanwhile. It may crash before it keeps in
    /// mind what it wrote.
    pub(super) fn write(&mut self, leader: usize, is_known: bool) {
        let Some(draft) = self.drafts[leader].take() else { return };
        if draft.read != self.versions.len() - 1 {
            return;
        }
        let lawful = self.versions.iter().rev().find(|version| version.is_ours);
        let lawful = lawful.and_then(|version| version.ring.as_ref());
        Checks::is_lawful(&successor(lawful, &draft.after));
        if draft.base.as_ref() != Some(&draft.after) {
            Checks::is_lawful(&successor(draft.base.as_ref(), &draft.after));
        }
        Checks::private_halves(&draft.after, &draft.halves);
        if is_known {
            self.last_known = Some(draft.after.clone());
        }
        let (ring, halves) = (Some(draft.after.clone()), draft.halves.clone());
        self.versions.push(Version { ring, halves, is_ours: true });
        Checks::wrote(self, &draft);
    }

    /// Somebody puts back an old version, or deletes the Secret.
    pub(super) fn tamper(&mut self, back_to: Option<usize>) {
        let Some(ring) = self.ring().cloned() else { return };
        // Of a write that nobody has heard of nothing can be known: a leader has read it, here.
        if self.latest().is_ours {
            self.last_known = Some(ring);
        }
        let old = back_to.map(|back| &self.versions[back]).filter(|old| old.ring.is_some());
        let (ring, halves) = old.map_or((None, BTreeSet::new()), |old| (old.ring.clone(), old.halves.clone()));
        self.versions.push(Version { ring, halves, is_ours: false });
    }

    /// A replica hears of the next version, or of the newest.
    pub(super) fn deliver(&mut self, index: usize, all: bool) {
        let newest = self.versions.len() - 1;
        let left_out = self.wishes.despite.contains(&self.replicas[index].name);
        let replica = &mut self.replicas[index];
        replica.at = if all { newest } else { newest.min(replica.at + 1) };
        if replica.at == newest && !left_out {
            replica.left_out = false;
        }
    }

    /// A replica says on its Lease what it does.
    pub(super) fn report(&mut self, index: usize) {
        let version = &self.versions[self.replicas[index].at];
        let ring = version.ring.as_ref();
        let published = ring.into_iter().flat_map(Ring::published).map(|key| key.kid.clone()).collect();
        let signs = ring.and_then(Ring::active).filter(|key| version.halves.contains(&key.kid));
        self.replicas[index].report = Report { published, signs: signs.map(|key| key.kid.clone()) };
    }

    /// A replica stops, or starts: it is ready only once it has read the newest version.
    pub(super) fn set_ready(&mut self, index: usize, ready: bool) {
        if ready && !self.replicas[index].ready {
            self.replicas[index].report = Report::default();
            self.deliver(index, true);
        }
        self.replicas[index].ready = ready;
    }

    pub(super) fn leave_out(&mut self, index: Option<usize>) {
        self.wishes.despite = index.map(|index| Arc::clone(&self.replicas[index].name)).into_iter().collect();
        if let Some(index) = index {
            self.replicas[index].left_out = true;
        }
    }

    /// Every replica that hears anything hears everything, and says so; then a leader does what there is to do.
    pub(super) fn round(&mut self, leader: usize) {
        for _ in 0..2 {
            for index in 0..REPLICAS {
                if self.replicas[index].live && self.replicas[index].ready {
                    self.deliver(index, true);
                    self.report(index);
                }
            }
            self.look();
            self.compute(leader);
            self.write(leader, true);
            self.look();
        }
    }

    pub(super) fn advance(&mut self, duration: Duration) {
        self.now += i64::try_from(duration.as_millis()).unwrap();
    }

    /// True time until the wake-up that a step asks for.
    pub(super) fn until_wake(&self, leader: usize) -> Option<Duration> {
        let wake = self.step(leader).wake?;
        Some(wake.since(self.clock(leader)))
    }

    /// What clients and verifiers see now.
    pub(super) fn look(&mut self) {
        Checks::look(self);
    }
}
