//! One name of a field in all the ways in which a client may spell it.
//!
//! CGI, WSGI and Rack turn `-` into `_` before the application sees a name, and some servers whatever is no letter and no
//! digit, so that `X_Subject` and `X.Subject` arrive there as `X-Subject` does. All spellings, and every mixture, are one
//! name here, wherever a field is taken out of a request.

use std::cmp::Ordering;

use http::HeaderName;

/// A few names that are known when this is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// In lower case, with hyphens.
    names: &'static [&'static str],
    lengths: u64,
}

impl Names {
    /// These names, in lower case and with hyphens.
    pub const fn new(names: &'static [&'static str]) -> Self {
        let mut lengths = 0;
        let mut rest = names;
        while let [name, others @ ..] = rest {
            lengths |= length_bit(name.len());
            rest = others;
        }
        Self { names, lengths }
    }

    /// Whether this is one of them, however it is spelled.
    pub fn matches(&self, name: &HeaderName) -> bool {
        self.lengths & length_bit(name.as_str().len()) != 0 && self.names.iter().any(|known| is_spelling(known, name))
    }
}

/// Whether `name` is a spelling of `known`, which is in lower case and with hyphens.
pub fn is_spelling(known: &str, name: &HeaderName) -> bool {
    compare(known, name.as_str()) == Ordering::Equal
}

/// Whether `name` is a spelling of a name that begins with `prefix`, which is in lower case and with hyphens.
pub fn begins_with(prefix: &str, name: &HeaderName) -> bool {
    let begin = name.as_str().bytes().take(prefix.len());
    prefix.bytes().eq(begin.map(plain))
}

/// Whether a name has another byte than letters, digits and hyphens: no proxy spells a name of its own like that.
pub fn is_odd(name: &HeaderName) -> bool {
    name.as_str().bytes().any(|byte| byte != plain(byte))
}

/// Bit n is for names of n bytes, bit 63 for all that are longer: most fields of a request are ruled out by their length.
pub(super) const fn length_bit(length: usize) -> u64 {
    1 << if length < 63 { length } else { 63 }
}

/// What a byte of a name comes to.
pub(super) const fn plain(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'-' }
}

/// The order of names once they are plain. A [`HeaderName`] is in lower case already.
pub(super) fn compare(known: &str, name: &str) -> Ordering {
    known.bytes().cmp(name.bytes().map(plain))
}
