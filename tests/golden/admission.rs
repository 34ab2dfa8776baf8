//! The verdict on every document of `tests/admission`, with the field that a refusal names. `tests/cluster` plays the
//! same documents to a real API server.
//!
//! A document begins with a comment: `# accept: why`, or `# refuse: field, why`. Documents are parted by a line `---`.

use bearward::api::{ApiRouteSpec, ModelBackendSpec, TokenPolicySpec};
use bearward::compile::admission;
use bearward::name::Kind;
use bearward::sources::files::yaml;
use serde_json::{Map, Value};

/// One document and what is expected of it: the field that a refusal names, or `None` where it is accepted.
struct Row {
    title: String,
    refused_at: Option<String>,
    kind: Kind,
    object: Map<String, Value>,
}

fn rows() -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/admission");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        for text in std::fs::read_to_string(&path).unwrap().split("\n---\n") {
            let head = text.lines().next().unwrap();
            let refused_at = match (head.strip_prefix("# accept: "), head.strip_prefix("# refuse: ")) {
                (Some(_), None) => None,
                (None, Some(rest)) => Some(rest.split_once(", ").unwrap().0.to_owned()),
                _ => panic!("{file}: {head} says neither accept nor refuse"),
            };
            let [document] =
                yaml::read(text).unwrap_or_else(|error| panic!("{file}: {head}: {error}")).try_into().unwrap();
            let Value::Object(mut object) = document.value else { panic!("{file}: {head}: not an object") };
            let kind = object.get("kind").and_then(Value::as_str).and_then(Kind::from_name).unwrap();
            object.remove("metadata");
            rows.push(Row { title: format!("{file}: {head}"), refused_at, kind, object });
        }
    }
    rows
}

#[test]
fn every_document_gets_the_verdict_that_the_api_server_gives_it() {
    let rows = rows();
    let mut wrong = Vec::new();
    for Row { title, refused_at, kind, object } in &rows {
        let violations = admission::check(*kind, object);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.to_string()).collect();
        if fields != refused_at.iter().cloned().collect::<Vec<_>>() {
            wrong.push(format!("{title} => {violations:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} documents:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn what_is_accepted_is_what_the_types_can_read() {
    for Row { title, kind, object, .. } in rows().into_iter().filter(|row| row.refused_at.is_none()) {
        let mut stored = admission::as_stored(object);
        let spec = stored.remove("spec").unwrap();
        let read = match kind {
            Kind::ApiRoute => serde_json::from_value::<ApiRouteSpec>(spec).map(drop),
            Kind::TokenPolicy => serde_json::from_value::<TokenPolicySpec>(spec).map(drop),
            Kind::ModelBackend => serde_json::from_value::<ModelBackendSpec>(spec).map(drop),
            Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => panic!("{title}: {kind} is not ours"),
        };
        assert!(read.is_ok(), "{title}: {}", read.unwrap_err());
    }
}

#[test]
fn the_table_is_large_and_mostly_refused() {
    for kind in [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend] {
        let (refused, accepted): (Vec<_>, Vec<_>) =
            rows().into_iter().filter(|row| row.kind == kind).partition(|row| row.refused_at.is_some());
        assert!(refused.len() >= 2 * accepted.len() && !accepted.is_empty(), "{kind}");
    }
    assert!(rows().len() >= 110);
}
