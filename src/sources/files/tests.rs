//! What files say, and how they are followed. Each test has a folder of its own; the clock is driven by hand.

mod followed;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{BrokenFiles, PathError, ReadableSecrets, Reading, Settings, Sources, expect, read};
use crate::clock::UnixTime;
use crate::finding::{Code, FieldPath, Finding, Severity};
use crate::name::{Kind, ObjectKey};
use crate::resources::{Body, Object, Scope, Update};

const ROUTE: &str = "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {name: a}\nspec: {hosts: [a]}\n";
const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {bearward.dev/use: tls}}\nstringData: {k: hunter2}\n";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Every writing has a time of its own, whatever the file system's clock makes of it.
static WRITINGS: AtomicU64 = AtomicU64::new(1);

/// Writes a file that its owner alone can read.
fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(WRITINGS.fetch_add(1, Ordering::Relaxed));
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    path
}

fn route(name: &str) -> String {
    ROUTE.replace("name: a}", &format!("name: {name}}}"))
}

/// Reads one file of this text.
fn reading(text: &str) -> Reading {
    let folder = folder();
    read(vec![write(&folder, "a.yaml", text)], Settings::default())
}

/// The objects and findings of the one update of a reading.
fn only(updates: Vec<Update>) -> (Vec<Object>, Vec<(Code, String, String)>) {
    let [update] = updates.try_into().unwrap_or_else(|updates: Vec<_>| panic!("{updates:?}"));
    let Update::Replace { objects, findings, .. } = update else { panic!("{update:?}") };
    let findings = findings.into_iter().map(|found| (found.code, found.field.to_string(), found.cause)).collect();
    (objects, findings)
}

/// Each update as one line: `a.yaml: x y !InvalidYaml`, or `a.yaml gone`.
fn lines(folder: &Path, updates: &[Update]) -> Vec<String> {
    let short = |scope: &Scope| match scope {
        Scope::File(path) => Path::new(&**path).strip_prefix(folder).unwrap().display().to_string(),
        Scope::Watch { .. } => panic!("{scope}"),
    };
    let line = |update: &Update| {
        if let Update::Withdraw { scope } = update {
            return format!("{} gone", short(scope));
        }
        let Update::Replace { scope, objects, findings, .. } = update else { panic!("{update:?}") };
        let objects = objects.iter().map(|object| format!(" {}", object.key().name));
        let findings = findings.iter().map(|finding| format!(" !{}", finding.code));
        format!("{}:{}", short(scope), objects.chain(findings).collect::<Vec<_>>().concat())
    };
    updates.iter().map(line).collect()
}

#[test]
fn an_object_of_ours_comes_as_it_was_written_and_unjudged() {
    let text = "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata:\n  name: a\n  namespace: shop\n  \
                labels: {team: x, empty: null}\n  annotations:\n    b: c\n    \
                kubectl.kubernetes.io/last-applied-configuration: long\n  resourceVersion: '7'\nspec: {nonsense: null}\n\
                status: {x: 1}\n";
    let (objects, findings) = only(reading(text).updates);
    assert_eq!(findings, []);
    let object = &objects[0];
    assert_eq!(object.key().to_string(), "TokenPolicy shop/a");
    assert_eq!(
        object.meta.labels.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(),
        [("empty", ""), ("team", "x")]
    );
    assert_eq!(object.meta.annotations.keys().map(|name| &**name).collect::<Vec<_>>(), ["b"]);
    assert_eq!((&*object.meta.uid, object.meta.version.0, object.meta.generation.0), ("", 0, 0));
    let Body::Ours(body) = &object.body else { panic!() };
    assert_eq!(body.keys().collect::<Vec<_>>(), ["apiVersion", "kind", "spec"]);
    assert_eq!(body["spec"], serde_json::json!({"nonsense": null}));
}

