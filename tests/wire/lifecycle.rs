//! How a gateway starts, what it shows of itself, and how it ends.

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{Client, get, within};
use crate::gateway::Rig;
use crate::kit::open_route;
use crate::upstream::{OK, Upstream};

fn config(upstream: &Upstream) -> String {
    open_route(&upstream.url(), "/")
}

#[tokio::test(flavor = "multi_thread")]
async fn port_zero_takes_a_free_port_for_each_listener() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream)).await;
    let addresses = [rig.gateway.http(), rig.gateway.probes(), rig.gateway.admin()];
    let mut ports: Vec<_> = addresses.iter().map(std::net::SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!((ports.len(), ports.contains(&0)), (3, false), "{addresses:?}");
    assert_eq!(rig.get("/", "").await.status, 200);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_is_served() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve_with(&config(&upstream), &["--http", "[::1]:0"]).await;
    assert!(rig.http().is_ipv6());
    assert_eq!(rig.get("/", "").await.status, 200);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_the_operators_view_show_what_is_in_force() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream)).await;
    rig.get("/", "").await;
    let (probes, admin) = (rig.gateway.probes(), rig.gateway.admin());
    for (address, path, status, expected) in [
        (probes, "/livez", 200, "alive"),
        (probes, "/readyz", 200, "ready"),
        (probes, "/metrics", 200, "bearward_snapshot_id 1"),
        (probes, "/snapshot", 404, "not found"),
        (admin, "/", 200, "/snapshot"),
        (admin, "/snapshot", 200, r#""rule": "shop/shop/open""#),
        (admin, "/nothing", 404, "not found"),
    ] {
        let reply = get(address, "localhost", path, "").await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.text().contains(expected), "{path}: {}", reply.text());
    }
    let rebound = get(admin, "evil.example.com", "/snapshot", "").await;
    assert_eq!(rebound.status, 421);
    let traffic = get(rig.http(), "localhost", "/snapshot", "").await;
    assert_eq!(traffic.code(), "no_route", "the data plane shows nothing of the operator's");
    rig.drain().await;
}

/// A policy whose keys come from this issuer.
fn policy(name: &str, issuer: &str) -> String {
    format!(
        "---\napiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         accept: [{{name: corp, jwt: {{issuer: \"{issuer}\", audiences: [orders], keys: {{discovery: {{}}}}}}}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_ready_when_each_issuer_has_answered_or_failed() {
    let (upstream, issuer) = (Upstream::replying(OK).await, Upstream::replying(OK).await);
    issuer.hold();
    // Nothing listens there.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let policies = [policy("slow", &issuer.url()), policy("dead", &format!("http://{dead}"))].concat();
    let rule = "  - name: guarded\n    matches: [{path: {value: /guarded}}]\n    \
                auth: {tokens: [{policyRef: {name: slow}}, {policyRef: {name: dead}}]}\n    \
                redirect: {scheme: https}\n";
    let rig = Rig::start(&[&config(&upstream), rule, &policies].concat(), &[]).await;
    issuer.reached().await;
    let probes = rig.gateway.probes();
    let expected = format!("not ready\n- issuer {} has not answered\n", issuer.url());
    within(async { while get(probes, "localhost", "/readyz", "").await.text() != expected {} }).await;
    assert_eq!(rig.get("/", "").await.status, 200, "what needs no issuer is served");
    issuer.release();
    within(rig.gateway.ready()).await;
    // Neither has keys: the one answered nonsense, the other not at all. Both are findings, and the gateway is ready.
    assert_eq!(get(probes, "localhost", "/readyz", "").await.text(), "ready\n");
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_a_request_finish_and_takes_no_other() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream)).await;
    let (http, probes) = (rig.gateway.http(), rig.gateway.probes());
    upstream.hold();
    let mut client = Client::connect(http).await;
    client.send("GET / HTTP/1.1\r\nhost: api.example.com\r\n\r\n").await;
    upstream.reached().await;

    let mut draining = JoinSet::new();
    draining.spawn(rig.gateway.drain());
    within(async { while get(probes, "localhost", "/readyz", "").await.status != 503 {} }).await;
    within(async { while TcpStream::connect(http).await.is_ok() {} }).await;
    upstream.release();
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.text(), reply.header("connection")), (200, "hello", Some("close")));
    assert_eq!(client.end().await, b"");
    // Whoever was told that the connection ends has some time to close it: time does not pass here.
    drop(client);
    within(draining.join_all()).await;
    assert!(TcpStream::connect(probes).await.is_err(), "probes are served to the end and no longer");
}
