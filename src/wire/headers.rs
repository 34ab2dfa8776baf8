//! Which header fields belong to one connection, which to the gateway alone, and which carry an identity.

mod identity;
mod spelling;
#[cfg(test)]
mod tests;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub use identity::IdentityHeaders;
pub use spelling::{Names, begins_with, is_odd, is_spelling};

/// Whether a field belongs to one connection, named by `Connection` or not: RFC 9110, section 7.6.1, with the names that
/// older software sends.
///
/// A match on the text: the compiler decides by length first, which a comparison of eleven names would not.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a resource must not set or remove this field, in requests or in responses: the gateway writes framing and
/// addressing anew for each hop, from what it did and not from what was asked.
pub fn is_reserved(name: &HeaderName) -> bool {
    is_hop_by_hop(name) || matches!(name.as_str(), "content-length" | "expect" | "host")
}

/// Removes what belongs to the connection the message came by, what its `Connection` fields name included.
/// `TE: trailers` stays, since gRPC needs it. Whoever forwards an upgrade reads `Upgrade` before.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // One look over the names: most requests have none of these, and eleven look-ups in a map cost more.
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    if names_nothing(headers) {
        headers.remove(header::CONNECTION);
    } else if let header::Entry::Occupied(connection) = headers.entry(header::CONNECTION) {
        // Collected first: the names borrow from values that the map holds.
        let named: Vec<HeaderValue> = connection.remove_entry_mult().1.collect();
        for option in named.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            // What is not a field name cannot be the name of a field that is here.
            // `TE` must be named here (RFC 9110, section 10.1.4), and what of it goes on is decided below.
            match std::str::from_utf8(option.trim_ascii()) {
                Ok(option) if !option.eq_ignore_ascii_case("te") => {
                    headers.remove(option);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    keep_only_trailers(headers);
    remove_where(headers, |name| is_hop_by_hop(name) && *name != header::TE);
}

/// Whether `Connection` says only whether the connection stays, as nearly all that are sent do.
fn names_nothing(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::CONNECTION).iter();
    match (fields.next(), fields.next()) {
        (Some(only), None) => {
            let only = only.as_bytes();
            only.eq_ignore_ascii_case(b"keep-alive") || only.eq_ignore_ascii_case(b"close")
        }
        (None | Some(_), _) => false,
    }
}

fn keep_only_trailers(headers: &mut HeaderMap) {
    let header::Entry::Occupied(transfer_codings) = headers.entry(header::TE) else { return };
    let takes_trailers = transfer_codings
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|member| member.trim_ascii().eq_ignore_ascii_case(b"trailers"));
    transfer_codings.remove_entry_mult();
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Whether a body that has a transfer coding has the one that is framing, `chunked`. hyper would read a list that ends in
/// `chunked` and hand over a body that is still coded, take several fields of the same as one, and read a reply in any
/// other coding up to the end of the connection. Nothing else than `chunked` is ever asked for.
pub fn has_one_framing(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// Removes every field whose name `unwanted` picks, and says how many names there were. Allocates only where there is
/// one.
pub fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) -> usize {
    let names: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in &names {
        headers.remove(name);
    }
    names.len()
}
