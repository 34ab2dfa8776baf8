//! Bytes that wipe themselves, never print, and compare in constant time.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Key material or a credential. It has no `Debug`, `Display`, `Serialize` or `Clone`, so that it cannot reach a log, a
/// status or a second owner by accident; every read is spelled `expose()` and can be searched for. Wiped when dropped.
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// Takes the bytes over. What they were copied from is the caller's to wipe.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether these are the same bytes, in time that depends on the lengths alone.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.bytes.as_slice().ct_eq(other).into()
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_matches_only_its_own_bytes() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert!(secret.matches(b"hunter2"));
        assert!(!secret.matches(b"hunter3"));
        assert!(!secret.matches(b"hunter22"));
        assert!(!secret.matches(b""));
    }
}
