//! The name of a key that follows from the key itself (RFC 7638).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use super::base64url;

/// SHA-256 of a key's required members in canonical JSON. Two keys have the same one only if they are the same key; it
/// is public and says nothing about the private half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Hashes the members, which the caller gives in the order of their names, with values that need no JSON escape.
    pub(super) fn of_members(members: &[(&str, &str)]) -> Self {
        let mut canonical = String::with_capacity(1024);
        for (index, (name, value)) in members.iter().enumerate() {
            canonical.push(if index == 0 { '{' } else { ',' });
            canonical.extend(["\"", name, "\":\"", value, "\""]);
        }
        canonical.push('}');
        Self(sha256(canonical.as_bytes()))
    }

    /// For keys that have no public half: a name that is of use only inside this process.
    pub(super) const fn of_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The hash itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Base64url, as key ids and `cnf.jkt` write it.
impl fmt::Display for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base64url::encode(self.0))
    }
}

/// SHA-256 as an array.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest(&SHA256, bytes).as_ref())
}

/// The first bytes of a longer hash. Shorter input, which no caller has, is filled up with zeros.
pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    for (to, from) in array.iter_mut().zip(bytes) {
        *to = *from;
    }
    array
}
