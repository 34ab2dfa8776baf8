//! How much is redone, and what becomes of what was replaced.

use std::sync::Arc;

use serde_json::json;

use super::stage::{Stage, inline_policy, open_route, plain_service, plain_slice, route};
use crate::compile::Work;
use crate::name::Kind;
use crate::resources::Object;

const ROUTES: usize = 10_000;

/// Two rules on a host of its own or on one that many share, with a policy and a Service that all share.
fn one_of_many(number: usize, body: &str) -> Object {
    let host =
        if number.is_multiple_of(2) { format!("h{number}.example.com") } else { "shared.example.com".to_owned() };
    let rule = |name: &str| {
        json!({
            "name": name,
            "matches": [{"path": {"value": format!("/r{number}/{name}")}}],
            "auth": {"tokens": [{"policyRef": {"name": "partners"}, "scopes": ["read"], "require": "claims.a == 'b'"}]},
            "request": {"maxBody": body},
            "backends": [{"service": {"name": "orders", "port": 80}}],
        })
    };
    route(&format!("shop/r{number}"), &json!({"hosts": [host], "rules": [rule("one"), rule("two")]}))
}

#[test]
fn one_edit_among_ten_thousand_routes_redoes_one_unit_its_chains_and_one_host() {
    let mut stage = Stage::new();
    for number in 0..ROUTES {
        stage.put(one_of_many(number, "1Mi"));
    }
    stage.put(inline_policy("shop/partners"));
    stage.put(plain_service("shop/orders", 80));
    let compiled = stage.compile();
    let shards = compiled.work.shards;
    assert_eq!(
        compiled.work,
        Work { units: ROUTES + 1, chains: 2 * ROUTES, policies: 1, hosts: ROUTES / 2 + 1, shards }
    );
    assert_eq!(compiled.verdicts.len(), ROUTES + 1);

    for number in [4_000, 4_001] {
        stage.put(one_of_many(number, "2Mi"));
        let compiled = stage.compile();
        assert_eq!(compiled.work, Work { units: 1, chains: 2, policies: 0, hosts: 1, shards: 1 }, "{number}");
        // The verdict is the same as before: the same findings, by the same versions.
        assert_eq!(compiled.verdicts, []);
    }
    // A change of everybody's endpoints redoes nothing, one of nothing even less.
    stage.put(plain_slice("shop/orders-1", "orders", &["10.0.0.1"], 8080));
    assert_eq!(stage.compile().work, Work::default());
    assert_eq!(stage.compile().work, Work::default());
    stage.take(Kind::ApiRoute, "shop/r4000");
    assert_eq!(stage.compile().work, Work { hosts: 1, shards: 1, ..Work::default() });
}

#[test]
fn nothing_new_is_the_same_snapshot() {
    let mut stage = Stage::new();
    let empty = stage.compile().snapshot;
    assert_eq!(empty.id.0, 1);
    stage.put(open_route("shop/a", "a.example.com", "/"));
    let first = stage.compile().snapshot;
    assert_eq!(first.id.0, 2);
    stage.put(open_route("shop/a", "a.example.com", "/").version(7));
    assert!(Arc::ptr_eq(&first, &stage.compile().snapshot));
    // There and gone again in one round.
    stage.put(open_route("shop/b", "b.example.com", "/"));
    stage.take(Kind::ApiRoute, "shop/b");
    assert!(Arc::ptr_eq(&first, &stage.compile().snapshot));
}

#[test]
fn a_replaced_snapshot_is_freed_by_the_compiler_once_nobody_else_has_it() {
    let mut stage = Stage::new();
    stage.put(open_route("shop/a", "a.example.com", "/"));
    let held = stage.compile().snapshot;
    let weak = Arc::downgrade(&held);
    for host in ["b.example.com", "c.example.com"] {
        stage.put(open_route("shop/a", host, "/"));
        stage.compile();
    }
    assert!(stage.compiler.retired() >= 1);
    drop(held);
    // The last reference is the compiler's, not that of whoever held it.
    assert!(weak.upgrade().is_some());
    stage.compile();
    assert!(weak.upgrade().is_none());
    assert_eq!(stage.compiler.retired(), 0);
}

#[test]
fn versions_say_what_a_snapshot_includes() {
    let mut stage = Stage::of([open_route("shop/a", "a.example.com", "/").version(7)]);
    let versions = |stage: &mut Stage| -> Vec<(String, u64)> {
        stage.compile().versions.into_iter().map(|(scope, version)| (scope.to_string(), version.0)).collect()
    };
    assert_eq!(versions(&mut stage), [("ApiRoute everywhere".to_owned(), 7)]);
    // A status was written: the scope moves on, the content stays as old as it is.
    stage.put(open_route("shop/a", "a.example.com", "/").version(9));
    assert_eq!(versions(&mut stage), [("ApiRoute everywhere".to_owned(), 9)]);
    assert_eq!(stage.verdict(Kind::ApiRoute, "shop/a").reads[0].version.0, 7);
}
