//! The proof that something was checked.

use std::ops::Deref;

use super::Claims;

/// Something that came from outside and passed every check. The field is private to `jose`, and there is no way to make
/// one but the checks themselves, so that a function which takes a `Verified<Claims>` cannot be reached without them.
#[derive(Debug)]
pub struct Verified<T> {
    inner: T,
}

/// The claims of a token that is genuine, and that whoever has shown it need not hold. They are no [`Verified<Claims>`], so
/// that no request gets in by them.
#[derive(Debug)]
pub struct Introspected(pub(super) Claims);

impl Introspected {
    /// What the token says.
    pub const fn claims(&self) -> &Claims {
        &self.0
    }
}

impl<T> Verified<T> {
    /// For the code of this module that has just done the checks.
    pub(super) const fn new(inner: T) -> Self {
        Self { inner }
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}
