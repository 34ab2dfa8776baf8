//! One client connection as its deadlines see it: waiting, sending a head, or being served.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Limits;
use super::deadline::{Deadline, Deadlines};
use super::taking::Taking;
use crate::clock::Tick;
use crate::transport::poll_write_gathered;
use crate::wire::forwarded::Peer;

/// How long a client may go on sending after we have said our last word on its connection. Closing at once would reset
/// the connection, and what the client has not yet read of our reply would be lost with it.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: it may stay so for the idle time.
    Idle,
    /// Sending a head, which must be complete within the head time. HTTP/2 connections are never in it: what arrives
    /// between their requests may be a ping, and a head in parts is bounded by the idle time.
    Head,
    /// Being served: the request has deadlines of its own, this one only ends a client that takes no bytes.
    Serving,
    /// All was said: only the client's own close is waited for.
    Lingering,
}

/// The state of one client connection, shared by its socket, its service and its replies.
pub(super) struct Session {
    phase: Cell<Phase>,
    is_http2: Cell<bool>,
    /// Requests that are being served; at most one on HTTP/1.1.
    active: Cell<usize>,
    stalled: Cell<bool>,
    expired: Cell<bool>,
    /// Bytes were received since the last request began.
    heard: Cell<bool>,
    /// A head has begun whose deadline is not set yet: most heads are whole before anybody waits for them.
    head_begins: Cell<bool>,
    deadline: Deadline,
    deadlines: Rc<Deadlines>,
    /// Of the HTTP/2 stream that began last, until its task takes it.
    newest: RefCell<Option<Rc<Taking>>>,
    limits: Limits,
    peer: Peer,
}

impl Session {
    /// A connection that was just accepted: its first head is due.
    pub(super) fn new(deadlines: &Rc<Deadlines>, limits: Limits, peer: Peer) -> Rc<Self> {
        let deadline = deadlines.create();
        deadline.set(limits.head_time);
        Rc::new(Self {
            phase: Cell::new(Phase::Head),
            is_http2: Cell::new(false),
            active: Cell::new(0),
            stalled: Cell::new(false),
            expired: Cell::new(false),
            heard: Cell::new(false),
            head_begins: Cell::new(false),
            deadline,
            deadlines: Rc::clone(deadlines),
            newest: RefCell::default(),
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

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.get()
    }

    /// The client's preface was read: what is due now is a request, at any time within the idle time.
    pub(super) fn speaks_http2(&self) {
        self.is_http2.set(true);
        self.phase.set(Phase::Idle);
        self.deadline.set(self.limits.idle_time);
    }

    /// A request begins; on HTTP/2 it gets a deadline of its own for the client to take the reply.
    pub(super) fn begin(&self) -> Option<Rc<Taking>> {
        self.active.set(self.active.get().saturating_add(1));
        self.heard.set(false);
        self.head_begins.set(false);
        if self.phase.replace(Phase::Serving) != Phase::Serving {
            self.deadline.clear();
        }
        let taking = self.is_http2().then(|| Taking::new(self.deadlines.create(), self.limits.idle_time));
        self.newest.replace(taking.clone());
        taking
    }

    /// A reply has been handed over, or given up, just now.
    pub(super) fn end(&self, now: Tick) {
        let active = self.active.get().saturating_sub(1);
        self.active.set(active);
        if active == 0 && self.phase.get() == Phase::Serving {
            self.phase.set(Phase::Idle);
            self.stalled.set(false);
            self.deadline.set_at(now + self.limits.idle_time);
        }
    }

    /// The deadline of the HTTP/2 stream that has just begun, for the task that writes the stream.
    pub(super) fn take_newest(&self) -> Option<Rc<Taking>> {
        self.newest.take()
    }

    /// Ready when the connection has used up its time.
    pub(super) fn poll_expired(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.head_begins.take() {
            self.deadline.set(self.limits.head_time);
        }
        self.deadline.poll(context)
    }

    /// Gives a connection this long for what it is doing.
    pub(super) fn close_within(&self, time: Duration) {
        self.head_begins.set(false);
        self.deadline.set(time);
    }

    /// The connection is ended because its time was up.
    pub(super) fn expire(&self) {
        self.expired.set(true);
    }

    pub(super) fn has_expired(&self) -> bool {
        self.expired.get()
    }

    /// Whether a part of a head was received that never became whole.
    pub(super) fn has_partial_head(&self) -> bool {
        self.phase.get() == Phase::Head && self.heard.get()
    }

    /// Bytes were received.
    pub(super) fn received(&self) {
        self.heard.set(true);
        if self.phase.get() == Phase::Idle && !self.is_http2() {
            self.phase.set(Phase::Head);
            self.head_begins.set(true);
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

    /// The last word was said.
    fn linger(&self) {
        if self.phase.replace(Phase::Lingering) != Phase::Lingering {
            self.head_begins.set(false);
            self.deadline.set(LINGER);
        }
    }
}

/// A client's socket: gives back first what was read to tell HTTP/1 from HTTP/2, tells the session what moves, and closes
/// in a way that lets the client read the last reply.
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
        let written = poll_write_gathered(Pin::new(&mut self.stream), context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that no more will be sent, then takes and forgets what the client still sends, until it closes too or
    /// [`LINGER`] is over.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.phase() != Phase::Lingering {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.session.linger();
        }
        let mut space = [0; 4 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(Ok(())),
                // Said here, so that hyper ends the connection as it meant to, with its own error if it had one.
                Poll::Pending => return self.session.poll_expired(context).map(Ok),
            }
        }
    }
}
