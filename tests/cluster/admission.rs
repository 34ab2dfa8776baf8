//! The verdict of a real API server on every document of `tests/admission`, as kubectl brings it. `tests/golden` gives
//! the same documents to `compile::admission`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::harness::{ControlPlane, User, from_root};

/// One document: what its first line says, and the field that a refusal names; `None` where it is accepted.
struct Row {
    title: String,
    refused_at: Option<String>,
    text: String,
}

fn rows() -> Vec<Row> {
    let mut paths: Vec<_> =
        std::fs::read_dir(from_root("tests/admission")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let documents = paths.iter().flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.split("\n---\n").map(|document| (path.clone(), document.to_owned())).collect::<Vec<_>>()
    });
    documents.map(|(path, text)| row(&path, text)).collect()
}

fn row(path: &Path, text: String) -> Row {
    let head = text.lines().next().unwrap();
    let title = format!("{}: {head}", path.file_name().unwrap().display());
    let refused_at = match (head.strip_prefix("# accept: "), head.strip_prefix("# refuse: ")) {
        (Some(_), None) => None,
        (None, Some(rest)) => Some(rest.split_once(", ").unwrap().0.to_owned()),
        _ => panic!("{title} says neither accept nor refuse"),
    };
    Row { title, refused_at, text }
}

#[tokio::test]
async fn the_api_server_gives_every_document_its_verdict() {
    let plane = ControlPlane::shared().await;
    let rows = rows();
    // One file and one name for each, so that a refusal can be told from the others.
    let folder = tempfile::tempdir().unwrap();
    for (index, row) in rows.iter().enumerate() {
        assert!(row.text.contains("\nmetadata: {name: t}"), "{}", row.title);
        let text = row.text.replacen("metadata: {name: t}", &format!("metadata: {{name: d{index}}}"), 1);
        std::fs::write(folder.path().join(format!("{index}.yaml")), text).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let created = plane.kubectl(User::ADMIN, &["create", "--dry-run=server", "--validate=strict", "-f", path]);
    let accepted = accepted(&String::from_utf8(created.stdout).unwrap());
    let refusals = refusals(&String::from_utf8(created.stderr).unwrap());

    assert_eq!(accepted.len() + refusals.len(), rows.len(), "each document was either accepted or refused");

    let mut wrong = Vec::new();
    for (index, Row { title, refused_at, .. }) in rows.iter().enumerate() {
        let refusal = refusals.get(&index).map(String::as_str);
        let right = match (refused_at, refusal) {
            (None, None) => accepted.contains(&index),
            (Some(field), Some(refusal)) => refusal.contains(field.as_str()),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !right {
            wrong.push(format!("{title} => {}", refusal.unwrap_or("accepted")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} documents:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// The message is made by an expression, which the API server evaluates.
#[tokio::test]
async fn the_api_server_says_the_numbers_of_a_schedule_that_cannot_be_kept() {
    let plane = ControlPlane::shared().await;
    let folder = tempfile::tempdir().unwrap();
    for (times, message) in [
        (
            "rotation: {publishAhead: 5m2s999ms}",
            "rotation.publishAhead 5m2s999ms is less than jwksMaxAge 5m + 3s: 1s until every replica has a change",
        ),
        ("rotation: {every: 24h}", "rotation.every 24h is less than rotation.publishAhead 24h + 3s"),
        (
            "jwksMaxAge: 1s, lifetime: 9m, rotation: {every: 7s, publishAhead: 4s}",
            "nine times rotation.every 7s is less than lifetime 9m + jwksMaxAge 1s + 33s",
        ),
    ] {
        let path = folder.path().join("policy.yaml");
        let policy = format!(
            "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {{name: t}}\nspec:\n  accept: [{{name: own, \
             issued: {{}}}}]\n  issue: {{issuer: \"https://gw.example.com/shop\", audiences: [orders], keysSecretRef: \
             {{name: keys}}, {times}}}\n"
        );
        std::fs::write(&path, policy).unwrap();
        let created = plane.kubectl(User::ADMIN, &["create", "--dry-run=server", "-f", path.to_str().unwrap()]);
        let said = String::from_utf8(created.stderr).unwrap();
        assert!(said.contains(message), "{times}: {said}");
    }
}

/// The numbers of the documents that were accepted: `apiroute.bearward.dev/d17 created (server dry run)`.
fn accepted(output: &str) -> BTreeSet<usize> {
    output.lines().filter_map(|line| line.split_once("/d")?.1.split_once(' ')?.0.parse().ok()).collect()
}

/// What was said of each document that was refused, by its number: `… "/folder/17.yaml": …`, one or more lines each.
fn refusals(output: &str) -> BTreeMap<usize, String> {
    let mut refusals: BTreeMap<usize, String> = BTreeMap::new();
    let mut current = None;
    for line in output.lines() {
        if let Some(index) = number(line) {
            current = Some(index);
        }
        let Some(index) = current else { panic!("kubectl: {line}") };
        refusals.entry(index).or_default().push_str(line);
    }
    refusals
}

fn number(line: &str) -> Option<usize> {
    line.split_once(".yaml")?.0.rsplit_once('/')?.1.parse().ok()
}
