//! Replicas that start while an issuer is down have its keys from the leader's archive.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{LOOPBACK, for_tokens};
use crate::harness::{Ask, ControlPlane, Echo, Gateway, Installation, Issuer, Namespace, eventually};

const LIMIT: Duration = Duration::from_secs(20);

const ARCHIVE: &str = "bearward-bearward.key-sets";

/// The archive, once there is something in it.
pub(super) async fn archive(space: &Namespace) -> Option<DynamicObject> {
    let object = space.api("ConfigMap").get_opt(ARCHIVE).await.unwrap()?;
    (!records(&object).is_empty()).then_some(object)
}

/// What it has, by source.
fn records(archive: &DynamicObject) -> BTreeMap<String, Value> {
    let data = archive.data.get("data").and_then(Value::as_object).into_iter().flatten();
    let records = data.map(|(_, text)| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap());
    records.map(|record| (record["source"].as_str().unwrap().to_owned(), record)).collect()
}

/// A route for tokens of an issuer, a replica that serves it, and the archive that it has written.
async fn archived(installation: &Installation<'_>, space: &Namespace, issuer: &Issuer, upstream: &Echo) -> Gateway {
    let first = installation.start("a", &[LOOPBACK]).await;
    space.apply("TokenPolicy", "corp", issuer.policy()).await;
    space.apply("ApiRoute", "r", for_tokens("corp.example", &upstream.url())).await;
    let ask = Ask::of("corp.example").with(&issuer.token());
    eventually("tokens are taken", LIMIT, async || (ask.send(first.http).await.status == 200).then_some(())).await;
    eventually("the keys are archived", LIMIT, async || archive(space).await).await;
    first
}

#[tokio::test]
async fn a_replica_that_starts_while_an_issuer_is_down_takes_its_tokens_and_calls_no_key_unknown() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "archived").await;
    let installation = Installation::new(plane, &space).await;
    let (mut issuer, upstream) = (Issuer::start().await, Echo::local("hello").await);
    let first = archived(&installation, &space, &issuer, &upstream).await;
    let records = records(&archive(&space).await.unwrap());
    let [record] = &records.values().collect::<Vec<_>>()[..] else { panic!("{records:?}") };
    let [key] = &record["keys"].as_array().unwrap()[..] else { panic!("{record}") };
    let members: Vec<&String> = key.as_object().unwrap().keys().collect();
    assert!(members.iter().all(|name| ["alg", "crv", "kid", "kty", "use", "x", "y"].contains(&name.as_str())), "{key}");

    issuer.stop().await;
    let second = installation.start("b", &[LOOPBACK]).await;
    let ask = Ask::of("corp.example");
    let good = ask.with(&issuer.token());
    assert_eq!(good.send(second.http).await.status, 200, "from the first moment: {}", second.log());
    for gateway in [&first, &second] {
        // A key that the issuer may have made since is waited for, and then it is not the client who is wrong.
        let reply = ask.with(&issuer.token_of_another_key()).send(gateway.http).await;
        assert_eq!(reply.status, 503, "{reply:?}");
    }
    assert_eq!(good.send(second.http).await.status, 200);

    // Deleted, it is written again by whoever leads and has the keys.
    assert_eq!(installation.leader().await.as_deref(), Some("a"));
    space.delete("ConfigMap", ARCHIVE).await;
    let another = Issuer::start().await;
    space.apply("TokenPolicy", "another", another.policy()).await;
    let mut route = for_tokens("another.example", &upstream.url());
    route["spec"]["rules"][0]["auth"]["tokens"][0]["policyRef"]["name"] = "another".into();
    space.apply("ApiRoute", "another", route).await;
    eventually("both are archived", LIMIT, async || {
        archive(&space).await.filter(|archive| self::records(archive).len() == 2).map(drop)
    })
    .await;
}

#[tokio::test]
async fn what_is_too_old_or_no_key_for_all_to_see_is_not_taken_from_the_archive() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "stale").await;
    let installation = Installation::new(plane, &space).await;
    let (mut issuer, upstream) = (Issuer::start().await, Echo::local("hello").await);
    let first = archived(&installation, &space, &issuer, &upstream).await;
    first.signal("KILL");
    drop(first);
    issuer.stop().await;
    let object = archive(&space).await.unwrap();
    let data = object.data["data"].as_object().unwrap();
    let (name, text) = data.iter().next().unwrap();
    let record: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    let old = {
        let mut record = record.clone();
        (record["asOf"], record["fetched"]) = (json!("2026-01-01T00:00:00Z"), json!("2026-01-01T00:00:00Z"));
        record
    };
    let private = {
        let mut record = record.clone();
        record["keys"][0]["d"] = json!("AAAA");
        record
    };
    let ask = Ask::of("corp.example").with(&issuer.token());
    for (identity, record, status) in [("old", old, 503), ("private", private, 503), ("good", record, 200)] {
        let mut data = serde_json::Map::new();
        data.insert(name.clone(), record.to_string().into());
        space.apply("ConfigMap", ARCHIVE, json!({"data": data})).await;
        let gateway = installation.start(identity, &[LOOPBACK]).await;
        let reply = ask.send(gateway.http).await;
        assert_eq!(reply.status, status, "{identity}: {reply:?}\n{}", gateway.log());
        assert_eq!(gateway.log().contains("key set in the archive is not used"), status == 503, "{identity}");
        gateway.signal("KILL");
    }
}

#[tokio::test]
async fn an_installation_that_may_keep_no_archive_does_all_else() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "unkept").await;
    let installation = Installation::without_archive(plane, &space).await;
    let gateway = installation.start("a", &[LOOPBACK]).await;
    let (issuer, upstream) = (Issuer::start().await, Echo::local("hello").await);
    space.apply("TokenPolicy", "corp", issuer.policy()).await;
    space.apply("ApiRoute", "r", for_tokens("corp.example", &upstream.url())).await;
    let ask = Ask::of("corp.example").with(&issuer.token());
    eventually("tokens are taken", LIMIT, async || (ask.send(gateway.http).await.status == 200).then_some(())).await;
    eventually("the operator is told", LIMIT, async || {
        gateway.log().contains("archive of key sets may not be kept").then_some(())
    })
    .await;
    space.until_enforced("r").await;
    assert!(archive(&space).await.is_none());
}
