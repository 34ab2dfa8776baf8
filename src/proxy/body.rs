//! The bodies that pass through: the request's on its way up, the reply's on its way down.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use super::exchange::Exchange;
use super::heads;
use super::link::Link;
use super::patience::{Patience, TimeUp};
use super::pool::InFlight;
use super::worker::Worker;

/// Why a body ended early.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    /// The request's body is larger than its rule allows.
    #[error("the request's body is larger than allowed")]
    TooLarge,
    /// The other side of this body broke off.
    #[error("the body broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// No byte came in time.
    #[error("the body took too long")]
    TooLate,
    /// This replica ends.
    #[error("the gateway is shutting down")]
    Ended,
}

impl From<TimeUp> for BodyError {
    fn from(why: TimeUp) -> Self {
        match why {
            TimeUp::Late => Self::TooLate,
            TimeUp::Ended => Self::Ended,
        }
    }
}

/// What is known of a request's body while it is on its way; read by the request after hyper has taken the body.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// Bytes so far.
    pub(super) received: Cell<u64>,
    /// It went over the bound.
    pub(super) too_large: Cell<bool>,
    /// The client broke off.
    pub(super) broken: Cell<bool>,
    moved: Cell<bool>,
}

impl Upload {
    /// Bytes have passed.
    pub(super) fn passed(&self, bytes: u64) {
        self.received.set(self.received.get().saturating_add(bytes));
        self.moved.set(true);
    }

    /// Whether bytes have moved since this was asked last.
    pub(super) fn take_progress(&self) -> bool {
        self.moved.replace(false)
    }
}

/// A request's body, up to its bound.
pub(super) enum RequestBody {
    /// There is none, and none was announced.
    Empty,
    /// It is passed on as it comes.
    Streaming {
        /// From the client.
        incoming: Incoming,
        /// The most bytes.
        bound: u64,
        /// Told what passes.
        upload: Rc<Upload>,
        /// Trailers that may not pass.
        identity_headers: std::sync::Arc<crate::wire::headers::IdentityHeaders>,
    },
}

