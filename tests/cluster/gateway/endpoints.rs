//! Endpoints move under load.

use std::time::Duration;

use serde_json::json;

use super::{api_key, guarded, keys, service, slice};
use crate::harness::{Ask, ControlPlane, Echo, Installation, Load, Namespace, eventually};

const LIMIT: Duration = Duration::from_secs(20);

/// How soon an endpoint that leaves is asked no more.
const SOON: Duration = Duration::from_secs(3);

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
    let mut left = Vec::new();
    let mut slice_of_serving = "echo-0";
    for (name, slice_of_next, step) in [
        // As a rollout does: a pod is ready, then the old one is not any more.
        ("1", "echo-1", Step::Unready),
        // As it is when a node goes.
        ("2", "echo-2", Step::Deleted),
        // As one slice lists whoever is there.
        ("3", "echo-2", Step::Replaced),
    ] {
        let next = Echo::endpoint(name).await;
        slice(&space, "echo", slice_of_next, &next, true).await;
        eventually("the new endpoint gets its share", LIMIT, async || (load.served_by(name) > 10).then_some(())).await;
        match step {
            Step::Unready => slice(&space, "echo", slice_of_serving, &serving, false).await,
            Step::Deleted => space.delete("EndpointSlice", slice_of_serving).await,
            Step::Replaced => {}
        }
        // It listens on and would answer, so a table that still has it shows.
        let old = std::mem::replace(&mut serving, next);
        eventually("the old one gets nothing any more", SOON, async || is_quiet(&load, &old, name, 20).await).await;
        let reached = old.reached();
        is_quiet(&load, &old, name, 300).await;
        assert_eq!(old.reached(), reached, "after {step:?} the old endpoint was asked");
        left.push((old, reached));
        slice_of_serving = slice_of_next;
    }
    let tally = load.stop().await;
    assert_eq!(tally.failed, Vec::<String>::new(), "{}", gateway.log());
    assert_eq!(tally.served.len(), 4);
    for (old, reached) in &left {
        assert_eq!(old.reached(), *reached, "nobody comes back to it");
    }
}

/// How an endpoint leaves.
#[derive(Debug)]
enum Step {
    /// Its slice says that it is not ready.
    Unready,
    /// Its slice goes.
    Deleted,
    /// Its slice lists another one in its place.
    Replaced,
}

/// Whether nobody reached `old` while `new` served so many.
async fn is_quiet(load: &Load, old: &Echo, new: &str, count: usize) -> Option<()> {
    let (reached, served) = (old.reached(), load.served_by(new));
    eventually("the new one serves", LIMIT, async || (load.served_by(new) >= served + count).then_some(())).await;
    (old.reached() == reached).then_some(())
}
