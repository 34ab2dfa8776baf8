//! Weights, challenges and key cells.

use std::time::Duration;

use super::super::{
    AcceptedKeys, Access, Action, Backend, Challenges, Dialect, HeaderEdits, KeyCell, Stages, Timeouts, Weighted,
};
use crate::finding::Code;
use crate::name::Bytes;

fn stages(weights: &[u32]) -> Stages {
    let mut total = 0;
    let backends = weights
        .iter()
        .map(|weight| {
            total += weight;
            (total, Backend::Unresolved(Code::NoAuth))
        })
        .collect();
    let timeouts = Timeouts { request: None, connect: Duration::from_secs(1), idle: Duration::from_secs(1) };
    Stages {
        rule: "shop/orders/0".into(),
        access: Access::Anonymous,
        max_body: Bytes(1),
        timeouts,
        request: HeaderEdits::default(),
        host: None,
        path: None,
        response: HeaderEdits::default(),
        dialect: Dialect::default(),
        action: Action::Forward(Weighted { backends, total }),
    }
}

/// Which backend each point falls to.
fn shares(weights: &[u32], points: u32) -> Vec<Option<usize>> {
    let stages = stages(weights);
    let Action::Forward(weighted) = &stages.action else { panic!("it forwards") };
    let place = |backend: &Backend| weighted.backends.iter().position(|(_, other)| std::ptr::eq(backend, other));
    (0..points).map(|point| stages.backend(point).and_then(place)).collect()
}

#[test]
fn each_backend_gets_its_weight_and_one_without_weight_nothing() {
    assert_eq!(shares(&[], 1), [None]);
    assert_eq!(shares(&[0, 0], 1), [None]);
    assert_eq!(shares(&[1], 2), [Some(0), None]);
    assert_eq!(shares(&[2, 1], 4), [Some(0), Some(0), Some(1), None]);
    assert_eq!(shares(&[0, 1, 0, 2, 0], 3), [Some(1), Some(3), Some(3)]);
}

#[test]
fn a_point_is_drawn_only_where_there_is_a_choice() {
    assert_eq!(stages(&[5]).draw(|_| panic!("there is no choice")), 0);
    assert_eq!(stages(&[]).draw(|_| panic!("there is no choice")), 0);
    assert_eq!(stages(&[5, 2]).draw(|below| below - 1), 6);
}

#[test]
fn challenges_name_the_realm_and_say_no_more_than_they_must() {
    let challenges = Challenges::new("shop/partners").unwrap();
    assert_eq!(challenges.bare, r#"Bearer realm="shop/partners""#);
    for value in [&challenges.bare, &challenges.invalid_request, &challenges.invalid_token] {
        assert!(!value.to_str().unwrap().contains("scope="), "{value:?}");
    }
    assert!(!challenges.bare.to_str().unwrap().contains("error"));
    assert!(challenges.invalid_token.to_str().unwrap().contains(r#"error="invalid_token""#));
    let scopes = challenges.insufficient_scope(&["orders:read".into(), "orders:write".into()]);
    assert!(scopes.to_str().unwrap().contains(r#"error="insufficient_scope""#), "{scopes:?}");
    assert!(scopes.to_str().unwrap().contains(r#"scope="orders:read orders:write""#), "{scopes:?}");
}

#[tokio::test(start_paused = true)]
async fn asking_for_keys_twice_is_asking_once_and_a_round_ends_whatever_it_brings() {
    let unavailable = || AcceptedKeys::Unavailable { code: Code::NoAuth, retry: None };
    let cell = KeyCell::new(unavailable());
    let mut rounds = cell.rounds();
    assert!(!rounds.has_changed().unwrap());
    cell.ask();
    cell.ask();
    cell.asked().await;
    let again = tokio::time::timeout(Duration::from_secs(1), cell.asked()).await;
    assert!(again.is_err(), "nobody asked since");

    cell.end_round();
    rounds.changed().await.unwrap();
    assert!(!rounds.has_changed().unwrap());
    cell.store(unavailable());
    assert!(rounds.has_changed().unwrap());
}
