//! What is printed, word for word.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::{Style, check};
use crate::compile::admission;
use crate::finding::{Code, FieldPath, Finding};
use crate::resources::{Body, Update};
use crate::sources::files::{BrokenFiles, Settings};

/// Judges our own objects by their schema alone, and finds fault with each Secret.
fn by_schema(updates: Vec<Update>) -> Vec<Finding> {
    let mut found = Vec::new();
    for update in updates {
        let Update::Replace { objects, .. } = update else { panic!("{update:?}") };
        for object in objects {
            match &object.body {
                Body::Ours(body) => {
                    found.extend(admission::check(object.key().kind, body).into_iter().map(|violation| {
                        let admission::Violation { field, code, cause, cure } = violation;
                        Finding::error(object.key(), field, code, cause, cure)
                    }));
                }
                Body::Secret(_) => {
                    let field = FieldPath::root().field("stringData").field("key");
                    found.push(Finding::warning(
                        object.key(),
                        field,
                        Code::WeakKey,
                        "the key is short",
                        "use a longer one",
                    ));
                    let field = FieldPath::root().field("data");
                    found.push(Finding::error(object.key(), field, Code::InvalidSecret, "a member lacks", "add it"));
                }
                Body::Service(_) | Body::EndpointSlice(_) | Body::Undecodable(_) | Body::Withheld(..) => {}
            }
        }
    }
    found
}

/// Checks a folder with these files and returns the exit code, the findings and the log, with the folder's path as `DIR`.
fn checked(texts: &[(&str, &str)]) -> (u8, String, String) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (mut findings, mut log) = (Vec::new(), Vec::new());
    let paths = vec![folder.path().to_owned()];
    let settings = Settings { broken_files: BrokenFiles::TakeTheRest, ..Settings::default() };
    let code = check(paths, settings, Style::Plain, by_schema, &mut findings, &mut log).unwrap();
    let tidy = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(folder.path().to_str().unwrap(), "DIR");
    (code, tidy(findings), tidy(log))
}

const GOOD: &str = "\
apiVersion: bearward.dev/v1alpha1
kind: ApiRoute
metadata: {name: orders, namespace: shop}
spec:
  hosts: [api.example.com]
  rules:
  - name: read
    auth: {anonymous: true}
    backends: [{service: {name: orders, port: 80}}]
";

#[test]
fn files_without_fault_print_nothing_and_exit_0() {
    let (code, findings, log) = checked(&[("a.yaml", GOOD)]);
    assert_eq!((code, findings.as_str(), log.as_str()), (0, "", "nothing to find fault with; 1 file read\n"));
}

#[test]
fn a_finding_shows_file_line_the_line_itself_and_the_cure() {
    let text = GOOD.replace("port: 80", "port: '80'").replace("auth:", "oauth:");
    let (code, findings, log) = checked(&[("a.yaml", &text)]);
    assert_eq!(code, 1);
    assert_eq!(log, "2 errors on 1 object; 1 file read\n");
    let expected = "\
error[UnknownField]: there is no such field here
 --> DIR/a.yaml:8:5
  |
8 |     oauth: {anonymous: true}
  |     ^^^^^
  |
  = note: ApiRoute shop/orders: spec.rules[0].oauth
  = help: did you mean `auth`?

error[InvalidValue]: expected a whole number from 1 to 65535, found text of 2 characters
 --> DIR/a.yaml:9:41
  |
9 |     backends: [{service: {name: orders, port: '80'}}]
  |                                         ^^^^
  |
  = note: ApiRoute shop/orders: spec.rules[0].backends[0].service.port
  = help: write a whole number from 1 to 65535 without quotes

";
    assert_eq!(findings, expected);
}

#[test]
fn a_missing_field_is_shown_where_it_is_missing() {
    let text = GOOD.replace("  hosts: [api.example.com]\n", "");
    let (_, findings, _) = checked(&[("a.yaml", &text)]);
    let expected = "\
error[InvalidValue]: the field is required and not set
 --> DIR/a.yaml:4:1
  |
4 | spec:
  | ^^^^
  |
  = note: ApiRoute shop/orders: spec.hosts
  = help: set it, such as `[api.example.com, \"*.eu.example.com\"]`

";
    assert_eq!(findings, expected);
}

