//! Secrets change, are withdrawn, and are granted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LOOPBACK, api_key, guarded, keys, succeeded};
use crate::harness::{Ask, ControlPlane, Echo, Installation, Namespace, User, eventually};

const LIMIT: Duration = Duration::from_secs(20);

/// How soon a change of a Secret is in force.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_key_is_good_only_as_long_as_its_secret_is_there_and_offers_itself() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "withdrawn").await;
    let installation = Installation::new(plane, &space).await;
    installation.consent().await;
    let gateway = installation.start("a", &[LOOPBACK]).await;
    let upstream = Echo::local("hello").await;
    space.apply("TokenPolicy", "keys", keys()).await;
    space.apply("ApiRoute", "r", guarded("withdrawn.example", &json!({"url": upstream.url()}))).await;
    let ask = Ask::of("withdrawn.example");
    let becomes = async |key: &str, status: u16, limit: Duration, what: &str| {
        eventually(what, limit, async || (ask.with(key).send(gateway.http).await.status == status).then_some(())).await;
    };
    let kubectl = |arguments: &[&str]| {
        let namespace = ["--namespace", &space.name];
        succeeded(plane.kubectl(User::ADMIN, &[arguments, &namespace].concat()));
    };
    let [kept, deleted, unlabelled, relabelled] = ["kept", "deleted", "unlabelled", "relabelled"].map(|name| {
        let key = api_key(plane, &space, name);
        (name, key)
    });
    for (name, key) in [&kept, &deleted, &unlabelled, &relabelled] {
        becomes(key, 200, LIMIT, &format!("the key {name} is taken")).await;
    }

    kubectl(&["delete", "secret", deleted.0]);
    becomes(&deleted.1, 401, SOON, "the key is refused whose Secret is gone").await;
    kubectl(&["label", "secret", unlabelled.0, "bearward.dev/use-"]);
    becomes(&unlabelled.1, 401, SOON, "the key is refused whose Secret offers itself no more").await;
    kubectl(&["label", "--overwrite", "secret", relabelled.0, "team=other"]);
    becomes(&relabelled.1, 401, SOON, "the key is refused that the policy selects no more").await;
    kubectl(&["label", "--overwrite", "secret", relabelled.0, "team=shop"]);
    becomes(&relabelled.1, 200, SOON, "the key is taken again").await;

    // Another key under the same name: the old one goes as the new one comes.
    let replaced = api_key(plane, &space, kept.0);
    becomes(&replaced, 200, SOON, "the new key is taken").await;
    assert_eq!(ask.with(&kept.1).send(gateway.http).await.status, 401, "and the old one refused");
    for key in [&deleted.1, &unlabelled.1] {
        assert_eq!(ask.with(key).send(gateway.http).await.status, 401);
    }
}

#[tokio::test]
async fn a_namespace_that_has_not_consented_is_told_the_command_that_mends_it() {
    // A watch that is forbidden is tried again after 45 s at the latest.
    const RETRIED: Duration = Duration::from_mins(1);
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "ungranted").await;
    let installation = Installation::new(plane, &space).await;
    let gateway = installation.start("a", &[LOOPBACK]).await;
    let upstream = Echo::local("hello").await;
    space.apply("TokenPolicy", "keys", keys()).await;
    space.apply("ApiRoute", "r", guarded("ungranted.example", &json!({"url": upstream.url()}))).await;
    let key = api_key(plane, &space, "batch");
    let finding = eventually("the finding is there", LIMIT, async || {
        let policy = space.read("TokenPolicy", "keys").await;
        let findings = policy.data.get("status")?.get("findings")?.as_array()?.clone();
        findings.into_iter().find(|finding| finding["code"] == "SecretsNotGranted")
    })
    .await;
    let ask = Ask::of("ungranted.example").with(&key);
    let reply = ask.send(gateway.http).await;
    assert_eq!(reply.status, 503, "a key that may well be good is not called bad: {reply:?}");

    let cure = finding["cure"].as_str().unwrap();
    let command = cure.split_once("kubectl ").unwrap().1.trim_end_matches('.');
    succeeded(plane.kubectl(User::ADMIN, &command.split(' ').collect::<Vec<_>>()));
    eventually("the key is taken", RETRIED, async || (ask.send(gateway.http).await.status == 200).then_some(())).await;
    space.until_enforced("r").await;
    eventually("the finding is gone", LIMIT, async || {
        let policy = space.read("TokenPolicy", "keys").await;
        policy.data["status"].get("findings").is_none_or(|findings| *findings == Value::Null).then_some(())
    })
    .await;
}
