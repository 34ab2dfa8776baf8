//! Who is which issuer: by age, by host, and as long as nothing changes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::issuing::{AT, Keys, URL, findings, guarded, issuer_at, issuing, kids, own, signs, verifies};
use super::stage::{Stage, open_route, policy};
use crate::name::Kind;
use crate::resources::Body;

#[test]
fn the_oldest_policy_of_a_namespace_is_the_issuer_and_the_next_follows_when_it_goes() {
    let twin = |name: &str, more: &Value, age: i64| issuing(name, more).created(age);
    for (name, more, field, says) in [
        ("the same issuer", json!({"keysSecretRef": {"name": "other"}}), "issuer", "has the same issuer"),
        (
            "another port",
            json!({"issuer": "https://gw.example.com:8443/shop", "keysSecretRef": {"name": "other"}}),
            "issuer",
            "by scheme or port",
        ),
        ("the same Secret", json!({"issuer": "https://gw.example.com/b"}), "keysSecretRef", "in the same Secret"),
    ] {
        let ring = Keys::new(URL).secret("shop/ring");
        let mut stage = Stage::of([twin("shop/old", &json!({}), 1), twin("shop/shop", &more, 2), guarded(), ring]);
        assert_eq!(findings(&stage), [format!("DuplicateIssuer {AT}.{field}")], "{name}");
        let cause = &stage.verdict(Kind::TokenPolicy, "shop/shop").findings[0].cause;
        assert!(cause.starts_with("the TokenPolicy old, which is older, ") && cause.contains(says), "{cause}");
        let entry = own(&mut stage);
        assert_eq!((signs(&entry), verifies(&entry)), ("DuplicateIssuer".to_owned(), "DuplicateIssuer".to_owned()));
        assert_eq!(stage.findings(Kind::TokenPolicy, "shop/old"), [""; 0], "{name}");
        assert_eq!(&*issuer_at(&mut stage, "/shop/token").unwrap().0.name, "shop/old", "{name}");
        assert_eq!(stage.compile().plans.len(), 1, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
        // Broken elsewhere, the older one keeps its claim.
        let mut broken = twin("shop/old", &json!({}), 1);
        let Body::Ours(document) = &mut broken.body else { unreachable!() };
        document["spec"]["accept"] = json!([]);
        stage.put(broken);
        stage.compile();
        assert_eq!(findings(&stage), [format!("DuplicateIssuer {AT}.{field}")], "{name}");
        stage.take(Kind::TokenPolicy, "shop/old");
        stage.compile();
        assert!(!findings(&stage).contains(&format!("DuplicateIssuer {AT}.{field}")), "{name}");
        assert_eq!(stage.compile().plans.len(), 1, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
    // Neither of these is in another's way.
    for more in [
        json!({"issuer": "https://gw.example.com", "keysSecretRef": {"name": "other"}}),
        json!({"issuer": "https://gw.example.com/shop/a", "keysSecretRef": {"name": "other"}}),
    ] {
        let stage = Stage::of([twin("shop/old", &json!({}), 1), twin("shop/shop", &more, 2), guarded()]);
        assert_eq!(findings(&stage), [format!("KeysPending? {AT}.keysSecretRef")], "{more}");
    }
}

#[test]
fn an_issuer_is_only_where_its_namespace_has_the_host() {
    let ring = || Keys::new(URL).secret("shop/ring");
    let elsewhere = |host: &str| open_route("bank/a", host, "/");
    let mut stage = Stage::of([issuing("shop/shop", &json!({})).created(1), guarded().created(2), ring()]);
    assert_eq!(findings(&stage), [""; 0]);
    // A younger route of another namespace has lost the host to the issuer.
    stage.put(elsewhere("gw.example.com").created(5));
    stage.compile();
    assert_eq!(findings(&stage), [""; 0]);
    assert!(stage.findings(Kind::ApiRoute, "bank/a").contains(&"HostNotOwned spec.hosts[0]".to_owned()));
    let entry = own(&mut stage);
    for host in ["gw.example.com", "*.example.com"] {
        // An older one takes it, with all that follows.
        stage.put(elsewhere(host).created(0));
        stage.compile();
        assert_eq!(findings(&stage), [format!("HostNotOwned {AT}.issuer")], "{host}");
        assert_eq!((signs(&entry), verifies(&entry)), ("HostNotOwned".to_owned(), "HostNotOwned".to_owned()), "{host}");
        assert_eq!(kids(&entry), [""; 0], "{host}");
        assert!(issuer_at(&mut stage, "/shop/token").is_none() && stage.compile().plans.is_empty(), "{host}");
        assert_eq!(stage.difference(), [""; 0], "{host}");
        stage.take(Kind::ApiRoute, "bank/a");
        stage.compile();
        assert_eq!(findings(&stage), [""; 0], "{host}");
        assert_eq!(stage.compile().plans.len(), 1, "{host}");
        assert_eq!(stage.difference(), [""; 0], "{host}");
    }
    // A route and a policy of one name and age claim together, and each withdraws alone.
    let mut stage = Stage::of([issuing("shop/orders", &json!({})), open_route("shop/orders", "gw.example.com", "/")]);
    stage.put(elsewhere("gw.example.com").created(1));
    stage.compile();
    stage.take(Kind::ApiRoute, "shop/orders");
    stage.compile();
    assert!(stage.findings(Kind::ApiRoute, "bank/a").contains(&"HostNotOwned spec.hosts[0]".to_owned()));
    stage.take(Kind::TokenPolicy, "shop/orders");
    stage.compile();
    assert!(!stage.findings(Kind::ApiRoute, "bank/a").contains(&"HostNotOwned spec.hosts[0]".to_owned()));
}

#[test]
fn the_table_of_issuers_is_the_same_until_an_issuer_changes() {
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded()]);
    let (issuers, plans) = (stage.compile().snapshot.issuers.clone(), stage.compile().plans);
    let mut keys = Keys::new(URL);
    stage.put(open_route("shop/b", "b.example.com", "/"));
    stage.put(policy("shop/other", &json!({"accept": []})));
    let compiled = stage.compile();
    assert!(Arc::ptr_eq(&compiled.snapshot.issuers, &issuers) && Arc::ptr_eq(&compiled.plans, &plans));
    // New keys change cells, and the plan by what is seen of the Secret.
    stage.put(keys.secret("shop/ring").version(7));
    let compiled = stage.compile();
    assert!(Arc::ptr_eq(&compiled.snapshot.issuers, &issuers));
    assert_eq!(compiled.plans.values().next().unwrap().seen, Some(7));
    keys.activate(86_400);
    stage.put(keys.secret("shop/ring").version(8));
    let plans = stage.compile().plans;
    assert_eq!(plans.values().next().unwrap().seen, Some(8));
    stage.put(issuing("shop/shop", &json!({"lifetime": "5m"})));
    let compiled = stage.compile();
    assert!(!Arc::ptr_eq(&compiled.snapshot.issuers, &issuers) && !Arc::ptr_eq(&compiled.plans, &plans));
    stage.take(Kind::TokenPolicy, "shop/shop");
    let compiled = stage.compile();
    assert!(compiled.plans.is_empty() && compiled.snapshot.issuers.iter().next().is_none());
}

#[test]
fn the_endpoints_of_a_broken_issuer_refuse_so_that_no_route_gets_what_clients_send_there() {
    let refused = |stage: &mut Stage| -> Vec<String> {
        let snapshot = stage.compile().snapshot;
        snapshot.issuers.refused().map(|(host, path, code)| format!("{host}{path} {code}")).collect()
    };
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded()]);
    assert_eq!(refused(&mut stage), [""; 0]);
    let mut broken = issuing("shop/shop", &json!({}));
    let Body::Ours(document) = &mut broken.body else { unreachable!() };
    document["spec"]["accept"] = json!([]);
    stage.put(broken);
    let places = refused(&mut stage);
    assert_eq!(places.len(), 8, "{places:?}");
    assert!(places.contains(&"gw.example.com/shop/token InvalidValue".to_owned()), "{places:?}");
    assert_eq!(stage.difference(), [""; 0]);
    // One that is not the issuer because its Secret is another's has a place of its own all the same.
    stage.put(issuing("shop/shop", &json!({})));
    stage.put(issuing("shop/twin", &json!({"issuer": "https://gw.example.com/b"})).created(9));
    let places = refused(&mut stage);
    assert!(places.contains(&"gw.example.com/b/token DuplicateIssuer".to_owned()), "{places:?}");
    assert_eq!(stage.difference(), [""; 0]);
    stage.take(Kind::TokenPolicy, "shop/twin");
    assert_eq!(refused(&mut stage), [""; 0]);
    assert_eq!(stage.difference(), [""; 0]);
}
