//! The whole path: `bearward run` as real processes, a real API server, and requests over real sockets.

mod endpoints;
mod events;
mod hardened;
mod isolation;
mod key_sets;
mod outage;
mod replicas;
mod resources;
mod secrets;
mod signing;

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{ControlPlane, Echo, Namespace, User};

/// Lets URLs lead to upstreams of these tests.
const LOOPBACK: &str = "--egress-allow=127.0.0.0/8";

/// Makes an API key with the label `team: shop`, and puts its record into the namespace as the Secret `name`.
fn api_key(plane: &ControlPlane, space: &Namespace, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.yaml");
    let file = file.to_str().unwrap();
    let arguments =
        ["keys", "generate", "api-key", "--owner=batch", "--label=team=shop", "--name", name, "--secret", file];
    let made = succeeded(Command::new(env!("CARGO_BIN_EXE_bearward")).args(arguments).output().unwrap());
    succeeded(plane.kubectl(User::ADMIN, &["apply", "--namespace", &space.name, "-f", file]));
    made.trim_end().to_owned()
}

/// What a command printed, which ended well.
fn succeeded(done: Output) -> String {
    assert!(done.status.success(), "{}", String::from_utf8(done.stderr).unwrap());
    String::from_utf8(done.stdout).unwrap()
}

/// A TokenPolicy that takes the keys of [`api_key`].
fn keys() -> Value {
    json!({"spec": {"accept": [{"name": "keys", "apiKeys": {"selector": {"matchLabels": {"team": "shop"}}}}]}})
}

/// An ApiRoute that leads to a backend, for whoever has a token of the policy `keys`.
fn guarded(host: &str, backend: &Value) -> Value {
    let auth = json!({"tokens": [{"policyRef": {"name": "keys"}}]});
    json!({"spec": {"hosts": [host], "rules": [{"name": "all", "auth": auth, "backends": [backend]}]}})
}

/// An ApiRoute that leads to a URL, for whoever has a token of the policy `corp`.
fn for_tokens(host: &str, url: &str) -> Value {
    let auth = json!({"tokens": [{"policyRef": {"name": "corp"}}]});
    json!({"spec": {"hosts": [host], "rules": [{"name": "all", "auth": auth, "backends": [{"url": url}]}]}})
}

/// An ApiRoute that leads to a URL, for everybody.
fn open(host: &str, url: &str) -> Value {
    let auth = json!({"anonymous": true});
    json!({"spec": {"hosts": [host], "rules": [{"name": "all", "auth": auth, "backends": [{"url": url}]}]}})
}

/// A Service whose pods are found elsewhere: here, by the slices that a test writes.
fn service() -> Value {
    json!({"spec": {"selector": {"app": "echo"}, "ports": [{"name": "web", "port": 80}]}})
}

/// The slice of a Service, with upstreams as its ready endpoints. They must listen on ports of one number, as those of
/// one slice do; so each has a slice of its own here.
async fn slice(space: &Namespace, service: &str, name: &str, upstream: &Echo, ready: bool) {
    let slice = json!({
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": [{"name": "web", "port": upstream.address.port()}],
        "endpoints": [{"addresses": [upstream.address.ip().to_string()], "conditions": {"ready": ready}}],
    });
    space.apply("EndpointSlice", name, slice).await;
}
