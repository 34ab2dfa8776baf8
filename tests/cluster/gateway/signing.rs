//! Signing keys in the cluster: they rotate every few seconds under load, whoever is killed, stopped or cut off.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{LOOPBACK, succeeded};
use crate::harness::{ControlPlane, Echo, Gateway, History, Installation, Namespace, TokenLoad, User, eventually};

const LIMIT: Duration = Duration::from_secs(30);

/// How long a Lease holds after its leader has died, how seldom the others look, and what their own work takes.
const TAKEOVER: Duration = Duration::from_secs(15 + 2 + 8);

/// From one key to the next, with what the replicas take to confirm.
const ROTATION: Duration = Duration::from_secs(7 + 5);

const HOST: &str = "gw.example";
const NAMES: [&str; 3] = ["a", "b", "c"];

/// A policy that issues tokens and takes them, whose keys rotate as fast as they may.
fn policy() -> Value {
    json!({"spec": {
        "accept": [{"name": "own", "issued": {}}],
        "issue": {
            "issuer": "https://gw.example/shop",
            "audiences": ["orders"],
            "lifetime": "10s",
            "jwksMaxAge": "1s",
            "clients": [{
                "id": "batch",
                "secretRef": {"name": "batch"},
                "grants": ["client_credentials"],
                "scopes": ["orders:read"],
            }],
            "rotation": {"every": "7s", "publishAhead": "4s"},
            "keysSecretRef": {"name": "shop-keys"},
        },
    }})
}

fn route(upstream: &Echo) -> Value {
    let auth = json!({"tokens": [{"policyRef": {"name": "shop"}, "scopes": ["orders:read"]}]});
    json!({"spec": {"hosts": ["orders.example"], "rules": [{"name": "all", "auth": auth, "backends": [{"url": upstream.url()}]}]}})
}

/// Makes the secret of the client `batch`.
fn client_secret(plane: &ControlPlane, space: &Namespace) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.yaml");
    let file = file.to_str().unwrap();
    let arguments = ["keys", "generate", "client-secret", "--name=batch", "--secret", file];
    let made = succeeded(Command::new(env!("CARGO_BIN_EXE_bearward")).args(arguments).output().unwrap());
    succeeded(plane.kubectl(User::ADMIN, &["apply", "--namespace", &space.name, "-f", file]));
    made.trim_end().to_owned()
}

/// Replicas by their name.
type Replicas = BTreeMap<&'static str, Gateway>;

async fn three(installation: &Installation<'_>) -> Replicas {
    let mut replicas = Replicas::new();
    for name in NAMES {
        replicas.insert(name, installation.start(name, &["--service=bearward", LOOPBACK]).await);
    }
    installation.ready(&NAMES).await;
    replicas
}

/// Everything that it takes: the history of the Secret from its beginning, and clients that use what is issued.
async fn issuing(plane: &ControlPlane, space: &Namespace, replicas: &Replicas) -> (History, TokenLoad) {
    let upstream = Echo::local("hello").await;
    let history = History::of(space, "shop-keys").await;
    let secret = client_secret(plane, space);
    space.apply("TokenPolicy", "shop", policy()).await;
    space.apply("ApiRoute", "orders", route(&upstream)).await;
    space.until_enforced("orders").await;
    let load = TokenLoad::start(HOST, "/shop/token", "batch", &secret, "orders.example", upstream);
    // Who leads knows only of its own replicas.
    let at: Vec<_> = replicas.values().map(|gateway| gateway.http).collect();
    eventually("every one issues, and takes what is issued", LIMIT, async || load.works_at(&at).await.then_some(()))
        .await;
    for (name, gateway) in replicas {
        load.add(name, gateway.http);
    }
    (history, load)
}

/// The finding of this code on the policy.
async fn finding(space: &Namespace, code: &str) -> Option<Value> {
    let policy = space.read("TokenPolicy", "shop").await;
    let findings = policy.data.get("status")?.get("findings")?.as_array()?.clone();
    findings.into_iter().find(|finding| finding["code"] == code)
}