#[test]
fn objects_of_kubernetes_come_decoded_and_those_of_others_not_at_all() {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{ports: [{{port: 80}}]}}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: web-1, namespace: b}}\n\
         addressType: IPv4\n---\n{SECRET}---\napiVersion: v1\nkind: Service\nmetadata: {{name: bad}}\n\
         spec: {{ports: [{{port: many}}]}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{}}\n---\napiVersion: v1\nkind: Secret\n\
         metadata: {{name: other}}\n"
    );
    let reading = reading(&text);
    let notes: Vec<_> = reading.notes.iter().map(|note| (note.line, note.text.as_str())).collect();
    assert_eq!(
        notes,
        [
            (21, "ConfigMap of v1 is not read by bearward"),
            (25, "Deployment of apps/v1 is not read by bearward"),
            (29, "Secret default/other is not read, since it does not offer itself by the label bearward.dev/use"),
        ]
    );
    let (objects, findings) = only(reading.updates);
    assert_eq!(findings, []);
    let keys: Vec<_> = objects.iter().map(|object| object.key().to_string()).collect();
    assert_eq!(keys, ["Service default/web", "EndpointSlice b/web-1", "Secret default/s", "Service default/bad"]);
    let Body::Service(service) = &objects[0].body else { panic!() };
    assert_eq!((service.spec.ports[0].port, service.metadata.namespace.as_str()), (80, "default"));
    let Body::Secret(secret) = &objects[2].body else { panic!() };
    assert!(secret.data["k"].matches(b"hunter2"));
    let Body::Undecodable(why) = &objects[3].body else { panic!() };
    assert!(why.starts_with("spec.ports[0].port") && !why.contains("many"), "{why}");
}

