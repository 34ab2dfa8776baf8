//! Every finding comes of something: `tests/findings` has a file for each code, and here it is served.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use bearward::compile::{Compiler, Defaults, Settings};
use bearward::finding::{Code, Severity};
use bearward::name::{Kind, ObjectKey};
use bearward::resources::{Report, ReportFinding, ReportKey, Scope, Update};
use bearward::sources::files;

use crate::gateway::Rig;
use crate::upstream::Upstream;

/// What the API server alone can cause.
const OF_A_CLUSTER: Code = Code::SecretsNotGranted;

/// What whoever rotates signing keys reports, as time goes on.
const OF_ROTATION: [Code; 4] = [Code::RotationHeld, Code::KeysNotWritable, Code::KeysLost, Code::KeysRestored];

/// The codes that a file causes.
fn of_files() -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied().filter(|code| *code != OF_A_CLUSTER && !OF_ROTATION.contains(code))
}

fn documents() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/findings"))
}

#[test]
fn every_code_has_a_file_and_every_file_a_code() {
    let files = fs::read_dir(documents()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let codes = of_files().map(|code| format!("{code}.yaml"));
    assert_eq!(files.collect::<BTreeSet<_>>(), codes.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_is_said_of_its_file_and_no_more_when_that_is_gone() {
    let metadata = r#"{"issuer": "https://another.example.com/", "jwks_uri": "https://another.example.com/keys"}"#;
    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{metadata}", metadata.len()).leak();
    let issuer = Upstream::replying(reply).await;
    let rig = Rig::serve_folder(&[("first.yaml", "# nothing yet\n")]).await;
    for code in of_files() {
        let text = fs::read_to_string(documents().join(format!("{code}.yaml"))).unwrap();
        let path = rig.path("second.yaml");
        fs::write(&path, text.replace("ISSUER", &issuer.url())).unwrap();
        let mode = if code == Code::SecretFileReadable { 0o644 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = format!("\"{code}\"");
        rig.until(async || rig.findings_now().await.contains(&said)).await;
        fs::remove_file(&path).unwrap();
        rig.until(async || rig.findings_now().await == "[]").await;
    }
    rig.drain().await;
}

#[test]
fn secrets_that_may_not_be_read_are_said_of_who_names_them() {
    let mut compiler = Compiler::new(Settings {
        class: "bearward".into(),
        hosts_without_names: false,
        defaults: Defaults::default(),
        egress: Arc::new(|_| true),
        service_account: "bearward:bearward".into(),
    });
    let path = documents().join(format!("{}.yaml", Code::SecretNotFound));
    for update in files::read(vec![path], files::Settings::default()).updates {
        compiler.apply(update);
    }
    compiler.apply(Update::Forbid { scope: Scope::Watch { kind: Kind::Secret, namespace: Some("shop".into()) } });
    let outcome = compiler.compile();
    let verdicts = outcome.verdicts.iter().filter_map(|(_, verdict)| verdict.as_ref());
    let codes: Vec<_> = verdicts.flat_map(|verdict| &verdict.findings).map(|finding| finding.code).collect();
    assert_eq!(codes, [OF_A_CLUSTER]);
}

#[test]
fn what_is_reported_of_a_rotation_is_said_of_its_policy() {
    let mut compiler = Compiler::new(Settings {
        class: "bearward".into(),
        hosts_without_names: false,
        defaults: Defaults::default(),
        egress: Arc::new(|_| true),
        service_account: "bearward:bearward".into(),
    });
    let path = documents().join(format!("{}.yaml", Code::KeysPending));
    for update in files::read(vec![path], files::Settings::default()).updates {
        compiler.apply(update);
    }
    compiler.compile();
    for code in OF_ROTATION {
        let finding = ReportFinding {
            code,
            severity: Severity::Warning,
            cause: code.cause().to_owned(),
            cure: code.cure().to_owned(),
        };
        let key = ReportKey::Signing(ObjectKey::new(Kind::TokenPolicy, "shop", "p"));
        compiler.apply(Update::Report { key, report: Report { findings: vec![finding] } });
        let outcome = compiler.compile();
        let verdict = outcome.verdicts[0].1.as_ref().unwrap();
        let said: Vec<_> = verdict.findings.iter().map(|finding| (finding.code, finding.field.to_string())).collect();
        let pending = (Code::KeysPending, "spec.issue.keysSecretRef".to_owned());
        assert_eq!(said, [pending, (code, "spec.issue.rotation".to_owned())]);
    }
}
