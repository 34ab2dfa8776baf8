//! What changes in the heads of requests, replies and trailers on their way through.

use http::header::{CONTENT_LENGTH, HeaderMap};

use crate::snapshot::HeaderEdits;
use crate::wire::headers::{IdentityHeaders, is_reserved, remove_hop_by_hop, remove_where};

/// Takes out of a request what was meant for us, and whatever claims an identity: the upstream believes those headers
/// because only we may set them.
pub(super) fn clean_request(headers: &mut HeaderMap, identity: &IdentityHeaders) {
    remove_hop_by_hop(headers);
    remove_where(headers, |name| identity.matches(name));
    // The length is said anew from the body that is sent, not from what was announced.
    headers.remove(CONTENT_LENGTH);
    headers.remove(http::header::EXPECT);
}

/// Takes out of a reply what was meant for us. The length stays where there is no body to take it from.
pub(super) fn clean_reply(headers: &mut HeaderMap, keep_length: bool) {
    remove_hop_by_hop(headers);
    if !keep_length {
        headers.remove(CONTENT_LENGTH);
    }
}

/// Takes out of trailers what may only be in a head, or claims an identity (RFC 9110, section 6.5.1).
pub(super) fn clean_trailers(trailers: &mut HeaderMap, identity: &IdentityHeaders) {
    remove_where(trailers, |name| {
        is_reserved(name)
            || identity.matches(name)
            || *name == http::header::AUTHORIZATION
            || *name == http::header::COOKIE
            || *name == http::header::SET_COOKIE
    });
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
