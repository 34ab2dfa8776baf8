//! A server on loopback that answers from a script, byte for byte, and notes what it was asked; for tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::tasks::Tasks;

/// What is answered at a path.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes; then the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing: the connection stays open and silent.
    Silence,
    /// This head, then zeros for as long as somebody reads.
    Endless(Vec<u8>),
}

impl Reply {
    /// 200 with this body.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", "", body)
    }

    /// This status and these header lines, each with its line end.
    pub(crate) fn with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// The running server; ends when it is dropped.
pub(crate) struct ScriptedServer {
    pub(crate) address: SocketAddr,
    script: Arc<Script>,
    _tasks: Tasks,
}

#[derive(Default)]
struct Script {
    /// By path without the query; any other path gets 404.
    replies: Mutex<BTreeMap<String, Reply>>,
    /// Heads of requests, in order.
    asked: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl ScriptedServer {
    pub(crate) async fn start() -> Self {
        Self::listen(None).await
    }

    pub(crate) async fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::listen(Some(TlsAcceptor::from(config))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        let mut tasks = Tasks::new();
        tasks.spawn("scripted server", async move {
            let mut connections = Tasks::new();
            while let Ok((tcp, _)) = listener.accept().await {
                connections.spawn("scripted connection", serve(tcp, tls.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, script, _tasks: tasks }
    }

    /// Answers so at `path` from now on.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.script.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// The heads of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.script.asked.lock().unwrap().clone()
    }

    /// How often `path` was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|head| path_of(head) == path).count()
    }

    /// Waits until there were so many requests.
    pub(crate) async fn wait_for(&self, requests: usize) {
        self.script.count.subscribe().wait_for(|count| *count >= requests).await.unwrap();
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn serve(tcp: TcpStream, tls: Option<TlsAcceptor>, script: Arc<Script>) {
    match tls {
        Some(tls) => {
            if let Ok(stream) = tls.accept(tcp).await {
                answer(stream, &script).await;
            }
        }
        None => answer(tcp, &script).await,
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: &Script) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let reply = script.replies.lock().unwrap().get(path_of(&head)).cloned();
    script.asked.lock().unwrap().push(head);
    script.count.send_modify(|count| *count += 1);
    match reply.unwrap_or_else(|| Reply::with("404 Not Found", "", "")) {
        Reply::Bytes(bytes) => {
            // The client may leave before the end.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Silence => std::future::pending().await,
        Reply::Endless(head) => {
            let mut result = stream.write_all(&head).await;
            while result.is_ok() {
                result = stream.write_all(&[b'0'; 16 * 1024]).await;
            }
        }
    }
}

fn path_of(head: &str) -> &str {
    let target = head.split(' ').nth(1).unwrap();
    target.split('?').next().unwrap()
}
