//! Everything that a snapshot says, in words, so that two can be compared.

use http::HeaderValue;

use crate::snapshot::{
    AcceptedApiKeys, AcceptedKeys, Access, Action, Authentication, Backend, Chain, Client, Endpoint, Entry,
    HostPattern, Issuer, IssuerCell, IssuerKeys, KeyCell, PathMatch, Policy, Route, Snapshot, Subject, Takes,
    TokenRule, Upstream,
};

/// One line for each route, in the order in which they are found, and one for the rest.
pub(super) fn snapshot(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![format!("identity {:?}", snapshot.identity_headers)];
    lines.extend(snapshot.issuers.iter().map(|issuer| self::issuer(issuer)));
    lines.extend(snapshot.issuers.refused().map(|(host, path, code)| format!("{host}{path} refuses: {code}")));
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

fn issuer(issuer: &Issuer) -> String {
    let Issuer { name, url, origin, host, path, audiences, lifetime, format, dpop, clients, refresh, subjects, keys } =
        issuer;
    let clients: Vec<String> = clients.iter().map(client).collect();
    let subjects = subjects
        .iter()
        .map(|Subject { entry: of, scopes, claims, is_ours }| format!("{} {scopes:?} {claims:?} {is_ours}", entry(of)));
    let subjects: Vec<String> = subjects.collect();
    let paths: Vec<(String, Endpoint)> = issuer.paths().collect();
    format!(
        "issuer {name} {url} {origin} {host} {path} {audiences:?} {lifetime:?} {format:?} {dpop:?} {clients:?} {refresh:?} \
         {subjects:?} {paths:?} {}",
        signing(keys)
    )
}

fn client(client: &Client) -> String {
    let Client { id, authentication, grants, scopes, audiences } = client;
    let known = match authentication {
        Authentication::Secret(cell) => format!("{:?}", cell.load()),
        Authentication::Keys(cell) => keys(cell),
        Authentication::Public => "public".to_owned(),
    };
    format!("{id} {known} {grants:?} {scopes:?} {audiences:?}")
}

/// What an issuer signs with and publishes. Where its Secrets cannot be read, it publishes what it has published before,
/// which is the one thing that the objects alone do not say.
fn signing(cell: &IssuerCell) -> String {
    let IssuerKeys { signer, jwks, etag, max_age, set, openers, kids, lives } = &**cell.load();
    match signer {
        Ok(signer) => {
            let openers: Vec<&str> = openers.iter().map(|(kid, _)| &**kid).collect();
            let (kid, longest, set) = (signer.key.thumbprint(), signer.longest, set.content_hash());
            format!("{kid} {longest:?} {jwks:?} {etag} {max_age:?} {set:?} {openers:?} {kids:?} {lives:?}")
        }
        Err(code) => code.to_string(),
    }
}

fn keys(cell: &KeyCell) -> String {
    match &**cell.load() {
        AcceptedKeys::Unavailable { code, retry } => format!("{code} {retry:?}"),
        AcceptedKeys::Known { set, as_of } => format!("{:?} {as_of:?}", set.content_hash()),
    }
}

fn entry(entry: &Entry) -> String {
    let takes = match &entry.takes {
        Takes::Jwt(jwt) => {
            let keys = match &jwt.issued {
                Some(cell) if cell.load().signer.is_err() => signing(cell),
                Some(cell) => format!("{} {}", signing(cell), keys(&jwt.keys)),
                None => keys(&jwt.keys),
            };
            format!("{:?} {keys} {:?}", jwt.expectation, jwt.format)
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
