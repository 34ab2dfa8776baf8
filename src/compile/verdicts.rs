//! Puts together what became of an object: its findings, and what it was judged by.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::known::{Models, Policies};
use super::linker::Placement;
use super::models::ModelNode;
use super::notes::Notes;
use super::policies::PolicyNode;
use super::routes::{self, RouteNode};
use crate::finding::Findings;
use crate::name::{Kind, ObjectKey};
use crate::resources::{Object, Read, Resources, Verdict};
use crate::snapshot::Route;

/// The verdict on an `ApiRoute`.
///
/// What it was judged by is whatever it refers to, by way of policies and models too. API keys are not: they are chosen
/// by labels, a route refers to none of them, and the policy that chooses them has them in its own verdict. Nor are
/// `EndpointSlice`s, which move without a compile.
pub(super) fn of_route(
    object: &Object,
    node: &RouteNode,
    winner: impl Fn(&Placement) -> Option<Arc<Route>>,
    world: World<'_>,
) -> Verdict {
    let mut notes = Notes::new(object.key().clone());
    routes::note_duplicates(&node.placements, &node.unit, winner, &mut notes);
    let findings = node.unit.findings.iter().chain(&node.unowned);
    let findings = findings.chain(node.rules.iter().flat_map(|rule| &rule.findings)).cloned();
    let findings = findings.chain(notes.into_findings()).collect();
    let mut reads = BTreeSet::new();
    for key in node.rules.iter().flat_map(|rule| &rule.named) {
        world.follow(key, &mut reads);
    }
    let refusing = node.rules.iter().filter(|rule| rule.refuses).count();
    verdict(object, findings, reads, world.resources, (refusing, 0))
}

/// The verdict on a `TokenPolicy` that so many rules name.
pub(super) fn of_policy(object: &Object, node: &PolicyNode, rules: usize, world: World<'_>) -> Verdict {
    let findings = node.findings.iter().chain(&node.filled.findings).cloned().collect();
    let reads = node.filled.named.union(&node.filled.chosen).cloned().collect();
    let verdict = verdict(object, findings, reads, world.resources, (0, rules));
    Verdict { keys: node.filled.keys.clone(), ..verdict }
}

/// The verdict on a `ModelBackend` that so many rules name.
pub(super) fn of_model(object: &Object, node: &ModelNode, rules: usize, world: World<'_>) -> Verdict {
    let findings = node.findings().cloned().collect();
    let mut reads = BTreeSet::new();
    for key in &node.joined.named {
        world.follow(key, &mut reads);
    }
    verdict(object, findings, reads, world.resources, (0, rules))
}

/// All that a verdict may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct World<'a> {
    pub(super) resources: &'a Resources,
    pub(super) policies: &'a Policies,
    pub(super) models: &'a Models,
}

impl World<'_> {
    /// `key`, and what was compiled of it was judged by.
    fn follow(&self, key: &ObjectKey, reads: &mut BTreeSet<ObjectKey>) {
        if !reads.insert(key.clone()) {
            return;
        }
        match key.kind {
            Kind::TokenPolicy => {
                let node = self.policies.get(key);
                reads.extend(node.into_iter().flat_map(|node| &node.filled.named).cloned());
            }
            Kind::ModelBackend => {
                for named in self.models.get(key).into_iter().flat_map(|node| &node.joined.named) {
                    self.follow(named, reads);
                }
            }
            Kind::ApiRoute | Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => {}
        }
    }
}

fn verdict(
    object: &Object,
    findings: Findings,
    mut reads: BTreeSet<ObjectKey>,
    resources: &Resources,
    (refusing_rules, rules): (usize, usize),
) -> Verdict {
    reads.insert(object.key().clone());
    let reads = reads.into_iter().filter_map(|key| {
        let version = resources.object(&key)?.meta.version;
        Some(Read { key, version })
    });
    Verdict {
        uid: object.meta.uid.clone(),
        generation: object.meta.generation,
        findings: findings.into_iter().collect(),
        reads: reads.collect(),
        refusing_rules,
        rules,
        keys: Vec::new(),
    }
}
