//! Leadership, reports, standing and status, by pure steps and by time driven by hand.

mod acks;
mod elections;
mod events;
mod fleets;
mod pace;
mod statuses;

use std::sync::Arc;

use crate::finding::Finding;
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Read, Verdict, Version};

fn route(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::ApiRoute, "shop", name)
}

fn policy(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::TokenPolicy, "shop", name)
}

fn read(key: &ObjectKey, version: u64) -> Read {
    Read { key: key.clone(), version: Version(version) }
}

fn verdict(generation: u64, findings: Vec<Finding>, reads: Vec<Read>) -> Arc<Verdict> {
    Arc::new(Verdict {
        uid: "uid-1".into(),
        generation: Generation(generation),
        findings,
        reads,
        refusing_rules: 0,
        rules: 2,
        keys: Vec::new(),
    })
}