#[test]
fn a_list_is_its_items() {
    let item = "apiVersion: bearward.dev/v1alpha1\n  kind: ApiRoute\n  metadata: {name: b}";
    for (text, names) in [
        (format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n"), vec!["b"]),
        ("apiVersion: bearward.dev/v1alpha1\nkind: ApiRouteList\nitems: [{metadata: {name: a}}]".to_owned(), vec!["a"]),
        ("apiVersion: v1\nkind: List\nitems: []".to_owned(), vec![]),
        (
            "{\"apiVersion\":\"v1\",\"kind\":\"ServiceList\",\"items\":[{\"metadata\":{\"name\":\"x\"}}]}".to_owned(),
            vec!["x"],
        ),
    ] {
        let (objects, findings) = only(reading(&text).updates);
        assert_eq!(findings, [], "{text}");
        assert_eq!(objects.iter().map(|object| &*object.key().name).collect::<Vec<_>>(), names, "{text}");
    }
    let nested = "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]";
    let (objects, findings) = only(reading(nested).updates);
    assert!(
        objects.is_empty() && findings.is_empty(),
        "a list within a list is skipped, as of a kind that is not read"
    );
}

#[test]
fn a_document_that_is_no_object_to_take_breaks_its_file() {
    let of = |head: &str, metadata: &str| format!("{head}\nmetadata: {metadata}\n");
    let ours = |metadata: &str| of("apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute", metadata);
    for (text, code, field, cause) in [
        ("a: {".to_owned(), Code::InvalidYaml, "", "line 2: while parsing a node"),
        ("a: 1\na: 2".to_owned(), Code::InvalidYaml, "", "line 2: the name is there already"),
        ("- a".to_owned(), Code::InvalidValue, "", "line 1: the document is no object"),
        ("hello".to_owned(), Code::InvalidValue, "", "line 1: the document is no object"),
        ("kind: ApiRoute".to_owned(), Code::UnknownKind, "", "line 1: the document has no apiVersion or no kind"),
        ("apiVersion: v1".to_owned(), Code::UnknownKind, "", "line 1: the document has no apiVersion or no kind"),
        ("apiVersion: v1\nkind: 7".to_owned(), Code::UnknownKind, "", "line 1: the document has no apiVersion"),
        ("apiVersion: v1\nkind: List\nitems: [7]".to_owned(), Code::InvalidValue, "", "line 3: the item is no object"),
        (
            of("apiVersion: bearward.dev/v1alpha1\nkind: ApiRout", "{name: a}"),
            Code::UnknownKind,
            "kind",
            "line 2: there is no",
        ),
        (
            of("apiVersion: bearward.dev/v1\nkind: ApiRoute", "{name: a}"),
            Code::UnknownKind,
            "apiVersion",
            "line 1: this version",
        ),
        (
            of("apiVersion: bearward.de/v1alpha1\nkind: ApiRoute", "{name: a}"),
            Code::UnknownKind,
            "apiVersion",
            "line 1: the group",
        ),
        (ours("{}"), Code::InvalidValue, "metadata.name", "line 3: the field is required"),
        (ours(""), Code::InvalidValue, "metadata.name", "the field is required"),
        (ours("a"), Code::InvalidValue, "metadata", "line 3: expected an object"),
        (ours("{name: A}"), Code::InvalidValue, "metadata.name", "line 3: expected lower-case letters"),
        (ours("{name: a..b}"), Code::InvalidValue, "metadata.name", "line 3: expected lower-case letters"),
        (ours("{name: on}"), Code::InvalidValue, "metadata.name", "line 3: expected text"),
        (ours("{name: a, namespace: b.c}"), Code::InvalidValue, "metadata.namespace", "line 3: expected lower-case"),
        (
            ours("{name: a, generateName: b-}"),
            Code::InvalidValue,
            "metadata.generateName",
            "line 3: names are generated",
        ),
        (ours("{name: a, nmaespace: b}"), Code::UnknownField, "metadata.nmaespace", "line 3: there is no such field"),
        (ours("{name: a, labels: [a]}"), Code::InvalidValue, "metadata.labels", "line 3: expected an object of names"),
        (ours("{name: a, labels: {a: 1}}"), Code::InvalidValue, "metadata.labels.a", "line 3: expected text"),
        (ours("{name: a, labels: {a: b c}}"), Code::InvalidValue, "metadata.labels.a", "line 3: expected at most 63"),
        (
            ours("{name: a, annotations: {a b: c}}"),
            Code::InvalidValue,
            "metadata.annotations.a b",
            "line 3: expected a name",
        ),
    ] {
        let whole = format!("{ROUTE}---\n{text}");
        let first_line = ROUTE.lines().count() + 1;
        let (objects, findings) = only(reading(&whole).updates);
        assert!(objects.is_empty(), "all or nothing: {text}");
        let [(found, at, said)] = findings.as_slice() else { panic!("{text}: {findings:?}") };
        assert_eq!((*found, at.as_str()), (code, field), "{text}");
        let expected = match cause.strip_prefix("line ").and_then(|rest| rest.split_once(':')) {
            Some((line, rest)) => format!("line {}:{rest}", line.parse::<usize>().unwrap() + first_line),
            None => cause.to_owned(),
        };
        assert!(said.contains(&expected), "{text}: {said}, expected {expected}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_and_the_others_count() {
    let folder = folder();
    write(&folder, "good.yaml", ROUTE);
    write(&folder, "text.yaml", "");
    fs::write(folder.path().join("text.yaml"), b"a: b\nc: \xff\n").unwrap();
    let large = write(&folder, "large.yaml", "");
    fs::File::options().write(true).open(large).unwrap().set_len((10 << 20) + 1).unwrap();
    let paths = vec![folder.path().to_owned(), folder.path().join("missing.yaml")];
    let reading = read(paths, Settings::default());
    let said = reading.updates.iter().map(|update| {
        let Update::Replace { findings, .. } = update else { panic!("{update:?}") };
        findings.first().map(|found| found.cause.clone()).unwrap_or_default()
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "",
            "the file cannot be read: it has more than 10 MiB",
            "the file cannot be read: there is no such file or folder",
            "the file cannot be read: line 2 is not UTF-8",
        ]
    );
}

#[test]
fn a_folder_is_read_in_the_order_of_paths_without_what_is_hidden() {
    let folder = folder();
    for name in [
        "b.yml",
        "a/z.yaml",
        "a/b/c.json",
        "c.yaml",
        ".hidden.yaml",
        "..data/x.yaml",
        "a/.d/y.yaml",
        "c.yaml~",
        "README.md",
    ] {
        write(&folder, name, &route(&name.replace(['/', '.', '~'], "-").trim_matches('-').to_lowercase()));
    }
    // A link to a file that is listed, a link to nowhere, and a folder that holds itself.
    symlink(folder.path().join("c.yaml"), folder.path().join("d.yaml")).unwrap();
    symlink(folder.path().join("nowhere"), folder.path().join("e.yaml")).unwrap();
    symlink(folder.path(), folder.path().join("a/loop")).unwrap();
    let updates = read(vec![folder.path().to_owned()], Settings::default()).updates;
    assert_eq!(
        lines(folder.path(), &updates),
        ["a/b/c.json: a-b-c-json", "a/z.yaml: a-z-yaml", "b.yml: b-yml", "c.yaml: c-yaml",]
    );
    let hidden = read(vec![folder.path().join(".hidden.yaml")], Settings::default()).updates;
    assert_eq!(lines(folder.path(), &hidden), [".hidden.yaml: hidden-yaml"], "a file that is named is read");
}

#[test]
fn age_is_the_order_of_paths_and_documents() {
    let folder = folder();
    write(&folder, "b.yaml", &format!("{}---\n{}", route("c"), route("d")));
    write(&folder, "a.yaml", &format!("{}---\n{}", route("x"), route("w")));
    let mut ages = Vec::new();
    for update in read(vec![folder.path().to_owned()], Settings::default()).updates {
        let (objects, _) = only(vec![update]);
        ages.extend(objects.into_iter().map(|object| (object.meta.created, object.key().name.to_string())));
    }
    assert!(ages.is_sorted());
    assert_eq!(ages.iter().map(|(_, name)| name.as_str()).collect::<String>(), "xwcd");
}

#[test]
fn of_two_equal_objects_in_a_file_the_first_is_in_force() {
    let other = "apiVersion: bearward.dev/v1alpha1\nkind: TokenPolicy\nmetadata: {name: a}\n";
    let (objects, findings) = only(reading(&format!("{ROUTE}---\n{other}---\n{ROUTE}")).updates);
    assert_eq!(objects.len(), 2);
    assert_eq!((findings.len(), findings[0].0, findings[0].1.as_str()), (1, Code::DuplicateObject, "metadata.name"));
    assert!(findings[0].2.starts_with("line 12:"), "{findings:?}");
}

#[test]
fn a_secret_is_taken_only_from_a_file_that_its_owner_alone_can_read() {
    let folder = folder();
    let path = write(&folder, "a.yaml", &format!("{ROUTE}---\n{SECRET}"));
    for (mode, readable_secrets, expected) in [
        (0o600, ReadableSecrets::Refuse, "a.yaml: a s"),
        (0o400, ReadableSecrets::Refuse, "a.yaml: a s"),
        (0o640, ReadableSecrets::Refuse, "a.yaml: a s !SecretFileReadable"),
        (0o604, ReadableSecrets::Refuse, "a.yaml: a s !SecretFileReadable"),
        (0o644, ReadableSecrets::Allow, "a.yaml: a s"),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let settings = Settings { readable_secrets, ..Settings::default() };
        let updates = read(vec![path.clone()], settings).updates;
        assert_eq!(lines(folder.path(), &updates), [expected], "{mode:o}");
    }
    // One that is not taken says nothing of what it holds, and its users are told why.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let (objects, _) = only(read(vec![path.clone()], Settings::default()).updates);
    let Body::Withheld(Code::SecretFileReadable, why) = &objects[1].body else { panic!() };
    assert_eq!(why, "others than its owner can read its file, of mode 640");
    // Of a link it is the file that counts.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let link = folder.path().join("b.yaml");
    symlink(&path, &link).unwrap();
    assert_eq!(
        lines(folder.path(), &read(vec![link], Settings::default()).updates),
        ["b.yaml: a s !SecretFileReadable"]
    );
}

#[test]
fn a_reader_that_serves_nothing_takes_what_is_left_of_a_broken_file() {
    let folder = folder();
    let path = write(&folder, "a.yaml", &format!("{}---\nkind: ApiRoute\n---\n{}", route("a"), route("b")));
    let settings = Settings { broken_files: BrokenFiles::TakeTheRest, ..Settings::default() };
    let updates = read(vec![path.clone()], settings).updates;
    assert_eq!(lines(folder.path(), &updates), ["a.yaml: a b !UnknownKind"]);
    assert_eq!(lines(folder.path(), &read(vec![path], Settings::default()).updates), ["a.yaml: !UnknownKind"]);
}

#[test]
fn a_path_without_anything_to_read_is_told_from_one_with() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for name in ["empty", "full/below"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    write(&folder, "empty/.hidden.yaml", ROUTE);
    write(&folder, "empty/README.md", ROUTE);
    write(&folder, "full/below/a.yml", "not: [yaml");
    for (name, expected) in [
        ("nowhere", Err(PathError::Missing(path("nowhere")))),
        ("nowhere/a.yaml", Err(PathError::Missing(path("nowhere/a.yaml")))),
        ("empty", Err(PathError::Empty(path("empty")))),
        ("full", Ok(())),
        ("full/below/a.yml", Ok(())),
        ("empty/README.md", Ok(())),
    ] {
        assert_eq!(expect(&[path("full"), path(name)]), expected, "{name}");
    }
}

/// Where the first finding of a reading is shown: its line number, the line, and what of it is covered.
fn spot(sources: &Sources, updates: &[Update]) -> (usize, String, super::Cover) {
    let Some(Update::Replace { findings, .. }) = updates.first() else { panic!() };
    assert_eq!(findings[0].severity, Severity::Error);
    let spot = sources.spot(&findings[0]).unwrap();
    (spot.at.unwrap().start.line, spot.line.unwrap().to_owned(), spot.cover)
}

#[test]
fn a_finding_is_shown_at_its_line_and_never_with_a_secret() {
    use super::Cover;
    let broken = reading(&format!("{ROUTE}---\nkind: : x\n"));
    assert_eq!(spot(&broken.sources, &broken.updates), (6, "kind: : x".to_owned(), Cover::Nothing));
    // What cannot be read may be a Secret.
    let broken = reading(&format!("{SECRET}---\nkind: : x\n"));
    assert_eq!(spot(&broken.sources, &broken.updates), (6, "kind: : x".to_owned(), Cover::Everything));

    let reading = reading(&format!("{ROUTE}---\n{SECRET}"));
    let (objects, _) = only(reading.updates);
    let data = FieldPath::root().field("stringData").field("k");
    let found = Finding::error(objects[1].key(), data, Code::InvalidSecret, "", "");
    let spot = reading.sources.spot(&found).unwrap();
    assert_eq!((spot.line, spot.cover), (Some("stringData: {k: hunter2}"), Cover::AllButName));
    let hosts = FieldPath::spec().field("hosts").index(0);
    let found = Finding::error(objects[0].key(), hosts, Code::InvalidValue, "", "");
    let spot = reading.sources.spot(&found).unwrap();
    assert_eq!((spot.at.unwrap().start.column, spot.cover), (16, Cover::Nothing));
    let elsewhere = ObjectKey::new(Kind::ApiRoute, "default", "elsewhere");
    let found = Finding::error(&elsewhere, FieldPath::root(), Code::InvalidValue, "", "");
    assert_eq!(reading.sources.spot(&found), None);
}