#[tokio::test]
async fn keys_rotate_under_load_while_the_leader_is_killed_at_each_step_and_nobody_is_refused() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "rotating").await;
    let installation = Installation::new(plane, &space).await;
    installation.issues().await;
    let mut replicas = three(&installation).await;
    let (history, load) = issuing(plane, &space, &replicas).await;
    history.until("two rotations without trouble", ROTATION * 3, |rings| rings.activations() >= 3).await;

    // The leader dies right after it has taken each of the steps, before it can remember what it did.
    for step in ["Activate", "Confirm", "Settle", "Remove"] {
        let count = history.steps(step);
        history.until(&format!("another {step}"), ROTATION * 5, |rings| rings.steps(step) > count).await;
        let leader =
            eventually("one leads", LIMIT, async || installation.leader().await.filter(|name| !name.is_empty()));
        let leader = leader.await;
        let (name, killed) = replicas.remove_entry(leader.as_str()).unwrap();
        load.remove(name).await;
        killed.signal("KILL");
        drop(killed);
        let left: Vec<&str> = replicas.keys().copied().collect();
        installation.ready(&left).await;
        let rotations = history.activations();
        history
            .until(&format!("a rotation after {step}"), TAKEOVER + ROTATION * 2, |rings| {
                rings.activations() > rotations
            })
            .await;
        let gateway = installation.start(name, &["--service=bearward", LOOPBACK]).await;
        load.add(name, gateway.http);
        replicas.insert(name, gateway);
        installation.ready(&NAMES).await;
    }
    let tally = load.stop().await;
    assert!(tally.refused.is_empty(), "{:?}", &tally.refused[..tally.refused.len().min(5)]);
    assert!(tally.used > 500, "{tally:?}");
    history.assert_lawful();
}

#[tokio::test]
async fn a_replica_that_hangs_holds_the_next_key_and_is_named_and_nothing_else_suffers() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "hanging").await;
    let installation = Installation::new(plane, &space).await;
    installation.issues().await;
    let replicas = three(&installation).await;
    let (history, load) = issuing(plane, &space, &replicas).await;
    let leader =
        eventually("one leads", LIMIT, async || installation.leader().await.filter(|name| !name.is_empty())).await;
    let hangs = NAMES.into_iter().find(|name| **name != leader).unwrap();
    load.remove(hangs).await;
    replicas[hangs].signal("STOP");
    let held = eventually("it is said", ROTATION * 3, async || finding(&space, "RotationHeld").await).await;
    assert!(held["message"].as_str().unwrap().contains(&format!(": {hangs} has not")), "{held}");
    let held_at = history.activations();
    tokio::time::sleep(ROTATION).await;
    assert_eq!(history.activations(), held_at, "the old key signs on");

    // Without it, by word.
    let namespace = ["--namespace", &space.name];
    let rotate = ["keys", "rotate", "shop", "--despite", hangs];
    let kubeconfig = plane.kubeconfig(User::ADMIN);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bearward"));
    succeeded(command.env("KUBECONFIG", &kubeconfig).args(rotate).args(namespace).output().unwrap());
    history.until("it rotates without the one that hangs", ROTATION * 2, |rings| rings.activations() > held_at).await;
    replicas[hangs].signal("CONT");
    eventually("nothing is held any more", LIMIT, async || {
        finding(&space, "RotationHeld").await.is_none().then_some(())
    })
    .await;
    let tally = load.stop().await;
    assert!(tally.refused.is_empty(), "{:?}", &tally.refused[..tally.refused.len().min(5)]);
    history.assert_lawful();
}

#[tokio::test]
async fn without_the_api_server_tokens_sign_and_verify_and_rotation_waits() {
    /// Longer than a rotation takes.
    const AWAY: Duration = Duration::from_secs(20);
    let plane = ControlPlane::start().await;
    let space = Namespace::new(&plane, "away").await;
    let installation = Installation::new(&plane, &space).await;
    installation.issues().await;
    let replicas = three(&installation).await;
    let (history, load) = issuing(&plane, &space, &replicas).await;
    history.until("a rotation", ROTATION * 3, |rings| rings.activations() >= 2).await;
    plane.kill_api_server();
    let before = history.activations();
    tokio::time::sleep(AWAY).await;
    let used = load.used();
    plane.start_api_server().await;
    history.until("it rotates again", TAKEOVER + ROTATION * 2, |rings| rings.activations() > before).await;
    let tally = load.stop().await;
    assert!(tally.refused.is_empty(), "{:?}", &tally.refused[..tally.refused.len().min(5)]);
    assert!(used > 100, "tokens were issued and used all the time: {used}");
    history.assert_lawful();
}

