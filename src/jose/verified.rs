//! The proof that something was checked.

use std::ops::Deref;

/// Something that came from outside and passed every check. The field is private to `jose`, and there is no way to make
/// one but the checks themselves, so that a function which takes a `Verified<Claims>` cannot be reached without them.
#[derive(Debug)]
pub struct Verified<T> {
    inner: T,
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
