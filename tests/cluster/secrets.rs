//! A Secret is read only where its namespace has consented, and only if it offers itself.

use std::time::Duration;

use bearward::name::Kind;
use bearward::resources::{Body, Scope};
use bearward::sources::kube::{Pace, Standing};
use serde_json::{Value, json};

use crate::harness::{ControlPlane, Namespace, Observer, User, route};

const ROLE: &str = "bearward-secrets";

/// Patient enough for nobody, so that a test sees consent come and go.
fn quick() -> Pace {
    Pace {
        forbidden: Duration::from_millis(200),
        believe: Duration::from_millis(500),
        lasts: Duration::from_secs(1),
        ..Pace::default()
    }
}

fn secret(purpose: Option<&str>) -> Value {
    let labels = purpose.map_or_else(|| json!({}), |purpose| json!({"bearward.dev/use": purpose}));
    json!({"metadata": {"labels": labels}, "stringData": {"key": "hunter2"}})
}

fn scope(namespace: &str) -> Scope {
    Scope::Watch { kind: Kind::Secret, namespace: Some(namespace.into()) }
}

#[tokio::test]
async fn a_namespace_that_has_not_consented_is_forbidden_and_blocks_no_other() {
    let plane = ControlPlane::shared().await;
    let closed = Namespace::new(plane, "closed").await;
    let open = Namespace::new(plane, "open").await;
    open.bind(ROLE, User::GATEWAY).await;
    for space in [&closed, &open] {
        space.apply("ApiRoute", "a", route(&format!("{}.example", space.name))).await;
        space.apply("Secret", "s", secret(Some("api-key"))).await;
    }
    let mut observer = Observer::start(plane, User::GATEWAY, &[&closed.name, &open.name], quick()).await;
    observer.until_complete().await;
    assert!(observer.seen.forbidden.contains(&scope(&closed.name)));
    assert!(!observer.seen.has(Kind::Secret, &closed.name, "s"));
    assert!(observer.seen.has(Kind::ApiRoute, &closed.name, "a"));
    let Body::Secret(secret) = &observer.seen.object(Kind::Secret, &open.name, "s").body else { panic!("no Secret") };
    assert!(secret.data["key"].matches(b"hunter2"));
}

#[tokio::test]
async fn consent_and_its_withdrawal_follow_the_role_binding() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "consent").await;
    let name = space.name.as_str();
    space.apply("ApiRoute", "a", route("consent.example")).await;
    space.apply("Secret", "s", secret(Some("api-key"))).await;
    let mut observer = Observer::start(plane, User::GATEWAY, &[name], quick()).await;
    observer.until_complete().await;
    assert!(observer.seen.forbidden.contains(&scope(name)));

    space.bind(ROLE, User::GATEWAY).await;
    observer.until("the Secret arrives", |seen| seen.has(Kind::Secret, name, "s")).await;
    assert!(!observer.seen.forbidden.contains(&scope(name)));

    space.unbind(ROLE).await;
    observer.until("the Secret goes", |seen| !seen.has(Kind::Secret, name, "s")).await;
    assert!(observer.seen.forbidden.contains(&scope(name)));
    assert!(observer.seen.has(Kind::ApiRoute, name, "a"), "nothing else went with it");
    let standing = observer.progress().scopes().find(|(of, _)| **of == scope(name)).unwrap().1;
    assert_eq!(standing, Some(Standing::Forbidden));
}

#[tokio::test]
async fn a_secret_is_there_only_as_long_as_it_offers_itself() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "offer").await;
    let name = space.name.as_str();
    space.bind(ROLE, User::GATEWAY).await;
    space.apply("ApiRoute", "a", route("offer.example")).await;
    space.apply("Secret", "private", secret(None)).await;
    space.apply("Secret", "offered", secret(Some("api-key"))).await;
    let mut observer = Observer::start(plane, User::GATEWAY, &[name], Pace::default()).await;
    observer.until_complete().await;
    assert!(observer.seen.has(Kind::Secret, name, "offered"));
    assert!(!observer.seen.has(Kind::Secret, name, "private"));

    space.apply("Secret", "offered", secret(None)).await;
    observer.until("the withdrawn Secret goes", |seen| !seen.has(Kind::Secret, name, "offered")).await;
    space.apply("Secret", "private", secret(Some("tls"))).await;
    observer.until("the offered Secret arrives", |seen| seen.has(Kind::Secret, name, "private")).await;
}

#[tokio::test]
async fn secrets_are_watched_only_while_the_namespace_has_objects_of_ours() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "inhabited").await;
    let name = space.name.as_str();
    space.bind(ROLE, User::GATEWAY).await;
    space.apply("Secret", "s", secret(Some("api-key"))).await;
    let mut observer = Observer::start(plane, User::GATEWAY, &[name], Pace::default()).await;
    observer.until_complete().await;
    assert!(!observer.seen.has(Kind::Secret, name, "s"));
    assert_eq!(observer.progress().scopes().filter(|(scope, _)| **scope == self::scope(name)).count(), 0);

    space.apply("ApiRoute", "a", route("inhabited.example")).await;
    observer.until("the Secret arrives", |seen| seen.has(Kind::Secret, name, "s")).await;
    space.delete("ApiRoute", "a").await;
    observer.until("the Secret goes", |seen| !seen.has(Kind::Secret, name, "s")).await;
}
