//! What an `ApiRoute` became: its rules, and the placements that it wants in the table: each match of each rule, under
//! each host that its namespace owns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cells::Held;
use super::chain::RuleNode;
use super::linker::{Placement, Slot};
use super::notes::{At, Notes, Problem};
use super::ownership::Owner;
use super::unit::{Claim, RouteUnit};
use crate::finding::{Code, Finding};
use crate::name::ObjectKey;
use crate::snapshot::{Conditions, HostPattern, PathMatch, Rank, Route};

/// What was compiled of an `ApiRoute`.
#[derive(Debug)]
pub(super) struct RouteNode {
    pub(super) unit: RouteUnit,
    pub(super) rules: Vec<RuleNode>,
    pub(super) placements: Vec<Placement>,
    /// The hosts that it has not.
    pub(super) unowned: Vec<Finding>,
    pub(super) held: Vec<Held>,
}

impl RouteNode {
    /// Decides again which placements it wants.
    pub(super) fn link(
        &self,
        key: &ObjectKey,
        lost_to: impl Fn(&HostPattern) -> Option<Owner>,
    ) -> (Vec<Placement>, Vec<Finding>) {
        let mut notes = Notes::new(key.clone());
        let placements = placements(&self.unit, &self.rules, lost_to, &mut notes);
        (placements, notes.into_findings())
    }
}

/// The placements of `unit`, whose rules became `rules`. A host that `lost_to` names an owner of is left out, and
/// noted.
fn placements(
    unit: &RouteUnit,
    rules: &[RuleNode],
    lost_to: impl Fn(&HostPattern) -> Option<Owner>,
    notes: &mut Notes,
) -> Vec<Placement> {
    let mut placements = Vec::new();
    for (index, host) in &unit.hosts {
        if let Some(owner) = lost_to(host) {
            let at = At::spec();
            notes.error(&at.field("hosts").index(*index), not_owned(host, &owner));
            continue;
        }
        for (rule, (rule_unit, node)) in unit.rules.iter().zip(rules).enumerate() {
            for claim in &rule_unit.claims {
                let Some(chain) = node.chain(claim) else { continue };
                let rank = rank(unit, rule, claim);
                let own = (!claim.is_whole()).then(|| rank.clone());
                let Claim { path, conditions, .. } = claim.clone();
                let slot = Slot { host: host.clone(), path, conditions: conditions.clone(), own };
                placements
                    .push(Placement { slot, route: Arc::new(Route { conditions, rank, chain: Arc::clone(chain) }) });
            }
        }
    }
    placements
}

fn rank(unit: &RouteUnit, rule: usize, claim: &Claim) -> Rank {
    let Conditions { methods, headers } = &claim.conditions;
    let count = u32::try_from(headers.len()).unwrap_or(u32::MAX);
    // One that was not read whole comes first: what it leaves out might have been the more specific.
    let (any_method, headers_missing) =
        if claim.is_whole() { (methods.is_empty(), u32::MAX.saturating_sub(count)) } else { (false, 0) };
    Rank {
        any_method,
        headers_missing,
        created: unit.created,
        object: Arc::clone(&unit.name),
        rule: u32::try_from(rule).unwrap_or(u32::MAX),
        entry: claim.entry.map_or(0, |entry| u32::try_from(entry).unwrap_or(u32::MAX)),
    }
}

/// A host that `owner` has.
pub(super) fn not_owned(host: &HostPattern, owner: &Owner) -> Problem {
    let Owner { namespace, pattern } = owner;
    let cause = if host == pattern {
        format!("namespace {namespace} has claimed {host} before", host = Shown(host))
    } else {
        format!(
            "namespace {namespace} has claimed {pattern} before, which overlaps {host}",
            pattern = Shown(pattern),
            host = Shown(host)
        )
    };
    Problem::plain(Code::HostNotOwned, cause)
}

/// A pattern as users write it.
struct Shown<'a>(&'a HostPattern);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            HostPattern::Exact(name) => formatter.write_str(name),
            HostPattern::Below(suffix) => write!(formatter, "*.{suffix}"),
            HostPattern::Any => formatter.write_str("every host"),
        }
    }
}

/// Notes each placement whose slot another route has, `winner` by placement. One finding for a match and a winner, with
/// all hosts.
pub(super) fn note_duplicates(
    placements: &[Placement],
    unit: &RouteUnit,
    winner: impl Fn(&Placement) -> Option<Arc<Route>>,
    notes: &mut Notes,
) {
    let mut lost: BTreeMap<(u32, u32, Arc<str>), Vec<&Placement>> = BTreeMap::new();
    for placement in placements {
        if let Some(winner) = winner(placement) {
            let Rank { rule, entry, .. } = placement.route.rank;
            lost.entry((rule, entry, Arc::clone(winner.chain.rule()))).or_default().push(placement);
        }
    }
    for ((rule, entry, winner), placements) in lost {
        let hosts: Vec<String> = placements.iter().map(|placement| Shown(&placement.slot.host).to_string()).collect();
        let is_own = winner.strip_prefix(&*unit.name).is_some_and(|rule| rule.starts_with('/'));
        let cause = format!(
            "the rule {winner} {} and takes the same requests: {} on {}",
            if is_own { "comes first" } else { "is older" },
            shown_path(placements.first().map(|placement| &placement.slot.path)),
            hosts.join(", ")
        );
        let cure = "Change one of the two; this one comes into force when the other goes.";
        let (rule, entry) = (place(rule), place(entry));
        let spec = At::spec();
        let rules = spec.field("rules");
        let at = rules.index(rule);
        let matches = at.field("matches");
        let claims = unit.rules.get(rule).map(|rule| rule.claims.as_slice()).unwrap_or_default();
        let has_matches = claims.iter().any(|claim| claim.entry.is_some());
        let at = if has_matches { matches.index(entry) } else { at };
        notes.error(&at, Problem::new(Code::DuplicateRoute, cause, cure));
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn shown_path(path: Option<&PathMatch>) -> String {
    match path {
        Some(PathMatch::Exact(path)) => format!("path {path}"),
        Some(PathMatch::Prefix(path)) => format!("prefix {path}"),
        None => "nothing".to_owned(),
    }
}
