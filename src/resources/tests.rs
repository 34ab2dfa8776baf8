//! What is in force, who is told of a change, and what counts as one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Body, Lookup, Meta, Object, Reader, Report, ReportFinding, ReportKey, Resources, Scope, Update, Version};
use crate::api::core;
use crate::clock::UnixTime;
use crate::finding::{Code, Severity};
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::DnsName;

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "shop", name)
}

fn object(kind: Kind, name: &str, version: u64, labels: &Value, body: Body) -> Object {
    let labels = labels.as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.as_str().into(), value.as_str().unwrap().into())).collect();
    let meta = Meta {
        key: key(kind, name),
        uid: "u".into(),
        version: Version(version),
        generation: Generation(1),
        created: UnixTime::from_millis(0),
        labels,
        annotations: BTreeMap::new(),
    };
    Object { meta, body }
}

fn policy(name: &str, version: u64, spec: &Value) -> Object {
    let Value::Object(document) = json!({"spec": spec}) else { unreachable!("an object") };
    object(Kind::TokenPolicy, name, version, &json!({}), Body::Ours(document))
}

fn secret(version: u64, kind: &str, labels: &Value, data: &Value) -> Object {
    let body: core::Secret = serde_json::from_value(json!({"type": kind, "stringData": data})).unwrap();
    object(Kind::Secret, "keys", version, labels, Body::Secret(body))
}

fn slice(service: &str, address: &str, resource_version: &str) -> Object {
    let body: core::EndpointSlice = serde_json::from_value(json!({
        "metadata": {"resourceVersion": resource_version},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
    }))
    .unwrap();
    object(
        Kind::EndpointSlice,
        "one",
        1,
        &json!({core::EndpointSlice::SERVICE_LABEL: service}),
        Body::EndpointSlice(body),
    )
}

fn file(path: &str) -> Scope {
    Scope::File(path.into())
}

fn watch(kind: Kind) -> Scope {
    Scope::Watch { kind, namespace: None }
}

fn put(resources: &mut Resources, object: Object) {
    resources.apply(Update::Apply { scope: watch(object.key().kind), object });
}

fn replace(resources: &mut Resources, scope: Scope, objects: Vec<Object>) {
    resources.apply(Update::Replace { scope, objects, findings: vec![], version: Version(0) });
}

/// Whose content changed since the last call.
fn changed(resources: &mut Resources) -> Vec<String> {
    resources.take_changed().iter().map(ToString::to_string).collect()
}

/// A change of what an object says about itself.
type Edit = fn(&mut Meta);

#[test]
fn only_content_is_a_change() {
    let labels = json!({"a": "b"});
    for (name, after, is_change) in [
        ("the same", secret(2, "Opaque", &labels, &json!({"k": "v"})), false),
        ("another member", secret(2, "Opaque", &labels, &json!({"k": "v", "l": "w"})), true),
        ("another value", secret(2, "Opaque", &labels, &json!({"k": "w"})), true),
        ("another name", secret(2, "Opaque", &labels, &json!({"l": "v"})), true),
        ("another type", secret(2, "tls", &labels, &json!({"k": "v"})), true),
        ("another label", secret(2, "Opaque", &json!({"a": "c"}), &json!({"k": "v"})), true),
    ] {
        let mut resources = Resources::new();
        put(&mut resources, secret(1, "Opaque", &labels, &json!({"k": "v"})));
        assert_eq!(changed(&mut resources), ["Secret shop/keys"]);
        put(&mut resources, after);
        assert_eq!(!changed(&mut resources).is_empty(), is_change, "{name}");
        let version = resources.object(&key(Kind::Secret, "keys")).unwrap().meta.version.0;
        assert_eq!(version, if is_change { 2 } else { 1 }, "{name}");
    }
    let edits: [(&str, Edit, bool); 5] = [
        ("another generation", |meta| meta.generation = Generation(2), true),
        ("another object of the name", |meta| meta.uid = "v".into(), true),
        ("another age", |meta| meta.created = UnixTime::from_millis(1), true),
        ("a label of ours", |meta| drop(meta.labels.insert("a".into(), "b".into())), false),
        ("an annotation", |meta| drop(meta.annotations.insert("a".into(), "b".into())), false),
    ];
    for (name, edit, is_change) in edits {
        let mut resources = Resources::new();
        put(&mut resources, policy("p", 1, &json!({"a": 1})));
        changed(&mut resources);
        let mut after = policy("p", 2, &json!({"a": 1}));
        edit(&mut after.meta);
        put(&mut resources, after);
        assert_eq!(!changed(&mut resources).is_empty(), is_change, "{name}");
    }
    let mut resources = Resources::new();
    put(&mut resources, slice("orders", "10.0.0.1", "1"));
    changed(&mut resources);
    put(&mut resources, slice("orders", "10.0.0.1", "2"));
    assert_eq!(changed(&mut resources), [""; 0]);
    put(&mut resources, slice("orders", "10.0.0.2", "3"));
    assert_eq!(changed(&mut resources), ["EndpointSlice shop/one"]);
}

