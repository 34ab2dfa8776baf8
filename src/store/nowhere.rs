//! No store: whoever needs one is told that there is none.

use bytes::Bytes;

use super::{Answer, Record, Store, StoreError, Version};
use crate::clock::UnixTime;

/// A store that is never available, and why.
pub struct Nowhere(&'static str);

impl Nowhere {
    /// None, for this reason.
    pub const fn new(reason: &'static str) -> Self {
        Self(reason)
    }

    fn error(&self) -> StoreError {
        StoreError::Unavailable(self.0.to_owned())
    }
}

impl Store for Nowhere {
    fn get<'a>(&'a self, _key: &'a str) -> Answer<'a, Option<Record>> {
        Box::pin(std::future::ready(Err(self.error())))
    }

    fn put<'a>(
        &'a self,
        _key: &'a str,
        _value: Bytes,
        _replaces: Option<Version>,
        _until: UnixTime,
    ) -> Answer<'a, Version> {
        Box::pin(std::future::ready(Err(self.error())))
    }
}
