//! The compiler with its memory: takes updates in, and redoes what they reach.
//!
//! One round goes through the levels in order. Each level redoes what is marked, and marks what looked up whatever came
//! out differently; marks only lead to later levels, so one pass is enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cells::{Cells, Held};
use super::chain::RuleNode;
use super::identity::IdentityNames;
use super::issuers::{IssuerClaims, IssuersInForce, Standing};
use super::known::{Known, Models, Policies, Ports};
use super::linker::Linker;
use super::models::{self, ModelNode};
use super::ownership::{Age, Ownership};
use super::policies::PolicyNode;
use super::retired::Retired;
use super::routes::RouteNode;
use super::services;
use super::unit::{self, Expressions, IssuerClaim, ModelUnit, PolicyUnit, RouteUnit, Unit};
use super::users::Users;
use super::verdicts::{self, World};
use super::{Compiled, Settings, Work};
use crate::name::{Kind, ObjectKey, SnapshotId};
use crate::resources::{Lookup, Reader, ReportKey, Resources, Update, Verdict};
use crate::snapshot::{HostPattern, Snapshot};

/// Owns the resources and all that was compiled of them.
#[derive(Debug)]
pub struct Compiler {
    settings: Settings,
    resources: Resources,
    expressions: Expressions,
    cells: Cells,
    ports: Ports,
    policies: Policies,
    models: Models,
    routes: BTreeMap<ObjectKey, RouteNode>,
    users: Users,
    ownership: Ownership,
    claims: IssuerClaims,
    issuers: IssuersInForce,
    linker: Linker,
    identity: IdentityNames,
    verdicts: BTreeMap<ObjectKey, Arc<Verdict>>,
    snapshot: Arc<Snapshot>,
    retired: Retired,
}

/// What one round has to do.
#[derive(Debug, Default)]
struct Round {
    new_policies: BTreeMap<ObjectKey, Option<PolicyUnit>>,
    new_models: BTreeMap<ObjectKey, Option<ModelUnit>>,
    /// Routes whose unit is new: all their rules are.
    new_routes: BTreeSet<ObjectKey>,
    services: BTreeSet<ObjectKey>,
    policies: BTreeSet<ObjectKey>,
    models: BTreeSet<ObjectKey>,
    rules: BTreeSet<(ObjectKey, usize)>,
    /// Routes whose placements may have changed.
    placements: BTreeSet<ObjectKey>,
    /// Objects whose verdict may have changed.
    judged: BTreeSet<ObjectKey>,
    work: Work,
}

