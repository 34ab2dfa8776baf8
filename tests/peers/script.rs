//! A script that uses a library as anybody would, as a process of its own: what it is given on standard input, and its lines
//! of JSON.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Where `tools.sh` puts what scripts import.
const CLIENTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/clients");

/// After this a script has failed, not waited: some wait for times of the real clock.
const PATIENCE: Duration = Duration::from_mins(1);

/// A script's text, and what runs it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// By Node.
    Node(&'static str),
    /// By Python.
    Python(&'static str),
}

/// A script that runs. Ends when dropped.
pub(crate) struct Running {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// Starts it. Its errors are those of the test.
    pub(crate) fn start(self) -> Running {
        let mut command = match self {
            Self::Node(text) => {
                let mut command = Command::new("node");
                // By its text, so that what it imports is looked for in the folder in which it runs.
                command.args(["--input-type=module", "--eval", text]);
                command
            }
            Self::Python(text) => {
                let mut command = Command::new(Path::new(CLIENTS).join("python/bin/python"));
                command.args(["-c", text]);
                command
            }
        };
        command.current_dir(CLIENTS).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("the script could not be started; tests/peers/tools.sh installs it");
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Running { input: process.stdin.take(), output, process }
    }

    /// All that it says of what it is given.
    pub(crate) async fn run(self, given: &Value) -> Vec<Value> {
        let mut running = self.start();
        running.tell(&given.to_string()).await;
        drop(running.input.take());
        let mut said = Vec::new();
        while let Some(line) = running.next().await {
            said.push(line);
        }
        running.end().await;
        said
    }
}

impl Running {
    /// Sends it a line.
    pub(crate) async fn tell(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.input.as_mut().unwrap().write_all(line.as_bytes()).await.expect("the script has ended");
    }

    /// The next line that it says.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("the script hangs").unwrap();
        line.map(|line| serde_json::from_str(&line).expect("the script says what is no JSON"))
    }

    /// Waits for its end, which must be a good one.
    pub(crate) async fn end(mut self) {
        drop(self.input.take());
        let status = tokio::time::timeout(PATIENCE, self.process.wait()).await.expect("the script hangs").unwrap();
        assert!(status.success(), "the script failed, {status}");
    }
}
