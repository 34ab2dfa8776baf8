//! The tables under edits: the same as a plain list that is searched from end to end, and shared where nothing changed.

use std::sync::Arc;

use http::Method;
use http::request::Parts;
use proptest::prelude::*;

use super::super::{Conditions, HostPattern, Hosts, PathMatch, Route};
use super::{exact, find, head, headers, host, methods, plain, prefix, rank, route};

/// All routes, each with its host and path: what the tables must answer like.
type List = Vec<(HostPattern, PathMatch, Arc<Route>)>;

/// How specific a pattern is for a host, if it covers it.
fn specificity(pattern: &HostPattern, name: &str) -> Option<usize> {
    match pattern {
        HostPattern::Exact(exact) => (**exact == *name).then_some(usize::MAX),
        HostPattern::Below(suffix) => {
            let rest = name.strip_suffix(&**suffix)?;
            (rest.len() > 1 && rest.ends_with('.')).then_some(suffix.len() + 1)
        }
        HostPattern::Any => Some(0),
    }
}

/// How specific a match is for a path, if it takes it: exact ones before prefixes, then by length.
fn reach(matched: &PathMatch, path: &str) -> Option<(bool, usize)> {
    match matched {
        PathMatch::Exact(exact) => (**exact == *path).then_some((true, exact.len())),
        PathMatch::Prefix(prefix) => {
            let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
            let rest = path.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((false, prefix.len()))
        }
    }
}

fn find_in_list<'l>(list: &'l List, name: &str, path: &str, head: &Parts) -> Option<&'l str> {
    let best = list.iter().filter_map(|(pattern, ..)| specificity(pattern, name)).max()?;
    list.iter()
        .filter(|(pattern, ..)| specificity(pattern, name) == Some(best))
        .filter(|(_, _, route)| route.conditions.hold(head))
        .filter_map(|(_, matched, route)| Some((reach(matched, path)?, route)))
        .max_by(|(reach, route), (other_reach, other)| reach.cmp(other_reach).then(other.rank.cmp(&route.rank)))
        .map(|(_, route)| route.chain.rule().as_ref())
}

const HOSTS: [&str; 7] = ["*", "*.a", "*.b.a", "*.c.b.a", "a", "b.a", "x.b.a"];
const PATHS: [&str; 9] = ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/ab", "/b", "/b/a/c"];

fn conditions(choice: u8) -> Conditions {
    match choice {
        0 => methods([Method::GET]),
        1 => headers([("x-team", "shop")]),
        2 => Conditions { methods: [Method::POST].into(), ..headers([("x-team", "ops")]) },
        _ => Conditions::default(),
    }
}

/// Puts a route in, or takes one out that is there.
#[derive(Clone, Debug)]
enum Edit {
    Insert { host: &'static str, path: &'static str, exact: bool, conditions: u8 },
    Remove { place: prop::sample::Index },
}

fn edit() -> impl Strategy<Value = Edit> {
    let insert = (prop::sample::select(&HOSTS[..]), prop::sample::select(&PATHS[..]), any::<bool>(), 0_u8..6)
        .prop_map(|(host, path, exact, conditions)| Edit::Insert { host, path, exact, conditions });
    prop_oneof![2 => insert, 1 => any::<prop::sample::Index>().prop_map(|place| Edit::Remove { place })]
}

fn apply(edits: &[Edit]) -> (Hosts, List) {
    let (mut hosts, mut list) = (Hosts::default(), List::new());
    for (number, edit) in (0..).zip(edits) {
        match edit {
            Edit::Insert { host: pattern, path, exact: is_exact, conditions: choice } => {
                let (pattern, path) = (host(pattern), if *is_exact { exact(path) } else { prefix(path) });
                // Ranks run against the order in which routes come, so that order cannot stand in for rank.
                let added = route(&number.to_string(), rank(1_000 - number), conditions(*choice));
                hosts.insert(&pattern, &path, Arc::clone(&added));
                list.push((pattern, path, added));
            }
            Edit::Remove { place } if !list.is_empty() => {
                let (pattern, path, removed) = list.remove(place.index(list.len()));
                hosts.remove(&pattern, &path, &removed);
            }
            Edit::Remove { .. } => {}
        }
    }
    (hosts, list)
}

