//! Shared and durable small state behind one trait: memory, a file, Valkey.
//!
//! What is kept is small and has an end: the family of a refresh token, a token that was revoked. Every write says which
//! version it replaces, so that of two who act on one record at once exactly one succeeds, wherever it is kept.

pub mod file;
mod memory;
mod nowhere;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::pin::Pin;

use bytes::Bytes;
use thiserror::Error;

use crate::clock::UnixTime;
pub use memory::Memory;
pub use nowhere::Nowhere;

/// The most bytes of a record's key. Keys are visible ASCII.
pub const MAX_KEY: usize = 128;

/// The most bytes of a record's value.
pub const MAX_VALUE: usize = 4 << 10;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is kept.
    pub value: Bytes,
    /// Which write it is of.
    pub version: Version,
}

/// Which write of one record: each has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// Why the store did not do as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The record is of another version than was said, or is there although it was said that it is not.
    #[error("the record was written by somebody else")]
    Conflict,
    /// There is no room for another record.
    #[error("the store is full")]
    Full,
    /// The record is larger than the store takes.
    #[error("the record is too large")]
    TooLarge,
    /// The store cannot be reached, or does not answer in time. Whether a write was done is then not known.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// What a store says, when it does.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Small state that outlives a request, and where the store is durable, the process.
pub trait Store: Send + Sync {
    /// The record of this key, unless it has ended.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>>;

    /// Writes a record that ends at `until`. It must be of version `replaces`; `None`: there must be none. One that ends now
    /// is as good as removed.
    ///
    /// The last eighth of the room, in records and in bytes, is kept for *marks*: records without a value, which say no more
    /// than that they are there. A write that makes a record no larger needs no room and is never [`StoreError::Full`].
    fn put<'a>(&'a self, key: &'a str, value: Bytes, replaces: Option<Version>, until: UnixTime)
    -> Answer<'a, Version>;
}
