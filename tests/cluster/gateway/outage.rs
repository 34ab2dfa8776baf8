//! The API server is killed under traffic and comes back. This has a control plane of its own.

use std::time::Duration;

use serde_json::json;

use super::replicas::{settled, versions};
use super::{LOOPBACK, api_key, guarded, keys, open, service, slice};
use crate::harness::{Ask, ControlPlane, Echo, Installation, Load, Namespace, User, eventually};

const LIMIT: Duration = Duration::from_secs(20);

/// Longer than any Lease: the leader loses it, and nobody can take it.
const AWAY: Duration = Duration::from_secs(30);

/// How soon after it is back a change is in force.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn no_request_fails_while_the_api_server_is_away_and_status_is_left_alone() {
    let plane = ControlPlane::start().await;
    let space = Namespace::new(&plane, "away").await;
    let installation = Installation::new(&plane, &space).await;
    installation.consent().await;
    let flags = ["--service=bearward", LOOPBACK];
    let replicas = [installation.start("a", &flags).await, installation.start("b", &flags).await];
    installation.ready(&["a", "b"]).await;
    let upstream = Echo::endpoint("hello").await;
    let key = api_key(&plane, &space, "batch");
    space.apply("TokenPolicy", "keys", keys()).await;
    space.apply("Service", "echo", service()).await;
    slice(&space, "echo", "echo-1", &upstream, true).await;
    space
        .apply("ApiRoute", "guarded", guarded("guarded.example", &json!({"service": {"name": "echo", "port": 80}})))
        .await;
    space.apply("ApiRoute", "dangling", guarded("dangling.example", &json!({"url": "http://10.0.0.1"}))).await;
    space.until_enforced("guarded").await;
    space.until("dangling", "Programmed", "EgressForbidden").await;
    let ask = Ask::of("guarded.example").with(&key);
    let loads = replicas.each_ref().map(|replica| Load::start(replica.http, &ask));
    let before = settled(&space).await;

    plane.kill_api_server();
    let answered = loads.each_ref().map(|load| load.served_by("hello"));
    tokio::time::sleep(AWAY).await;
    for (load, answered) in loads.iter().zip(answered) {
        assert!(load.served_by("hello") > answered + 100, "{:?}", load.tally());
    }
    for replica in &replicas {
        assert!(replica.is_ready().await, "what is served is in force");
        assert_eq!(Ask::of("guarded.example").send(replica.http).await.status, 401);
    }
    plane.start_api_server().await;

    let local = Echo::local("new").await;
    eventually("the change is taken", LIMIT, async || {
        space.try_apply("ApiRoute", "new", open("new.example", &local.url())).await
    })
    .await;
    eventually("the change is in force on every replica", SOON, async || {
        for replica in &replicas {
            if Ask::of("new.example").send(replica.http).await.status != 200 {
                return None;
            }
        }
        Some(())
    })
    .await;
    // A leader is back at work, and has looked at every object, when it has written this.
    space.until_enforced("new").await;
    for load in loads {
        let tally = load.stop().await;
        assert_eq!(tally.failed, Vec::<String>::new());
        assert!(tally.served.keys().eq(["hello"]), "{:?}", tally.served);
    }
    let mut now = versions(&space).await;
    now.remove("ApiRoute new");
    assert_eq!(now, before, "{:?}", plane.writes(&space.name));

    // A key that is withdrawn now is refused, so the watch of Secrets is back too.
    let namespace = ["--namespace", &space.name];
    super::succeeded(plane.kubectl(User::ADMIN, &[&["delete", "secret", "batch"], &namespace[..]].concat()));
    for replica in &replicas {
        eventually("the key is refused", SOON, async || (ask.send(replica.http).await.status == 401).then_some(()))
            .await;
    }
}
