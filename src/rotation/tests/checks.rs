//! What must hold in every moment of the simulated cluster: each rule by its name.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, Draft, Replica};
use crate::rotation::{Cause, KEPT_FREE, LEEWAY, MAX_KEYS, Ring, RingKey, SKEW, State, Step, Unlawful};

/// What has been seen so far.
#[derive(Default)]
pub(super) struct Checks {
    /// Whether clocks have jumped: then times promise nothing, and only order is checked.
    pub(super) clocks_jumped: bool,
    /// Until when the last token of each key is valid, in true time.
    tokens: BTreeMap<Box<str>, i64>,
    /// Until when copies of a JWKS with these keys are in caches, in true time.
    caches: BTreeMap<Vec<Box<str>>, i64>,
    /// Keys that became active by an exception: nothing is promised of what they sign first.
    exceptions: BTreeSet<Box<str>>,
    /// Keys that were compromised: nobody is to take what they signed.
    compromised: BTreeSet<Box<str>>,
    /// Since when each pending key is confirmed, in true time.
    confirmed: BTreeMap<Box<str>, i64>,
    /// Every key that was in a ring, and those that are not any more.
    known: BTreeSet<Box<str>>,
    gone: BTreeSet<Box<str>>,
    /// Every activation, by its cause.
    pub(super) activations: Vec<Cause>,
}

impl Checks {
    /// A step has nothing to add to what it has done.
    pub(super) fn nothing_is_left_to_do(again: &Step) {
        assert!(again.actions.is_empty(), "a step is not done with itself: {:?}", again.actions);
    }

    /// Every version is a legal successor of the last.
    pub(super) fn is_lawful(verdict: &Result<(), Unlawful>) {
        assert_eq!(*verdict, Ok(()), "a version is not a legal successor of the last");
    }

    /// Private halves are there for the keys that sign or will, and for no other.
    pub(super) fn private_halves(ring: &Ring, halves: &BTreeSet<Box<str>>) {
        for key in &ring.keys {
            let wanted = matches!(key.state, State::Active { .. } | State::Pending { .. });
            assert_eq!(halves.contains(&key.kid), wanted, "the private half of a key that is {:?}", key.state);
        }
        assert!(halves.iter().all(|kid| ring.key(kid).is_some()), "a private half outlives its key");
    }

    /// A version was written.
    pub(super) fn wrote(cluster: &mut Cluster, draft: &Draft) {
        let ring = &draft.after;
        Self::one_key_is_active(draft);
        let checks = &mut cluster.checks;
        for key in &ring.keys {
            assert!(!checks.gone.contains(&key.kid), "a key came back");
            checks.known.insert(key.kid.clone());
            if matches!(key.state, State::Compromised { .. }) {
                checks.compromised.insert(key.kid.clone());
            }
        }
        let gone: Vec<_> = checks.known.iter().filter(|kid| ring.key(kid).is_none()).cloned().collect();
        checks.gone.extend(gone);
        let before = |kid: &str| draft.base.as_ref().and_then(|base| base.key(kid)).map(|key| key.state);
        for key in &ring.keys {
            let was = before(&key.kid);
            if let State::Pending { confirmed: Some(_) } = key.state
                && was != Some(key.state)
            {
                checks.confirmed.insert(key.kid.clone(), draft.at);
            }
            if let State::Active { cause, .. } = key.state
                && was != Some(key.state)
            {
                checks.activations.push(cause);
                if matches!(cause, Cause::First | Cause::Compromise | Cause::Lost) {
                    checks.exceptions.insert(key.kid.clone());
                } else {
                    checks.was_published_ahead(draft, key);
                    assert!(ring.keys.len() <= MAX_KEYS - KEPT_FREE, "a rotation that can wait takes the last room");
                    Self::every_ready_replica_publishes(&cluster.replicas, &cluster.versions, key);
                }
            }
        }
    }

