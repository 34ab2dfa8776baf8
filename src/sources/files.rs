//! Objects from files: the same YAML that a cluster would take, read by kubectl's rules and followed as it changes.
//!
//! ```text
//! paths ─ folder ─► files and their stamps ─ loaded ─► text ─ yaml ─► documents ─ document ─► objects
//!                                              ▲ keeps the last whole text of each file          └─► Update::Replace
//! ```
//!
//! A file counts as a whole or not at all. One that cannot be read, that is not YAML, or of which a document is no
//! object that bearward could take, sends what is wrong with it together with the objects of its last whole text;
//! without one, it has no objects. The same holds where an API server would refuse one of the objects; but without a
//! last text, these objects are sent as they are, since whoever compiles them refuses what they claim. Files do not
//! depend on each other.
//!
//! A change counts when two looks in a row agree on it, so that a file that is being written is not read, and one that
//! an editor moves away for a moment is not gone. One that does not rest is read after a second all the same, as it is
//! between two writes; one that only grows, or was emptied, is being written, and has ten seconds. What is half written
//! all the same is a broken file, as above.
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

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::clock::{Clock, UnixTime};
use crate::finding::Finding;
use crate::name::ObjectKey;
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

/// What becomes of a file with a document that is no object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokenFiles {
    /// It does not count, and its last whole text does.
    #[default]
    LeaveOut,
    /// Its other documents are taken: for whoever wants to know all that is wrong, and serves nothing.
    TakeTheRest,
}

/// Why an API server would not take an object of ours; nothing if it would. A function, since sources do not know what
/// is compiled.
pub type Admission = Arc<dyn Fn(&ObjectKey, &Map<String, Value>) -> Vec<Finding> + Send + Sync>;

/// How files are read.
#[derive(Clone)]
pub struct Settings {
    /// What is done with a Secret in a file that others than its owner can read.
    pub readable_secrets: ReadableSecrets,
    /// What becomes of a file with a document that is no object.
    pub broken_files: BrokenFiles,
    /// Whether a text may take the place of the one before.
    pub admission: Admission,
}

/// Every object is admitted.
impl Default for Settings {
    fn default() -> Self {
        Self {
            readable_secrets: ReadableSecrets::default(),
            broken_files: BrokenFiles::default(),
            admission: Arc::new(|_, _| Vec::new()),
        }
    }
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

/// A path that was not meant, most likely: there is nothing to read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// It is not there.
    #[error("{}: there is no such file or folder; expected a YAML file, or a folder with some", .0.display())]
    Missing(PathBuf),
    /// It is a folder without any file that is read.
    #[error("{}: the folder has no file that ends in .yaml, .yml or .json, and is not hidden", .0.display())]
    Empty(PathBuf),
}

/// Whether there is something to read at each path, as there should be when a command begins. What cannot be read is
/// something: it becomes a finding.
pub fn expect(paths: &[PathBuf]) -> Result<(), PathError> {
    paths.iter().try_for_each(|path| match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(PathError::Missing(path.clone())),
        Ok(_) if folder::list(std::slice::from_ref(path)).is_empty() => Err(PathError::Empty(path.clone())),
        Ok(_) | Err(_) => Ok(()),
    })
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
    let Settings { readable_secrets, admission, .. } = Settings::default();
    let decoded = document::decode(document::Found {
        path,
        text,
        mode: 0o600,
        readable_secrets,
        admission: &admission,
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
