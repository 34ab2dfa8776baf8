//! An upstream that says what it was sent.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

/// The most of a body that is read.
const MOST_BYTES: usize = 64 << 10;

/// The request's method, path, headers and the size of its body, as JSON.
pub(super) async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else {
        let mut reply = Response::new(Full::default());
        *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return reply;
    };
    let headers: Map<_, _> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(value.to_str().unwrap_or("(not text)"))))
        .collect();
    let seen = json!({
        "method": head.method.as_str(),
        "path": head.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
        "headers": headers,
        "body_bytes": body.to_bytes().len(),
    });
    let mut reply = Response::new(Full::from(format!("{seen:#}\n")));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
