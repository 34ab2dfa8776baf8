//! A real Node server: `upstream.js`, as a process.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::connection::within;
use crate::seen::{Seen, decode, text};

/// A running server. Ends when dropped.
pub(crate) struct Node {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Node {
    pub(crate) async fn start() -> Self {
        let mut command = Command::new("node");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/upstream.js"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("node could not be started; tests/peers/tools.sh installs it");
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = within(said.next_line()).await.unwrap().expect("node ended at once");
        let first: Value = serde_json::from_str(&first).unwrap();
        let port = first["port"].as_u64().unwrap().try_into().unwrap();
        Self { process, said, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// Ends it, and says what it has seen, and the errors that it has found in what was no request to it. Whoever
    /// connected to it must have ended.
    pub(crate) async fn end(mut self) -> (Vec<Seen>, Vec<String>) {
        drop(self.process.stdin.take());
        let (mut seen, mut errors) = (Vec::new(), Vec::new());
        while let Some(line) = within(self.said.next_line()).await.unwrap() {
            let line: Value = serde_json::from_str(&line).unwrap();
            match line["error"].as_str() {
                // The gateway gave a request up within its body, since its client did.
                Some("ECONNRESET" | "HPE_INVALID_EOF_STATE") => {}
                Some(_) => errors.push(line.to_string()),
                None => seen.push(read(&line)),
            }
        }
        assert!(within(self.process.wait()).await.unwrap().success(), "node failed");
        (seen, errors)
    }
}

fn read(line: &Value) -> Seen {
    let texts = |name: &str| line[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
    let flat: Vec<String> = texts("fields").chain(texts("trailers")).collect();
    let fields: Vec<(String, String)> = flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let joined = |name: &str| {
        let values = fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    };
    Seen {
        client: joined("x-forwarded-for"),
        id: joined("x-request-id"),
        method: text(line, "method"),
        target: text(line, "target"),
        path: decode(&text(line, "path")),
        body: text(line, "body"),
        is_complete: line["complete"] == true,
        fields,
    }
}
