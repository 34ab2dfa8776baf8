//! The same from nothing: what [`super::Compiler`] must arrive at, whatever came before.
//!
//! It shares the functions that compile one thing and remembers nothing. Ownership, duplicates, counts and the set of
//! identity headers, and who is which issuer, are worked out anew by their definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Settings;
use super::cells::Cells;
use super::chain::RuleNode;
use super::issuers::{self, Standing};
use super::known::{Known, Models, Policies, Ports};
use super::linker::{Placement, Slot};
use super::models::{self, ModelNode};
use super::ownership::{Age, Owner};
use super::policies::PolicyNode;
use super::retired::Retired;
use super::routes::RouteNode;
use super::services;
use super::unit::{self, Expressions, IssuerClaim, RouteUnit, Unit};
use super::verdicts::{self, World};
use crate::name::{Kind, ObjectKey, SnapshotId};
use crate::resources::{Resources, Verdict};
use crate::rotation::Plans;
use crate::snapshot::{HostPattern, Hosts, Route, Snapshot};
use crate::wire::headers::IdentityHeaders;

/// Compiles all of `resources` from nothing: the snapshot, the verdict on each object of ours, and whose keys rotate.
pub fn oracle(settings: &Settings, resources: &Resources) -> (Snapshot, BTreeMap<ObjectKey, Verdict>, Plans) {
    let mut cells = Cells::default();
    let units = Units::read(settings, resources);
    let claims = Claims::judge(&units);
    let policies = policies(units.policies, &claims, settings, resources, &mut cells);
    for unit in units.models.values() {
        models::hold(unit, &mut cells);
    }
    for port in units.routes.values().flat_map(RouteUnit::ports) {
        cells.hold_port(port, &mut Vec::new());
    }
    for url in units.routes.values().flat_map(RouteUnit::urls) {
        cells.hold_url(url, &mut Vec::new());
    }
    let ports = ports(&units.routes, resources, &cells);

    let none = Models::new();
    let models = units.models.into_iter().map(|(key, unit)| {
        let (joined, _) = models::join(&unit, &key, known(settings, resources, (&policies, &none, &ports), &cells));
        (key, ModelNode { unit, held: Vec::new(), joined })
    });
    let models: Models = models.collect();
    let mut routes: BTreeMap<ObjectKey, RouteNode> = BTreeMap::new();
    for (key, unit) in units.routes {
        let rules = unit.rules.iter().enumerate().map(|(index, rule)| {
            let known = known(settings, resources, (&policies, &models, &ports), &cells);
            RuleNode::join(rule, &key, index, known).0
        });
        let rules = rules.collect();
        routes.insert(key, RouteNode { unit, rules, placements: Vec::new(), unowned: Vec::new(), held: Vec::new() });
    }
    for (key, node) in &mut routes {
        (node.placements, node.unowned) = node.link(key, |host| claims.lost_to(host, &key.namespace));
    }
    let winners = winners(&routes);
    let mut hosts = Hosts::default();
    for (slot, route) in &winners {
        hosts.insert(&slot.host, &slot.path, Arc::clone(route));
    }
    let world = World { resources, policies: &policies, models: &models };
    let verdicts = judge(&routes, &winners, world);
    let headers = policies.values().flat_map(|policy| &policy.identity_headers);
    let identity_headers = Arc::new(IdentityHeaders::new(headers));
    let endpoints: Vec<_> = policies.values().filter_map(PolicyNode::endpoints).collect();
    let issuers = Arc::new(issuers::table(endpoints.iter()));
    let plans = policies.iter().filter_map(|(key, policy)| Some((key.clone(), Arc::clone(policy.issuer()?.1?))));
    let plans = Arc::new(plans.collect());
    (Snapshot { id: SnapshotId(1), hosts, issuers, identity_headers }, verdicts, plans)
}

#[derive(Default)]
struct Units {
    routes: BTreeMap<ObjectKey, RouteUnit>,
    policies: BTreeMap<ObjectKey, unit::PolicyUnit>,
    models: BTreeMap<ObjectKey, unit::ModelUnit>,
}

impl Units {
    fn read(settings: &Settings, resources: &Resources) -> Self {
        let mut units = Self::default();
        let mut expressions = Expressions::default();
        for (key, object) in resources.objects() {
            let mut context = unit::Context { settings, expressions: &mut expressions };
            match unit::unit(object, &mut context) {
                Some(Unit::Route(unit)) => drop(units.routes.insert(key.clone(), unit)),
                Some(Unit::Policy(unit)) => drop(units.policies.insert(key.clone(), unit)),
                Some(Unit::Model(unit)) => drop(units.models.insert(key.clone(), unit)),
                None => {}
            }
        }
        units
    }
}

fn policies(
    units: BTreeMap<ObjectKey, unit::PolicyUnit>,
    claims: &Claims,
    settings: &Settings,
    resources: &Resources,
    cells: &mut Cells,
) -> Policies {
    let standings: BTreeMap<ObjectKey, Standing> =
        units.keys().map(|key| (key.clone(), standing(key, &units, claims))).collect();
    let joined = units.into_iter().map(|(key, unit)| {
        let mut node = PolicyNode::join(unit, &key, cells);
        let standing = standings.get(&key).unwrap_or(&Standing::Issuer);
        node.fill(&key, &mut resources.reading(), settings, &mut Retired::default(), standing);
        (key, node)
    });
    joined.collect()
}

