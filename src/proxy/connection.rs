//! Serves one client connection: tells HTTP/1.1 from HTTP/2, and ends it in time.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::body::ReplyBody;
use super::request;
use super::session::{ClientStream, Phase, Session};
use super::worker::{LocalExecutor, Worker};
use crate::wire::forwarded::Peer;

/// What a client that speaks HTTP/2 with prior knowledge sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves `stream`, which `peer` opened, to its end.
pub(super) async fn serve(worker: Rc<Worker>, mut stream: TcpStream, peer: Peer) {
    let limits = worker.limits();
    let session = Session::new(worker.deadlines().create(), limits, peer);
    let Some((is_http2, read_ahead)) = sniff(&mut stream, &session).await else { return };
    let io = TokioIo::new(ClientStream::new(stream, read_ahead, Rc::clone(&session)));

    let service = {
        let worker = Rc::clone(&worker);
        let session = Rc::clone(&session);
        service_fn(move |incoming: Request<Incoming>| {
            session.begin();
            let worker = Rc::clone(&worker);
            let session = Rc::clone(&session);
            async move {
                let reply: Response<ReplyBody> = request::answer(worker, session, incoming).await;
                Ok::<_, Infallible>(reply)
            }
        })
    };

    if is_http2 {
        let connection = http2::Builder::new(LocalExecutor::new(&worker))
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_send_buf_size(64 << 10)
            .serve_connection(io, service);
        drive(&worker, &session, connection, |connection| connection.graceful_shutdown()).await;
    } else {
        let connection = http1::Builder::new()
            .max_headers(limits.head_fields)
            .max_buf_size(limits.buffer_bytes)
            .max_header_size(limits.head_bytes)
            .serve_connection(io, service);
        drive(&worker, &session, connection, |connection| connection.graceful_shutdown()).await;
    }
}

/// Reads until it is clear which version the client speaks. `None`: it left, or was too slow.
async fn sniff(stream: &mut TcpStream, session: &Session) -> Option<(bool, Bytes)> {
    let mut seen = BytesMut::with_capacity(1 << 10);
    loop {
        let read = {
            let mut read = std::pin::pin!(stream.read_buf(&mut seen));
            std::future::poll_fn(|context| {
                if let Poll::Ready(read) = read.as_mut().poll(context) {
                    return Poll::Ready(read.ok());
                }
                session.poll_expired(context).map(|()| None)
            })
            .await?
        };
        if read == 0 {
            return None;
        }
        if seen.starts_with(PREFACE) {
            return Some((true, seen.freeze()));
        }
        if !PREFACE.starts_with(&seen) {
            return Some((false, seen.freeze()));
        }
    }
}

/// Polls a connection to its end; asks it to close when the worker drains or the connection has been idle too long, and
/// drops it when it does not send its head, or take its bytes, or close, in time.
async fn drive<C>(worker: &Worker, session: &Session, connection: C, close: impl Fn(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = std::pin::pin!(connection);
    let mut closing = false;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if !closing && worker.is_draining() {
            closing = true;
            close(connection.as_mut());
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            if let Err(error) = ended {
                tracing::debug!(%error, "client connection ended");
            }
            return Poll::Ready(());
        }
        if session.poll_expired(context).is_pending() {
            return Poll::Pending;
        }
        if session.phase() != Phase::Idle || closing {
            return Poll::Ready(());
        }
        closing = true;
        close(connection.as_mut());
        session.close_within(worker.limits().head_time);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
