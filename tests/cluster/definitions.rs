//! The definitions in `crds/` as the API server sees them.

use std::time::Duration;

use crate::harness::{ControlPlane, User, eventually, from_root};

#[tokio::test]
async fn applying_the_definitions_prints_no_warning() {
    let plane = ControlPlane::shared().await;
    assert_eq!(plane.warnings, "");
}

/// Else the test above could not fail.
#[tokio::test]
async fn kubectl_would_have_printed_a_warning() {
    let plane = ControlPlane::shared().await;
    let definition = std::fs::read_to_string(from_root("crds/apiroutes.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("definition.yaml");
    let other = definition.replace("bearward.dev", "example.test").replace("format: date-time", "format: nonsense");
    std::fs::write(&path, other).unwrap();
    let applied = plane.kubectl(User::ADMIN, &["create", "--dry-run=server", "-f", path.to_str().unwrap()]);
    let printed = String::from_utf8(applied.stderr).unwrap();
    assert!(printed.contains("Warning: unrecognized format"), "{printed}");
}

#[tokio::test]
async fn the_short_names_and_the_category_are_served() {
    let plane = ControlPlane::shared().await;
    for name in ["ar", "tp", "mb", "bearward"] {
        let listed = plane.kubectl(User::ADMIN, &["get", name, "--namespace", "default"]);
        assert!(listed.status.success(), "{name}: {}", String::from_utf8(listed.stderr).unwrap());
    }
    let listed = plane.kubectl(User::ADMIN, &["get", "nonsense", "--namespace", "default"]);
    assert!(!listed.status.success());
}

#[tokio::test]
async fn a_gateway_may_read_no_secret_that_no_namespace_offers() {
    let plane = ControlPlane::shared().await;
    let may = |user: User, resource: &str| {
        plane.kubectl(user, &["auth", "can-i", "list", resource, "--all-namespaces"]).status.success()
    };
    // The API server takes a moment to know of a role that was just bound.
    let known = async || may(User::GATEWAY, "apiroutes").then_some(());
    eventually("the gateway's role", Duration::from_secs(10), known).await;
    for (user, resource) in [(User::GATEWAY, "secrets"), (User::STRANGER, "apiroutes")] {
        assert!(!may(user, resource), "{} {resource}", user.name);
    }
}