/// Whether a policy is the issuer that it says it is: its namespace has the host, and none that is older says the same.
fn standing(key: &ObjectKey, units: &BTreeMap<ObjectKey, unit::PolicyUnit>, claims: &Claims) -> Standing {
    let Some(claim) = units.get(key).and_then(|unit| unit.claim.as_deref()) else { return Standing::Issuer };
    if let Some(owner) = claims.lost_to(&claim.pattern(), &key.namespace) {
        return Standing::HostLost(Arc::clone(&claim.host), owner);
    }
    let mut others: Vec<(&ObjectKey, &IssuerClaim)> =
        units.iter().filter_map(|(key, unit)| Some((key, unit.claim.as_deref()?))).collect();
    others.retain(|(other, it)| other.namespace == key.namespace && it.age < claim.age);
    others.sort_by_key(|(_, it)| &it.age);
    let mut same = others.iter().filter(|(_, it)| it.host == claim.host && it.path == claim.path);
    if let Some((older, _)) = same.next() {
        return Standing::SameIssuer((*older).clone());
    }
    let mut same = others.iter().filter(|(_, it)| it.secret.is_some() && it.secret == claim.secret);
    same.next().map_or(Standing::Issuer, |(older, _)| Standing::SameSecret((*older).clone()))
}

fn ports(routes: &BTreeMap<ObjectKey, RouteUnit>, resources: &Resources, cells: &Cells) -> Ports {
    let mut ports = Ports::new();
    for port in routes.values().flat_map(RouteUnit::ports) {
        let (state, endpoints) = services::resolve(port, &mut resources.reading());
        if let Some(upstream) = cells.port(port) {
            upstream.endpoints.store(Arc::new(endpoints));
        }
        ports.insert(port.clone(), state);
    }
    ports
}

fn known<'a>(
    settings: &'a Settings,
    resources: &'a Resources,
    (policies, models, ports): (&'a Policies, &'a Models, &'a Ports),
    cells: &'a Cells,
) -> Known<'a> {
    Known { settings, reading: resources.reading(), policies, models, ports, cells, named: BTreeSet::new() }
}

/// Every route's and issuer's claim to every host, the oldest first, with the one that it was lost to.
struct Claims {
    judged: Vec<Judged>,
}

struct Judged {
    age: Age,
    pattern: HostPattern,
    namespace: Arc<str>,
    lost_to: Option<Owner>,
}

impl Claims {
    fn judge(units: &Units) -> Self {
        let issuers = units.policies.iter().filter_map(|(key, unit)| {
            let claim = unit.claim.as_deref()?;
            let namespace = Arc::clone(&key.namespace);
            Some(Judged { age: claim.age.clone(), pattern: claim.pattern(), namespace, lost_to: None })
        });
        let claims = units.routes.iter().flat_map(|(key, unit)| {
            unit.hosts.iter().map(move |(_, pattern)| Judged {
                age: (unit.created, Arc::clone(&unit.name)),
                pattern: pattern.clone(),
                namespace: Arc::clone(&key.namespace),
                lost_to: None,
            })
        });
        let mut claims: Vec<Judged> = claims.chain(issuers).collect();
        claims.sort_by(|one, other| (&one.age, &one.pattern).cmp(&(&other.age, &other.pattern)));
        let mut judged: Vec<Judged> = Vec::with_capacity(claims.len());
        for claim in claims {
            let stronger = judged.iter().find(|other| {
                other.lost_to.is_none()
                    && other.namespace != claim.namespace
                    && other.age < claim.age
                    && (other.pattern.covers(&claim.pattern) || claim.pattern.covers(&other.pattern))
            });
            let owner =
                |other: &Judged| Owner { namespace: Arc::clone(&other.namespace), pattern: other.pattern.clone() };
            let lost_to = stronger.map(owner);
            judged.push(Judged { lost_to, ..claim });
        }
        Self { judged }
    }

    fn lost_to(&self, pattern: &HostPattern, namespace: &Arc<str>) -> Option<Owner> {
        let mut claims = self.judged.iter();
        claims.find(|claim| claim.pattern == *pattern && claim.namespace == *namespace)?.lost_to.clone()
    }
}

/// The oldest route of each slot.
fn winners(routes: &BTreeMap<ObjectKey, RouteNode>) -> Vec<(Slot, Arc<Route>)> {
    let mut placements: Vec<&Placement> = routes.values().flat_map(|node| &node.placements).collect();
    placements.sort_by(|one, other| one.route.rank.cmp(&other.route.rank));
    let mut taken = std::collections::HashSet::new();
    placements.retain(|placement| taken.insert(&placement.slot));
    placements.into_iter().map(|placement| (placement.slot.clone(), Arc::clone(&placement.route))).collect()
}

fn judge(
    routes: &BTreeMap<ObjectKey, RouteNode>,
    winners: &[(Slot, Arc<Route>)],
    world: World<'_>,
) -> BTreeMap<ObjectKey, Verdict> {
    let winners: std::collections::HashMap<&Slot, &Arc<Route>> =
        winners.iter().map(|(slot, route)| (slot, route)).collect();
    let winner = |placement: &Placement| {
        let winner = winners.get(&placement.slot).filter(|winner| winner.rank != placement.route.rank);
        winner.map(|winner| Arc::clone(winner))
    };
    let rules = |key: &ObjectKey| {
        let rules = routes.values().flat_map(|node| &node.rules);
        rules.filter(|rule| rule.named.contains(key)).count()
    };
    let judged = world.resources.objects().filter_map(|(key, object)| {
        let verdict = match key.kind {
            Kind::ApiRoute => verdicts::of_route(object, routes.get(key)?, winner, world),
            Kind::TokenPolicy => verdicts::of_policy(object, world.policies.get(key)?, rules(key), world),
            Kind::ModelBackend => verdicts::of_model(object, world.models.get(key)?, rules(key), world),
            Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => return None,
        };
        Some((key.clone(), verdict))
    });
    judged.collect()
}
