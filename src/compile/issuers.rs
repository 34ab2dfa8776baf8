//! Who is the issuer that a policy says it is, and whose keys rotate.
//!
//! An issuer is a host and a path. The host is claimed as a route claims it; of the policies of one namespace that say
//! they are one issuer, or keep keys in one Secret, the oldest is it, and the others refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::notes::Problem;
use super::ownership::{Age, Owner};
use super::routes;
use super::unit::IssuerClaim;
use crate::finding::Code;
use crate::name::{Kind, ObjectKey};
use crate::rotation::{Plan, Plans};
use crate::snapshot::{Issuer, Issuers};

/// Whether a policy is the issuer that it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Issuer,
    /// The host belongs to another namespace.
    HostLost(Arc<str>, Owner),
    /// This policy is older.
    SameIssuer(ObjectKey),
    /// This policy is older, and keeps its keys in the same Secret.
    SameSecret(ObjectKey),
}

impl Standing {
    /// Why not, and at which field of `issue`.
    pub(super) fn problem(&self) -> Option<(&'static str, Problem)> {
        let of = |policy: &ObjectKey, what: &str| {
            Problem::plain(Code::DuplicateIssuer, format!("the TokenPolicy {}, which is older, {what}", policy.name))
        };
        match self {
            Self::Issuer => None,
            Self::HostLost(host, owner) => Some(("issuer", routes::not_owned(&exact(host), owner))),
            Self::SameIssuer(policy) => {
                Some(("issuer", of(policy, "has the same issuer, or one that differs by scheme or port")))
            }
            Self::SameSecret(policy) => Some(("keysSecretRef", of(policy, "keeps its keys in the same Secret"))),
        }
    }
}

fn exact(host: &Arc<str>) -> crate::snapshot::HostPattern {
    crate::snapshot::HostPattern::Exact((**host).into())
}

/// Who claims the same, the oldest first.
type Rivals<K> = BTreeMap<K, BTreeSet<(Age, ObjectKey)>>;

/// An issuer within its namespace: host and path. Endpoints are found by these alone.
type Place = (Arc<str>, Arc<str>, Box<str>);

/// The claims of all policies.
#[derive(Debug, Default)]
pub(super) struct IssuerClaims {
    places: Rivals<Place>,
    secrets: Rivals<ObjectKey>,
}

impl IssuerClaims {
    /// A policy claims this instead of that. Gives the other policies that are concerned.
    pub(super) fn replace(
        &mut self,
        policy: &ObjectKey,
        before: Option<&IssuerClaim>,
        now: Option<&IssuerClaim>,
    ) -> BTreeSet<ObjectKey> {
        let mut concerned = BTreeSet::new();
        if let Some(claim) = before {
            withdraw(&mut self.places, &place(policy, claim), policy, claim, &mut concerned);
            if let Some(key) = secret(policy, claim) {
                withdraw(&mut self.secrets, &key, policy, claim, &mut concerned);
            }
        }
        if let Some(claim) = now {
            enter(&mut self.places, place(policy, claim), policy, claim, &mut concerned);
            if let Some(key) = secret(policy, claim) {
                enter(&mut self.secrets, key, policy, claim, &mut concerned);
            }
        }
        concerned.remove(policy);
        concerned
    }

    /// Where a policy stands with what it claims; `lost` says to whom its namespace lost the host.
    pub(super) fn standing(&self, policy: &ObjectKey, claim: &IssuerClaim, lost: Option<Owner>) -> Standing {
        if let Some(owner) = lost {
            return Standing::HostLost(Arc::clone(&claim.host), owner);
        }
        if let Some(older) = oldest(self.places.get(&place(policy, claim))).filter(|first| *first != policy) {
            return Standing::SameIssuer(older.clone());
        }
        let first = secret(policy, claim).and_then(|secret| oldest(self.secrets.get(&secret)));
        match first.filter(|first| *first != policy) {
            Some(older) => Standing::SameSecret(older.clone()),
            None => Standing::Issuer,
        }
    }
}

fn place(policy: &ObjectKey, claim: &IssuerClaim) -> Place {
    (Arc::clone(&policy.namespace), Arc::clone(&claim.host), claim.path.clone())
}

