//! One HTTP/1.1 connection to an endpoint, driven by the request that uses it.
//!
//! hyper's client comes as two halves: a sender, and a connection future that somebody must poll. Usually the latter is
//! spawned, and every request then wakes two tasks and back. Here the request polls both, so that a request is one task
//! from the client's socket to the endpoint's and back. An idle link is polled by nobody: that its endpoint has closed it
//! shows when the next request is given to it, which comes back unsent. The sender and the body are polled with a waker
//! that does nothing: only the connection, polled in the same breath, can make them ready.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Limits;
use super::body::RequestBody;
use super::patience::{Patience, TimeUp};
use crate::clock::Tick;
use crate::transport::Stream;

/// How many times what hyper reads ahead may come before the head of a reply: heads of 1xx are passed over one by one,
/// and whoever sends them without end would keep the thread from all else.
const HEADS: usize = 4;

type Connection = http1::Connection<TokioIo<Metered>, RequestBody>;

/// A connection to an endpoint on which one request at a time is sent.
pub(super) struct Link {
    sender: http1::SendRequest<RequestBody>,
    /// `None` once it has ended: then it has let go of what it had not sent.
    connection: Option<Connection>,
    /// How many bytes may still come.
    room: Rc<Cell<usize>>,
    room_for_heads: usize,
    /// Since when it has waited in the pool; `None` while in use for the first time.
    pub(super) idle_since: Option<Tick>,
}

/// Why a link gave no reply.
pub(super) enum LinkError {
    /// Nothing of the request was sent: here it is back.
    NotSent(Box<Request<RequestBody>>),
    /// The endpoint closed the connection without a byte of a reply.
    Closed,
    /// What came is no reply.
    Broken,
    /// Its time was up.
    TimeUp(TimeUp),
}

impl Link {
    /// Speaks HTTP/1.1 on `stream`. Boxed, since a link is large and wanders between the pool and its requests.
    pub(super) async fn new(stream: Stream, limits: Limits) -> hyper::Result<Box<Self>> {
        let room_for_heads = limits.buffer_bytes.saturating_mul(HEADS);
        let room = Rc::new(Cell::new(room_for_heads));
        let io = TokioIo::new(Metered { stream, room: Rc::clone(&room) });
        let (sender, connection) = http1::Builder::new().max_buf_size(limits.buffer_bytes).handshake(io).await?;
        Ok(Box::new(Self { sender, connection: Some(connection), room, room_for_heads, idle_since: None }))
    }

    /// Whether the last exchange is over and the endpoint still listens. Notices a close that the kernel has reported.
    pub(super) fn is_reusable(&mut self) -> bool {
        poll_connection(&mut self.connection, &mut Context::from_waker(Waker::noop())).is_pending()
            && self.sender.is_ready()
    }

    /// Sends `request`, which happens before the future is polled, and waits for the head of the reply.
    pub(super) fn exchange<'a>(
        &'a mut self,
        request: Box<Request<RequestBody>>,
        patience: &'a Patience,
    ) -> impl Future<Output = Result<Response<Incoming>, LinkError>> + 'a {
        let upload = request.body().upload();
        self.room.set(self.room_for_heads);
        let reply = self.sender.try_send_request(*request);
        let (connection, room) = (&mut self.connection, &self.room);
        async move {
            let mut reply = std::pin::pin!(reply);
            std::future::poll_fn(|context| {
                let ended = poll_connection(connection, context).is_ready();
                match reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(reply)) => {
                        room.set(usize::MAX);
                        Poll::Ready(Ok(reply))
                    }
                    Poll::Ready(Err(mut error)) => Poll::Ready(Err(match error.take_message() {
                        Some(request) => LinkError::NotSent(Box::new(request)),
                        None if is_closed(error.error()) => LinkError::Closed,
                        None => LinkError::Broken,
                    })),
                    Poll::Pending if ended => Poll::Ready(Err(LinkError::Closed)),
                    Poll::Pending => {
                        patience.poll_with(upload.as_deref(), context).map(|why| Err(LinkError::TimeUp(why)))
                    }
                }
            })
            .await
        }
    }

    /// The next frame of the reply's body.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<bytes::Bytes>>>> {
        let ready = Self::take_frame(body);
        if ready.is_ready() {
            return ready;
        }
        // Whether the connection ended shows in the body.
        let _ = poll_connection(&mut self.connection, context);
        Self::take_frame(body)
    }

    /// The next frame if the connection has delivered it already.
    pub(super) fn take_frame(body: &mut Incoming) -> Poll<Option<hyper::Result<Frame<bytes::Bytes>>>> {
        Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }
}

/// Moves what there is to move, and drops a connection that has ended: with it goes the request that it had not begun to
/// send, back to whoever asked.
fn poll_connection(connection: &mut Option<Connection>, context: &mut Context<'_>) -> Poll<()> {
    let Some(open) = connection else { return Poll::Ready(()) };
    let ended = Pin::new(open).poll(context).map(|_| ());
    if ended.is_ready() {
        *connection = None;
    }
    ended
}

/// Whether a connection ended before the first byte of a reply: the mark of one that was closed while it waited.
fn is_closed(error: &hyper::Error) -> bool {
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_reset(error)
}

fn is_reset(error: &hyper::Error) -> bool {
    use std::error::Error;
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|error| matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted))
}

/// A stream that breaks once more has come than there is room for.
struct Metered {
    stream: Stream,
    room: Rc<Cell<usize>>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = self.room.get();
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // Of a bound that is none, nothing is taken that could ever be missed.
        self.room.set(room.saturating_sub(buffer.filled().len() - before));
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
