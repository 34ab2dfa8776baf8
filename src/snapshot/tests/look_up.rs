//! Host, then path, then conditions, then rank.

use http::Method;

use super::super::{Conditions, HostPattern, Hosts, PathMatch, Rank};
use super::{exact, find, head, headers, host, methods, plain, prefix, rank, route};
use crate::clock::UnixTime;

fn hosts_with(patterns: &[&str]) -> Hosts {
    let mut hosts = Hosts::default();
    for (number, pattern) in (0..).zip(patterns) {
        hosts.insert(&host(pattern), &prefix("/"), plain(pattern, number));
    }
    hosts
}

#[test]
fn an_exact_host_comes_before_a_wildcard_and_a_wildcard_before_all_others() {
    let hosts =
        hosts_with(&["*", "*.com", "*.example.com", "*.eu.example.com", "api.example.com", "API.EU.Example.com"]);
    let get = head("GET", &[]);
    for (name, expected) in [
        ("localhost", "*"),
        ("com", "*"),
        ("example.org", "*"),
        ("127.0.0.1", "*"),
        ("[::1]", "*"),
        ("", "*"),
        ("example.com", "*.com"),
        ("notexample.com", "*.com"),
        ("xapi.example.com", "*.example.com"),
        ("a.api.example.com", "*.example.com"),
        ("eu.example.com", "*.example.com"),
        ("api.example.com", "api.example.com"),
        ("x.eu.example.com", "*.eu.example.com"),
        ("x.y.eu.example.com", "*.eu.example.com"),
        ("api.eu.example.com", "API.EU.Example.com"),
    ] {
        assert_eq!(find(&hosts, name, "/", &get), Some(expected), "{name}");
    }
}

#[test]
fn a_host_that_nobody_serves_has_no_paths() {
    let hosts = hosts_with(&["*.example.com", "api.example.org"]);
    for name in ["example.com", "example.org", "x.api.example.org", "apiXexample.org", "com", "", "localhost"] {
        assert!(hosts.find(name).is_none(), "{name}");
    }
    assert!(Hosts::default().find("api.example.com").is_none());
}

#[test]
fn the_most_specific_host_decides_alone() {
    let mut hosts = hosts_with(&["*", "*.example.com"]);
    hosts.insert(&host("api.example.com"), &exact("/orders"), route("orders", rank(9), methods([Method::GET])));
    let (get, post) = (head("GET", &[]), head("POST", &[]));
    assert_eq!(find(&hosts, "api.example.com", "/", &get), None);
    assert_eq!(find(&hosts, "api.example.com", "/orders/1", &get), None);
    assert_eq!(find(&hosts, "api.example.com", "/orders", &post), None);
    assert_eq!(find(&hosts, "api.example.com", "/orders", &get), Some("orders"));
    assert_eq!(find(&hosts, "www.example.com", "/orders/1", &post), Some("*.example.com"));
}

#[test]
fn one_pattern_covers_another_only_if_all_its_hosts_are_among_its_own() {
    for (wide, narrow, expected) in [
        ("*", "*", true),
        ("*", "*.example.com", true),
        ("*", "api.example.com", true),
        ("*.example.com", "*", false),
        ("api.example.com", "*", false),
        ("api.example.com", "api.example.com", true),
        ("api.example.com", "API.example.com", true),
        ("api.example.com", "www.example.com", false),
        ("api.example.com", "*.api.example.com", false),
        ("*.example.com", "api.example.com", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "notexample.com", false),
        ("*.example.com", ".example.com", false),
        ("*.example.com", "*.example.com", true),
        ("*.example.com", "*.eu.example.com", true),
        ("*.eu.example.com", "*.example.com", false),
        ("*.example.com", "*.notexample.com", false),
    ] {
        assert_eq!(host(wide).covers(&host(narrow)), expected, "{wide} covers {narrow}");
    }
    assert_eq!(HostPattern::parse("*.Example.com"), HostPattern::Below("example.com".into()));
    assert_eq!(HostPattern::parse("Example.com"), HostPattern::Exact("example.com".into()));
}

#[test]
fn an_exact_path_comes_before_a_prefix_and_a_long_prefix_before_a_short_one() {
    let paths: [(&str, PathMatch); 8] = [
        ("prefix /", prefix("/")),
        ("prefix /orders", prefix("/orders")),
        ("exact /orders", exact("/orders")),
        ("exact /orders/", exact("/orders/")),
        ("prefix /orders/archive/", prefix("/orders/archive/")),
        ("prefix /orders/archive/2020", prefix("/orders/archive/2020")),
        ("exact /orders/archive/2020/5", exact("/orders/archive/2020/5")),
        ("exact /", exact("/")),
    ];
    let mut hosts = Hosts::default();
    for (number, (name, path)) in (0..).zip(&paths) {
        hosts.insert(&HostPattern::Any, path, plain(name, number));
    }
    let get = head("GET", &[]);
    for (path, expected) in [
        ("/", "exact /"),
        ("/x", "prefix /"),
        ("/order", "prefix /"),
        ("/ordersx", "prefix /"),
        ("/Orders", "prefix /"),
        ("/x/orders", "prefix /"),
        ("*", "prefix /"),
        ("/orders", "exact /orders"),
        ("/orders/", "exact /orders/"),
        ("/orders/1", "prefix /orders"),
        ("/orders//", "prefix /orders"),
        ("/orders/archiv", "prefix /orders"),
        ("/orders/archives", "prefix /orders"),
        ("/orders/archive", "prefix /orders/archive/"),
        ("/orders/archive/", "prefix /orders/archive/"),
        ("/orders/archive/2021", "prefix /orders/archive/"),
        ("/orders/archive/2020", "prefix /orders/archive/2020"),
        ("/orders/archive/2020/5/6", "prefix /orders/archive/2020"),
        ("/orders/archive/2020/5", "exact /orders/archive/2020/5"),
        ("/orders/archive/2020/5/", "prefix /orders/archive/2020"),
    ] {
        assert_eq!(find(&hosts, "any", path, &get), Some(expected), "{path}");
    }
}