impl Compiler {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            resources: Resources::new(),
            expressions: Expressions::default(),
            cells: Cells::default(),
            ports: Ports::new(),
            policies: Policies::new(),
            models: Models::new(),
            routes: BTreeMap::new(),
            users: Users::default(),
            ownership: Ownership::default(),
            claims: IssuerClaims::default(),
            issuers: IssuersInForce::default(),
            linker: Linker::default(),
            identity: IdentityNames::default(),
            verdicts: BTreeMap::new(),
            snapshot: Arc::default(),
            retired: Retired::default(),
        }
    }

    /// Takes an update in. Nothing is compiled yet.
    pub fn apply(&mut self, update: Update) {
        self.resources.apply(update);
    }

    /// Whether something came in that should not wait for more: tokens, keys or endpoints may have been withdrawn, or a
    /// route that is in force has become stricter or is gone. A route that is new is not urgent: nobody could rely on it
    /// yet, and they come by the thousand.
    pub fn is_urgent(&self) -> bool {
        let has_changed = |kind| self.resources.changed(kind).next().is_some();
        [Kind::TokenPolicy, Kind::Secret, Kind::EndpointSlice].into_iter().any(has_changed)
            || self.resources.changed(Kind::ApiRoute).any(|key| self.routes.contains_key(key))
    }

    /// Everything that came in, and its change log.
    pub const fn resources(&self) -> &Resources {
        &self.resources
    }

    /// From now on, look-ups that `omitted` picks leave no trace.
    #[cfg(test)]
    pub(super) fn without_edges(&mut self, omitted: fn(&crate::resources::Lookup) -> bool) {
        self.resources.without_edges(omitted);
    }

    /// How many replaced things are kept for whoever may still look at them.
    #[cfg(test)]
    pub(super) fn retired(&self) -> usize {
        self.retired.len()
    }

    /// Compiles what came in since the last call.
    pub fn compile(&mut self) -> Compiled {
        let mut round = Round::default();
        self.read_units(&mut round);
        self.resolve_services(&mut round);
        self.join_policies(&mut round);
        self.join_models(&mut round);
        self.join_rules(&mut round);
        self.link(&mut round);
        let verdicts = self.judge(&round);
        let snapshot = self.publish(&mut round);
        let wanted = self.cells.wanted();
        self.forget_reports();
        Compiled {
            snapshot,
            verdicts,
            scope_findings: self.resources.scope_findings(),
            wanted,
            plans: self.issuers.plans(),
            versions: self.resources.versions(),
            work: round.work,
        }
    }

    /// Sorts what changes have reached into the levels that redo it.
    fn collect_marks(&mut self, round: &mut Round) {
        for reader in self.resources.take_dirty() {
            match reader {
                Reader::Rule(route, rule) => {
                    round.rules.insert((route, usize::try_from(rule).unwrap_or(usize::MAX)));
                }
                Reader::Object(key) => {
                    let marked = match key.kind {
                        Kind::TokenPolicy => &mut round.policies,
                        Kind::ModelBackend => &mut round.models,
                        Kind::Service => &mut round.services,
                        Kind::ApiRoute | Kind::EndpointSlice | Kind::Secret | Kind::File => continue,
                    };
                    marked.insert(key);
                }
            }
        }
    }

    fn read_units(&mut self, round: &mut Round) {
        for key in self.resources.take_changed() {
            let mut context = unit::Context { settings: &self.settings, expressions: &mut self.expressions };
            if !matches!(key.kind, Kind::ApiRoute | Kind::TokenPolicy | Kind::ModelBackend) {
                continue;
            }
            let object = self.resources.object(&key);
            round.work.units = round.work.units.saturating_add(usize::from(object.is_some()));
            let unit = object.and_then(|object| unit::unit(object, &mut context));
            round.judged.insert(key.clone());
            match (key.kind, unit) {
                (Kind::TokenPolicy, Some(Unit::Policy(unit))) => {
                    self.claim_issuer(&key, unit.claim.as_deref(), round);
                    round.new_policies.insert(key, Some(unit));
                }
                (Kind::ModelBackend, Some(Unit::Model(unit))) => {
                    round.new_models.insert(key, Some(unit));
                }
                (Kind::ApiRoute, Some(Unit::Route(unit))) => self.take_route(key, unit, round),
                (Kind::TokenPolicy, _) => {
                    self.claim_issuer(&key, None, round);
                    round.new_policies.insert(key, None);
                }
                (Kind::ModelBackend, _) => {
                    round.new_models.insert(key, None);
                }
                (Kind::ApiRoute | Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File, _) => {
                    self.drop_route(&key, round);
                }
            }
        }
        self.settle_hosts(round);
        self.collect_marks(round);
    }

    fn take_route(&mut self, key: ObjectKey, unit: RouteUnit, round: &mut Round) {
        let mut held = Vec::new();
        for port in unit.ports() {
            if self.cells.port(port).is_none() {
                round.services.insert(port.service.clone());
            }
            self.cells.hold_port(port, &mut held);
        }
        for url in unit.urls() {
            self.cells.hold_url(url, &mut held);
        }
        let before = self.routes.remove(&key);
        self.claim_hosts(&key, before.as_ref().map(|node| &node.unit), Some(&unit));
        // The rules and placements are those of before until this round has come to them.
        let (rules, placements, before_held) =
            before.map(|node| (node.rules, node.placements, node.held)).unwrap_or_default();
        self.release(before_held);
        round.placements.insert(key.clone());
        round.new_routes.insert(key.clone());
        self.routes.insert(key, RouteNode { unit, rules, placements, unowned: Vec::new(), held });
    }

    fn drop_route(&mut self, key: &ObjectKey, round: &mut Round) {
        let Some(node) = self.routes.remove(key) else { return };
        self.claim_hosts(key, Some(&node.unit), None);
        let concerned = self.linker.relink(key, &node.placements, &[]);
        round.judged.extend(concerned);
        for (index, rule) in node.rules.iter().enumerate() {
            self.forget_rule(key, index, rule, round);
        }
        self.release(node.held);
    }

    fn forget_rule(&mut self, route: &ObjectKey, index: usize, rule: &RuleNode, round: &mut Round) {
        self.resources.forget(&reader_of(route, index));
        let rule_key = (route.clone(), index);
        round.judged.extend(self.users.rule(&rule_key, &rule.named, &BTreeSet::new()));
    }

    /// Claims the hosts that are new, and withdraws from those that are gone.
    fn claim_hosts(&mut self, key: &ObjectKey, before: Option<&RouteUnit>, now: Option<&RouteUnit>) {
        let claims = |unit: Option<&RouteUnit>| -> Vec<(HostPattern, Age)> {
            let hosts = unit.into_iter().flat_map(|unit| unit.hosts.iter().map(move |(_, host)| (unit, host)));
            hosts.map(|(unit, host)| (host.clone(), (unit.created, Arc::clone(&unit.name)))).collect()
        };
        let (before, now) = (claims(before), claims(now));
        for (host, age) in now.iter().filter(|claim| !before.contains(claim)) {
            self.ownership.claim(host, age, key);
        }
        for (host, age) in before.iter().filter(|claim| !now.contains(claim)) {
            self.ownership.withdraw(host, age, key);
        }
    }

    /// A policy claims to be this issuer, instead of what it claimed before.
    fn claim_issuer(&mut self, key: &ObjectKey, now: Option<&IssuerClaim>, round: &mut Round) {
        let before = self.policies.get(key).and_then(|node| node.claim.as_deref());
        if before == now {
            return;
        }
        round.policies.extend(self.claims.replace(key, before, now));
        let host = |claim: Option<&IssuerClaim>| claim.map(|claim| (claim.pattern(), claim.age.clone()));
        let (before, now) = (host(before), host(now));
        if before != now {
            if let Some((host, age)) = now {
                self.ownership.claim(&host, &age, key);
            }
            if let Some((host, age)) = before {
                self.ownership.withdraw(&host, &age, key);
            }
        }
        round.policies.insert(key.clone());
    }

    /// Judges the claims to hosts again, now that all of this round are made.
    fn settle_hosts(&mut self, round: &mut Round) {
        for key in self.ownership.settle() {
            if key.kind == Kind::TokenPolicy {
                round.policies.insert(key);
            } else {
                round.placements.insert(key);
            }
        }
    }

    /// Whether a policy is the issuer that it says it is.
    fn standing(&self, key: &ObjectKey) -> Standing {
        let Some(claim) = self.policies.get(key).and_then(|node| node.claim.as_deref()) else {
            return Standing::Issuer;
        };
        self.claims.standing(key, claim, self.ownership.lost_to(&claim.pattern(), &key.namespace))
    }

    /// Gives cells back, and forgets the ports that nobody holds any more.
    fn release(&mut self, held: Vec<Held>) {
        let ports = held.iter().filter_map(|held| match held {
            Held::Port(port) => Some(port.clone()),
            Held::Url(_)
            | Held::Source(_)
            | Held::SecretKeys(_)
            | Held::Inline(_)
            | Held::ApiKeys(_)
            | Held::ClientSecret(_)
            | Held::Issuer(_) => None,
        });
        let ports: Vec<_> = ports.collect();
        self.cells.release(held);
        for port in ports.iter().filter(|port| self.cells.port(port).is_none()) {
            self.ports.remove(port);
            if self.cells.ports_of(&port.service).next().is_none() {
                self.resources.forget(&Reader::Object(port.service.clone()));
            }
        }
    }

    fn resolve_services(&mut self, round: &mut Round) {
        for service in std::mem::take(&mut round.services) {
            let mut reading = self.resources.reading();
            let mut has_changed = false;
            let mut is_held = false;
            for (port, upstream) in self.cells.ports_of(&service) {
                is_held = true;
                let (state, endpoints) = services::resolve(port, &mut reading);
                if **upstream.endpoints.load() != endpoints {
                    upstream.endpoints.store(Arc::new(endpoints));
                }
                let before = self.ports.insert(port.clone(), state.clone());
                // Whoever needs a port for the first time is compiled anew in this round anyway.
                has_changed |= before.is_some_and(|before| before != state);
            }
            if !is_held {
                continue;
            }
            let log = reading.into_log();
            self.resources.record(Reader::Object(service.clone()), log);
            if has_changed {
                self.resources.recompiled(&service);
            }
        }
        self.collect_marks(round);
    }

    fn join_policies(&mut self, round: &mut Round) {
        for (key, unit) in std::mem::take(&mut round.new_policies) {
            let now = unit.map(|unit| PolicyNode::join(unit, &key, &mut self.cells));
            round.work.policies = round.work.policies.saturating_add(usize::from(now.is_some()));
            let before = self.policies.remove(&key);
            let headers = now.as_ref().map(|node| node.identity_headers.as_slice()).unwrap_or_default();
            let headers_before = before.as_ref().map(|node| node.identity_headers.as_slice()).unwrap_or_default();
            self.identity.replace(headers_before, headers);
            if let Some(node) = now {
                self.policies.insert(key.clone(), node);
                round.policies.insert(key.clone());
            } else {
                self.resources.forget(&Reader::Object(key.clone()));
                self.issuers.replace(&key, None, None);
            }
            if let Some(before) = before {
                self.release(before.held);
            }
            self.resources.recompiled(&key);
        }
        for key in std::mem::take(&mut round.policies) {
            let standing = self.standing(&key);
            let Some(node) = self.policies.get_mut(&key) else { continue };
            let mut reading = self.resources.reading();
            node.fill(&key, &mut reading, &self.settings, &mut self.retired, &standing);
            let log = reading.into_log();
            self.issuers.replace(&key, node.endpoints(), node.issuer().and_then(|(_, plan)| plan));
            if !node.filled.named.is_empty() {
                self.users.collect(&key, &mut round.judged);
            }
            self.resources.record(Reader::Object(key.clone()), log);
            round.judged.insert(key);
        }
        self.collect_marks(round);
    }

    fn join_models(&mut self, round: &mut Round) {
        let mut turned = BTreeSet::new();
        for (key, unit) in std::mem::take(&mut round.new_models) {
            let Some(unit) = unit else {
                self.drop_model(&key);
                turned.insert(key);
                continue;
            };
            let held = models::hold(&unit, &mut self.cells);
            let (joined, log) = models::join(&unit, &key, self.known());
            let before = self.models.insert(key.clone(), ModelNode { unit, held, joined });
            let named = before.as_ref().map(|node| node.joined.named.clone()).unwrap_or_default();
            if let Some(before) = before {
                self.release(before.held);
            }
            self.model_joined(&key, &named, log, round);
            round.models.remove(&key);
            turned.insert(key);
        }
        for key in std::mem::take(&mut round.models) {
            let Some(node) = self.models.get(&key) else { continue };
            let (joined, log) = models::join(&node.unit, &key, self.known());
            let Some(node) = self.models.get_mut(&key) else { continue };
            let named = node.joined.named.clone();
            let has_turned = node.rejoin(joined);
            self.model_joined(&key, &named, log, round);
            if has_turned {
                turned.insert(key);
            }
        }
        for key in turned {
            self.resources.recompiled(&key);
        }
        self.collect_marks(round);
    }

    /// Keeps what a model has looked up and named, and marks the verdicts that follow it.
    fn model_joined(
        &mut self,
        key: &ObjectKey,
        before: &BTreeSet<ObjectKey>,
        log: BTreeSet<Lookup>,
        round: &mut Round,
    ) {
        if let Some(node) = self.models.get(key) {
            self.users.model(key, before, &node.joined.named);
        }
        self.users.collect(key, &mut round.judged);
        self.resources.record(Reader::Object(key.clone()), log);
        round.judged.insert(key.clone());
    }

    fn drop_model(&mut self, key: &ObjectKey) {
        let Some(node) = self.models.remove(key) else { return };
        self.resources.forget(&Reader::Object(key.clone()));
        self.users.model(key, &node.joined.named, &BTreeSet::new());
        self.release(node.held);
    }

    /// What rules and models are joined with.
    const fn known(&self) -> Known<'_> {
        Known {
            settings: &self.settings,
            reading: self.resources.reading(),
            policies: &self.policies,
            models: &self.models,
            ports: &self.ports,
            cells: &self.cells,
            named: BTreeSet::new(),
        }
    }

    fn join_rules(&mut self, round: &mut Round) {
        for key in &round.new_routes {
            let rules = self.routes.get(key).map_or(0, |node| node.unit.rules.len());
            round.rules.extend((0..rules).map(|rule| (key.clone(), rule)));
        }
        let new_routes = std::mem::take(&mut round.new_routes);
        for key in new_routes {
            let Some(node) = self.routes.get_mut(&key) else { continue };
            let rules = node.unit.rules.len();
            let gone = if node.rules.len() > rules { node.rules.split_off(rules) } else { Vec::new() };
            for (index, rule) in gone.iter().enumerate() {
                self.forget_rule(&key, rules.saturating_add(index), rule, round);
            }
        }
        for rule_key in std::mem::take(&mut round.rules) {
            let (key, index) = (&rule_key.0, rule_key.1);
            let unit = self.routes.get(key).and_then(|node| node.unit.rules.get(index));
            let Some(unit) = unit else { continue };
            let (rule, log) = RuleNode::join(unit, key, index, self.known());
            self.resources.record(reader_of(key, index), log);
            round.work.chains = round.work.chains.saturating_add(rule.count());
            let Some(node) = self.routes.get_mut(key) else { continue };
            let before = node.rules.get(index).map(|rule| &rule.named);
            let changed = self.users.rule(&rule_key, before.unwrap_or(&BTreeSet::new()), &rule.named);
            round.judged.extend(changed);
            // Rules come in order, so a new one is the next.
            match node.rules.get_mut(index) {
                Some(place) => *place = rule,
                None => node.rules.push(rule),
            }
            round.placements.insert(rule_key.0);
        }
    }

    fn link(&mut self, round: &mut Round) {
        for key in std::mem::take(&mut round.placements) {
            let Some(node) = self.routes.get_mut(&key) else { continue };
            let (placements, unowned) = node.link(&key, |host| self.ownership.lost_to(host, &key.namespace));
            let concerned = self.linker.relink(&key, &node.placements, &placements);
            node.placements = placements;
            node.unowned = unowned;
            round.judged.extend(concerned);
            round.judged.insert(key);
        }
    }

    fn judge(&mut self, round: &Round) -> Vec<(ObjectKey, Option<Arc<Verdict>>)> {
        let mut changed = Vec::new();
        for key in &round.judged {
            let verdict = self.verdict(key);
            let is_same = match (self.verdicts.get(key), &verdict) {
                (Some(before), Some(now)) => **before == *now,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if is_same {
                continue;
            }
            let verdict = verdict.map(Arc::new);
            match &verdict {
                Some(verdict) => self.verdicts.insert(key.clone(), Arc::clone(verdict)),
                None => self.verdicts.remove(key),
            };
            changed.push((key.clone(), verdict));
        }
        changed
    }

    fn verdict(&self, key: &ObjectKey) -> Option<Verdict> {
        let object = self.resources.object(key)?;
        let world = World { resources: &self.resources, policies: &self.policies, models: &self.models };
        match key.kind {
            Kind::ApiRoute => {
                let node = self.routes.get(key)?;
                Some(verdicts::of_route(object, node, |placement| self.linker.winner(placement), world))
            }
            Kind::TokenPolicy => {
                Some(verdicts::of_policy(object, self.policies.get(key)?, self.users.rules(key), world))
            }
            Kind::ModelBackend => Some(verdicts::of_model(object, self.models.get(key)?, self.users.rules(key), world)),
            Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => None,
        }
    }

    fn publish(&mut self, round: &mut Round) -> Arc<Snapshot> {
        self.retired.sweep();
        let touched = self.linker.take_touched();
        let shards: BTreeSet<usize> = touched.iter().map(HostPattern::shard).collect();
        (round.work.hosts, round.work.shards) = (touched.len(), shards.len());
        let identity_headers = self.identity.headers();
        let is_first = self.snapshot.id == SnapshotId::default();
        let issuers = self.issuers.table();
        let is_same = touched.is_empty()
            && Arc::ptr_eq(&identity_headers, &self.snapshot.identity_headers)
            && Arc::ptr_eq(&issuers, &self.snapshot.issuers);
        if is_first || !is_same {
            let id = SnapshotId(self.snapshot.id.0.saturating_add(1));
            let hosts = self.linker.hosts().clone();
            let snapshot = Arc::new(Snapshot { id, hosts, issuers, identity_headers });
            self.retired.snapshot(std::mem::replace(&mut self.snapshot, snapshot));
        }
        Arc::clone(&self.snapshot)
    }

    /// What is reported of a source that nobody names any more is for nobody.
    fn forget_reports(&mut self) {
        let is_wanted = |key: &ReportKey| match key {
            ReportKey::Signing(policy) => self.policies.get(policy).is_some_and(|policy| policy.filled.plan.is_some()),
            ReportKey::Keys(_) | ReportKey::Name(_) => self.cells.is_wanted(key),
        };
        let unwanted = self.resources.reported().filter(|key| !is_wanted(key));
        let unwanted: Vec<ReportKey> = unwanted.cloned().collect();
        for key in unwanted {
            self.resources.forget_report(&key);
        }
    }
}

fn reader_of(route: &ObjectKey, rule: usize) -> Reader {
    Reader::Rule(route.clone(), u32::try_from(rule).unwrap_or(u32::MAX))
}
