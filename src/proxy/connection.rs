//! Serves one client connection: tells HTTP/1.1 from HTTP/2, and ends it in time.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

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
use crate::telemetry::{Cause, Event};
use crate::wire::forwarded::Peer;

/// What a client that speaks HTTP/2 with prior knowledge sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much larger the heads are that HTTP/2 decodes than those that are served: what is only just too large is answered,
/// logged and counted as any refusal, and not by h2 itself, of which nothing is seen here.
const HTTP2_ROOM: usize = 2;

/// How long an idle HTTP/1.1 connection is kept when the replica drains: a client that is about to send its next request
/// gets the answer, and is told with it that the connection ends. Closed at once, that request would fail.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug)]
enum Ended {
    /// Both sides were done with it, or the client left.
    Closed,
    /// Its time was up.
    Expired,
    /// hyper gave it up.
    Failed(hyper::Error),
}

/// Serves `stream`, which `peer` opened, to its end.
pub(super) async fn serve(worker: Rc<Worker>, mut stream: TcpStream, peer: Peer) {
    let limits = worker.limits();
    let session = Session::new(worker.deadlines(), limits, peer);
    let (is_http2, read_ahead) = match sniff(&worker, &mut stream, &session).await {
        Ok(sniffed) => sniffed,
        Err(ended) => return report(&worker, &session, &ended),
    };
    let io = TokioIo::new(ClientStream::new(stream, read_ahead, Rc::clone(&session)));

    let service = {
        let worker = Rc::clone(&worker);
        let session = Rc::clone(&session);
        service_fn(move |incoming: Request<Incoming>| {
            let taking = session.begin();
            let worker = Rc::clone(&worker);
            let session = Rc::clone(&session);
            async move {
                let reply: Response<ReplyBody> = request::answer(worker, session, taking, incoming).await;
                Ok::<_, Infallible>(reply)
            }
        })
    };

    let ended = if is_http2 {
        session.speaks_http2();
        let connection = http2::Builder::new(LocalExecutor::of_streams(&worker, &session))
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes.saturating_mul(HTTP2_ROOM)).unwrap_or(u32::MAX))
            .max_send_buf_size(64 << 10)
            .serve_connection(io, service);
        drive(&worker, &session, connection, http2::Connection::graceful_shutdown).await
    } else {
        let connection = http1::Builder::new()
            .max_headers(limits.head_fields)
            .max_buf_size(limits.buffer_bytes)
            .max_header_size(limits.head_bytes)
            .serve_connection(io, service);
        drive(&worker, &session, connection, http1::Connection::graceful_shutdown).await
    };
    report(&worker, &session, &ended);
}

/// Reads until it is clear which version the client speaks.
async fn sniff(worker: &Worker, stream: &mut TcpStream, session: &Session) -> Result<(bool, Bytes), Ended> {
    let mut seen = BytesMut::with_capacity(1 << 10);
    let mut last_call = false;
    loop {
        let read = {
            let mut read = std::pin::pin!(stream.read_buf(&mut seen));
            std::future::poll_fn(|context| {
                if worker.is_draining() && !last_call && !session.has_partial_head() {
                    last_call = true;
                    session.close_within(LAST_CALL);
                }
                if let Poll::Ready(read) = read.as_mut().poll(context) {
                    return Poll::Ready(read.map_err(|_| Ended::Closed));
                }
                session.poll_expired(context).map(|()| Err(Ended::Expired))
            })
            .await?
        };
        if read == 0 {
            return Err(Ended::Closed);
        }
        session.received();
        if seen.starts_with(PREFACE) {
            return Ok((true, seen.freeze()));
        }
        if !PREFACE.starts_with(&seen) {
            return Ok((false, seen.freeze()));
        }
    }
}

/// Polls a connection to its end; asks it to close when the worker drains or the connection has been idle too long, and
/// drops it when it does not send its head, or take its bytes, or close, in time.
async fn drive<C>(worker: &Worker, session: &Session, connection: C, close: impl Fn(Pin<&mut C>)) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = std::pin::pin!(connection);
    let mut closing = false;
    let mut last_call = false;
    std::future::poll_fn(|context: &mut Context<'_>| {
        loop {
            if worker.is_draining() && !closing {
                match session.phase() {
                    Phase::Idle if !session.is_http2() => {
                        if !last_call {
                            last_call = true;
                            session.close_within(LAST_CALL);
                        }
                    }
                    // hyper would forget what it has of the head; the reply to it ends the connection.
                    Phase::Head => {}
                    Phase::Idle | Phase::Serving | Phase::Lingering => {
                        closing = true;
                        close(connection.as_mut());
                    }
                }
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended.map_or_else(Ended::Failed, |()| Ended::Closed));
            }
            if session.poll_expired(context).is_pending() {
                return Poll::Pending;
            }
            if session.phase() != Phase::Idle || closing {
                session.expire();
                return Poll::Ready(Ended::Expired);
            }
            closing = true;
            close(connection.as_mut());
            session.close_within(worker.limits().head_time);
        }
    })
    .await
}

/// Logs and counts what no request could be made of, and which therefore no exchange speaks of.
fn report(worker: &Worker, session: &Session, ended: &Ended) {
    match ended {
        Ended::Closed => {}
        Ended::Expired if session.has_partial_head() => {
            worker.refused_unread(session, Cause::HeadTimeout);
        }
        Ended::Expired => tracing::debug!("client connection used up its time"),
        Ended::Failed(error) if error.is_parse_too_large() => {
            worker.refused_unread(session, Cause::HeadTooLarge);
        }
        Ended::Failed(error) if error.is_parse() => {
            worker.refused_unread(session, Cause::MalformedHead);
        }
        Ended::Failed(error) if is_flood(error) => {
            worker.counters().event(Event::Http2Flood);
            tracing::debug!(%error, "client connection ended: it broke the bounds of HTTP/2");
        }
        Ended::Failed(error) => tracing::debug!(%error, "client connection ended"),
    }
}

/// Whether h2 gave a connection up because its client resets streams, or sends heads, beyond measure.
fn is_flood(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_library() && cause.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}
