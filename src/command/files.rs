//! The files that commands read and write: bounded, never overwritten, and those with secrets for their owner alone.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroize as _;

use crate::secret::Secret;

/// The largest file that is read: no key set may be larger.
const MAX_BYTES: u64 = 1024 * 1024;

/// A file that could not be read or written.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub problem: FileProblem,
}

/// Why a file could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FileProblem {
    /// Not there, or not ours to read.
    #[error("cannot be read: {0}")]
    Read(ErrorKind),
    /// More than any file that a command reads.
    #[error("is larger than 1 MiB")]
    TooLarge,
    /// It is there already, or its folder is not, or is not ours to write.
    #[error("cannot be written: {}", said(*.0))]
    Write(ErrorKind),
}

/// What keeps a file from being written: of one that is there already, in our own words.
fn said(kind: ErrorKind) -> String {
    if kind == ErrorKind::AlreadyExists {
        return "there is such a file already; expected the name of a new one".to_owned();
    }
    kind.to_string()
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner alone (mode 0600).
    Owner,
    /// Whoever the umask allows.
    Anybody,
}

/// The whole file. It may hold a key, so it is wiped when dropped.
pub(super) fn read(path: &Path) -> Result<Secret, FileError> {
    let error = |problem| FileError { path: path.to_owned(), problem };
    let failed = |fault: std::io::Error| error(FileProblem::Read(fault.kind()));
    let mut bytes = Vec::new();
    let result = File::open(path).and_then(|file| file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes));
    let length = result.map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_BYTES) {
        return Ok(Secret::new(bytes));
    }
    bytes.zeroize();
    Err(error(FileProblem::TooLarge))
}

/// Writes a file that is not there yet: a key that exists may be the only one that somebody has.
pub(super) fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), FileError> {
    let failed = |fault: std::io::Error| FileError { path: path.to_owned(), problem: FileProblem::Write(fault.kind()) };
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Anybody => 0o666,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}
