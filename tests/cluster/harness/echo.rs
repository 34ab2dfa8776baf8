//! An upstream that answers every request with its own name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running upstream. Dropping it ends it, its connections too.
pub(crate) struct Echo {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    reached: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Echo {
    /// One that resources reach by a URL.
    pub(crate) async fn local(name: &'static str) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), name).await
    }

    /// One that an EndpointSlice may name. The API server takes no loopback address there.
    pub(crate) async fn endpoint(name: &'static str) -> Self {
        Self::at(own_address(), name).await
    }

    async fn at(address: IpAddr, name: &'static str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reached);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                connections.spawn(answer(stream, name, Arc::clone(&counter)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, reached, _tasks: tasks }
    }

    /// How often anybody has connected or asked.
    pub(crate) fn reached(&self) -> usize {
        self.reached.load(Ordering::Relaxed)
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An address of this machine that is not loopback, by the kernel's own table of routes. It is never left for a network.
fn own_address() -> IpAddr {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap();
    let mut lines = table.lines().map(str::trim);
    let mut leaf = None;
    let found = lines.find_map(|line| {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<Ipv4Addr>().ok();
        }
        leaf.filter(|address| line == "/32 host LOCAL" && !address.is_loopback() && !address.is_link_local())
    });
    found.expect("no address but loopback; give the machine one: ip address add 198.18.0.1/32 dev lo").into()
}

/// Answers requests, none of which has a body, until the client closes.
async fn answer(mut stream: TcpStream, name: &'static str, reached: Arc<AtomicUsize>) {
    let reply = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{name}", name.len());
    let mut received = Vec::new();
    loop {
        while let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            received.drain(..end + 4);
            reached.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
    }
}