    /// One key is active, unless it was compromised or lost.
    fn one_key_is_active(draft: &Draft) {
        let active = draft.after.keys.iter().filter(|key| key.is_active()).count();
        assert!(active <= 1, "two keys are active");
        let before = draft.base.as_ref().and_then(Ring::active);
        if let (0, Some(before)) = (active, before) {
            let is_excused =
                draft.wishes.compromised.contains(&before.kid) || !draft.found_halves.contains(&before.kid);
            assert!(is_excused, "no key is active");
        }
        assert!(draft.base.is_some() || active == 1, "the first ring has no active key");
    }

    /// A key signs only when it has been published for as long as the schedule says since it was confirmed.
    fn was_published_ahead(&self, draft: &Draft, key: &RingKey) {
        let confirmed = self.confirmed.get(&key.kid);
        let &confirmed = confirmed.expect("a key was activated that was not confirmed");
        let published = draft.at - confirmed;
        let ahead = millis(draft.schedule.publish_ahead().saturating_sub(SKEW));
        assert!(self.clocks_jumped || published >= ahead, "activated {published} ms after it was confirmed");
    }

    fn every_ready_replica_publishes(replicas: &[Replica], versions: &[super::cluster::Version], key: &RingKey) {
        for replica in replicas.iter().filter(|replica| replica.ready && !replica.left_out) {
            let version = &versions[replica.at];
            let publishes = version.ring.as_ref().and_then(|ring| ring.key(&key.kid)).is_some();
            assert!(publishes || !version.is_ours, "{} does not publish the key that is activated", replica.name);
        }
    }

    /// Every replica that clients reach signs a token and serves its JWKS.
    pub(super) fn look(cluster: &mut Cluster) {
        let Cluster { checks, replicas, versions, now, .. } = cluster;
        let now = *now;
        checks.caches.retain(|_, until| *until > now);
        let reached: Vec<&Ring> = replicas
            .iter()
            .filter(|replica| replica.ready && !replica.left_out && versions[replica.at].is_ours)
            .filter_map(|replica| versions[replica.at].ring.as_ref())
            .collect();
        for ring in &reached {
            let jwks: Vec<Box<str>> = ring.published().map(|key| key.kid.clone()).collect();
            let until = now + millis(ring.max_age);
            let cached = checks.caches.entry(jwks).or_insert(until);
            *cached = until.max(*cached);
        }
        for ring in &reached {
            if let Some(key) = ring.active() {
                checks.caches_know(key, now);
                let valid = now + millis(key.longest) + millis(LEEWAY.saturating_sub(SKEW));
                let last = checks.tokens.entry(key.kid.clone()).or_insert(valid);
                *last = valid.max(*last);
            }
        }
        checks.tokens.retain(|_, valid| *valid > now);
        for ring in &reached {
            checks.tokens_can_be_verified(ring);
        }
        if let Some(ring) = versions.last().filter(|version| version.is_ours).and_then(|version| version.ring.as_ref())
        {
            checks.tokens_can_be_verified(ring);
        }
    }

    /// No cache outside has a copy of the JWKS without the key that signs.
    fn caches_know(&self, key: &RingKey, now: i64) {
        if self.clocks_jumped || self.exceptions.contains(&key.kid) || self.compromised.contains(&key.kid) {
            return;
        }
        for (jwks, until) in &self.caches {
            let left = until - now;
            assert!(left <= 0 || jwks.contains(&key.kid), "a cache lacks the key that signs for another {left} ms");
        }
    }

    /// Whatever can still be valid has its key in the JWKS.
    fn tokens_can_be_verified(&self, ring: &Ring) {
        for kid in self.tokens.keys() {
            if self.clocks_jumped || self.exceptions.contains(kid) || self.compromised.contains(kid) {
                continue;
            }
            let is_there = ring.key(kid).is_some_and(RingKey::is_published);
            assert!(is_there, "tokens are valid whose key is not published");
        }
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}
