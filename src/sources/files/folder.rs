//! Which files there are, and the stamp by which a change is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders within folders are followed this far.
const DEEPEST: usize = 16;

/// More files than these are not read.
pub(super) const MOST_FILES: usize = 10_000;

/// What changes when a file does. Links are followed, so that the exchange of a mounted ConfigMap is seen too; the time
/// of its last change of any kind is in it, so that `chmod` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mode: metadata.mode(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(Stamp),
    /// Nothing that can be read, and why.
    Problem(String),
}

impl Entry {
    /// How long the file is; nothing if it cannot be read.
    pub(super) const fn size(&self) -> u64 {
        match self {
            Self::File(stamp) => stamp.size,
            Self::Problem(_) => 0,
        }
    }

    /// Whether it is a file without a byte.
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::File(stamp) if stamp.size == 0)
    }
}

/// What is there now, by path.
pub(super) type Listing = BTreeMap<Arc<str>, Entry>;

/// Looks at files and folders. The same file is listed once, by the first path that leads to it.
pub(super) fn list(roots: &[PathBuf]) -> Listing {
    let mut look = Look::default();
    for root in roots {
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => look.folder(root, &metadata, 0),
            Ok(metadata) => look.file(root, &metadata),
            Err(error) => look.problem(root, words(&error)),
        }
    }
    look.listing
}

/// What an error means, without the number that the system has for it and the path that it may name.
pub(super) fn words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return "there is no such file or folder".to_owned();
    }
    error.kind().to_string()
}

/// Whether a file may be there: it is listed, or a folder on the way to it could not be read.
pub(super) fn may_be_in(listing: &Listing, path: &str) -> bool {
    let is_closed = |folder: &Path| {
        let entry = folder.to_str().and_then(|folder| listing.get(folder));
        matches!(entry, Some(Entry::Problem(_)))
    };
    listing.contains_key(path) || Path::new(path).ancestors().skip(1).any(is_closed)
}

#[derive(Default)]
struct Look {
    listing: Listing,
    /// Device and inode of what was seen already.
    seen: BTreeSet<(u64, u64)>,
}

impl Look {
    fn folder(&mut self, path: &Path, metadata: &Metadata, depth: usize) {
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        if depth > DEEPEST {
            return self.problem(path, format!("folders are nested more than {DEEPEST} deep"));
        }
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.problem(path, words(&error)),
        };
        let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).filter(|path| !is_hidden(path)).collect();
        paths.sort();
        for path in paths {
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                // What is gone between the two calls, or a link to nowhere, is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.problem(&path, words(&error));
                    continue;
                }
            };
            if metadata.is_dir() {
                self.folder(&path, &metadata, depth + 1);
            } else if is_ours(&path) {
                self.file(&path, &metadata);
            }
        }
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        if !metadata.is_file() {
            return self.problem(path, "it is neither a file nor a folder".to_owned());
        }
        if self.listing.len() >= MOST_FILES {
            // The bound is said once, of the first file beyond it.
            if self.listing.len() == MOST_FILES {
                self.problem(path, format!("there are more than {MOST_FILES} files; those beyond are not read"));
            }
            return;
        }
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        match path.to_str() {
            Some(name) => _ = self.listing.insert(name.into(), Entry::File(Stamp::of(metadata))),
            None => self.problem(path, "the path is not UTF-8".to_owned()),
        }
    }

    fn problem(&mut self, path: &Path, problem: String) {
        self.listing.insert(path.display().to_string().into(), Entry::Problem(problem));
    }
}

/// Hidden: mounted volumes keep their real folders so, and editors the files that they work on.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_ours(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
}
