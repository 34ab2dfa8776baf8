//! How long one request may still take.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::body::Upload;
use super::deadline::Deadline;
use crate::clock::Tick;

/// Why a request is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUp {
    /// It took too long.
    Late,
    /// This replica ends.
    Ended,
}

/// What became of something that had a deadline of its own besides.
pub(super) enum Within<T> {
    /// It was ready.
    Ready(T),
    /// Its own deadline came first.
    Late,
    /// The whole request's time is up.
    TimeUp(TimeUp),
}

/// The deadlines of one request: a fixed end, if its rule sets one, and an idle time that every byte begins anew.
///
/// When bytes moved is not written down, since that would cost a look at the clock for each frame of a stream. So a
/// request of which nothing ever came ends exactly after its idle time, and one that falls silent between once and
/// twice that after its last byte.
pub(super) struct Patience {
    deadline: Deadline,
    end: Option<Tick>,
    idle: Duration,
    /// Bytes have moved since the deadline was last set.
    moved: Cell<bool>,
}

impl Patience {
    /// Starts both at `now`.
    pub(super) fn start(deadline: Deadline, now: Tick, total: Option<Duration>, idle: Duration) -> Self {
        let patience = Self { deadline, end: total.map(|total| now + total), idle, moved: Cell::new(false) };
        patience.renew(now);
        patience
    }

    /// Bytes have moved. The deadline itself is only moved when it is reached: a stream of many small frames costs one
    /// cell each.
    pub(super) fn progress(&self) {
        self.moved.set(true);
    }

    /// Whether this replica ends: what still flows is cut off.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    /// Ready when time is up; else the task is woken then.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<TimeUp> {
        if self.is_over() {
            return Poll::Ready(TimeUp::Ended);
        }
        while self.deadline.poll(context).is_ready() {
            let now = self.deadline.now();
            if !self.moved.replace(false) || self.end.is_some_and(|end| end <= now) {
                return Poll::Ready(TimeUp::Late);
            }
            self.renew(now);
        }
        Poll::Pending
    }

    /// The same while a request's body is on its way up: its bytes count.
    pub(super) fn poll_with(&self, upload: Option<&Upload>, context: &mut Context<'_>) -> Poll<TimeUp> {
        if upload.is_some_and(Upload::take_progress) {
            self.progress();
        }
        self.poll(context)
    }

    /// The result of `future`, if time is not up before.
    pub(super) async fn wait<F: Future>(&self, upload: Option<Rc<Upload>>, future: F) -> Result<F::Output, TimeUp> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_with(upload.as_deref(), context).map(Err),
        })
        .await
    }

    /// The result of `future`, if neither `deadline` nor the end of the request's time comes before.
    pub(super) async fn wait_within<F: Future>(&self, deadline: &Deadline, future: F) -> Within<F::Output> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Within::Ready(output));
            }
            if deadline.poll(context).is_ready() {
                return Poll::Ready(Within::Late);
            }
            self.poll(context).map(Within::TimeUp)
        })
        .await
    }

    fn renew(&self, now: Tick) {
        let idle_end = now + self.idle;
        self.deadline.set_at(self.end.map_or(idle_end, |end| end.min(idle_end)));
    }
}
