//! `bearward demo`: every command that it prints does what it says.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::client::within;

/// What a pasted line prints: `sh` runs it, and curl, which it calls, has to be there.
async fn paste(line: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let output = within(shell.stdin(Stdio::null()).kill_on_drop(true).output()).await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {}: {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_printed_command_gets_the_status_that_stands_above_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bearward"));
    command.args(["demo", "--http", "127.0.0.1:0", "--probes", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || within(lines.next_line()).await.unwrap().expect("the output ends");

    let mut played = 0;
    let mut expected = None;
    let mut streamed = String::new();
    loop {
        let line = next().await;
        if let Some(comment) = line.strip_prefix("# ") {
            expected = comment.split_once(": ").and_then(|(status, _)| status.parse::<u16>().ok());
        } else if line.starts_with("curl ") {
            let reply = paste(&line).await;
            let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok());
            assert_eq!(status, expected, "{line}: {reply}");
            played += 1;
            if reply.contains("content-type: text/event-stream") {
                streamed = reply;
            }
            if line.contains("\"stream\":true") {
                break;
            }
        }
    }
    assert!(played >= 8, "only {played} commands");
    assert!(streamed.contains("chat.completion.chunk") && streamed.ends_with("data: [DONE]\n\n"), "{streamed}");

    // Decisions are shown as they are made.
    let mut decisions = String::new();
    for words in [
        "401 127.0.0.1 (no_credentials)",
        "401 127.0.0.1 (expired)",
        "401 127.0.0.1 (aud_mismatch)",
        "403 demo/orders/read (scope)",
        "503 demo/orders/misspelt (PolicyNotFound)",
        "200 demo/chat/chat demo/partners/keys",
    ] {
        let is_shown = |decisions: &str| decisions.lines().any(|line| words.split(' ').all(|word| line.contains(word)));
        while !is_shown(&decisions) {
            decisions += &(next().await + "\n");
        }
    }
    assert!(!decisions.contains("eyJ"), "{decisions}");
}
