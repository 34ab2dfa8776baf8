//! An upstream that answers every request with the same bytes, and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A reply that fits most tests.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";

/// A running upstream. Ends when dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    /// Replies wait while this is `false`.
    gate: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// Answers everything with `reply`.
    pub(crate) async fn replying(reply: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let gate = watch::Sender::new(true);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, reply, Arc::clone(&requests), gate.subscribe()));
        Self { address, requests, gate, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Holds every reply back until [`Upstream::release`].
    pub(crate) fn hold(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn release(&self) {
        self.gate.send_replace(true);
    }

    /// The requests that came since this was last asked, heads and bodies, in order.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// How many requests came since they were last taken.
    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Waits until a request has come.
    pub(crate) async fn reached(&self) {
        crate::client::within(async {
            while self.requests.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn accept(
    listener: TcpListener,
    reply: &'static str,
    requests: Arc<Mutex<Vec<String>>>,
    gate: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, reply, Arc::clone(&requests), gate.clone()));
    }
}

async fn serve(
    mut stream: TcpStream,
    reply: &'static str,
    requests: Arc<Mutex<Vec<String>>>,
    mut gate: watch::Receiver<bool>,
) {
    let mut received = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut received).await {
        requests.lock().unwrap().push(request);
        if gate.wait_for(|open| *open).await.is_err() || stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// One request with the body that its Content-Length announces; `None` at the end of the connection.
async fn read_request(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = std::str::from_utf8(&received[..end]).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = end + 4 + length.map_or(0, |length| length.parse().unwrap());
            if received.len() >= whole {
                return Some(String::from_utf8(received.drain(..whole).collect()).unwrap());
            }
        }
        if stream.read_buf(received).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}