#[tokio::test]
async fn two_who_lead_at_once_are_refused_in_turn_and_the_history_stays_lawful() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "deposed").await;
    let elsewhere = Namespace::new(plane, "deposed-leases").await;
    let (one, other) = (Installation::new(plane, &space).await, Installation::new(plane, &elsewhere).await);
    one.issues().await;
    // It has its Leases elsewhere, so it never learns that somebody leads here: as a leader that was deposed does not.
    other.joins(&space).await;
    let here = one.start("here", &[LOOPBACK]).await;
    let there = other.start("there", &[LOOPBACK, "--namespaces", &space.name]).await;
    let replicas = Replicas::from([("here", here), ("there", there)]);
    let (history, load) = issuing(plane, &space, &replicas).await;
    history.until("six rotations", ROTATION * 10, |rings| rings.activations() >= 7).await;
    let tally = load.stop().await;
    assert!(tally.refused.is_empty(), "{:?}", &tally.refused[..tally.refused.len().min(5)]);
    history.assert_lawful();
    let writes = plane.writes(&space.name);
    let of_keys = || writes.iter().filter(|write| write.resource == "secrets" && write.name == "shop-keys");
    let conflicts = of_keys().filter(|write| write.status == 409).count();
    let taken_of = |user: &Installation<'_>| of_keys().filter(|write| write.taken && write.user == user.user()).count();
    assert!(conflicts > 0, "nobody was refused: {:?}", of_keys().collect::<Vec<_>>());
    assert!(taken_of(&one) > 0 && taken_of(&other) > 0, "both have written");
}

#[tokio::test]
async fn a_compromised_key_is_refused_within_a_second_and_its_secret_is_made_again_when_it_is_deleted() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "compromised").await;
    let installation = Installation::new(plane, &space).await;
    installation.issues().await;
    let replicas = three(&installation).await;
    let (history, load) = issuing(plane, &space, &replicas).await;
    history.until("the next key is confirmed", ROTATION, |rings| rings.steps("Confirm") > 0).await;
    let token = load.token().await;
    let made = load.stop().await;
    assert!(made.refused.is_empty(), "{:?}", made.refused);
    let kid = history.active();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bearward"));
        command.env("KUBECONFIG", plane.kubeconfig(User::ADMIN)).args(arguments).args(["--namespace", &space.name]);
        succeeded(command.output().unwrap())
    };
    // A key can be named once status has it.
    eventually("it is listed", LIMIT, async || run(&["keys", "list", "shop"]).contains(&kid).then_some(())).await;
    run(&["keys", "compromise", "shop", &kid]);
    for gateway in replicas.values() {
        eventually("its tokens are refused", Duration::from_secs(3), async || {
            (token.use_at(gateway.http).await == 401).then_some(())
        })
        .await;
    }
    eventually("it is shown", LIMIT, async || run(&["keys", "list", "shop"]).contains("Compromised").then_some(()))
        .await;

    succeeded(plane.kubectl(User::ADMIN, &["delete", "secret", "shop-keys", "--namespace", &space.name]));
    eventually("it is said", LIMIT, async || finding(&space, "KeysLost").await).await;
    eventually("another key signs", LIMIT, async || token.renew(replicas["a"].http).await.then_some(())).await;
    let signing = eventually("status shows the key", LIMIT, async || {
        let policy = space.read("TokenPolicy", "shop").await;
        policy.data["status"]["signing"]["kid"].as_str().map(str::to_owned)
    })
    .await;
    let table = succeeded(plane.kubectl(User::ADMIN, &["get", "tp", "shop", "--namespace", &space.name]));
    let (titles, row) = table.split_once('\n').unwrap();
    assert!(titles.contains("SIGNS") && titles.contains("NEXT") && row.contains(&signing), "{table}");
}

#[tokio::test]
async fn what_is_remembered_of_policies_that_are_gone_makes_room_and_long_names_fit() {
    const MEMORY: &str = "bearward-bearward.signing-keys";
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "remembering").await;
    let installation = Installation::new(plane, &space).await;
    installation.issues().await;
    let gone = format!("{}.gone.00000000-0000-0000-0000-000000000000", space.name);
    let elsewhere = "somebody-elses.shop.00000000-0000-0000-0000-000000000001";
    let data = json!({(gone.clone()): "x".repeat(899 << 10), (elsewhere): "y"});
    space.apply("ConfigMap", MEMORY, json!({ "data": data })).await;
    let gateway = installation.start("a", &["--service=bearward", LOOPBACK]).await;
    installation.ready(&["a"]).await;
    client_secret(plane, &space);
    // A name of an object may be longer than that of a member.
    let name = format!("{}shop", "a.".repeat(120));
    space.apply("TokenPolicy", &name, policy()).await;
    let members = eventually("the ring is remembered", LIMIT, async || {
        let memory = space.read("ConfigMap", MEMORY).await.data;
        let members: Vec<String> = memory["data"].as_object()?.keys().cloned().collect();
        members.iter().any(|member| member.starts_with(&format!("{}.a.", space.name))).then_some(members)
    })
    .await;
    assert!(!members.contains(&gone) && members.iter().any(|member| member == elsewhere), "{members:?}");
    drop(gateway);
}
