//! Replies: JSON, errors in the form of OpenAI's API, and streams of server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde_json::{Value, json};

/// The body of a reply.
pub struct ReplyBody(Content);

enum Content {
    Whole(Option<Bytes>),
    Events(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.get_mut().0 {
            Content::Whole(bytes) => Poll::Ready(bytes.take()),
            Content::Events(events) => events.as_mut().poll_next(context),
        };
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Content::Events(_) => SizeHint::default(),
        }
    }
}

/// A reply in JSON.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<ReplyBody> {
    let mut reply = Response::new(ReplyBody(Content::Whole(Some(Bytes::from(value.to_string())))));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An error in the form in which OpenAI's API has them.
pub(super) fn error(status: StatusCode, message: &str, code: Option<&str>) -> Response<ReplyBody> {
    let kind = match status.as_u16() {
        429 => "rate_limit_exceeded",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json(status, &json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
}

/// A reply of server-sent events, each of which is sent when it comes.
pub(super) fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Response<ReplyBody> {
    let mut reply = Response::new(ReplyBody(Content::Events(Box::pin(events))));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
