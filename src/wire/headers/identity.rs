//! Finds header fields that claim an identity, however a client spells them.

use http::HeaderName;

use super::spelling::{compare, length_bit, plain};

/// Fields by which a proxy vouches for a client certificate: RFC 9440, and Envoy's. Nobody's word is taken for one.
const OF_CERTIFICATES: [&str; 3] = ["client-cert", "client-cert-chain", "x-forwarded-client-cert"];

/// The names of the fields that the gateway itself sets from a verified identity, over the whole installation, and of
/// those by which a proxy would vouch for a client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// Lower case, with `-` for whatever is no letter and no digit; in order, each once.
    names: Vec<Box<str>>,
    /// The [`length_bit`]s of all names.
    lengths: u64,
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self::new([])
    }
}

impl IdentityHeaders {
    /// The set of these names, and those that are always in it.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let names = names.into_iter().map(HeaderName::as_str).chain(OF_CERTIFICATES);
        let mut names: Vec<Box<str>> =
            names.map(|name| name.bytes().map(|byte| char::from(plain(byte))).collect()).collect();
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
