//! Finds header fields that claim an identity, however a client spells them.
//!
//! CGI, WSGI and Rack turn `-` into `_` before the application sees a name, so that `X_Subject` arrives there as
//! `X-Subject` does. Both spellings, and every mixture, are one name here.

use std::cmp::Ordering;

use http::HeaderName;

/// The names of the fields that the gateway itself sets from a verified identity, over the whole installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// Lower case, with `-` for `_`; in order, each once.
    names: Vec<Box<str>>,
    /// Bit n is set when a name has n bytes, bit 63 for all that are longer: most fields of a request are ruled out by
    /// their length.
    lengths: u64,
}

impl IdentityHeaders {
    /// The set of these names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let mut names: Vec<Box<str>> =
            names.into_iter().map(|name| name.as_str().replace('_', "-").into_boxed_str()).collect();
        names.sort_unstable();
        names.dedup();
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name.len()));
        Self { names, lengths }
    }

    /// Whether a field of this name must not come from a client.
    pub fn matches(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        self.lengths & length_bit(name.len()) != 0 && self.names.binary_search_by(|known| compare(known, name)).is_ok()
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// The order of names once `_` is `-`. A [`HeaderName`] is in lower case already.
fn compare(known: &str, name: &str) -> Ordering {
    known.bytes().cmp(name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte }))
}
