//! One request and its answer on a fresh connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{Document, FetchError, Fetched, Freshness, Get, RedirectError, Validators};
use crate::tasks::Tasks;
use crate::transport::{Stream, Url};

/// The largest head of an answer.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Bytes that hyper may hold of a connection at a time.
const BUFFER_BYTES: usize = 64 * 1024;
const AGENT: &str = concat!("bearward/", env!("CARGO_PKG_VERSION"));

/// What an answer amounts to.
pub(super) enum Answer {
    Fetched(Fetched),
    /// To this `Location`.
    Redirect(String),
}

/// Sends the request for `url` on `stream` and reads the answer.
pub(super) async fn get(stream: Stream, url: &Url, get: Get<'_>) -> Result<Answer, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    // Ends with this fetch, whose `tasks` it is.
    let mut tasks = Tasks::new();
    tasks.spawn("fetch connection", async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "fetch connection ended");
        }
    });
    let answer = sender.send_request(request(url, get)?).await.map_err(|error| broken(&error))?;
    let (head, body) = answer.into_parts();
    match head.status {
        StatusCode::OK => {
            let bytes = read(&head.headers, body, get.max_bytes).await?;
            let validators = Validators {
                etag: head.headers.get(ETAG).cloned(),
                last_modified: head.headers.get(LAST_MODIFIED).cloned(),
            };
            let document = Document { bytes, validators, freshness: freshness(&head.headers) };
            Ok(Answer::Fetched(Fetched::Document(document)))
        }
        StatusCode::NOT_MODIFIED if get.validators.is_some_and(|validators| !validators.is_empty()) => {
            Ok(Answer::Fetched(Fetched::NotModified(freshness(&head.headers))))
        }
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => match head.headers.get(LOCATION).map(HeaderValue::to_str) {
            Some(Ok(location)) => Ok(Answer::Redirect(location.to_owned())),
            Some(Err(_)) | None => Err(FetchError::Redirect(RedirectError::NoLocation)),
        },
        status => Err(FetchError::Status(status.as_u16())),
    }
}

fn request(url: &Url, get: Get<'_>) -> Result<Request<Empty<Bytes>>, FetchError> {
    let mut request = Request::get(url.path().as_str())
        .header(HOST, url.authority().to_string())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close");
    if get.no_cache {
        request = request.header(CACHE_CONTROL, "no-cache");
    }
    if let Some(Validators { etag, last_modified }) = get.validators {
        // A server that sees both goes by the first alone (RFC 9110, section 13.2.2).
        request = match (etag, last_modified) {
            (Some(etag), _) => request.header(IF_NONE_MATCH, etag),
            (None, Some(last_modified)) => request.header(IF_MODIFIED_SINCE, last_modified),
            (None, None) => request,
        };
    }
    request.body(Empty::new()).map_err(|_| FetchError::Protocol)
}

/// Reads the body, and no further than its bound.
async fn read(headers: &HeaderMap, mut body: Incoming, max_bytes: usize) -> Result<Bytes, FetchError> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(FetchError::Encoded);
    }
    let too_large = FetchError::BodyTooLarge(max_bytes);
    if usize::try_from(body.size_hint().lower()).map_or(true, |declared| declared > max_bytes) {
        return Err(too_large);
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| FetchError::Truncated)?.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > max_bytes {
            return Err(too_large);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// What `Cache-Control` and `Age` say; of several `max-age` the shortest. What is malformed says nothing.
fn freshness(headers: &HeaderMap) -> Freshness {
    let age = headers.get(AGE).and_then(|age| seconds(age.to_str().ok()?)).unwrap_or_default();
    let fields = headers.get_all(CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
    let max_age = fields
        .flat_map(|field| field.split(','))
        .filter_map(|directive| directive.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))
        .filter_map(|(_, value)| seconds(value.trim().trim_matches('"')))
        .min();
    Freshness { age, remaining: max_age.map(|max_age| max_age.saturating_sub(age)) }
}

/// A number of seconds (RFC 9111, section 1.2.2); more than fits is as many as fit.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

fn broken(error: &hyper::Error) -> FetchError {
    if error.is_parse_too_large() {
        FetchError::HeadTooLarge
    } else if error.is_parse() {
        FetchError::Protocol
    } else {
        FetchError::Truncated
    }
}
