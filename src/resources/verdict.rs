//! What became of one of our objects: what is wrong with it, and what it was judged by.

use crate::clock::UnixTime;
use crate::finding::Finding;
use crate::name::{Generation, ObjectKey};

use super::Version;

/// An object that was read to judge another one, and how old its content was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// Which.
    pub key: ObjectKey,
    /// Of the content that counts: it does not move when only a status was written.
    pub version: Version,
}

/// What became of one ApiRoute, TokenPolicy or ModelBackend. `operate` writes it to the object's status; a replica with
/// an error among its findings does not count as one that enforces the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The object's own identity.
    pub uid: Box<str>,
    /// The edit that was judged.
    pub generation: Generation,
    /// In the order of fields.
    pub findings: Vec<Finding>,
    /// Every object that was read, the object itself included, in order, with misses left out.
    pub reads: Vec<Read>,
    /// Of an ApiRoute: how many of its rules refuse every request.
    pub refusing_rules: usize,
    /// Of the others: how many rules name it.
    pub rules: usize,
    /// Of a TokenPolicy that issues tokens: its keys, the one that signs first; at most 16.
    pub keys: Vec<SigningKeyState>,
}

/// A key of an issuer, as its status shows it: never more than what everybody may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyState {
    /// Its id.
    pub kid: Box<str>,
    /// What it signs by, as JOSE names it.
    pub algorithm: &'static str,
    /// Where it is in its life.
    pub state: &'static str,
    /// Whether it signs.
    pub signs: bool,
    /// Since when it is there; unknown of a user's own key.
    pub since: Option<UnixTime>,
    /// What happens to it next, and when, in words.
    pub next: String,
}