#[test]
fn of_two_scopes_with_an_object_the_first_is_in_force_and_the_other_a_finding() {
    let mut resources = Resources::new();
    let spec = |resources: &Resources| {
        let object = resources.object(&key(Kind::TokenPolicy, "p")).map(|object| match &object.body {
            Body::Ours(document) => document["spec"].clone(),
            Body::Service(_) | Body::EndpointSlice(_) | Body::Secret(_) | Body::Undecodable(_) | Body::Withheld(..) => {
                unreachable!("a policy")
            }
        });
        object.unwrap_or_default()
    };
    replace(&mut resources, file("b.yaml"), vec![policy("p", 0, &json!("b")), policy("p", 0, &json!("twice"))]);
    assert_eq!(spec(&resources), "b");
    let findings = |resources: &Resources| -> Vec<String> {
        resources.scope_findings().iter().map(|finding| format!("{} {}", finding.code, finding.cause)).collect()
    };
    let same = "has an object of the same kind, namespace and name as";
    assert_eq!(
        findings(&resources),
        [format!("DuplicateObject the same file, further down, {same} b.yaml, which is in force")]
    );
    replace(&mut resources, file("b.yaml"), vec![policy("p", 0, &json!("b"))]);
    assert_eq!(findings(&resources), [""; 0]);
    changed(&mut resources);

    // A file that comes first takes over; one that comes later does not.
    replace(&mut resources, file("c.yaml"), vec![policy("p", 0, &json!("c"))]);
    assert_eq!((spec(&resources), changed(&mut resources)), (json!("b"), vec![]));
    replace(&mut resources, file("a.yaml"), vec![policy("p", 0, &json!("a"))]);
    assert_eq!((spec(&resources), changed(&mut resources).len()), (json!("a"), 1));
    assert_eq!(
        findings(&resources),
        [
            format!("DuplicateObject b.yaml {same} a.yaml, which is in force"),
            format!("DuplicateObject c.yaml {same} a.yaml, which is in force"),
        ]
    );
    resources.apply(Update::Withdraw { scope: file("a.yaml") });
    assert_eq!(spec(&resources), "b");
    replace(&mut resources, file("b.yaml"), vec![]);
    assert_eq!(spec(&resources), "c");
    // The same content from another file changes nothing.
    changed(&mut resources);
    replace(&mut resources, file("a.yaml"), vec![policy("p", 0, &json!("c"))]);
    assert_eq!(changed(&mut resources), [""; 0]);
    replace(&mut resources, file("a.yaml"), vec![]);
    replace(&mut resources, file("c.yaml"), vec![]);
    assert_eq!((spec(&resources), changed(&mut resources).len()), (Value::Null, 1));
}

