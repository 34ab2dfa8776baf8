//! A client's connection that comes from an address of its own, so that the gateway's log tells one from another.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// After this a test has failed, not waited.
const PATIENCE: Duration = Duration::from_secs(20);

/// The result of `future`, which a test needs at once.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("waited in vain")
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Received, and not yet taken.
    pub(crate) received: Vec<u8>,
}

impl Connection {
    /// Connects from `client`, an address of the loopback network.
    pub(crate) async fn open(client: Ipv4Addr, gateway: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((client, 0).into()).unwrap();
        Self { stream: within(socket.connect(gateway)).await.unwrap(), received: Vec::new() }
    }

    /// Sends; whoever refuses early may have closed before all was sent.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.stream.write_all(bytes.as_ref())).await;
    }

    /// Says that no more will be sent.
    pub(crate) async fn finish(&mut self) {
        let _ = within(self.stream.shutdown()).await;
    }

    /// Receives more; `false` at the end.
    pub(crate) async fn receive(&mut self) -> bool {
        self.stream.read_buf(&mut self.received).await.unwrap_or(0) > 0
    }

    /// The status of the next reply, of which each has a length; `None` at the end. Interim replies are passed over.
    pub(crate) async fn reply(&mut self) -> Option<u16> {
        loop {
            if let Some((status, end)) = whole(&self.received) {
                self.received.drain(..end);
                if status >= 200 {
                    return Some(status);
                }
            } else if !self.receive().await {
                assert!(self.received.is_empty(), "cut off: {}", self.received.escape_ascii());
                return None;
            }
        }
    }
}

/// The status of the reply that `received` begins with, and where it ends.
fn whole(received: &[u8]) -> Option<(u16, usize)> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..end]).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("no status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let end = end + length.map_or(0, |length| length.parse().unwrap());
    (received.len() >= end).then_some((status, end))
}
