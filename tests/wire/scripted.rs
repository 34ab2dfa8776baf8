//! An issuer on loopback that answers from a script, byte for byte, and notes what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::client::within;

/// What is answered at a path; whatever else is asked for gets 404.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes; then the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing: the connection stays open and silent.
    Silence,
}

impl Reply {
    /// 200 with this body.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", "", body)
    }

    /// This status and these header lines, each with its line end.
    pub(crate) fn with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// A running issuer. Ends when dropped.
pub(crate) struct Scripted {
    address: SocketAddr,
    script: Arc<Script>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Script {
    replies: Mutex<BTreeMap<String, Reply>>,
    /// The targets of requests, in order.
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&script)));
        Self { address, script, _tasks: tasks }
    }

    /// The same, with a key set at `/keys`.
    pub(crate) async fn with_keys(key_set: &str) -> Self {
        let scripted = Self::start().await;
        scripted.reply("/keys", Reply::ok(key_set));
        scripted
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers so at `path` from now on.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.script.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// How often `path` was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.script.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// How often anything was.
    pub(crate) fn total(&self) -> usize {
        self.script.asked.lock().unwrap().len()
    }

    /// Waits until `/keys` was asked for so often.
    pub(crate) async fn asked(&self, count: usize) {
        within(async {
            while self.count("/keys") < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, Arc::clone(&script)));
    }
}

async fn answer(mut stream: TcpStream, script: Arc<Script>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let target = std::str::from_utf8(&head).unwrap().split(' ').nth(1).unwrap().to_owned();
    let reply = script.replies.lock().unwrap().get(&target).cloned();
    script.asked.lock().unwrap().push(target);
    match reply.unwrap_or_else(|| Reply::with("404 Not Found", "", "")) {
        Reply::Bytes(bytes) => {
            // The client may leave before the end.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Silence => std::future::pending().await,
    }
}
