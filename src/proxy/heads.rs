//! What changes in the heads of requests, replies and trailers on their way through.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, COOKIE, Entry, HeaderMap, SET_COOKIE};
use http_body::Frame;

use super::credential;
use crate::snapshot::HeaderEdits;
use crate::wire::forwarded::is_of_the_way;
use crate::wire::headers::{IdentityHeaders, Names, is_reserved, remove_hop_by_hop, remove_where};

/// Fields by which some servers take another target, method or framing than the request's own, past the rule that
/// judged those; and `Proxy`, which behind CGI becomes the setting of a proxy for the application's own requests.
/// Framing in its own spelling is gone before these are looked for. The length is said anew from the body that is sent,
/// not from what was announced.
static OTHER_REQUESTS: Names = Names::new(&[
    "content-length",
    "expect",
    "proxy",
    "proxy-authorization",
    "transfer-encoding",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
]);

/// Takes out of a request what was meant for us, and whatever claims an identity: the upstream believes those headers
/// because only we may set them. Says whether there was one.
pub(super) fn clean_request(headers: &mut HeaderMap, identity: &IdentityHeaders) -> bool {
    remove_hop_by_hop(headers);
    remove_where(headers, |name| OTHER_REQUESTS.matches(name));
    remove_where(headers, |name| identity.matches(name)) > 0
}

/// HTTP/2 lets a client split its cookies over several fields; HTTP/1.1 has one (RFC 9113, section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let Entry::Occupied(mut cookies) = headers.entry(COOKIE) else { return };
    let mut crumbs = cookies.iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let mut joined = first.as_bytes().to_vec();
    for crumb in std::iter::once(second).chain(crumbs) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    // What was joined are header values, and so is what was put between them.
    if let Ok(joined) = HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)) {
        cookies.insert(joined);
    }
}

/// Takes out of a reply what was meant for us. The length stays where there is no body to take it from, if it is one.
pub(super) fn clean_reply(headers: &mut HeaderMap, keep_length: bool) {
    remove_hop_by_hop(headers);
    if !keep_length || !has_one_length(headers) {
        headers.remove(CONTENT_LENGTH);
    }
}

/// Whether there is one length, and it is a number. Without a body hyper does not look at it.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (Some(only), None) => !only.is_empty() && only.as_bytes().iter().all(u8::is_ascii_digit),
        (None | Some(_), _) => false,
    }
}

/// Takes out of trailers what may only be in a head, or is taken out of one: who merges the two would believe it (RFC
/// 9110, section 6.5.1).
pub(super) fn clean_trailers(trailers: &mut HeaderMap, identity: &IdentityHeaders) {
    remove_where(trailers, |name| {
        is_reserved(name)
            || identity.matches(name)
            || credential::is_a_place(name)
            || is_of_the_way(name)
            || OTHER_REQUESTS.matches(name)
            || *name == COOKIE
            || *name == SET_COOKIE
    });
}

/// A part of a reply's body, without the trailers that may not pass.
pub(super) fn clean_frame(frame: Frame<Bytes>) -> Frame<Bytes> {
    if frame.is_data() {
        return frame;
    }
    frame.into_trailers().map_or_else(
        |frame| frame,
        |mut trailers| {
            remove_where(&mut trailers, |name| is_reserved(name) || *name == SET_COOKIE);
            Frame::trailers(trailers)
        },
    )
}

/// Applies a rule's edits: removals first, so that a header can be replaced whole.
pub(super) fn edit(headers: &mut HeaderMap, edits: &HeaderEdits) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        headers.insert(name.clone(), value.clone());
    }
}
