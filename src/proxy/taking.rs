//! Whether the client of one HTTP/2 stream takes what it is sent.
//!
//! hyper asks a reply for its next part only when the stream's window has room. A client that never opens its window
//! would hold the upstream's connection for ever, and its socket shows nothing: the connection's other streams move. So
//! each stream has a deadline that runs from the hand-over of one part to the request for the next.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::deadline::Deadline;

/// The deadline of one HTTP/2 stream, shared by its reply and the task that writes it.
pub(super) struct Taking {
    deadline: Deadline,
    patience: Duration,
    stalled: Cell<bool>,
}

impl Taking {
    /// A stream that has been offered nothing yet.
    pub(super) fn new(deadline: Deadline, patience: Duration) -> Rc<Self> {
        Rc::new(Self { deadline, patience, stalled: Cell::new(false) })
    }

    /// A part was handed over: the next must be asked for in time.
    pub(super) fn offered(&self) {
        self.deadline.set(self.patience);
    }

    /// The next part is asked for, and has yet to come.
    pub(super) fn asked(&self) {
        self.deadline.clear();
    }

    /// Whether time was up.
    pub(super) fn has_stalled(&self) -> bool {
        self.stalled.get()
    }

    /// Drives `stream` to its end, or until time is up: dropping it resets the stream.
    pub(super) async fn guard<F: Future>(self: Rc<Self>, stream: F) {
        let mut stream = std::pin::pin!(stream);
        std::future::poll_fn(|context| {
            if stream.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            self.deadline.poll(context).map(|()| self.stalled.set(true))
        })
        .await;
    }
}
