//! A small HTTP/1.1 server for what is not the data plane: few connections, each bounded in time.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::tasks::Tasks;

/// Connections at once; one more waits in the kernel's queue.
const MOST_CONNECTIONS: usize = 64;

/// From the first byte of a head to its last, and between two requests of a connection.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The most bytes of a head.
const HEAD_BYTES: usize = 16 << 10;

/// How long a connection is kept, so that clients that never read cannot hold all of them.
const LIFE: Duration = Duration::from_mins(2);

/// How long a connection that is to close may take to finish its reply.
const CLOSING: Duration = Duration::from_secs(10);

/// Serves `socket` with `answer` for as long as it is polled.
pub async fn serve<F, R, B>(socket: TcpListener, clock: Clock, answer: F)
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = Tasks::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: trying again at once would only burn the core.
                tracing::warn!(%error, "connection could not be accepted");
                clock.sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (clock, answer) = (clock.clone(), answer.clone());
        connections.spawn("small-server", async move {
            let _permit = permit;
            if let Err(error) = connection(stream, &clock, answer).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

async fn connection<F, R, B>(stream: TcpStream, clock: &Clock, answer: F) -> hyper::Result<()>
where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let service = service_fn(move |request| {
        let reply = answer(request);
        async move { Ok::<_, Infallible>(reply.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(2 * HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    if let Some(ended) = clock.timeout(LIFE, connection.as_mut()).await {
        return ended;
    }
    connection.as_mut().graceful_shutdown();
    clock.timeout(CLOSING, connection).await.unwrap_or(Ok(()))
}