#[test]
fn a_broken_file_is_shown_and_the_others_are_judged() {
    let unknown = "apiVersion: bearward.dev/v1alpha1\nkind: ApiRout\nmetadata: {name: a}\n";
    let bad = GOOD.replace("[api.example.com]", "[*.example.com]");
    let (code, findings, log) = checked(&[
        ("b.yaml", &GOOD.replace("name: read", "name: Ä")),
        ("a.yaml", &bad),
        ("c.yaml", unknown),
        ("d.yaml", "apiVersion: v1\nkind: ConfigMap\n"),
    ]);
    assert_eq!(code, 1);
    let expected_log =
        "note: DIR/d.yaml:1: ConfigMap of v1 is not read by bearward\n3 errors on 3 objects; 4 files read\n";
    assert_eq!(log, expected_log);
    let expected = "\
error[InvalidYaml]: line 5: the alias stands for nothing before it
 --> DIR/a.yaml:5:11
  |
5 |   hosts: [*.example.com]
  |           ^
  |
  = help: put text that begins with * in quotes, or put the anchor before the alias

error[InvalidValue]: expected text of the form ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, found text of 1 character
 --> DIR/b.yaml:7:5
  |
7 |   - name: Ä
  |     ^^^^
  |
  = note: ApiRoute shop/orders: spec.rules[0].name
  = help: write it like `read-orders`

error[UnknownKind]: line 2: there is no such kind in bearward.dev/v1alpha1
 --> DIR/c.yaml:2:7
  |
2 | kind: ApiRout
  |       ^^^^^^^
  |
  = help: did you mean `ApiRoute`?

";
    assert_eq!(findings, expected);
}

#[test]
fn what_is_wrong_with_the_other_documents_of_a_broken_file_is_shown_too() {
    let (code, findings, log) = checked(&[(
        "a.yaml",
        &format!(
            "{}---\n{}---\nkind: ApiRoute\n",
            GOOD.replace("name: read", "name: Read"),
            GOOD.replace("ApiRoute", "ApiRout")
        ),
    )]);
    assert_eq!((code, log.as_str()), (1, "3 errors on 2 objects; 1 file read\n"));
    let shown: Vec<_> = findings.lines().filter(|line| line.starts_with("error") || line.contains("-->")).collect();
    let expected = [
        "error[InvalidValue]: expected text of the form ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, found text of 4 characters",
        " --> DIR/a.yaml:7:5",
        "error[UnknownKind]: line 12: there is no such kind in bearward.dev/v1alpha1",
        "  --> DIR/a.yaml:12:7",
        "error[UnknownKind]: line 21: the document has no apiVersion or no kind",
        "  --> DIR/a.yaml:21:1",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn of_a_secret_only_names_are_shown() {
    let secret = "\
apiVersion: v1
kind: Secret
metadata: {name: s, labels: {bearward.dev/use: credentials}}
data: {other: c3dvcmRmaXNo}
stringData: {before: swordfish, key: hunter2}
";
    let (code, findings, log) = checked(&[("a.yaml", secret)]);
    assert_eq!((code, log.as_str()), (1, "1 error and 1 warning on 1 object; 1 file read\n"));
    let expected = "\
error[InvalidSecret]: a member lacks
 --> DIR/a.yaml:4:1
  |
4 | data: ********
  | ^^^^
  |
  = note: Secret default/s: data
  = help: add it

warning[WeakKey]: the key is short
 --> DIR/a.yaml:5:33
  |
5 | ...                   key: ********
  |                       ^^^
  |
  = note: Secret default/s: stringData.key
  = help: use a longer one

";
    assert_eq!(findings, expected);
    // In a file that is not YAML, nobody knows what is a Secret.
    let (_, findings, _) = checked(&[("a.yaml", &secret.replace("c3dvcmRmaXNo}", "c3dvcmRmaXNo"))]);
    assert!(findings.contains("InvalidYaml") && findings.contains("********"), "{findings}");
    for planted in ["swordfish", "hunter2", "c3dvcmRmaXNo"] {
        assert!(!findings.contains(planted), "{findings}");
    }
}

#[test]
fn warnings_alone_exit_0() {
    let only_warn = |updates: Vec<Update>| {
        by_schema(updates).into_iter().filter(|finding| finding.code == Code::WeakKey).collect::<Vec<_>>()
    };
    let folder: TempDir = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {bearward.dev/use: tls}}\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let (mut findings, mut log) = (Vec::new(), Vec::new());
    let settings = Settings::default();
    let code = check(vec![path], settings, Style::Plain, only_warn, &mut findings, &mut log).unwrap();
    assert_eq!((code, log.as_slice()), (0, &b"1 warning on 1 object; 1 file read\n"[..]));
    assert!(findings.starts_with(b"warning[WeakKey]"));
}

#[test]
fn a_path_that_is_not_there_is_a_finding() {
    let (mut findings, mut log) = (Vec::new(), Vec::new());
    let paths = vec!["/nowhere/at/all.yaml".into()];
    let code = check(paths, Settings::default(), Style::Plain, by_schema, &mut findings, &mut log).unwrap();
    let expected = "\
error[InvalidYaml]: the file cannot be read: there is no such file or folder
--> /nowhere/at/all.yaml
 = help: make it readable to bearward, or take it out of the paths

";
    assert_eq!((code, String::from_utf8(findings).unwrap().as_str()), (1, expected));
}