#[test]
fn a_path_that_no_route_names_is_not_found() {
    let mut hosts = Hosts::default();
    hosts.insert(&HostPattern::Any, &exact("/a/b"), plain("exact", 0));
    hosts.insert(&HostPattern::Any, &prefix("/a/b/c"), plain("prefix", 1));
    let get = head("GET", &[]);
    for path in ["/", "/a", "/a/", "/a/b/", "/a/b/cd", "/a/b/d", "/b", "a/b", "*", ""] {
        assert_eq!(find(&hosts, "any", path, &get), None, "{path}");
    }
    assert_eq!(find(&hosts, "any", "/a/b", &get), Some("exact"));
    assert_eq!(find(&hosts, "any", "/a/b/c/", &get), Some("prefix"));
}

#[test]
fn a_route_whose_conditions_fail_leaves_the_request_to_the_next() {
    let mut hosts = Hosts::default();
    let mut add = |name, path: PathMatch, number, conditions| {
        hosts.insert(&HostPattern::Any, &path, route(name, rank(number), conditions));
    };
    add("exact get", exact("/a"), 0, methods([Method::GET, Method::HEAD]));
    add("prefix team", prefix("/a"), 1, headers([("x-team", "shop")]));
    add("prefix two", prefix("/a"), 2, headers([("x-team", "ops"), ("x-stage", "test")]));
    add("root", prefix("/"), 3, methods([Method::DELETE]));
    for (method, path, fields, expected) in [
        ("POST", "/a", &[][..], None),
        ("get", "/a", &[], None),
        ("GET", "/a/b", &[], None),
        ("GET", "/a", &[], Some("exact get")),
        ("HEAD", "/a", &[("x-team", "shop")], Some("exact get")),
        ("POST", "/a", &[("x-team", "shop")], Some("prefix team")),
        ("POST", "/a", &[("X-Team", "shop")], Some("prefix team")),
        ("POST", "/a", &[("x-team", "Shop")], None),
        ("POST", "/a", &[("x-team", "shop2")], None),
        ("POST", "/a", &[("x-team", "")], None),
        ("POST", "/a", &[("x-team", "shop"), ("x-team", "ops")], None),
        ("POST", "/a", &[("x-team", "ops")], None),
        ("POST", "/a", &[("x-team", "ops"), ("x-stage", "live")], None),
        ("POST", "/a", &[("x-team", "ops"), ("x-stage", "test")], Some("prefix two")),
        ("DELETE", "/a", &[], Some("root")),
    ] {
        assert_eq!(find(&hosts, "any", path, &head(method, fields)), expected, "{method} {path} {fields:?}");
    }
}

#[test]
fn a_header_that_is_there_twice_matches_nothing() {
    let wanted = headers([("x-team", "red")]);
    for (fields, expected) in [
        (&[][..], false),
        (&[("x-team", "red"), ("x-team", "red")], false),
        (&[("x-team", "red"), ("x-team", "blue")], false),
        (&[("x-team", "blue"), ("x-team", "red")], false),
        (&[("x-team", "red ")], false),
        (&[("x-team", "red")], true),
    ] {
        assert_eq!(wanted.hold(&head("GET", fields)), expected, "{fields:?}");
    }
}

#[test]
fn of_routes_for_one_path_the_first_by_rank_is_taken() {
    let base = rank(5);
    let ranks = [
        // Each row comes after the one before it.
        Rank { any_method: false, headers_missing: u32::MAX - 2, ..base.clone() },
        Rank { any_method: false, ..base.clone() },
        Rank { headers_missing: u32::MAX - 3, created: UnixTime::from_secs(9), ..base.clone() },
        Rank { headers_missing: u32::MAX - 1, ..base.clone() },
        Rank { object: "shop/aaa".into(), rule: 9, ..base.clone() },
        Rank { object: "shop/orders".into(), rule: 4, entry: 9, ..base.clone() },
        base.clone(),
        Rank { entry: 1, ..base.clone() },
        Rank { created: UnixTime::from_secs(1), object: "aaa/aaa".into(), rule: 0, ..base },
    ];
    assert!(ranks.is_sorted());
    let get = head("GET", &[]);
    for (first, second) in ranks.iter().zip(ranks.iter().skip(1)) {
        for order in [[(first, "first"), (second, "second")], [(second, "second"), (first, "first")]] {
            let mut hosts = Hosts::default();
            for (rank, name) in order {
                hosts.insert(&HostPattern::Any, &prefix("/"), route(name, rank.clone(), Conditions::default()));
            }
            assert_eq!(find(&hosts, "any", "/", &get), Some("first"), "{first:?} before {second:?}");
        }
    }
}