#[test]
fn a_scope_is_replaced_as_a_whole() {
    let mut resources = Resources::new();
    let scope = || watch(Kind::TokenPolicy);
    replace(&mut resources, scope(), vec![policy("a", 1, &json!(1)), policy("b", 1, &json!(1))]);
    changed(&mut resources);
    replace(&mut resources, scope(), vec![policy("b", 2, &json!(1)), policy("c", 2, &json!(1))]);
    assert_eq!(changed(&mut resources), ["TokenPolicy shop/a", "TokenPolicy shop/c"]);
    // What was there before is as old as it was when it was first seen.
    assert_eq!(resources.object(&key(Kind::TokenPolicy, "b")).unwrap().meta.version, Version(1));
    resources.apply(Update::Forbid { scope: scope() });
    assert_eq!(changed(&mut resources), ["TokenPolicy shop/b", "TokenPolicy shop/c"]);
    assert!(resources.is_forbidden(&scope()));
    assert_eq!(resources.versions(), BTreeMap::new());
    replace(&mut resources, scope(), vec![]);
    assert!(!resources.is_forbidden(&scope()));
    assert_eq!(resources.versions().len(), 1);
}

#[test]
fn the_version_of_a_scope_only_grows_but_for_a_new_list() {
    let mut resources = Resources::new();
    let scope = || watch(Kind::TokenPolicy);
    let version = |resources: &Resources| resources.versions()[&scope()].0;
    resources.apply(Update::Version { scope: scope(), version: Version(9) });
    assert_eq!(resources.versions(), BTreeMap::new(), "a scope that has not listed has no version");
    resources.apply(Update::Replace { scope: scope(), objects: vec![], findings: vec![], version: Version(5) });
    assert_eq!(version(&resources), 5);
    put(&mut resources, policy("a", 7, &json!(1)));
    assert_eq!(version(&resources), 7);
    resources.apply(Update::Version { scope: scope(), version: Version(6) });
    assert_eq!(version(&resources), 7);
    resources.apply(Update::Remove { scope: scope(), key: key(Kind::TokenPolicy, "a"), version: Version(8) });
    assert_eq!(version(&resources), 8);
    resources.apply(Update::Replace { scope: scope(), objects: vec![], findings: vec![], version: Version(3) });
    assert_eq!(version(&resources), 3);
}

#[test]
fn slices_are_found_by_their_service() {
    let mut resources = Resources::new();
    let of = |resources: &Resources, service: &str| resources.slices(&key(Kind::Service, service)).count();
    put(&mut resources, slice("orders", "10.0.0.1", "1"));
    assert_eq!((of(&resources, "orders"), of(&resources, "items")), (1, 0));
    put(&mut resources, slice("items", "10.0.0.1", "2"));
    assert_eq!((of(&resources, "orders"), of(&resources, "items")), (0, 1));
    resources.apply(Update::Remove {
        scope: watch(Kind::EndpointSlice),
        key: key(Kind::EndpointSlice, "one"),
        version: Version(3),
    });
    assert_eq!((of(&resources, "orders"), of(&resources, "items")), (0, 0));
}

