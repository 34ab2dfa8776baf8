//! The keys of our own issuers: how old the one that signs is, when the next step comes, and whether one is late.
//!
//! One series for each policy that issues tokens, or a few, whose number resources bound. The id of a key is a label of
//! the one that signs alone: another series for each rotation.

use std::fmt::Write;
use std::sync::Arc;

use super::{View, family};
use crate::snapshot::{Issuer, IssuerKeys, KeyState};

/// Every issuer with its keys of the moment.
type Keyed<'a> = (&'a Issuer, Arc<IssuerKeys>);

/// Appends them, in a fixed order.
pub(super) fn write(view: &View, out: &mut String) {
    let snapshot = view.snapshot.load();
    let issuers: Vec<Keyed<'_>> =
        snapshot.issuers.iter().map(|issuer| (&**issuer, Arc::clone(&issuer.keys.load()))).collect();
    let now = view.clock.now();
    // Policy names are names of Kubernetes objects, and key ids are thumbprints: nothing in them needs escaping. Writing
    // to a `String` cannot fail.
    let name = "bearward_signing_key_age_seconds";
    family(out, name, "gauge", "Since the key of an issuer of ours that signs began to.");
    for (issuer, keys) in &issuers {
        if let Some((kid, since)) = keys.active().and_then(|active| Some((&active.kid, active.since?))) {
            let (policy, age) = (&issuer.name, now.since(since).as_secs());
            let _ = writeln!(out, "{name}{{policy=\"{policy}\",kid=\"{kid}\"}} {age}");
        }
    }
    let name = "bearward_signing_next_step_seconds";
    family(
        out,
        name,
        "gauge",
        "Until the next step in the life of a key of an issuer of ours; 0 if it should have come.",
    );
    for (issuer, keys) in &issuers {
        if let Some(next) = keys.next_step() {
            let _ = writeln!(out, "{name}{{policy=\"{}\"}} {}", issuer.name, next.since(now).as_secs());
        }
    }
    let name = "bearward_signing_step_overdue";
    family(out, name, "gauge", "1 if such a step is late, or no key of the issuer can sign.");
    for (issuer, keys) in &issuers {
        let _ = writeln!(out, "{name}{{policy=\"{}\"}} {}", issuer.name, u8::from(keys.is_overdue(now)));
    }
    let name = "bearward_signing_keys";
    family(out, name, "gauge", "Keys of an issuer of ours, by their state.");
    for (issuer, keys) in &issuers {
        for state in KeyState::ALL {
            let count = keys.lives.iter().filter(|life| life.state == state).count();
            let (policy, state) = (&issuer.name, state.as_str());
            let _ = writeln!(out, "{name}{{policy=\"{policy}\",state=\"{state}\"}} {count}");
        }
    }
}
