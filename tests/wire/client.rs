//! A client that sends and receives exact bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// After this a test has failed, not waited.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// Received, and not yet part of a reply.
    rest: Vec<u8>,
}

/// A reply, as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(address)).await.unwrap();
        Self { stream, rest: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends as much as is taken: whoever answers early may close.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.stream.write_all(bytes.as_ref())).await;
    }

    /// The next reply: head and body, the latter as long as its Content-Length or its chunks say, else to the end.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.take_through(b"\r\n\r\n").await;
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        reply.body = match (reply.header("content-length"), reply.header("transfer-encoding")) {
            (Some(length), _) => self.take(length.parse().unwrap()).await,
            (None, Some("chunked")) => self.chunks().await,
            (None, _) if matches!(status, 204 | 304) => Vec::new(),
            (None, _) => self.end().await,
        };
        reply
    }

    /// All that comes until the other side closes.
    pub(crate) async fn end(&mut self) -> Vec<u8> {
        while self.receive().await > 0 {}
        std::mem::take(&mut self.rest)
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.take_through(b"\r\n").await;
            let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim_end(), 16).unwrap();
            let chunk = self.take(size + 2).await;
            body.extend_from_slice(chunk.strip_suffix(b"\r\n").unwrap());
            if size == 0 {
                return body;
            }
        }
    }

    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.rest.len() < count {
            assert!(self.receive().await > 0, "the connection ended after {} of {count} bytes", self.rest.len());
        }
        self.rest.drain(..count).collect()
    }

    async fn take_through(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(place) = self.rest.windows(mark.len()).position(|window| window == mark) {
                return self.rest.drain(..place + mark.len()).collect();
            }
            let rest = self.rest.len();
            assert!(self.receive().await > 0, "the connection ended within a head, after {rest} bytes");
        }
    }

    async fn receive(&mut self) -> usize {
        within(self.stream.read_buf(&mut self.rest)).await.unwrap_or(0)
    }
}

impl Reply {
    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice: {}", self.head);
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The member `code` of a problem body.
    pub(crate) fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// Sends a GET on a connection of its own and returns the reply. `fields` are lines of the head, each with its end.
pub(crate) async fn get(address: SocketAddr, host: &str, path: &str, fields: &str) -> Reply {
    let mut client = Client::connect(address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{fields}connection: close\r\n\r\n")).await;
    client.reply().await
}

/// The result of `future`, which a test needs at once.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("waited in vain")
}
