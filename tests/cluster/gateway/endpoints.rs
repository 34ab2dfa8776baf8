//! Endpoints move under load.

use std::time::Duration;

use serde_json::json;

use super::{api_key, guarded, keys, service, slice};
use crate::harness::{Ask, ControlPlane, Echo, Installation, Load, Namespace, eventually};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn no_request_fails_while_endpoints_move() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "moving").await;
    let installation = Installation::new(plane, &space).await;
    installation.consent().await;
    let gateway = installation.start("a", &[]).await;
    let key = api_key(plane, &space, "batch");
    space.apply("TokenPolicy", "keys", keys()).await;
    space.apply("Service", "echo", service()).await;
    let backend = json!({"service": {"name": "echo", "port": 80}});
    space.apply("ApiRoute", "r", guarded("moving.example", &backend)).await;
    let ask = Ask::of("moving.example").with(&key);
    eventually("the route is there, without endpoints", LIMIT, async || {
        (ask.send(gateway.http).await.status == 503).then_some(())
    })
    .await;

    let mut serving = Echo::endpoint("0").await;
    slice(&space, "echo", "echo-0", &serving, true).await;
    eventually("the first endpoint serves", LIMIT, async || (ask.send(gateway.http).await.status == 200).then_some(()))
        .await;
    let load = Load::start(gateway.http, &ask);
    for (index, name) in ["1", "2", "3"].into_iter().enumerate() {
        // As a rollout does: a pod is ready, the old one is not any more, and ends once nothing is sent to it.
        let next = Echo::endpoint(name).await;
        slice(&space, "echo", &format!("echo-{name}"), &next, true).await;
        eventually("the new endpoint gets its share", LIMIT, async || (load.served_by(name) > 10).then_some(())).await;
        slice(&space, "echo", &format!("echo-{index}"), &serving, false).await;
        let old = index.to_string();
        eventually("the old one gets nothing any more", LIMIT, async || quiet(&load, &old, name).await).await;
        space.delete("EndpointSlice", &format!("echo-{index}")).await;
        drop(std::mem::replace(&mut serving, next));
        let before = load.served_by(name);
        eventually("the load goes on", LIMIT, async || (load.served_by(name) > before + 50).then_some(())).await;
    }
    let tally = load.stop().await;
    assert_eq!(tally.failed, Vec::<String>::new(), "{}", gateway.log());
    assert_eq!(tally.served.len(), 4);
}

/// Whether `old` served nothing while `new` served a hundred.
async fn quiet(load: &Load, old: &str, new: &str) -> Option<()> {
    let (of_old, of_new) = (load.served_by(old), load.served_by(new));
    eventually("the new one serves", LIMIT, async || (load.served_by(new) >= of_new + 100).then_some(())).await;
    (load.served_by(old) == of_old).then_some(())
}
