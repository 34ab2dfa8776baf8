//! A store in a folder: records outlive the process, and a write that was answered outlives a power cut.
//!
//! ```text
//! put ─ queue, at most 256 ─► one thread: judge ─ append to the journal ─ fsync ─ show to readers ─ answer
//! get ─ what readers see, in memory
//! ```
//!
//! Writes that wait together share one line of the journal, and one fsync. A reader sees a write only when it is on disk.
//! The folder belongs to one process: a second one that opens it is told so.

mod journal;
mod line;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::table::{Bounds, Entry, Table, Write};
use super::{Answer, MAX_KEY, MAX_VALUE, Record, Store, StoreError, Version};
use crate::clock::{Clock, UnixTime};
use journal::Journal;

/// How much there may be.
const BOUNDS: Bounds = Bounds { records: 65_536, bytes: 64 << 20 };

/// Writes that wait for the thread. Whoever comes when it is full is told that the store is unavailable.
const QUEUE: usize = 256;

/// The most writes that share one line.
const TOGETHER: usize = 64;

/// A journal below this size is not written anew, whatever is dead in it.
const SMALL: u64 = 64 << 10;

/// Why a folder cannot be a store.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Something in it, or itself, cannot be read or written.
    #[error("{}: {kind}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        kind: ErrorKind,
    },
    /// Another process has it.
    #[error("{}: another process uses this folder; expected a folder for each", .0.display())]
    InUse(PathBuf),
    /// Anybody can read or write the journal, so what it says may be anybody's.
    #[error("{}: everybody may use this file; expected mode 0600", .0.display())]
    Exposed(PathBuf),
    /// It does not begin as a journal does.
    #[error("{}: not a journal of records", .0.display())]
    NotAJournal(PathBuf),
    /// A line is broken that is not the last: what was answered is lost. The file is left as it is.
    #[error("{}: line {line} is broken, and lines follow; expected the file as it was written", path.display())]
    Broken {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

/// Records in a folder: at most 65,536, and 64 MiB of them, which are all in memory too. On disk that is up to 300 MiB,
/// while the journal is written anew. Dropping it waits for writes that were asked for, and gives the folder up.
///
/// A full disk, or one that fails, makes [`StoreError::Unavailable`] of writes until it is well again, and nothing of
/// what was already written suffers.
pub struct FileStore {
    shown: Arc<Mutex<Table>>,
    clock: Clock,
    /// There until it is dropped.
    queue: Option<mpsc::Sender<Put>>,
    thread: Option<JoinHandle<()>>,
}

/// A write that waits.
struct Put {
    write: Write,
    answer: oneshot::Sender<Result<Version, StoreError>>,
}

impl FileStore {
    /// Opens the store in this folder, which is made if it is not there; the folder above it must be. Reads all of it, so
    /// not to be called on a data thread.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, OpenError> {
        let (journal, table) = Journal::open(folder, Table::new(BOUNDS, 0), clock.now())?;
        let shown = Arc::new(Mutex::new(table.clone()));
        let look_at = look_at(line::length_of_all(&table));
        let writer = Writer { journal, table, shown: Arc::clone(&shown), look_at };
        let (queue, waiting) = mpsc::channel(QUEUE);
        let time = clock.clone();
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || writer.run(waiting, &time))
            .map_err(|error| OpenError::Io { path: folder.to_owned(), kind: error.kind() })?;
        Ok(Self { shown, clock, queue: Some(queue), thread: Some(thread) })
    }
}

impl Store for FileStore {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Record>> {
        let now = self.clock.now();
        let found = self.shown.lock().unwrap_or_else(PoisonError::into_inner).get(key, now).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        replaces: Option<Version>,
        until: UnixTime,
    ) -> Answer<'a, Version> {
        Box::pin(async move {
            if key.len() > MAX_KEY || value.len() > MAX_VALUE {
                return Err(StoreError::TooLarge);
            }
            let (answer, answered) = oneshot::channel();
            let put = Put { write: Write { key: key.into(), value, replaces, until }, answer };
            let ended = || StoreError::Unavailable("the store has ended".to_owned());
            self.queue.as_ref().ok_or_else(ended)?.try_send(put).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Unavailable("too many writes wait".to_owned()),
                mpsc::error::TrySendError::Closed(_) => ended(),
            })?;
            answered.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("thread of the records panicked");
        }
    }
}

/// What the thread has.
struct Writer {
    journal: Journal,
    /// What is shown, and what is about to be.
    table: Table,
    shown: Arc<Mutex<Table>>,
    /// At which length of the journal it is looked how much of it is dead.
    look_at: u64,
}

impl Writer {
    /// Writes until nobody can ask any more.
    fn run(mut self, mut waiting: mpsc::Receiver<Put>, clock: &Clock) {
        let mut puts = Vec::with_capacity(TOGETHER);
        while waiting.blocking_recv_many(&mut puts, TOGETHER) > 0 {
            self.write(puts.drain(..), clock.now());
        }
    }

    /// Takes these writes as if one had come after the other, in one line.
    fn write(&mut self, puts: impl Iterator<Item = Put>, now: UnixTime) {
        let (mut taken, mut changed) = (Vec::new(), Vec::new());
        for Put { write, answer } in puts {
            let key = Arc::clone(&write.key);
            match self.table.put(write, now) {
                Ok(version) => {
                    taken.push((answer, version));
                    changed.push(key);
                }
                Err(error) => {
                    // Whoever has left does not want to know; here and below.
                    let _ = answer.send(Err(error));
                }
            }
        }
        if taken.is_empty() {
            return;
        }
        changed.sort_unstable();
        changed.dedup();
        if let Err(error) = self.keep(&changed) {
            tracing::warn!(%error, "records were not written");
            self.undo();
            for (answer, _) in taken {
                let _ = answer.send(Err(StoreError::Unavailable(format!("cannot be written: {}", error.kind()))));
            }
            return;
        }
        self.show(&changed);
        for (answer, version) in taken {
            let _ = answer.send(Ok(version));
        }
        self.tidy(now);
    }

    /// Brings what has changed to the disk.
    fn keep(&mut self, changed: &[Arc<str>]) -> io::Result<()> {
        if self.journal.is_doubtful() {
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.journal.rewrite(&shown)?;
        }
        let records = changed.iter().filter_map(|key| Some((&**key, self.table.entry(key)?)));
        self.journal.append(&line::of_records(records)?)
    }

    /// Takes back what did not come to the disk. The versions stay used.
    fn undo(&mut self) {
        let last = self.table.last();
        self.table = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.table.skip_to(last);
    }

    fn show(&self, changed: &[Arc<str>]) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for key in changed {
            if let Some(entry) = self.table.entry(key) {
                shown.load(Arc::clone(key), Entry::clone(entry));
            }
        }
    }

    /// Writes the journal anew when more than half of it is dead, so that it stays within its bound.
    fn tidy(&mut self, now: UnixTime) {
        if self.journal.length() < self.look_at {
            return;
        }
        self.table.forget_ended(now);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).forget_ended(now);
        let live = line::length_of_all(&self.table);
        if self.journal.length() > live.saturating_mul(2)
            && let Err(error) = self.journal.rewrite(&self.table)
        {
            // The old one serves on, and is looked at again when it has grown.
            tracing::warn!(%error, "journal of the records was not written anew");
            self.look_at = self.journal.length().saturating_add(SMALL);
            return;
        }
        self.look_at = look_at(live);
    }
}

/// When to look again at a journal of which so much was alive.
const fn look_at(live: u64) -> u64 {
    live.saturating_mul(2).saturating_add(SMALL)
}
