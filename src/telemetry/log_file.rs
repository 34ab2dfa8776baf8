//! Where log lines go: collected per data thread, written by one thread of their own.
//!
//! A write to a file or a pipe can block; a data thread must not. So lines are collected in a buffer and handed over when
//! it is full or a tenth of a second old. If the writer cannot keep up, whole buffers are dropped and counted: the log
//! must never hold up traffic.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::access::Style;

/// A buffer is handed over when it holds this much.
const FULL: usize = 32 << 10;

/// How many full buffers may wait for the writer, over all threads: 8 MiB of lines.
const WAITING: usize = 256;

/// Where the access log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output: words where it is a terminal, else JSON.
    Stdout,
    /// Standard output, in words whatever it is.
    StdoutInWords,
    /// This file, appended to.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout | Self::StdoutInWords => f.write_str("standard output"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Nowhere => f.write_str("nowhere"),
        }
    }
}

/// The writer of the access log.
#[derive(Debug)]
pub struct LogFile {
    sender: Option<SyncSender<Vec<u8>>>,
    style: Style,
    dropped: Arc<AtomicU64>,
    writer: Option<JoinHandle<()>>,
}

impl LogFile {
    /// Opens the target and starts its writer; lines for people where it is a terminal, JSON elsewhere.
    pub fn open(target: &LogTarget) -> io::Result<Self> {
        let (file, style): (Box<dyn Write + Send>, _) = match target {
            LogTarget::Nowhere => {
                return Ok(Self { sender: None, style: Style::Json, dropped: Arc::default(), writer: None });
            }
            LogTarget::Stdout => {
                let style = if io::stdout().is_terminal() { Style::Human } else { Style::Json };
                (Box::new(io::stdout()), style)
            }
            LogTarget::StdoutInWords => (Box::new(io::stdout()), Style::Human),
            LogTarget::File(path) => (Box::new(open_append(path)?), Style::Json),
        };
        let (sender, receiver) = sync_channel(WAITING);
        let writer = std::thread::Builder::new().name("access-log".into()).spawn(move || write_all(file, &receiver))?;
        Ok(Self { sender: Some(sender), style, dropped: Arc::default(), writer: Some(writer) })
    }

    /// A buffer for one data thread; `None` where nothing is logged.
    pub fn buffer(&self) -> Option<LogBuffer> {
        let sender = self.sender.clone()?;
        Some(LogBuffer {
            lines: Vec::with_capacity(FULL),
            sender,
            style: self.style,
            dropped: Arc::clone(&self.dropped),
        })
    }

    /// Buffers that were dropped because the writer could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// What tells how much was lost, for as long as anybody asks.
    pub fn losses(&self) -> LogLosses {
        LogLosses { dropped: Arc::clone(&self.dropped) }
    }

    /// Waits until all that was handed over is written. Every [`LogBuffer`] must have been dropped.
    pub fn close(mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }
}

/// How much of a log was lost.
#[derive(Clone, Debug, Default)]
pub struct LogLosses {
    dropped: Arc<AtomicU64>,
}

impl LogLosses {
    /// Appends what was dropped in the `OpenMetrics` text format.
    pub fn write(&self, out: &mut String) {
        use std::fmt::Write;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "# HELP bearward_access_log_buffers_dropped Buffers of lines that the writer of the log was too slow for.\n\
             # TYPE bearward_access_log_buffers_dropped counter\nbearward_access_log_buffers_dropped_total {}",
            self.dropped.load(Ordering::Relaxed)
        );
    }
}

fn open_append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn write_all(mut file: Box<dyn Write + Send>, buffers: &Receiver<Vec<u8>>) {
    while let Ok(lines) = buffers.recv() {
        if let Err(error) = file.write_all(&lines).and_then(|()| file.flush()) {
            tracing::error!(%error, "access log could not be written");
        }
    }
}

/// The lines of one data thread. Bounded by what is logged in a tenth of a second, or [`FULL`] and one line.
#[derive(Debug)]
pub struct LogBuffer {
    lines: Vec<u8>,
    sender: SyncSender<Vec<u8>>,
    style: Style,
    dropped: Arc<AtomicU64>,
}

impl LogBuffer {
    /// Appends a line with `write`, and hands the buffer over if it is full. Says whether it was empty before: then
    /// somebody must see to it that it is flushed in time.
    pub fn line(&mut self, write: impl FnOnce(Style, &mut Vec<u8>)) -> bool {
        let was_empty = self.lines.is_empty();
        write(self.style, &mut self.lines);
        if self.lines.len() >= FULL {
            self.flush();
        }
        was_empty
    }

    /// Hands over what there is.
    pub fn flush(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(FULL));
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.sender.try_send(lines) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}