impl RequestBody {
    /// What is known of it while it is on its way.
    pub(super) fn upload(&self) -> Option<Rc<Upload>> {
        match self {
            Self::Empty => None,
            Self::Streaming { upload, .. } => Some(Rc::clone(upload)),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self::Streaming { incoming, bound, upload, identity_headers } = self.get_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(next) = Pin::new(incoming).poll_frame(context) else { return Poll::Pending };
        let frame = match next {
            None => return Poll::Ready(None),
            Some(Err(error)) => {
                upload.broken.set(true);
                return Poll::Ready(Some(Err(error.into())));
            }
            Some(Ok(frame)) => frame,
        };
        if let Some(data) = frame.data_ref() {
            upload.passed(length(data));
            if upload.received.get() > *bound {
                upload.too_large.set(true);
                return Poll::Ready(Some(Err(BodyError::TooLarge)));
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = frame.into_trailers().map_or_else(
            |frame| frame,
            |mut trailers| {
                heads::clean_trailers(&mut trailers, identity_headers);
                Frame::trailers(trailers)
            },
        );
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming { incoming, .. } => incoming.size_hint(),
        }
    }
}

/// A reply's body. When it is dropped, at its end or before, the request is over: then it is logged and counted.
pub(super) struct ReplyBody {
    source: Source,
    exchange: Box<Exchange>,
}

/// Where a reply's body comes from.
pub(super) enum Source {
    /// It is all here; may be empty.
    Whole(Bytes),
    /// It comes over an HTTP/1.1 link.
    Link(Box<LinkSource>),
    /// It comes over an HTTP/2 connection.
    H2(Box<H2Source>),
}

/// A body that still comes over an HTTP/1.1 link.
pub(super) struct LinkSource {
    worker: Rc<Worker>,
    incoming: Incoming,
    /// What came with the head.
    first: Option<Bytes>,
    /// Given back to the pool when the body is complete.
    link: Option<Box<Link>>,
    place: InFlight,
    patience: Patience,
    /// The request's body, which may still be on its way up.
    upload: Option<Rc<Upload>>,
}

/// A body that still comes over an HTTP/2 connection.
pub(super) struct H2Source {
    pub(super) incoming: Incoming,
    pub(super) patience: Patience,
    /// The request's body, which may still be on its way up.
    pub(super) upload: Option<Rc<Upload>>,
    /// Held for its drop: the request is under way until then.
    pub(super) _place: InFlight,
}

impl ReplyBody {
    /// What `source` brings, as the reply of `exchange`.
    pub(super) fn new(source: Source, exchange: Box<Exchange>) -> Self {
        let mut body = Self { source, exchange };
        // A body that is over already is dropped without being asked.
        if body.is_end_stream() {
            body.exchange.complete();
        }
        body
    }

    fn sent(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.exchange.sent(length(data));
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        this.exchange.asked();
        let next = match &mut this.source {
            Source::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Link(source) => source.poll_frame(context),
            Source::H2(source) => source.poll_frame(context),
        };
        match &next {
            Poll::Ready(Some(Ok(frame))) => this.sent(frame),
            Poll::Ready(Some(Err(error))) => this.exchange.broke_off(error),
            Poll::Ready(None) => this.exchange.complete(),
            Poll::Pending => {}
        }
        if this.is_end_stream() {
            this.exchange.complete();
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Link(source) => source.first.is_none() && source.incoming.is_end_stream(),
            Source::H2(source) => source.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(length(bytes)),
            Source::Link(source) => source.size_hint(),
            Source::H2(source) => source.incoming.size_hint(),
        }
    }
}

impl LinkSource {
    /// The rest of the body of `incoming`, of which `first` has been taken already.
    pub(super) fn new(
        worker: Rc<Worker>,
        (incoming, first): (Incoming, Option<Bytes>),
        (link, place): (Box<Link>, InFlight),
        patience: Patience,
        upload: Option<Rc<Upload>>,
    ) -> Self {
        Self { worker, incoming, first, link: Some(link), place, patience, upload }
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.incoming.size_hint();
        match (&self.first, rest.exact()) {
            (None, _) => rest,
            (Some(first), Some(exact)) => SizeHint::with_exact(exact.saturating_add(length(first))),
            (Some(_), None) => SizeHint::new(),
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.patience.is_over() {
            self.link = None;
            return Poll::Ready(Some(Err(BodyError::Ended)));
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(link) = &mut self.link else { return Poll::Ready(None) };
        let next = link.poll_frame(&mut self.incoming, context);
        match next {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.progress();
                if self.incoming.is_end_stream() {
                    self.release();
                }
                Poll::Ready(Some(Ok(heads::clean_frame(frame))))
            }
            Poll::Ready(Some(Err(error))) => {
                self.link = None;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.release();
                Poll::Ready(None)
            }
            Poll::Pending => self.patience.poll_with(self.upload.as_deref(), context).map(|why| {
                self.link = None;
                Some(Err(why.into()))
            }),
        }
    }

    fn release(&mut self) {
        if let Some(link) = self.link.take() {
            self.place.endpoint.put(link, self.worker.tick());
        }
    }
}

impl Drop for LinkSource {
    /// hyper drops a body whose announced length has been delivered without asking for its end, so the link is given
    /// back here too; the pool takes it only if the exchange is really over.
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }
}

impl H2Source {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.patience.is_over() {
            return Poll::Ready(Some(Err(BodyError::Ended)));
        }
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(next) => {
                self.patience.progress();
                Poll::Ready(next.map(|frame| frame.map(heads::clean_frame).map_err(BodyError::from)))
            }
            Poll::Pending => self.patience.poll_with(self.upload.as_deref(), context).map(|why| Some(Err(why.into()))),
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
