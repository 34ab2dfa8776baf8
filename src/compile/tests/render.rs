//! Everything that a snapshot says, in words, so that two can be compared.

use http::HeaderValue;

use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, Access, Action, Backend, Chain, Entry, HostPattern, PathMatch, Policy, Route,
    Snapshot, Takes, TokenRule, Upstream,
};

/// One line for each route, in the order in which they are found, and one for the rest.
pub(super) fn snapshot(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![format!("identity {:?}", snapshot.identity_headers)];
    for (host, paths) in snapshot.hosts.iter() {
        for (place, (path, found)) in paths.routes().into_iter().enumerate() {
            lines.push(format!("{place} {}", route(&host, &path, found)));
        }
    }
    lines
}

fn route(host: &HostPattern, path: &PathMatch, route: &Route) -> String {
    let Route { conditions, rank, chain: of } = route;
    format!("{host:?} {path:?} {conditions:?} {rank:?} {}", chain(of))
}

pub(super) fn chain(chain: &Chain) -> String {
    let stages = match chain {
        Chain::Refuse(refused) => return format!("{refused:?}"),
        Chain::Serve(stages) => stages,
    };
    let action = match &stages.action {
        Action::Forward(weighted) => {
            let backends: Vec<String> =
                weighted.backends.iter().map(|(sum, it)| format!("{sum} {}", backend(it))).collect();
            format!("{} of {backends:?}", weighted.total)
        }
        Action::Redirect(redirect) => format!("{redirect:?}"),
    };
    format!(
        "{} access {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {action}",
        stages.rule,
        access(&stages.access),
        stages.max_body,
        stages.timeouts,
        stages.request,
        stages.host,
        stages.path,
        stages.response,
        stages.dialect,
    )
}

fn access(access: &Access) -> String {
    match access {
        Access::Anonymous => "anonymous".to_owned(),
        Access::Tokens(rules) => {
            let rules = rules.iter().map(|TokenRule { policy: of, scopes, claims, require }| {
                let require = require.as_ref().map(|rule| rule.source());
                format!("({} {scopes:?} {claims:?} {require:?})", policy(of))
            });
            rules.collect::<Vec<_>>().join(" or ")
        }
    }
}

pub(super) fn policy(policy: &Policy) -> String {
    let Policy { name, entries, key_places, forwarding, identity, challenges } = policy;
    let entries: Vec<String> = entries.iter().map(entry).collect();
    format!("{name} {entries:?} {key_places:?} {forwarding:?} {identity:?} {challenges:?}")
}

fn entry(entry: &Entry) -> String {
    let takes = match &entry.takes {
        Takes::Jwt(jwt) => {
            let keys = match &**jwt.keys.load() {
                AcceptedKeys::Unavailable { code, retry } => format!("{code} {retry:?}"),
                AcceptedKeys::Known { set, as_of } => format!("{:?} {as_of:?}", set.content_hash()),
            };
            format!("{:?} {keys}", jwt.expectation)
        }
        Takes::ApiKeys(keys) => {
            let known = match &**keys.keys.load() {
                AcceptedApiKeys::Unavailable(code) => code.to_string(),
                AcceptedApiKeys::Known(set) => {
                    let mut known: Vec<String> =
                        set.iter().map(|(id, claims)| format!("{id} {:?}", claims.members().values())).collect();
                    known.sort();
                    known.join(", ")
                }
            };
            format!("{:?} {known}", keys.places)
        }
    };
    format!("{} {} {takes}", entry.name, entry.label)
}

pub(super) fn backend(backend: &Backend) -> String {
    match backend {
        Backend::Unresolved(code) => code.to_string(),
        Backend::Upstream { upstream, strip, base, credential, access: of } => {
            let Upstream { id, protocol, host, tls, endpoints } = &**upstream;
            let credential = credential.as_deref().map(HeaderValue::as_bytes);
            let of = of.as_deref().map(access);
            let addresses = &endpoints.load().addresses;
            format!("{id} {protocol:?} {host:?} {tls:?} {addresses:?} -{strip} +{base} {credential:?} {of:?}")
        }
    }
}