fn assert_same(hosts: &Hosts, list: &List) {
    for name in ["a", "b.a", "c.b.a", "d.c.b.a", "x.b.a", "xb.a", "z", ""] {
        for path in PATHS.into_iter().chain(["/a/b/c/d", "/a/c", "/abc", "/b/a", "/c"]) {
            for head in [head("GET", &[]), head("POST", &[("x-team", "ops")]), head("GET", &[("x-team", "shop")])] {
                assert_eq!(find(hosts, name, path, &head), find_in_list(list, name, path, &head), "{name}{path}");
            }
        }
    }
}

/// The trees of all hosts, as text.
fn trees(hosts: &Hosts) -> Vec<String> {
    ["a", "b.a", "x.b.a", "y.a", "y.b.a", "y.c.b.a", "z"].map(|name| format!("{:?}", hosts.find(name))).into()
}

proptest! {
    #[test]
    fn the_tables_answer_as_a_plain_list_does(edits in prop::collection::vec(edit(), 0..40)) {
        let (hosts, list) = apply(&edits);
        assert_same(&hosts, &list);
    }

    #[test]
    fn what_was_removed_leaves_nothing_behind(edits in prop::collection::vec(edit(), 0..40)) {
        let (hosts, list) = apply(&edits);
        let mut fresh = Hosts::default();
        for (pattern, path, route) in &list {
            fresh.insert(pattern, path, Arc::clone(route));
        }
        assert_eq!(trees(&hosts), trees(&fresh));
        let mut hosts = hosts;
        for (pattern, path, route) in &list {
            hosts.remove(pattern, path, route);
        }
        assert!(HOSTS.iter().all(|name| hosts.find(name).is_none()), "{hosts:?}");
    }
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let mut hosts = Hosts::default();
    let stays = plain("stays", 0);
    hosts.insert(&host("a"), &prefix("/x"), Arc::clone(&stays));
    let before = format!("{:?}", hosts.find("a"));
    for (pattern, path, number) in [
        ("a", prefix("/x"), 1),
        ("a", exact("/x"), 0),
        ("a", prefix("/x/y"), 0),
        ("a", prefix("/"), 0),
        ("b", prefix("/x"), 0),
        ("*.a", prefix("/x"), 0),
        ("*", prefix("/x"), 0),
    ] {
        hosts.remove(&host(pattern), &path, &plain("other", number));
        assert_eq!(format!("{:?}", hosts.find("a")), before, "{pattern} {path:?} {number}");
        assert!(hosts.find("b").is_none() && hosts.find("x.a").is_none());
    }
    hosts.remove(&host("a"), &prefix("/x"), &stays);
    assert!(hosts.find("a").is_none());
}

#[test]
fn an_edit_of_one_host_shares_all_others_and_leaves_the_snapshot_before_as_it_was() {
    let names: Vec<String> = (0..1_000).map(|number| format!("h{number}.example.com")).collect();
    let mut hosts = Hosts::default();
    for name in &names {
        hosts.insert(&host(name), &prefix("/"), plain(name, 0));
    }
    hosts.insert(&host("*.example.org"), &prefix("/"), plain("wildcard", 0));
    hosts.insert(&HostPattern::Any, &prefix("/"), plain("any", 0));
    let before = hosts.clone();
    hosts.insert(&host("h7.example.com"), &exact("/new"), plain("new", 1));
    let same = |name: &str| std::ptr::eq(before.find(name).unwrap(), hosts.find(name).unwrap());
    for name in names.iter().map(String::as_str).chain(["x.example.org", "elsewhere"]) {
        assert_eq!(same(name), name != "h7.example.com", "{name}");
    }
    let get = head("GET", &[]);
    assert_eq!(find(&before, "h7.example.com", "/new", &get), Some("h7.example.com"));
    assert_eq!(find(&hosts, "h7.example.com", "/new", &get), Some("new"));
}
