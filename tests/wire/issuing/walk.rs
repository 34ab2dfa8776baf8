//! The example of an issuer is followed word for word, as somebody does who has just found it.

use std::fs;
use std::path::Path;

use tokio::process::Command;

use crate::binary::{serve, text};
use crate::client::{get, within};
use crate::servers;

/// The commands that a file shows: lines of a comment that begin with `$`.
fn commands(file: &str) -> Vec<String> {
    file.lines().filter_map(|line| line.trim_start_matches('#').trim().strip_prefix("$ ")).map(str::to_owned).collect()
}

/// What a shell says to these lines in a folder, with the built binary on its path.
async fn shell(folder: &Path, lines: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_bearward")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display());
    let mut command = Command::new("sh");
    command.args(["-ec", lines]).current_dir(folder).env_clear().env("PATH", path).kill_on_drop(true);
    let output = within(command.output()).await.unwrap();
    assert!(output.status.success(), "{lines}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_an_issuer_can_be_followed_word_for_word() {
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/07-issue-tokens.yaml")).unwrap();
    let commands = commands(&example);
    let [generate, start, token, call, list] = commands.as_slice() else { panic!("{commands:?}") };
    let (folder, upstream) = (tempfile::tempdir().unwrap(), servers::echo().await);
    fs::create_dir(folder.path().join("examples")).unwrap();
    // Nothing but the backend's address is another one here.
    let copy = folder.path().join("examples/07-issue-tokens.yaml");
    fs::write(&copy, example.replace("127.0.0.1:9000", &upstream.address.to_string())).unwrap();
    shell(folder.path(), generate).await;
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words, ["bearward", "serve", "examples/07-issue-tokens.yaml", "batch-client.yaml", "--state", "state"]);
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let served = serve(&copy, &[&at("batch-client.yaml"), "--state", &at("state")]).await;
    let here = |line: &str| line.replace("127.0.0.1:8080", &served.http.to_string());
    let answer = shell(folder.path(), &[here(token), here(call)].join("\n")).await;
    assert_eq!(answer, "GET /stock\n");
    assert_eq!(get(served.http, "stock.example.com", "/stock", "").await.status, 401);
    let listed = shell(folder.path(), list).await;
    assert!(listed.contains("default/stock") && listed.contains("Active"), "{listed}");
}
