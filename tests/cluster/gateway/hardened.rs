//! What a policy says of choices that are weaker than they have to be.

use std::time::Duration;

use super::LOOPBACK;
use crate::harness::{ControlPlane, Installation, Issuer, Namespace, User, condition, eventually};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_policy_that_is_weaker_than_it_has_to_be_says_so_in_its_columns() {
    let plane = ControlPlane::shared().await;
    let space = Namespace::new(plane, "weaker").await;
    let installation = Installation::new(plane, &space).await;
    let _gateway = installation.start("a", &[LOOPBACK]).await;
    let issuer = Issuer::start().await;
    space.apply("TokenPolicy", "strict", issuer.policy()).await;
    let mut generic = issuer.policy();
    generic["spec"]["accept"][0]["jwt"]["profile"] = "Generic".into();
    space.apply("TokenPolicy", "generic", generic).await;
    for (name, status, reason) in [("strict", "True", "Hardened"), ("generic", "False", "GenericProfile")] {
        eventually(&format!("{name} is {status}"), LIMIT, async || {
            let policy = space.read("TokenPolicy", name).await;
            let hardened = condition(&policy, "Hardened")?;
            (hardened["status"] == status && hardened["reason"] == reason).then_some(())
        })
        .await;
    }
    let shown = plane.kubectl(User::ADMIN, &["get", "tp", "--namespace", &space.name]);
    let shown = super::succeeded(shown);
    let columns: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    let rows = [["NAME", "ENTRIES", "HARDENED"], ["generic", "corp", "False"], ["strict", "corp", "True"]];
    assert_eq!(columns, rows, "{shown}");
}
