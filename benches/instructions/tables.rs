//! Tables of ten thousand routes.

use std::sync::Arc;

use bearward::clock::UnixTime;
use bearward::finding::Code;
use bearward::snapshot::{Chain, Conditions, HostPattern, Hosts, PathMatch, Rank, Refused, Route};
use http::request::Parts;

const ROUTES: u32 = 10_000;

/// One path on each of ten thousand hosts.
pub(crate) fn ten_thousand_hosts() -> Arc<Hosts> {
    table(|number| (format!("host-{number}.example.com"), "/orders".to_owned()))
}

/// Ten thousand paths on one host.
pub(crate) fn ten_thousand_paths() -> Arc<Hosts> {
    table(|number| ("api.example.com".to_owned(), format!("/team-{number}/orders")))
}

fn table(place: impl Fn(u32) -> (String, String)) -> Arc<Hosts> {
    let mut hosts = Hosts::default();
    for number in 0..ROUTES {
        let (host, path) = place(number);
        let rule: Arc<str> = format!("shop/route-{number}/rule").into();
        let chain = Arc::new(Chain::Refuse(Refused { rule: Arc::clone(&rule), code: Code::NoAuth }));
        let rank = Rank {
            any_method: true,
            headers_missing: u32::MAX,
            created: UnixTime::from_secs(0),
            object: rule,
            rule: 0,
            entry: 0,
        };
        let route = Arc::new(Route { conditions: Conditions::default(), rank, chain });
        hosts.insert(&HostPattern::parse(&host), &PathMatch::Prefix(path.into()), route);
    }
    Arc::new(hosts)
}

/// The head of a GET.
pub(crate) fn head(host: &str, path: &str) -> Parts {
    http::Request::get(path).header("host", host).header("user-agent", "bench").body(()).unwrap().into_parts().0
}