fn secret(policy: &ObjectKey, claim: &IssuerClaim) -> Option<ObjectKey> {
    Some(ObjectKey::new(Kind::Secret, Arc::clone(&policy.namespace), Arc::clone(claim.secret.as_ref()?)))
}

fn oldest(claims: Option<&BTreeSet<(Age, ObjectKey)>>) -> Option<&ObjectKey> {
    claims?.first().map(|(_, policy)| policy)
}

fn enter<K: Ord>(
    rivals: &mut Rivals<K>,
    of: K,
    policy: &ObjectKey,
    claim: &IssuerClaim,
    concerned: &mut BTreeSet<ObjectKey>,
) {
    let claims = rivals.entry(of).or_default();
    concerned.extend(claims.iter().map(|(_, policy)| policy.clone()));
    claims.insert((claim.age.clone(), policy.clone()));
}

fn withdraw<K: Ord>(
    rivals: &mut Rivals<K>,
    of: &K,
    policy: &ObjectKey,
    claim: &IssuerClaim,
    concerned: &mut BTreeSet<ObjectKey>,
) {
    let Some(claims) = rivals.get_mut(of) else { return };
    claims.remove(&(claim.age.clone(), policy.clone()));
    concerned.extend(claims.iter().map(|(_, policy)| policy.clone()));
    if claims.is_empty() {
        rivals.remove(of);
    }
}

/// What is at the endpoints of an issuer.
#[derive(Clone, Debug)]
pub(super) enum Endpoints {
    /// It is in force.
    Served(Arc<Issuer>),
    /// It is broken, and nobody else may take its requests.
    Refused { host: Arc<str>, path: Box<str>, code: Code },
}

impl PartialEq for Endpoints {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Served(one), Self::Served(other)) => Arc::ptr_eq(one, other),
            (
                Self::Refused { host, path, code },
                Self::Refused { host: other_host, path: other_path, code: other_code },
            ) => (host, path, code) == (other_host, other_path, other_code),
            (Self::Served(_), Self::Refused { .. }) | (Self::Refused { .. }, Self::Served(_)) => false,
        }
    }
}

/// The issuers in force, and the plans for their keys.
#[derive(Debug, Default)]
pub(super) struct IssuersInForce {
    endpoints: BTreeMap<ObjectKey, Endpoints>,
    table: Arc<Issuers>,
    has_changed: bool,
    plans: Plans,
}

impl IssuersInForce {
    /// The policy has these endpoints now, and this plan for its keys.
    pub(super) fn replace(&mut self, policy: &ObjectKey, now: Option<Endpoints>, plan: Option<&Arc<Plan>>) {
        if self.endpoints.get(policy) != now.as_ref() {
            self.has_changed = true;
            match now {
                Some(endpoints) => drop(self.endpoints.insert(policy.clone(), endpoints)),
                None => drop(self.endpoints.remove(policy)),
            }
        }
        if self.plans.get(policy) != plan {
            let plans = Arc::make_mut(&mut self.plans);
            match plan {
                Some(plan) => drop(plans.insert(policy.clone(), Arc::clone(plan))),
                None => drop(plans.remove(policy)),
            }
        }
    }

    /// All of them; the same as before if none has changed.
    pub(super) fn table(&mut self) -> Arc<Issuers> {
        if std::mem::take(&mut self.has_changed) {
            self.table = Arc::new(table(self.endpoints.values()));
        }
        Arc::clone(&self.table)
    }

    /// The plans; the same as before if none has changed.
    pub(super) fn plans(&self) -> Plans {
        Arc::clone(&self.plans)
    }
}

/// The table of these endpoints. Those of two issuers may share a path; then one that is in force comes first.
pub(super) fn table<'a>(endpoints: impl Iterator<Item = &'a Endpoints> + Clone) -> Issuers {
    let mut table = Issuers::default();
    for endpoints in endpoints.clone() {
        if let Endpoints::Served(issuer) = endpoints {
            table.insert(issuer);
        }
    }
    for endpoints in endpoints {
        if let Endpoints::Refused { host, path, code } = endpoints {
            table.refuse(host, path, *code);
        }
    }
    table
}
