//! One client connection as its deadlines see it: waiting, sending a head, or being served.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Limits;
use super::deadline::Deadline;
use crate::wire::forwarded::Peer;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: it may stay so for the idle time.
    Idle,
    /// Sending a head, which must be complete within the head time.
    Head,
    /// Being served: the request has deadlines of its own, this one only ends a client that takes no bytes.
    Serving,
}

/// The state of one client connection, shared by its socket, its service and its replies.
pub(super) struct Session {
    phase: Cell<Phase>,
    /// Requests that are being served; at most one on HTTP/1.1.
    active: Cell<usize>,
    stalled: Cell<bool>,
    deadline: Deadline,
    limits: Limits,
    peer: Peer,
}

impl Session {
    /// A connection that was just accepted: its first head is due.
    pub(super) fn new(deadline: Deadline, limits: Limits, peer: Peer) -> Rc<Self> {
        deadline.set(limits.head_time);
        Rc::new(Self {
            phase: Cell::new(Phase::Head),
            active: Cell::new(0),
            stalled: Cell::new(false),
            deadline,
            limits,
            peer,
        })
    }

    /// The other end.
    pub(super) const fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        self.active.set(self.active.get().saturating_add(1));
        if self.phase.replace(Phase::Serving) != Phase::Serving {
            self.deadline.clear();
        }
    }

    /// A reply has been handed over, or given up.
    pub(super) fn end(&self) {
        let active = self.active.get().saturating_sub(1);
        self.active.set(active);
        if active == 0 {
            self.phase.set(Phase::Idle);
            self.stalled.set(false);
            self.deadline.set(self.limits.idle_time);
        }
    }

    /// Ready when the connection has used up its time.
    pub(super) fn poll_expired(&self, context: &mut Context<'_>) -> Poll<()> {
        self.deadline.poll(context)
    }

    /// Gives a connection that is told to close this long to do so.
    pub(super) fn close_within(&self, time: std::time::Duration) {
        self.deadline.set(time);
    }

    fn received(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.deadline.set(self.limits.head_time);
        }
    }

    fn sent(&self, progress: bool) {
        if self.stalled.get() == progress {
            self.stalled.set(!progress);
            if self.phase.get() == Phase::Serving {
                if progress { self.deadline.clear() } else { self.deadline.set(self.limits.idle_time) }
            }
        }
    }
}

/// A client's socket: gives back first what was read to tell HTTP/1 from HTTP/2, and tells the session what moves.
pub(super) struct ClientStream {
    stream: TcpStream,
    read_ahead: Bytes,
    session: Rc<Session>,
}

impl ClientStream {
    pub(super) fn new(stream: TcpStream, read_ahead: Bytes, session: Rc<Session>) -> Self {
        Self { stream, read_ahead, session }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.session.sent(written.is_ready());
        written
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_ahead.has_remaining() {
            let length = self.read_ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.read_ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.session.received();
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(written)
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
