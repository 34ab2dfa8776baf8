//! Objects from files: the same YAML that a cluster would take, read by kubectl's rules and followed as it changes.
//!
//! ```text
//! paths ─ folder ─► files and their stamps ─ loaded ─► text ─ yaml ─► documents ─ document ─► objects ─► Update::Replace
//!                                              ▲ keeps the last whole text of each file
//! ```
//!
//! A file counts as a whole or not at all. One that cannot be read, that is not YAML, or of which a document is no object
//! that bearward could take, sends what is wrong with it together with the objects of its last whole text; without one, it
//! has no objects. Files do not depend on each other.
//!
//! A change counts when two looks in a row agree on it, so that a file that is being written is not read, and one that an
//! editor moves away for a moment is not gone. One that does not rest is read after a second all the same, as it is between
//! two writes; one that only grows is being written, and has ten seconds. What is half written all the same is a broken
//! file, as above.
//!
//! Bounds: 10 MiB a file, 256 MiB and 10,000 files in all. What is beyond is not read, and said.

mod document;
mod folder;
mod loaded;
mod metadata;
pub mod places;
mod source_map;
#[cfg(test)]
mod tests;
mod watcher;
pub mod yaml;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, UnixTime};
use crate::finding::Finding;
use crate::resources::{Scope, Update, Version};

use loaded::Files;
use places::Span;
pub use source_map::{Cover, Sources, Spot};
pub use watcher::Watcher;

/// What is done with a Secret in a file that others than its owner can read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadableSecrets {
    /// The Secret is not taken, and that is a finding.
    #[default]
    Refuse,
    /// It is taken.
    Allow,
}

/// How files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What is done with a Secret in a file that others than its owner can read.
    pub readable_secrets: ReadableSecrets,
}

/// What is wrong with a document or a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// What.
    pub finding: Finding,
    /// Where in its file; `None` where it is about the file as a whole.
    pub at: Option<Span>,
}

/// A document that was skipped on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub path: Arc<str>,
    /// The line that the document begins at.
    pub line: usize,
    /// What was skipped, and why.
    pub text: String,
}

/// What was read by one pass over files and folders.
pub struct Reading {
    /// One `Replace` a file, in the order of paths.
    pub updates: Vec<Update>,
    /// The text that it came from, for whoever shows it.
    pub sources: Sources,
    /// What was skipped.
    pub notes: Vec<Note>,
    files: Files,
}

impl Reading {
    /// What follows the files from here on.
    pub fn watcher(self, clock: Clock) -> Watcher {
        Watcher::new(self.files, clock)
    }
}

/// Reads files and folders once. A folder is read with the folders in it: every file that ends in `.yaml`, `.yml` or
/// `.json`, but nothing hidden. A path that is not there, or cannot be read, is a finding.
pub fn read(paths: Vec<PathBuf>, settings: Settings) -> Reading {
    let mut files = Files::new(paths, settings);
    let first = files.first();
    Reading { updates: first.updates, sources: first.sources, notes: first.notes, files }
}

/// Reads a text as if it were a file of this path that only its owner can read: for what exists in memory alone.
pub fn read_text(path: &Arc<str>, text: &str) -> Update {
    let decoded = document::decode(document::Found {
        path,
        text,
        mode: 0o600,
        readable_secrets: ReadableSecrets::Refuse,
        created: UnixTime::default(),
    });
    let is_broken = decoded.is_broken;
    Update::Replace {
        scope: Scope::File(Arc::clone(path)),
        objects: if is_broken { Vec::new() } else { decoded.objects },
        findings: decoded.located.into_iter().map(|located| located.finding).collect(),
        version: Version::default(),
    }
}
