//! What rules and model backends are joined with: the compiled policies and models, the state of ports, the resources.
//! Whatever is taken from here is logged, misses included.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Settings;
use super::cells::Cells;
use super::models::{ModelNode, ModelTarget};
use super::notes::{At, Notes, Problem};
use super::policies::PolicyNode;
use super::services::PortState;
use super::unit::{AccessUnit, ServicePort, TokenRuleUnit};
use crate::finding::{Code, did_you_mean};
use crate::name::{Kind, ObjectKey};
use crate::resources::Reading;
use crate::snapshot::{Access, Policy, TokenRule};

/// Compiled policies by key.
pub(super) type Policies = BTreeMap<ObjectKey, PolicyNode>;
/// Compiled model backends by key.
pub(super) type Models = BTreeMap<ObjectKey, ModelNode>;
/// What became of each port that somebody holds.
pub(super) type Ports = BTreeMap<ServicePort, PortState>;

/// A reader's view of all that is compiled before it.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) settings: &'a Settings,
    pub(super) reading: Reading<'a>,
    pub(super) policies: &'a Policies,
    pub(super) models: &'a Models,
    pub(super) ports: &'a Ports,
    pub(super) cells: &'a Cells,
    /// Every object that the reader names, there or not.
    pub(super) named: BTreeSet<ObjectKey>,
}

impl Known<'_> {
    /// The policies of an `auth`. One that is missing or broken breaks the whole: it might have been the strict one.
    pub(super) fn access(&mut self, unit: &AccessUnit, at: &At<'_>, notes: &mut Notes) -> Result<Access, Code> {
        let rules = match unit {
            AccessUnit::Anonymous => return Ok(Access::Anonymous),
            AccessUnit::Tokens(rules) => rules,
        };
        let tokens = at.field("tokens");
        let mut outcome = Ok(());
        let mut joined = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let TokenRuleUnit { policy, scopes, claims, require } = rule;
            match self.policy(policy) {
                Ok(policy) => joined.push(TokenRule {
                    policy,
                    scopes: scopes.clone(),
                    claims: claims.clone(),
                    require: require.clone(),
                }),
                Err(problem) => {
                    let code = notes.error(&tokens.index(index).field("policyRef"), problem);
                    outcome = outcome.and(Err(code));
                }
            }
        }
        outcome.map(|()| Access::Tokens(joined.into()))
    }

    fn policy(&mut self, key: &ObjectKey) -> Result<Arc<Policy>, Problem> {
        self.named.insert(key.clone());
        let is_there = self.reading.object(key).is_some();
        match self.policies.get(key) {
            Some(node) => node.policy.as_ref().map(Arc::clone).map_err(|code| broken(key, *code)),
            None => Err(self.absent(key, is_there, Code::PolicyNotFound, self.policies)),
        }
    }

    /// A compiled model backend.
    pub(super) fn model(&mut self, key: &ObjectKey) -> Result<Arc<ModelTarget>, Problem> {
        self.named.insert(key.clone());
        let is_there = self.reading.object(key).is_some();
        match self.models.get(key) {
            Some(model) => model.joined.target.as_ref().map(Arc::clone).map_err(|code| broken(key, *code)),
            None => Err(self.absent(key, is_there, Code::BackendNotFound, self.models)),
        }
    }

    /// What became of a port.
    pub(super) fn port(&mut self, port: &ServicePort) -> PortState {
        self.named.insert(port.service.clone());
        self.reading.object(&port.service);
        self.ports.get(port).cloned().unwrap_or_default()
    }

    fn absent<N>(&mut self, key: &ObjectKey, is_there: bool, code: Code, of_kind: &BTreeMap<ObjectKey, N>) -> Problem {
        let ObjectKey { kind, namespace, name } = key;
        if is_there {
            let class = &self.settings.class;
            let cause = format!("the {kind} {name} is of another class than {class}");
            return Problem::new(code, cause, "Give both the same class, or name another.");
        }
        // What is proposed depends on all the names there are, so a new one must reach this reader.
        drop(self.reading.namespace(*kind, namespace));
        let candidates = names(of_kind, *kind, namespace);
        let cause = format!("this namespace has no {kind} {name}{}", did_you_mean(name, candidates));
        Problem::plain(code, cause)
    }
}

fn names<'a, N>(of_kind: &'a BTreeMap<ObjectKey, N>, kind: Kind, namespace: &'a str) -> impl Iterator<Item = &'a str> {
    let first = ObjectKey::new(kind, namespace, "");
    let keys = of_kind.range(first..).map(|(key, _)| key);
    keys.take_while(move |key| *key.namespace == *namespace).map(|key| &*key.name)
}

fn broken(key: &ObjectKey, code: Code) -> Problem {
    let ObjectKey { kind, name, .. } = key;
    let cause = format!("the {kind} {name} is not in force because of a finding of its own ({code})");
    Problem::new(code, cause, format!("Mend the {kind}; its status says what is wrong."))
}