#[test]
fn whoever_looked_is_told_and_nobody_else() {
    let reader = |name: &str| Reader::Object(key(Kind::ModelBackend, name));
    let report = || ReportKey::Name(DnsName { host: "api.example.org".into(), port: 443 });
    let mut resources = Resources::new();
    let mut look = |name: &str, look: &dyn Fn(&mut super::Reading<'_>)| {
        let mut reading = resources.reading();
        look(&mut reading);
        let log = reading.into_log();
        resources.record(reader(name), log);
    };
    look("missed", &|reading| assert!(reading.object(&key(Kind::TokenPolicy, "p")).is_none()));
    look("all", &|reading| assert_eq!(reading.namespace(Kind::TokenPolicy, &"shop".into()).count(), 0));
    look("slices", &|reading| assert_eq!(reading.slices(&key(Kind::Service, "orders")).count(), 0));
    look("closed", &|reading| assert!(!reading.is_forbidden(Kind::Secret, &"shop".into())));
    look("reported", &|reading| assert!(reading.report(report()).is_none()));
    look("other", &|reading| assert!(reading.object(&key(Kind::TokenPolicy, "q")).is_none()));

    let told = |resources: &mut Resources| -> BTreeSet<Reader> { resources.take_dirty() };
    put(&mut resources, policy("p", 1, &json!(1)));
    assert_eq!(told(&mut resources), BTreeSet::from([reader("missed"), reader("all")]));
    put(&mut resources, policy("p", 2, &json!(1)));
    assert_eq!(told(&mut resources), BTreeSet::new());
    put(&mut resources, slice("orders", "10.0.0.1", "1"));
    assert_eq!(told(&mut resources), BTreeSet::from([reader("slices")]));
    // A slice that changes hands concerns both Services.
    put(&mut resources, slice("items", "10.0.0.1", "1"));
    assert_eq!(told(&mut resources), BTreeSet::from([reader("slices")]));
    for namespace in [Some("shop".into()), None, Some("bank".into())] {
        let is_theirs = namespace.as_deref() != Some("bank");
        resources.apply(Update::Forbid { scope: Scope::Watch { kind: Kind::Secret, namespace } });
        assert_eq!(told(&mut resources).len(), usize::from(is_theirs));
    }
    let finding = ReportFinding {
        code: Code::KeysUnavailable,
        severity: Severity::Error,
        cause: "a".to_owned(),
        cure: "b".to_owned(),
    };
    for (findings, is_told) in [(vec![], false), (vec![finding.clone()], true), (vec![finding], false), (vec![], true)]
    {
        resources.apply(Update::Report { key: report(), report: Report { findings } });
        assert_eq!(told(&mut resources).len(), usize::from(is_told));
    }
    assert_eq!(resources.reported().count(), 0);

    // What was compiled of an object concerns all who looked it up, but not itself.
    let policy_reader = Reader::Object(key(Kind::TokenPolicy, "p"));
    resources.record(policy_reader, BTreeSet::from([Lookup::Object(key(Kind::TokenPolicy, "p"))]));
    resources.recompiled(&key(Kind::TokenPolicy, "p"));
    assert_eq!(told(&mut resources), BTreeSet::from([reader("missed")]));
    // Who looks elsewhere now, or is gone, is told no more.
    resources.record(reader("missed"), BTreeSet::from([Lookup::Object(key(Kind::TokenPolicy, "q"))]));
    resources.forget(&reader("all"));
    put(&mut resources, policy("p", 3, &json!(2)));
    assert_eq!(told(&mut resources), BTreeSet::from([Reader::Object(key(Kind::TokenPolicy, "p"))]));
    put(&mut resources, policy("q", 3, &json!(2)));
    assert_eq!(told(&mut resources), BTreeSet::from([reader("missed"), reader("other")]));
}

#[test]
fn what_cannot_be_decoded_is_a_finding() {
    let mut resources = Resources::new();
    let broken =
        || object(Kind::Service, "orders", 1, &json!({}), Body::Undecodable("spec.ports is no list".to_owned()));
    put(&mut resources, broken());
    let findings = resources.scope_findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].cause, "the object could not be read: spec.ports is no list");
    resources.apply(Update::Remove {
        scope: watch(Kind::Service),
        key: key(Kind::Service, "orders"),
        version: Version(2),
    });
    assert_eq!(resources.scope_findings(), []);
}

#[test]
fn an_object_is_shown_without_its_content() {
    let shown = format!("{:?}", secret(1, "Opaque", &json!({}), &json!({"k": "hunter2"})));
    assert!(shown.contains("keys") && !shown.contains("hunter2"), "{shown}");
}
