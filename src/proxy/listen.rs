//! Accepts connections and deals them out to the data threads.
//!
//! One task accepts for all threads and gives each connection to the thread with the fewest, so that load is even
//! however few connections there are; with a listening socket per thread the kernel would deal by hash. It costs one
//! wake-up per connection, none per request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::clock::Clock;
use crate::telemetry::WorkerCounters;

/// A bound socket that does not accept yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
}

/// A connection on its way to a data thread.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) open: Open,
}

/// Counts a connection as open for as long as it lives.
#[derive(Debug)]
pub(super) struct Open {
    counters: Arc<WorkerCounters>,
    _of_replica: OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.connection_closed();
    }
}

/// One data thread as the acceptor sees it.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub(super) sender: mpsc::Sender<Accepted>,
    pub(super) counters: Arc<WorkerCounters>,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one. The queue is as long as the kernel allows.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        use socket2::{Domain, Protocol, Socket, Type};
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` serves both families, as users expect of it.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(4_096)?;
        Ok(Self { socket: TcpListener::from_std(socket.into())? })
    }

    /// The address that is bound.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop` says so. While all of `room` is taken, connections wait in the kernel's queue.
    pub(super) async fn accept(
        self,
        threads: Vec<Thread>,
        room: Arc<Semaphore>,
        clock: Clock,
        mut stop: watch::Receiver<Option<Duration>>,
    ) {
        let accepting = async {
            loop {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                match self.socket.accept().await {
                    Ok((stream, peer)) => deal(stream, peer, permit, &threads).await,
                    // Out of file descriptors, most likely: trying again at once would only burn the core.
                    Err(error) if is_exhaustion(&error) => {
                        tracing::warn!(%error, "connection could not be accepted");
                        clock.sleep(Duration::from_millis(50)).await;
                    }
                    Err(error) => tracing::debug!(%error, "connection was gone before it was accepted"),
                }
            }
        };
        tokio::select! {
            biased;
            () = accepting => {}
            // The sender outlives the acceptor; were it gone, stopping would be right too.
            _ = stop.wait_for(Option::is_some) => {}
        }
    }
}

async fn deal(stream: tokio::net::TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit, threads: &[Thread]) {
    let Some(thread) = threads.iter().min_by_key(|thread| thread.counters.open_connections()) else { return };
    let prepared = stream.set_nodelay(true).and_then(|()| stream.into_std());
    match prepared {
        Ok(stream) => {
            thread.counters.connection_opened();
            let open = Open { counters: Arc::clone(&thread.counters), _of_replica: permit };
            // A thread that has ended drops the connection, and with it its count.
            let _ = thread.sender.send(Accepted { stream, peer, open }).await;
        }
        Err(error) => tracing::debug!(%error, "connection was gone before it was served"),
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    // ENFILE, EMFILE, ENOBUFS, ENOMEM: Linux's numbers.
    matches!(error.raw_os_error(), Some(23 | 24 | 105 | 12))
}
